package tree

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
)

// memory is an object store in memory. Its ids are those that Git would give.
type memory struct {
	blobs map[string][]byte
	trees map[string][]git.Entry
}

func (m *memory) TreeEntries(_ context.Context, oid string) ([]git.Entry, error) {
	e, ok := m.trees[oid]
	if !ok {
		return nil, fmt.Errorf("no tree %s", oid)
	}
	return e, nil
}

func (m *memory) Blob(_ context.Context, oid string) ([]byte, error) {
	b, ok := m.blobs[oid]
	if !ok {
		return nil, fmt.Errorf("no blob %s", oid)
	}
	return b, nil
}

func objectID(kind string, data []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "%s %d\x00", kind, len(data))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

// FromMap makes a file system of files in memory: path → content. It is for tests and for archives such as charts, which
// are bounded where they are unpacked. When a path is not clean and inside, or is a file and a directory at once, every
// read fails and says so.
func FromMap(files map[string][]byte) *FS {
	m := make(map[string]mapFile, len(files))
	for p, data := range files {
		m[p] = mapFile{mode: git.ModeFile, data: data}
	}
	unlimited := Limits{FileBytes: math.MaxInt64 / 2, TotalBytes: math.MaxInt64 / 2}
	f, err := fromFiles(m, unlimited)
	if err != nil {
		return newFS(node{mode: git.ModeDir, src: broken{err}}, unlimited)
	}
	return f
}

// broken is the source of a file system that could not be made.
type broken struct{ err error }

func (b broken) entries(context.Context, node) ([]node, error) { return nil, b.err }
func (b broken) blob(context.Context, node, int64) ([]byte, string, error) {
	return nil, "", b.err
}
func (b broken) submodule(context.Context, node) (node, bool, error) { return node{}, false, b.err }

// FromFS reads every regular file and symlink of fsys into memory.
func FromFS(fsys fs.FS, lim Limits) (*FS, error) {
	lim = lim.withDefaults()
	files := map[string]mapFile{}
	var total int64
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f := mapFile{mode: git.ModeFile}
		switch d.Type() {
		case fs.ModeSymlink:
			target, err := fs.ReadLink(fsys, p)
			if err != nil {
				return err
			}
			f.mode, f.data = git.ModeSymlink, []byte(target)
		case 0:
			if f.data, err = fs.ReadFile(fsys, p); err != nil {
				return err
			}
		default:
			return nil // neither file nor symlink
		}
		if total += int64(len(f.data)); total > lim.TotalBytes {
			return tooMuch(p, lim)
		}
		files[p] = f
		return nil
	})
	if err != nil {
		return nil, err
	}
	return fromFiles(files, lim)
}

type mapFile struct {
	mode git.Mode
	data []byte
}

func fromFiles(files map[string]mapFile, lim Limits) (*FS, error) {
	m := &memory{blobs: map[string][]byte{}, trees: map[string][]git.Entry{}}
	root := &mapDir{}
	for p, f := range files {
		if !fs.ValidPath(p) || p == "." {
			return nil, &fault.Error{Class: fault.Invalid, Reason: fault.PathOutside, Message: fmt.Sprintf("%q is not a clean path inside the archive", p)}
		}
		if err := root.add(p, f); err != nil {
			return nil, &fault.Error{Class: fault.Invalid, Reason: fault.ObjectInvalid, Message: err.Error(), Err: err}
		}
	}
	id := root.store(m)
	return newFS(node{mode: git.ModeDir, id: id, ref: id, src: &objectSource{m}}, lim), nil
}

// mapDir is a directory while an in-memory tree is built.
type mapDir struct {
	dirs  map[string]*mapDir
	files map[string]mapFile
}

func (d *mapDir) add(p string, f mapFile) error {
	name, rest, deeper := strings.Cut(p, "/")
	if d.dirs == nil {
		d.dirs, d.files = map[string]*mapDir{}, map[string]mapFile{}
	}
	_, isFile := d.files[name]
	sub, isDir := d.dirs[name]
	if deeper && isFile || !deeper && isDir {
		return errors.New(name + " is both a file and a directory")
	}
	if !deeper {
		d.files[name] = f
		return nil
	}
	if !isDir {
		sub = &mapDir{}
		d.dirs[name] = sub
	}
	return sub.add(rest, f)
}

func (d *mapDir) store(m *memory) string {
	var entries []git.Entry
	for name, f := range d.files {
		id := objectID("blob", f.data)
		if f.mode == git.ModeGitlink {
			id = string(f.data)
		} else {
			m.blobs[id] = f.data
		}
		entries = append(entries, git.Entry{Name: name, Mode: f.mode, OID: id})
	}
	for name, sub := range d.dirs {
		entries = append(entries, git.Entry{Name: name, Mode: git.ModeDir, OID: sub.store(m)})
	}
	sortKey := func(e git.Entry) string {
		if e.Mode == git.ModeDir {
			return e.Name + "/"
		}
		return e.Name
	}
	slices.SortFunc(entries, func(a, b git.Entry) int { return strings.Compare(sortKey(a), sortKey(b)) })
	var raw bytes.Buffer
	for _, e := range entries {
		oid, _ := hex.DecodeString(e.OID)
		fmt.Fprintf(&raw, "%o %s\x00%s", uint32(e.Mode), e.Name, oid)
	}
	id := objectID("tree", raw.Bytes())
	slices.SortFunc(entries, func(a, b git.Entry) int { return strings.Compare(a.Name, b.Name) })
	m.trees[id] = entries
	return id
}
