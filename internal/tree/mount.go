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
// slashes. A mount hides what base has in its place, and no symlink of base leads into it. It appears in the listing of
// its directory, unless its name starts with "$": that is only found by who asks for it. Each file system keeps its own
// trace; Traces gathers them.
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

// mountChildren are the visible entries that mounts add to a directory.
func (f *FS) mountChildren(p string) []fs.DirEntry {
	prefix := p + "/"
	if p == "." {
		prefix = ""
	}
	names := map[string]bool{}
	for name := range f.mounts {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if child, _, _ := strings.Cut(rest, "/"); !strings.HasPrefix(child, "$") {
				names[child] = true
			}
		}
	}
	var list []fs.DirEntry
	for _, n := range slices.Sorted(maps.Keys(names)) {
		list = append(list, info{name: n, mode: git.ModeDir})
	}
	return list
}

// withMounted merges entries of mounts into a listing, in place of entries of the same name.
func withMounted(entries, mounted []fs.DirEntry) []fs.DirEntry {
	for _, m := range mounted {
		i, found := slices.BinarySearchFunc(entries, m.Name(), func(e fs.DirEntry, name string) int { return strings.Compare(e.Name(), name) })
		if found {
			entries[i] = m
		} else {
			entries = slices.Insert(entries, i, m)
		}
	}
	return entries
}
