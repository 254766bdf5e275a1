package git

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
)

// ChangeKind says what happened to a path.
type ChangeKind int

// The kinds of change.
const (
	Added ChangeKind = iota + 1
	Removed
	Modified
)

func (k ChangeKind) String() string {
	switch k {
	case Added:
		return "added"
	case Removed:
		return "removed"
	case Modified:
		return "modified"
	}
	return "unknown"
}

// Change is one difference between two trees. Directories appear (Mode or OldMode is ModeDir) when they come or go, not
// when only something below them differs: that appears by itself. A path whose type changes between directory and file
// is Removed and Added; between file, symlink and submodule it is Modified with different types.
type Change struct {
	Path           string
	Kind           ChangeKind
	OldOID, NewOID string
	OldMode, Mode  Mode // OldMode is 0 when added, Mode is 0 when removed
}

// TypeChanged reports whether the path is another kind of thing than before.
func (c Change) TypeChanged() bool {
	return c.Kind == Modified && c.OldMode.Type() != c.Mode.Type()
}

// Diff compares two trees by object id ("" is the empty tree) and returns every difference below them, sorted by path,
// a removal before an addition of the same path. Its cost goes with the directories that differ, not with the
// repository.
func (m *Mirror) Diff(ctx context.Context, treeA, treeB string) ([]Change, error) {
	d := differ{m: m, ctx: ctx}
	if err := d.trees("", treeA, treeB); err != nil {
		return nil, fmt.Errorf("comparing trees: %w", err)
	}
	slices.SortStableFunc(d.changes, func(a, b Change) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return int(b.Kind) - int(a.Kind) // Removed before Added
	})
	return d.changes, nil
}

type differ struct {
	m       *Mirror
	ctx     context.Context // of the one call that this value serves
	changes []Change
}

func (d *differ) trees(dir, a, b string) error {
	if a == b {
		return nil
	}
	rawA, err := d.m.rawTree(d.ctx, a)
	if err != nil {
		return err
	}
	rawB, err := d.m.rawTree(d.ctx, b)
	if err != nil {
		return err
	}
	return d.merge(dir, rawA, rawB)
}

// merge walks both trees in Git's order at once.
func (d *differ) merge(dir string, rawA, rawB []byte) error {
	for len(rawA) > 0 || len(rawB) > 0 {
		var a, b rawEntry
		var restA, restB []byte
		var err error
		if len(rawA) > 0 {
			if a, restA, err = nextEntry(rawA); err != nil {
				return err
			}
		}
		if len(rawB) > 0 {
			if b, restB, err = nextEntry(rawB); err != nil {
				return err
			}
		}
		c := order(a, b)
		switch {
		case c < 0:
			err, rawA = d.whole(dir, a, Removed), restA
		case c > 0:
			err, rawB = d.whole(dir, b, Added), restB
		default:
			err, rawA, rawB = d.same(dir, a, b), restA, restB
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// order is Git's: directories sort as if their names ended in a slash. A missing entry sorts last.
func order(a, b rawEntry) int {
	switch {
	case a.name == nil:
		return 1
	case b.name == nil:
		return -1
	}
	n := min(len(a.name), len(b.name))
	if c := bytes.Compare(a.name[:n], b.name[:n]); c != 0 {
		return c
	}
	return int(at(a, n)) - int(at(b, n))
}

func at(e rawEntry, i int) byte {
	switch {
	case i < len(e.name):
		return e.name[i]
	case e.mode.Type() == ModeDir:
		return '/'
	}
	return 0
}

func (d *differ) same(dir string, a, b rawEntry) error {
	if a.mode == b.mode && bytes.Equal(a.oid, b.oid) {
		return nil
	}
	path := join(dir, b.name)
	if a.mode.Type() == ModeDir { // then b is one as well, or order would differ
		return d.trees(path, a.hex(), b.hex())
	}
	d.changes = append(d.changes, Change{Path: path, Kind: Modified, OldOID: a.hex(), NewOID: b.hex(), OldMode: a.mode, Mode: b.mode})
	return nil
}

// whole reports an entry that is only on one side, with everything below it.
func (d *differ) whole(dir string, e rawEntry, kind ChangeKind) error {
	c := Change{Path: join(dir, e.name), Kind: kind, NewOID: e.hex(), Mode: e.mode}
	if kind == Removed {
		c = Change{Path: c.Path, Kind: kind, OldOID: e.hex(), OldMode: e.mode}
	}
	d.changes = append(d.changes, c)
	if e.mode.Type() != ModeDir {
		return nil
	}
	if kind == Removed {
		return d.trees(c.Path, c.OldOID, "")
	}
	return d.trees(c.Path, "", c.NewOID)
}

func join(dir string, name []byte) string {
	if dir == "" {
		return string(name)
	}
	return dir + "/" + string(name)
}
