package git

import (
	"bytes"
	"container/list"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"plumb.cd/plumb/internal/fault"
)

// Mode is a tree entry's mode as Git writes it.
type Mode uint32

// The modes that Git knows. Type strips the executable bit.
const (
	ModeDir     Mode = 0o040000
	ModeFile    Mode = 0o100644
	ModeExec    Mode = 0o100755
	ModeSymlink Mode = 0o120000
	ModeGitlink Mode = 0o160000 // a submodule: the OID is a commit of another repository
)

// Type is the mode without permissions: ModeDir, ModeFile, ModeSymlink or ModeGitlink.
func (m Mode) Type() Mode {
	switch t := m & 0o170000; t {
	case ModeDir, ModeSymlink, ModeGitlink:
		return t
	default:
		return ModeFile
	}
}

// Entry is one entry of a tree.
type Entry struct {
	Name string
	Mode Mode
	OID  string
}

const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// maxTreeBytes bounds one directory.
const maxTreeBytes = 64 << 20

// TreeEntries lists a tree, sorted by name. The slice is shared: callers must not change it.
func (m *Mirror) TreeEntries(ctx context.Context, oid string) ([]Entry, error) {
	if e, ok := m.trees.get(oid); ok {
		return e, nil
	}
	raw, err := m.rawTree(ctx, oid)
	if err != nil {
		return nil, err
	}
	entries, err := parseTree(raw)
	if err != nil {
		return nil, fmt.Errorf("tree %s of %s: %w", oid, m.shown, err)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	m.trees.put(oid, entries)
	return entries, nil
}

func (m *Mirror) rawTree(ctx context.Context, oid string) ([]byte, error) {
	if oid == emptyTree || oid == "" {
		return nil, nil
	}
	_, kind, data, err := m.typed(ctx, oid, maxTreeBytes)
	var large *tooLarge
	switch {
	case errors.As(err, &large):
		return nil, failf(fault.Invalid, fault.LimitExceeded, "", "a directory listing has %d bytes, more than the %d that are allowed", large.size, maxTreeBytes)
	case err != nil:
		return nil, err
	case kind != "tree":
		return nil, fmt.Errorf("object %s of %s is a %s, not a tree", oid, m.shown, kind)
	}
	return data, nil
}

// rawEntry is a tree entry that points into the tree's bytes.
type rawEntry struct {
	mode Mode
	name []byte
	oid  []byte // 20 bytes
}

func (e rawEntry) hex() string { return hex.EncodeToString(e.oid) }

// nextEntry splits the first entry off raw.
func nextEntry(raw []byte) (rawEntry, []byte, error) {
	sp := bytes.IndexByte(raw, ' ')
	nul := bytes.IndexByte(raw, 0)
	if sp < 1 || nul < sp+2 || len(raw) < nul+21 {
		return rawEntry{}, nil, errors.New("malformed tree")
	}
	var mode Mode
	for _, c := range raw[:sp] {
		if c < '0' || c > '7' {
			return rawEntry{}, nil, errors.New("malformed mode in tree")
		}
		mode = mode<<3 | Mode(c-'0')
	}
	name := raw[sp+1 : nul]
	if badName(name) {
		return rawEntry{}, nil, fmt.Errorf("unusable name %q in tree", name)
	}
	return rawEntry{mode: mode, name: name, oid: raw[nul+1 : nul+21]}, raw[nul+21:], nil
}

// badName refuses what no well-formed tree contains, so that a path can be trusted to mean one place.
func badName(name []byte) bool {
	return bytes.IndexByte(name, '/') >= 0 || string(name) == "." || string(name) == ".." || string(name) == ".git"
}

func parseTree(raw []byte) ([]Entry, error) {
	entries := make([]Entry, 0, len(raw)/38)
	for len(raw) > 0 {
		e, rest, err := nextEntry(raw)
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{Name: string(e.name), Mode: e.mode, OID: e.hex()})
		raw = rest
	}
	return entries, nil
}

// treeCache keeps parsed trees by object id, the least recently used going first, within a budget of entries.
type treeCache struct {
	mu    sync.Mutex
	order *list.List
	byOID map[string]*list.Element
	count int
}

type cachedTree struct {
	oid     string
	entries []Entry
}

const treeCacheEntries = 60_000

func (c *treeCache) get(oid string) ([]Entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.byOID[oid]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(el)
	return el.Value.(*cachedTree).entries, true
}

func (c *treeCache) put(oid string, entries []Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byOID == nil {
		c.byOID, c.order = map[string]*list.Element{}, list.New()
	}
	if _, ok := c.byOID[oid]; ok {
		return
	}
	c.byOID[oid] = c.order.PushFront(&cachedTree{oid, entries})
	for c.count += len(entries) + 1; c.count > treeCacheEntries && c.order.Len() > 1; {
		old := c.order.Remove(c.order.Back()).(*cachedTree)
		delete(c.byOID, old.oid)
		c.count -= len(old.entries) + 1
	}
}
