package tree

import (
	"context"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/git"
)

// Objects reads Git objects by id. TreeEntries are sorted by name and shared: nobody changes them. *git.Mirror is one.
type Objects interface {
	TreeEntries(ctx context.Context, oid string) ([]git.Entry, error)
	Blob(ctx context.Context, oid string) ([]byte, error)
}

// source is where a file system gets its nodes from. A node's ref is whatever the source wants it to be; id is what
// the trace compares: the Git object id of a blob or tree, "" for a directory whose id is not known.
type source interface {
	entries(ctx context.Context, dir node) ([]node, error) // sorted by name
	blob(ctx context.Context, file node, limit int64) (data []byte, id string, err error)
	// submodule opens a gitlink; ok is false when this source reads submodules as empty directories.
	submodule(ctx context.Context, link node) (root node, ok bool, err error)
}

// finder is a source that finds one entry of a directory without handing out all of them.
type finder interface {
	child(ctx context.Context, dir node, name string) (child node, ok bool, err error)
}

// node is one entry of a directory.
type node struct {
	name string
	mode git.Mode
	id   string
	ref  string // the source's own handle; for Git the object id
	src  source // where this node and those below it are read
}

// objectSource reads from a Git object store.
type objectSource struct{ objects Objects }

func (s *objectSource) entries(ctx context.Context, dir node) ([]node, error) {
	entries, err := s.objects.TreeEntries(ctx, dir.ref)
	if err != nil {
		return nil, err
	}
	nodes := make([]node, len(entries))
	for i, e := range entries {
		nodes[i] = s.node(e)
	}
	return nodes, nil
}

func (s *objectSource) child(ctx context.Context, dir node, name string) (node, bool, error) {
	entries, err := s.objects.TreeEntries(ctx, dir.ref)
	if err != nil {
		return node{}, false, err
	}
	i, ok := slices.BinarySearchFunc(entries, name, func(e git.Entry, name string) int { return strings.Compare(e.Name, name) })
	if !ok {
		return node{}, false, nil
	}
	return s.node(entries[i]), true, nil
}

func (s *objectSource) node(e git.Entry) node {
	return node{name: e.Name, mode: e.Mode, id: e.OID, ref: e.OID, src: s}
}

func (s *objectSource) blob(ctx context.Context, file node, _ int64) ([]byte, string, error) {
	data, err := s.objects.Blob(ctx, file.ref)
	return data, file.id, err
}

func (s *objectSource) submodule(ctx context.Context, link node) (node, bool, error) {
	nested, ok := s.objects.(git.Nested)
	if !ok {
		return node{}, false, nil
	}
	sub, tree, err := nested.Submodule(ctx, link.ref)
	if err != nil {
		return node{}, true, err
	}
	return node{mode: git.ModeDir, id: tree, ref: tree, src: &objectSource{sub}}, true, nil
}
