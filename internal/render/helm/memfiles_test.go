package helm_test

import (
	"io/fs"
	"path"
	"sort"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// memFiles is a tree whose reads cost next to nothing, so that benchmarks measure rendering: directories are listed
// beforehand and files are not copied.
type memFiles struct {
	fstest.MapFS
	dirs map[string][]fs.DirEntry
}

func newMemFiles(ar *txtar.Archive) *memFiles {
	m := &memFiles{MapFS: fstest.MapFS{}, dirs: map[string][]fs.DirEntry{}}
	seen := map[string]bool{}
	for _, f := range ar.Files {
		m.MapFS[f.Name] = &fstest.MapFile{Data: f.Data}
		for p, isDir := f.Name, false; p != "." && !seen[p]; p, isDir = path.Dir(p), true {
			seen[p] = true
			m.dirs[path.Dir(p)] = append(m.dirs[path.Dir(p)], memEntry{path.Base(p), isDir})
		}
	}
	for _, list := range m.dirs {
		sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	}
	return m
}

func (m *memFiles) ReadFile(name string) ([]byte, error) {
	f, ok := m.MapFS[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return f.Data, nil
}

func (m *memFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	list, ok := m.dirs[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return list, nil
}

func (m *memFiles) Stat(name string) (fs.FileInfo, error) {
	if _, ok := m.MapFS[name]; ok {
		return memEntry{path.Base(name), false}, nil
	}
	if _, ok := m.dirs[name]; ok {
		return memEntry{path.Base(name), true}, nil
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
}

type memEntry struct {
	name string
	dir  bool
}

func (e memEntry) Name() string               { return e.name }
func (e memEntry) IsDir() bool                { return e.dir }
func (e memEntry) Info() (fs.FileInfo, error) { return e, nil }
func (e memEntry) Size() int64                { return 0 }
func (e memEntry) ModTime() time.Time         { return time.Time{} }
func (e memEntry) Sys() any                   { return nil }
func (e memEntry) Type() fs.FileMode          { return e.Mode() }
func (e memEntry) Mode() fs.FileMode {
	if e.dir {
		return fs.ModeDir
	}
	return 0
}
