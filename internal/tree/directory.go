package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/git"
)

// FromDir makes a file system of a working directory, as it is on disk now. It never leaves the directory, whatever the
// symlinks in it say; ".git" is not part of it. Close it after use.
func FromDir(dir string, lim Limits) (*FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the directory: %w", err)
	}
	f := newFS(node{mode: git.ModeDir, ref: ".", src: dirSource{root}}, lim)
	f.core.closer = root
	return f, nil
}

// dirSource reads from a directory on disk. The ref of a node is its path.
type dirSource struct{ root *os.Root }

func (s dirSource) entries(_ context.Context, dir node) ([]node, error) {
	d, err := s.root.Open(dir.ref)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	list, err := d.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	nodes := make([]node, 0, len(list))
	for _, e := range list {
		mode := git.ModeFile
		switch {
		case e.Name() == ".git":
			continue
		case e.IsDir():
			mode = git.ModeDir
		case e.Type() == fs.ModeSymlink:
			mode = git.ModeSymlink
		case !e.Type().IsRegular():
			continue // sockets, devices and pipes are not content
		}
		nodes = append(nodes, node{name: e.Name(), mode: mode, ref: path.Join(dir.ref, e.Name()), src: s})
	}
	slices.SortFunc(nodes, func(a, b node) int { return strings.Compare(a.name, b.name) })
	return nodes, nil
}

func (s dirSource) blob(_ context.Context, file node, limit int64) ([]byte, string, error) {
	if file.mode == git.ModeSymlink {
		target, err := s.root.Readlink(file.ref)
		return []byte(target), objectID("blob", []byte(target)), err
	}
	f, err := s.root.Open(file.ref)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, "", err
	}
	if !info.Mode().IsRegular() {
		return nil, "", errors.New("not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	return data, objectID("blob", data), err
}

func (dirSource) submodule(context.Context, node) (node, bool, error) { return node{}, false, nil }
