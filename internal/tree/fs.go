package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
)

// Limits bound what one file system hands out. Zero fields mean the defaults.
type Limits struct {
	FileBytes  int64 // one file; default 32 MiB
	TotalBytes int64 // all different files that are read, together; default 256 MiB
}

func (l Limits) withDefaults() Limits {
	if l.FileBytes <= 0 {
		l.FileBytes = 32 << 20
	}
	if l.TotalBytes <= 0 {
		l.TotalBytes = 256 << 20
	}
	return l
}

// FS is a traced, confined, read-only file system. It implements fs.FS with ReadFile, ReadDir, Stat, ReadLink, Lstat and
// Sub, and is safe for concurrent use. Sub file systems share the trace of the whole.
//
// Errors are *fs.PathError. What is not there satisfies errors.Is(err, fs.ErrNotExist); what leaves the repository or is
// too large carries a *fault.Error.
type FS struct {
	core   *core
	base   string // of a Sub, relative to the root; "." for the root
	mounts map[string]*FS
}

// core is what the views of one revision share.
type core struct {
	ctx    context.Context // of the render that this file system serves; nil when its source needs none
	root   node
	lim    Limits
	closer io.Closer

	mu    sync.Mutex
	dirs  map[dirKey][]node
	subs  map[string]node  // submodule commit → its root, once opened
	read  map[string]int64 // path → bytes counted
	total int64
	rec   recorder
	notes map[string]string
}

type dirKey struct {
	src source
	ref string
}

// New makes a file system of the tree rootTreeOID. With a git.Nested as src, submodules are read too. The context bounds
// every read of the file system's life.
func New(ctx context.Context, src Objects, rootTreeOID string, lim Limits) *FS {
	f := newFS(node{mode: git.ModeDir, id: rootTreeOID, ref: rootTreeOID, src: &objectSource{src}}, lim)
	f.core.ctx = ctx
	return f
}

func newFS(root node, lim Limits) *FS {
	return &FS{base: ".", core: &core{
		root: root, lim: lim.withDefaults(),
		dirs: map[dirKey][]node{}, subs: map[string]node{}, read: map[string]int64{}, notes: map[string]string{}, rec: recorder{},
	}}
}

// Close releases what a FromDir holds open.
func (f *FS) Close() error {
	if f.core.closer == nil {
		return nil
	}
	return f.core.closer.Close()
}

// Trace is what was read so far through this file system and all its Subs, but not through what is mounted in it.
func (f *FS) Trace() Trace {
	f.core.mu.Lock()
	defer f.core.mu.Unlock()
	return f.core.rec.trace()
}

// Notes are remarks for the reader of the render, sorted, such as a submodule that was read as empty.
func (f *FS) Notes() []string {
	f.core.mu.Lock()
	defer f.core.mu.Unlock()
	notes := make([]string, 0, len(f.core.notes))
	for _, n := range f.core.notes {
		notes = append(notes, n)
	}
	slices.Sort(notes)
	return notes
}

// at finds the file system and the path in it that name means.
func (f *FS) at(op, name string) (*FS, string, error) {
	if !fs.ValidPath(name) {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	full := path.Join(f.base, name)
	best := ""
	for prefix := range f.mounts {
		if (full == prefix || strings.HasPrefix(full, prefix+"/")) && len(prefix) > len(best) {
			best = prefix
		}
	}
	if best == "" {
		return f, full, nil
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(full, best), "/")
	if rest == "" {
		rest = "."
	}
	return f.mounts[best].at(op, rest)
}

// Open opens a file or directory. A directory is traced as listed when it is listed.
func (f *FS) Open(name string) (fs.File, error) {
	in, full, err := f.at("open", name)
	if err != nil {
		return nil, err
	}
	found, err := in.core.lookup(full, follow)
	if err != nil {
		if in.mountParent(full) {
			return &openDir{fs: in, path: full, info: info{name: path.Base(full), mode: git.ModeDir}}, nil
		}
		return nil, pathError("open", name, err)
	}
	i := in.core.info(found, path.Base(name))
	if i.IsDir() {
		in.core.sawKind(found)
		return &openDir{fs: in, path: full, info: i}, nil
	}
	data, err := in.core.content(found)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return &openFile{info: i, data: data}, nil
}

// ReadFile reads a whole file. The caller owns the bytes.
func (f *FS) ReadFile(name string) ([]byte, error) {
	in, full, err := f.at("open", name)
	if err != nil {
		return nil, err
	}
	found, err := in.core.lookup(full, follow)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	if found.isDir() {
		in.core.sawKind(found)
		return nil, &fs.PathError{Op: "read", Path: name, Err: errIsDirectory}
	}
	data, err := in.core.content(found)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return data, nil
}

// ReadDir lists a directory, sorted by name.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	in, full, err := f.at("open", name)
	if err != nil {
		return nil, err
	}
	found, err := in.core.lookup(full, follow)
	if err != nil {
		if list := in.mountChildren(full); list != nil {
			return list, nil
		}
		return nil, pathError("open", name, err)
	}
	if !found.isDir() {
		in.core.sawKind(found)
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errNotDirectory}
	}
	nodes, err := in.core.list(found)
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	mounted := in.mountChildren(full)
	entries := make([]fs.DirEntry, 0, len(nodes)+len(mounted))
	for _, n := range nodes {
		entries = append(entries, in.core.info(place{path: path.Join(found.path, n.name), node: n}, n.name))
	}
	return withMounted(entries, mounted), nil
}

// Stat says what a path is, following symlinks. Only existence and kind are traced; asking the result for its Size reads
// the file.
func (f *FS) Stat(name string) (fs.FileInfo, error) { return f.stat(name, follow) }

// Lstat is Stat without following a symlink at the end of the path.
func (f *FS) Lstat(name string) (fs.FileInfo, error) { return f.stat(name, stay) }

func (f *FS) stat(name string, last lastLink) (fs.FileInfo, error) {
	in, full, err := f.at("stat", name)
	if err != nil {
		return nil, err
	}
	found, err := in.core.lookup(full, last)
	if err != nil {
		if in.mountParent(full) {
			return info{name: path.Base(full), mode: git.ModeDir}, nil
		}
		return nil, pathError("stat", name, err)
	}
	in.core.sawKind(found)
	return in.core.info(found, path.Base(name)), nil
}

// ReadLink is the target of the symlink at name, as it is written.
func (f *FS) ReadLink(name string) (string, error) {
	in, full, err := f.at("readlink", name)
	if err != nil {
		return "", err
	}
	found, err := in.core.lookup(full, stay)
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	if found.mode.Type() != git.ModeSymlink {
		in.core.sawKind(found)
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return in.core.target(found)
}

// Sub is the file system below dir. Symlinks in it may still lead anywhere inside the repository.
func (f *FS) Sub(dir string) (fs.FS, error) { return f.Below(dir) }

// Below is Sub with its own type.
func (f *FS) Below(dir string) (*FS, error) {
	in, full, err := f.at("sub", dir)
	if err != nil {
		return nil, err
	}
	return &FS{core: in.core, base: full, mounts: in.mounts}, nil
}

var (
	errIsDirectory  = errors.New("is a directory")
	errNotDirectory = errors.New("not a directory")
)

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func tooMuch(p string, lim Limits) error {
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.LimitExceeded, Where: p,
		Message: fmt.Sprintf("reading this file exceeds the %d bytes that all files of a render may have together", lim.TotalBytes),
	}
}
