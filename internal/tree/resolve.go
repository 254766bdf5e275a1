package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
)

// place is a node where it really is: its path has no symlinks.
type place struct {
	node
	path string
}

func (p place) isDir() bool { return p.mode.Type() == git.ModeDir || p.mode.Type() == git.ModeGitlink }

// lastLink says what to do with a symlink at the end of a path.
type lastLink int

const (
	follow lastLink = iota
	stay
)

// maxLinks is how many symlinks one look-up may follow, as in Linux.
const maxLinks = 40

// lookup walks from the root to a path, tracing the symlinks and submodules that it passes and the path when it is not
// there.
func (c *core) lookup(full string, last lastLink) (place, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := walk{c: c, stack: []place{{node: c.root, path: "."}}, todo: split(full)}
	for len(w.todo) > 0 {
		if err := w.step(last); err != nil {
			return place{}, err
		}
	}
	return w.top(), nil
}

func split(p string) []string {
	if p == "." || p == "" {
		return nil
	}
	return strings.Split(p, "/")
}

// walk is one look-up under way: the real places passed, and the names still to go.
type walk struct {
	c     *core
	stack []place
	todo  []string
	links int
	via   string // the last symlink, for messages
}

func (w *walk) top() place { return w.stack[len(w.stack)-1] }

func (w *walk) step(last lastLink) error {
	name := w.todo[0]
	w.todo = w.todo[1:]
	switch name {
	case "", ".":
		return nil
	case "..":
		if len(w.stack) == 1 {
			return outside(w.via)
		}
		w.c.rec.add(w.top().path, kindOf(w.top()), "") // it had to be there to be left
		w.stack = w.stack[:len(w.stack)-1]
		return nil
	}
	dir := w.top()
	if !dir.isDir() {
		return w.missing(dir, name)
	}
	child, ok, err := w.c.child(dir, name)
	if err != nil {
		return err
	}
	if !ok {
		return w.missing(dir, name)
	}
	next := place{node: child, path: path.Join(dir.path, name)}
	if next.mode.Type() == git.ModeSymlink && (len(w.todo) > 0 || last == follow) {
		return w.follow(next)
	}
	w.stack = append(w.stack, next)
	return nil
}

// missing traces the path that is not there. When what remains of it goes up again, its first part is what decides.
func (w *walk) missing(dir place, name string) error {
	p := path.Join(dir.path, name)
	if !slices.Contains(w.todo, "..") {
		p = path.Join(append([]string{p}, w.todo...)...)
	}
	w.c.rec.add(p, Missing, "")
	return fs.ErrNotExist
}

func (w *walk) follow(link place) error {
	target, err := w.c.targetLocked(link)
	if err != nil {
		return err
	}
	if w.links++; w.links > maxLinks {
		return &fault.Error{Class: fault.Invalid, Reason: fault.PathNotFound, Where: link.path, Message: "too many symbolic links, or a loop of them"}
	}
	w.via = fmt.Sprintf("the symlink %s leads to %q", link.path, target)
	if strings.HasPrefix(target, "/") {
		return outside(w.via)
	}
	w.todo = append(strings.Split(target, "/"), w.todo...)
	return nil
}

func outside(what string) error {
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.PathOutside, Message: what + ", which is outside of the repository",
		Next: "copy the file into the repository",
	}
}

// child finds one entry of a directory for the walk, without tracing it. Where the source can look it up, the directory is
// not copied: among its entries may be thousands of other Apps.
func (c *core) child(dir place, name string) (node, bool, error) {
	n, ok, err := c.entered(dir)
	if err != nil || !ok {
		return node{}, false, err
	}
	if s, ok := n.src.(finder); ok {
		child, found, err := s.child(c.ctx, n, name)
		if err != nil {
			return node{}, false, fmt.Errorf("listing %s: %w", dir.path, err)
		}
		return child, found, nil
	}
	children, err := c.listed(dir.path, n)
	if err != nil {
		return node{}, false, err
	}
	i, found := slices.BinarySearchFunc(children, name, func(n node, s string) int { return strings.Compare(n.name, s) })
	if !found {
		return node{}, false, nil
	}
	return children[i], true, nil
}

// children reads a directory for the walk, without tracing it. Submodules are traced when they are entered.
func (c *core) children(dir place) ([]node, error) {
	n, ok, err := c.entered(dir)
	if err != nil || !ok {
		return nil, err
	}
	return c.listed(dir.path, n)
}

