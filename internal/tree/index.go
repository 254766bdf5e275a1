package tree

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"plumb.cd/plumb/internal/git"
)

// Index answers which of many traces a set of changes touches, exactly as Trace.Touches would for each, at a cost that
// goes with the changes and their paths, not with the number of traces. It is safe for concurrent use; the zero value is
// empty.
type Index[K comparable] struct {
	mu    sync.RWMutex
	root  vertex
	keys  map[K]uint32
	names []K         // by number
	marks [][]*vertex // by number: where the key has marks
	free  []uint32    // numbers to use again
}

// NewIndex returns an empty index.
func NewIndex[K comparable]() *Index[K] { return &Index[K]{} }

// vertex is one path. Vertices without marks and children are cut off.
type vertex struct {
	name  string
	up    *vertex
	below map[string]*vertex
	marks []mark // sorted by key
}

// mark says in which ways a key's trace has the path.
type mark struct {
	key   uint32
	kinds uint16 // bit k for Kind k
}

// Add puts a key's trace in, instead of what it had.
func (x *Index[K]) Add(key K, t Trace) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(key)
	n := x.number(key)
	for i := 0; i < len(t.records); {
		p, kinds := t.records[i].Path, uint16(0)
		for ; i < len(t.records) && t.records[i].Path == p; i++ {
			kinds |= 1 << t.records[i].Kind
		}
		v := x.grow(p)
		at, _ := slices.BinarySearchFunc(v.marks, n, func(m mark, n uint32) int { return int(m.key) - int(n) })
		v.marks = slices.Insert(v.marks, at, mark{n, kinds})
		x.marks[n] = append(x.marks[n], v)
	}
}

func (x *Index[K]) number(key K) uint32 {
	if x.keys == nil {
		x.keys = map[K]uint32{}
	}
	var n uint32
	if len(x.free) > 0 {
		n = x.free[len(x.free)-1]
		x.free = x.free[:len(x.free)-1]
		x.names[n] = key
	} else {
		n = uint32(len(x.names))
		x.names = append(x.names, key)
		x.marks = append(x.marks, nil)
	}
	x.keys[key] = n
	return n
}

// grow finds or makes the vertex of a path.
func (x *Index[K]) grow(p string) *vertex {
	v := &x.root
	for _, name := range split(p) {
		next := v.below[name]
		if next == nil {
			next = &vertex{name: strings.Clone(name), up: v}
			if v.below == nil {
				v.below = map[string]*vertex{}
			}
			v.below[next.name] = next
		}
		v = next
	}
	return v
}

// Remove takes a key out. Removing what is not there is fine.
func (x *Index[K]) Remove(key K) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(key)
}

func (x *Index[K]) remove(key K) {
	n, ok := x.keys[key]
	if !ok {
		return
	}
	for _, v := range x.marks[n] {
		at, found := slices.BinarySearchFunc(v.marks, n, func(m mark, n uint32) int { return int(m.key) - int(n) })
		if found {
			v.marks = slices.Delete(v.marks, at, at+1)
		}
		for v.up != nil && len(v.marks) == 0 && len(v.below) == 0 {
			delete(v.up.below, v.name)
			v = v.up
		}
	}
	delete(x.keys, key)
	var none K
	x.marks[n], x.names[n] = nil, none
	x.free = append(x.free, n)
}

// Len is the number of keys.
func (x *Index[K]) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.keys)
}

// Affected are the keys whose traces the changes touch, in an order that depends on nothing but the calls of Add and
// Remove before.
func (x *Index[K]) Affected(changes []git.Change) []K {
	x.mu.RLock()
	defer x.mu.RUnlock()
	hit := map[uint32]bool{}
	for _, c := range changes {
		x.affected(c, hit)
	}
	out := make([]K, 0, len(hit))
	for _, n := range slices.Sorted(maps.Keys(hit)) {
		out = append(out, x.names[n])
	}
	return out
}

func (x *Index[K]) affected(c git.Change, hit map[uint32]bool) {
	v := &x.root
	names := split(c.Path)
	for i, name := range names {
		if i == len(names)-1 && entryChanged(c) {
			v.collect(1<<Listed, hit)
		}
		if v = v.below[name]; v == nil {
			return
		}
	}
	v.collect(touchedKinds(c), hit)
	if divertsBelow(c) {
		v.collectBelow(1<<Missing, hit)
	}
}

// touchedKinds are the kinds of record that the change hits at its own path.
func touchedKinds(c git.Change) uint16 {
	var kinds uint16
	for k := Read; k <= IsSubmodule; k++ {
		if hits(k, c) {
			kinds |= 1 << k
		}
	}
	return kinds
}

func (v *vertex) collect(kinds uint16, hit map[uint32]bool) {
	for _, m := range v.marks {
		if m.kinds&kinds != 0 {
			hit[m.key] = true
		}
	}
}

func (v *vertex) collectBelow(kinds uint16, hit map[uint32]bool) {
	for _, below := range v.below {
		below.collect(kinds, hit)
		below.collectBelow(kinds, hit)
	}
}
