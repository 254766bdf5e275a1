package engine

import (
	"slices"
	"strings"

	"plumb.cd/plumb/internal/object"
)

// FoundObject is an object and the App that owns it.
type FoundObject struct {
	App    Key
	Object object.ID
}

// Lookup finds objects whose name holds text (in lower case) among those of the Apps that see lets through: at most limit,
// those first whose name is, then begins with, the text; then by App and object.
func (e *Engine) Lookup(text string, see func(Key) bool, limit int) []FoundObject {
	sets := e.objectSets(see)
	var out [3][]FoundObject // exact, beginning, anywhere
	for k, set := range sets {
		set.each(func(id object.ID) {
			switch name := strings.ToLower(id.Name); {
			case name == text:
				out[0] = append(out[0], FoundObject{k, id})
			case strings.HasPrefix(name, text):
				out[1] = append(out[1], FoundObject{k, id})
			case strings.Contains(name, text):
				out[2] = append(out[2], FoundObject{k, id})
			}
		})
	}
	var found []FoundObject
	for _, part := range out {
		if len(found) >= limit {
			break
		}
		slices.SortFunc(part, func(a, b FoundObject) int {
			if c := compareKeys(a.App, b.App); c != 0 {
				return c
			}
			return a.Object.Compare(b.Object)
		})
		found = append(found, part...)
	}
	return found[:min(len(found), limit)]
}

// objectSets are the sets of the Apps that see lets through.
func (e *Engine) objectSets(see func(Key) bool) map[Key]*objectSet {
	e.mu.Lock()
	targets := make([]*target, 0, len(e.targets))
	for _, t := range e.targets {
		targets = append(targets, t)
	}
	e.mu.Unlock()
	out := map[Key]*objectSet{}
	for _, t := range targets {
		t.mu.Lock()
		for k, set := range t.sets {
			if see(k) {
				out[k] = set
			}
		}
		t.mu.Unlock()
	}
	return out
}

// each calls f with every object's ID. s.mu is held meanwhile.
func (s *objectSet) each(f func(object.ID)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.records {
		f(id)
	}
}
