package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"
	"time"

	"plumb.cd/plumb/internal/render"
)

// remote is the child's view of the parent's Files. What it has asked for it remembers for the render, so that the
// parent sees, and traces, each path once.
type remote struct {
	mu    sync.Mutex
	pipe  *pipe
	nodes map[string]*node
	lists map[string]listing
	dead  error
}

// node is a path that was asked for.
type node struct {
	name    string
	dir     bool
	loaded  bool // data is the content
	data    []byte
	size    int64
	err     error
	symlink bool
}

type listing struct {
	entries []fs.DirEntry
	err     error
}

func newRemote(p *pipe) *remote {
	return &remote{pipe: p, nodes: map[string]*node{}, lists: map[string]listing{}}
}

type want struct {
	op   byte
	name string
}

// Prefetch asks for all that is ahead at once.
func (r *remote) Prefetch(ahead render.Ahead) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ask(r.unknown(wantsOf(ahead)))
}

// unknown leaves out what was asked for before.
func (r *remote) unknown(wants []want) []want {
	return slices.DeleteFunc(wants, func(w want) bool {
		if w.op == wantList {
			_, have := r.lists[w.name]
			return have
		}
		n, have := r.nodes[w.name]
		return have && (n.loaded || n.dir || n.err != nil)
	})
}

// wantsOf are the questions that ahead makes, each once. What is no path is left to whoever asks for it.
func wantsOf(ahead render.Ahead) []want {
	wants := make([]want, 0, len(ahead.Files)+len(ahead.Dirs))
	seen := make(map[want]bool, cap(wants))
	add := func(w want) {
		if fs.ValidPath(w.name) && !seen[w] {
			seen[w] = true
			wants = append(wants, w)
		}
	}
	for _, name := range ahead.Files {
		add(want{wantFile, name})
	}
	for _, name := range ahead.Dirs {
		add(want{wantList, name})
	}
	return wants
}

// ask sends the wants and files the answers. Callers hold mu.
func (r *remote) ask(wants []want) {
	if len(wants) == 0 {
		return
	}
	if r.dead == nil {
		r.dead = r.exchange(wants)
	}
	if r.dead == nil {
		return
	}
	for _, w := range wants {
		if w.op == wantList {
			r.lists[w.name] = listing{err: r.dead}
		} else {
			r.nodes[w.name] = &node{name: w.name, err: r.dead}
		}
	}
}

func (r *remote) exchange(wants []want) error {
	frame := r.pipe.begin(frameWants)
	for _, w := range wants {
		frame = appendString(append(frame, w.op), w.name)
	}
	if err := r.pipe.end(frame); err != nil {
		return err
	}
	kind, body, err := r.pipe.receive()
	if err != nil {
		return err
	}
	if kind != frameAnswers {
		return fmt.Errorf("%w: want answers, got frame %q", errMalformed, kind)
	}
	d := &decoder{s: string(body)}
	for _, w := range wants {
		r.learn(d, w)
	}
	return d.err
}

// learn files the next answer of d, which is that to w.
func (r *remote) learn(d *decoder, w want) {
	if w.op == wantList {
		r.lists[w.name] = d.listing(w.name)
	} else if n := d.node(w); n != nil {
		r.nodes[w.name] = n
	}
}

// told files answers to what nobody asked yet: they come with a request, each behind its question.
func (r *remote) told(d *decoder) error {
	for d.s != "" {
		w := want{op: d.byte(), name: d.string()}
		if d.err == nil {
			r.learn(d, w)
		}
	}
	return d.err
}

// node reads the answer to w; nil when it is to be asked again, alone.
func (d *decoder) node(w want) *node {
	n := &node{name: path.Base(w.name)}
	switch d.byte() {
	case isLater:
		return nil
	case isFile:
		if w.op == wantStat {
			n.size = int64(d.uvarint())
			break
		}
		n.data, n.loaded = []byte(d.string()), true
		n.size = int64(len(n.data))
	case isDir:
		n.dir = true
	default:
		n.err = d.problem(w.name)
	}
	return n
}

// problem reads what follows isError.
func (d *decoder) problem(name string) error {
	kind, text := d.byte(), d.string()
	switch kind {
	case isAbsent:
		return &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case isFault:
		var f failure
		if json.Unmarshal([]byte(text), &f) != nil {
			d.fail()
			return d.err
		}
		return f.error()
	}
	return &fs.PathError{Op: "open", Path: name, Err: errors.New(text)}
}

func (d *decoder) listing(name string) listing {
	if d.byte() != isList {
		return listing{err: d.problem(name)}
	}
	entries := make([]fs.DirEntry, d.count(2))
	for i := range entries {
		kind := d.byte()
		entries[i] = &node{name: d.string(), dir: kind == isDir, symlink: kind == linkEntry}
	}
	return listing{entries: entries}
}

func (r *remote) lookup(op byte, name string) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n, have := r.nodes[name]
	if !have || (op == wantFile && !n.loaded && !n.dir && n.err == nil) {
		r.ask([]want{{op, name}})
		n = r.nodes[name]
	}
	return n, n.err
}

// ReadFile gives a copy, as fs.ReadFileFS promises.
func (r *remote) ReadFile(name string) ([]byte, error) {
	n, err := r.lookup(wantFile, name)
	if err != nil {
		return nil, err
	}
	if n.dir {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	return append([]byte(nil), n.data...), nil
}

func (r *remote) Stat(name string) (fs.FileInfo, error) {
	n, err := r.lookup(wantStat, name)
	if err != nil {
		return nil, err
	}
	return n, nil
}

func (r *remote) ReadDir(name string) ([]fs.DirEntry, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, have := r.lists[name]; !have {
		r.ask([]want{{wantList, name}})
	}
	l := r.lists[name]
	return append([]fs.DirEntry(nil), l.entries...), l.err
}

// Open gives a file or directory that is wholly in memory.
func (r *remote) Open(name string) (fs.File, error) {
	n, err := r.lookup(wantFile, name)
	if err != nil {
		return nil, err
	}
	f := &openFile{node: n, rest: n.data}
	if n.dir {
		if f.entries, err = r.ReadDir(name); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// A node is its own fs.FileInfo and fs.DirEntry.

func (n *node) Name() string               { return n.name }
func (n *node) Size() int64                { return n.size }
func (n *node) ModTime() time.Time         { return time.Time{} }
func (n *node) IsDir() bool                { return n.dir }
func (n *node) Sys() any                   { return nil }
func (n *node) Type() fs.FileMode          { return n.Mode().Type() }
func (n *node) Info() (fs.FileInfo, error) { return n, nil }
func (n *node) Mode() fs.FileMode {
	switch {
	case n.dir:
		return fs.ModeDir | 0o555
	case n.symlink:
		return fs.ModeSymlink | 0o777
	}
	return 0o444
}
