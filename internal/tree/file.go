package tree

import (
	"bytes"
	"io"
	"io/fs"
	"time"

	"plumb.cd/plumb/internal/git"
)

// info is both fs.FileInfo and fs.DirEntry. Times are zero and permissions the same everywhere: they are no input.
type info struct {
	name string
	mode git.Mode
	core *core
	at   place
}

func (c *core) info(p place, name string) info {
	return info{name: name, mode: p.mode, core: c, at: p}
}

func (i info) Name() string               { return i.name }
func (i info) IsDir() bool                { return i.Mode().IsDir() }
func (i info) ModTime() time.Time         { return time.Time{} }
func (i info) Sys() any                   { return nil }
func (i info) Type() fs.FileMode          { return i.Mode().Type() }
func (i info) Info() (fs.FileInfo, error) { return i, nil }
func (i info) String() string             { return fs.FormatFileInfo(i) }

func (i info) Mode() fs.FileMode {
	switch i.mode.Type() {
	case git.ModeDir, git.ModeGitlink:
		return fs.ModeDir | 0o555
	case git.ModeSymlink:
		return fs.ModeSymlink | 0o444
	default:
		return 0o444
	}
}

// Size reads the file, and is traced as that. It is 0 for a directory, and for a file that cannot be read.
func (i info) Size() int64 {
	if i.core == nil || i.IsDir() {
		return 0
	}
	if i.mode.Type() == git.ModeSymlink {
		t, _ := i.core.target(i.at)
		return int64(len(t))
	}
	data, err := i.core.content(i.at)
	if err != nil {
		return 0
	}
	return int64(len(data))
}

// openFile is an open file, whose content is in memory.
type openFile struct {
	info
	data []byte
	off  int64
}

func (f *openFile) Stat() (fs.FileInfo, error) { return sized{f.info, int64(len(f.data))}, nil }
func (f *openFile) Close() error               { return nil }

func (f *openFile) Read(p []byte) (int, error) {
	if f.off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[f.off:])
	f.off += int64(n)
	return n, nil
}

func (f *openFile) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(f.data).ReadAt(p, off)
}

func (f *openFile) Seek(off int64, whence int) (int64, error) {
	r := bytes.NewReader(f.data)
	if whence == io.SeekCurrent {
		off, whence = off+f.off, io.SeekStart
	}
	n, err := r.Seek(off, whence)
	if err == nil {
		f.off = n
	}
	return n, err
}

// sized is the info of a file that is open, whose size is known.
type sized struct {
	info
	size int64
}

func (s sized) Size() int64 { return s.size }

// openDir is an open directory.
type openDir struct {
	info
	fs   *FS
	path string
	list []fs.DirEntry
	off  int
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: errIsDirectory}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if d.list == nil {
		whole := &FS{core: d.fs.core, base: ".", mounts: d.fs.mounts}
		list, err := whole.ReadDir(d.path)
		if err != nil {
			return nil, err
		}
		d.list = list
	}
	rest := d.list[d.off:]
	if n <= 0 {
		d.off = len(d.list)
		return rest, nil
	}
	if len(rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(rest))
	d.off += n
	return rest[:n], nil
}
