// Package git keeps bare mirrors of Git repositories and reads them by object id.
//
// A Store is a directory with one bare mirror per repository URL, shared by every App on that URL. Mirror.Update asks
// the server for just the refs in use (one request), and fetches just those that moved (one fetch). What a mirror holds
// is never taken away by a failed Update: a deleted branch, an emptied repository or a refused password leave the last
// good commit readable, and are reported beside it.
//
// Nothing is ever checked out. Trees and blobs are read by object id through long-lived `git cat-file` processes; a
// commit is built without a working tree and pushed with the head that it expects.
//
// The git program (2.39 or newer) does transport and packing. Ref listings are asked for with the protocol itself,
// because the program cannot ask for single refs. Errors are classified in one place, classify.go.
package git
