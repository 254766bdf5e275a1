package bundle

import (
	"sync"

	"plumb.cd/plumb/internal/object"
)

// What is sealed is read within moments: by the plan, by lists. So the entries of a few small bundles stay in memory, as
// long as no newer ones take their place.
const (
	youngCount = 64
	youngBytes = 32 << 10 // of one bundle, as it is stored
	youngTotal = 256 << 10
)

// young are the entries of the bundles that were stored last. Nobody changes them.
type young struct {
	mu    sync.Mutex
	by    map[object.Digest]youngOne
	order []object.Digest // oldest first
	total int
}

type youngOne struct {
	entries []Entry
	size    int
}

func (y *young) put(d object.Digest, entries []Entry, size int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.drop(d)
	if entries == nil || size > youngBytes {
		return
	}
	if y.by == nil {
		y.by = map[object.Digest]youngOne{}
	}
	y.by[d] = youngOne{entries, size}
	y.order = append(y.order, d)
	y.total += size
	for y.total > youngTotal || len(y.order) > youngCount {
		y.drop(y.order[0])
	}
}

// drop needs y.mu.
func (y *young) drop(d object.Digest) {
	one, ok := y.by[d]
	if !ok {
		return
	}
	delete(y.by, d)
	y.total -= one.size
	for i, o := range y.order {
		if o == d {
			y.order = append(y.order[:i], y.order[i+1:]...)
			break
		}
	}
}

func (y *young) get(d object.Digest) ([]Entry, bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	one, ok := y.by[d]
	return one.entries, ok
}

// Recent gives the objects of a bundle: from memory when it was stored a moment ago. Nobody may change them, nor the list.
func (s *Store) Recent(d object.Digest) ([]Entry, error) {
	if entries, ok := s.young.get(d); ok && s.Has(d) {
		s.touch(d)
		return entries, nil
	}
	b, err := s.Get(d)
	return b.Objects, err
}