// entered is the directory itself, or the root of the submodule that it is; false: one that is read as empty.
func (c *core) entered(dir place) (node, bool, error) {
	n := dir.node
	if n.mode.Type() != git.ModeGitlink {
		return n, true, nil
	}
	root, ok, err := c.enter(n)
	if err != nil {
		c.rec.add(dir.path, Submodule, n.id)
		return node{}, false, err
	}
	if !ok {
		c.rec.add(dir.path, IsSubmodule, "")
		c.notes[dir.path] = dir.path + " is a submodule; it is read as empty because the Repository does not fetch submodules"
		return node{}, false, nil
	}
	c.rec.add(dir.path, Submodule, n.id)
	return root, true, nil
}

// listed reads the entries of a directory, once.
func (c *core) listed(at string, n node) ([]node, error) {
	key := dirKey{n.src, n.ref}
	if nodes, ok := c.dirs[key]; ok {
		return nodes, nil
	}
	nodes, err := n.src.entries(c.ctx, n)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", at, err)
	}
	c.dirs[key] = nodes
	return nodes, nil
}

// enter opens a submodule, once for each commit.
func (c *core) enter(link node) (node, bool, error) {
	if root, ok := c.subs[link.ref]; ok {
		return root, true, nil
	}
	root, ok, err := link.src.submodule(c.ctx, link)
	if ok && err == nil {
		c.subs[link.ref] = root
	}
	return root, ok, err
}

// list reads a directory and traces that.
func (c *core) list(dir place) ([]node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	nodes, err := c.children(dir)
	if err != nil {
		return nil, err
	}
	if dir.mode.Type() != git.ModeGitlink {
		c.rec.add(dir.path, Listed, listingDigest(nodes))
	}
	return nodes, nil
}

// sawKind traces that the path exists and is of its kind.
func (c *core) sawKind(p place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rec.add(p.path, kindOf(p), "")
}

func kindOf(p place) Kind {
	switch p.mode.Type() {
	case git.ModeDir:
		return IsDir
	case git.ModeGitlink:
		return IsSubmodule
	case git.ModeSymlink:
		return IsLink
	default:
		return IsFile
	}
}

// content reads a file and traces that.
func (c *core) content(p place) ([]byte, error) {
	data, id, err := p.src.blob(c.ctx, p.node, c.lim.FileBytes)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.rec.add(p.path, Read, p.id) // it was an input all the same: a smaller file would mend it
		return nil, named(p.path, err)
	}
	c.rec.add(p.path, Read, id)
	if int64(len(data)) > c.lim.FileBytes {
		return nil, &fault.Error{
			Class: fault.Invalid, Reason: fault.LimitExceeded, Where: p.path,
			Message: fmt.Sprintf("the file has more than the %d bytes that are allowed", c.lim.FileBytes),
		}
	}
	if _, seen := c.read[p.path]; !seen {
		if c.total+int64(len(data)) > c.lim.TotalBytes {
			return nil, tooMuch(p.path, c.lim)
		}
		c.read[p.path] = int64(len(data))
		c.total += int64(len(data))
	}
	if m, ok := p.src.(*objectSource); ok {
		if _, shared := m.objects.(*memory); shared {
			data = slices.Clone(data)
		}
	}
	return data, nil
}

// named puts the file's path on a fault that came from below.
func named(p string, err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Where == "" {
		g := *f
		g.Where = p
		return &g
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("reading %s: %w", p, err)
}

// target reads a symlink and traces that.
func (c *core) target(link place) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.targetLocked(link)
}

// maxTarget bounds the text of a symlink, as Linux does.
const maxTarget = 4096

func (c *core) targetLocked(link place) (string, error) {
	data, id, err := link.src.blob(c.ctx, link.node, maxTarget)
	if err != nil {
		c.rec.add(link.path, Link, link.id)
		return "", named(link.path, err)
	}
	c.rec.add(link.path, Link, id)
	if len(data) > maxTarget || len(data) == 0 || strings.ContainsRune(string(data), 0) {
		return "", &fault.Error{Class: fault.Invalid, Reason: fault.PathNotFound, Where: link.path, Message: "the symlink has no usable target"}
	}
	return string(data), nil
}
