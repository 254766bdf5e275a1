// Package tree is a read-only file system of one repository at one revision, for renderers. It is confined to the
// repository, limited in size, and traced: it records every read, listing and look-up that found nothing.
//
// The record is the set of inputs of a render. Its digest is a cache key; an Index answers which records a set of
// changes touches, at a cost that goes with the changes.
//
// Paths are slash-separated and relative to the repository's root, as in io/fs. Symlinks are followed inside the
// repository only, and traced at both ends. A submodule is a directory: empty, with a note, unless its source can open
// it.
package tree
