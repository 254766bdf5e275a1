package tree

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/git"
)

// Mount shows other file systems below base: the path "$values/a.yaml" reads a.yaml of mounts["$values"]. Names may have
// slashes. They hide what base has there, do not appear in base's listings, and no symlink crosses into them. Each
// file system keeps its own trace; Traces gathers them.
func Mount(base *FS, mounts map[string]*FS) *FS {
	all := maps.Clone(base.mounts)
	if all == nil {
		all = make(map[string]*FS, len(mounts))
	}
	for name, f := range mounts {
		all[path.Join(base.base, name)] = f
	}
	return &FS{core: base.core, base: base.base, mounts: all}
}

// Traces are the traces of this file system, under "", and of what is mounted in it, by name.
func (f *FS) Traces() map[string]Trace {
	out := map[string]Trace{"": f.Trace()}
	for name, m := range f.mounts {
		for below, t := range m.Traces() {
			out[path.Join(name, below)] = t
		}
	}
	return out
}

// mountParent reports whether something is mounted below p.
func (f *FS) mountParent(p string) bool {
	for name := range f.mounts {
		if strings.HasPrefix(name, p+"/") {
			return true
		}
	}
	return false
}

// mountChildren lists a directory that exists only because something is mounted below it; nil when there is none.
func (f *FS) mountChildren(p string) []fs.DirEntry {
	names := map[string]bool{}
	for name := range f.mounts {
		if rest, ok := strings.CutPrefix(name, p+"/"); ok {
			child, _, _ := strings.Cut(rest, "/")
			names[child] = true
		}
	}
	if len(names) == 0 {
		return nil
	}
	var list []fs.DirEntry
	for _, n := range slices.Sorted(maps.Keys(names)) {
		list = append(list, info{name: n, mode: git.ModeDir})
	}
	return list
}
