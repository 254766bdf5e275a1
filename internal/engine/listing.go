package engine

import (
	"slices"
	"strings"
)

// Repositories tells where every Repository stands, by namespace and name. Addresses that Apps name directly are left out.
func (e *Engine) Repositories() []RepositorySnapshot {
	e.mu.Lock()
	var keys []Key
	for k, r := range e.repos {
		r.mu.Lock()
		if r.known && k.url == "" {
			keys = append(keys, k.resource)
		}
		r.mu.Unlock()
	}
	e.mu.Unlock()
	slices.SortFunc(keys, compareKeys)
	out := make([]RepositorySnapshot, 0, len(keys))
	for _, k := range keys {
		if s, ok := e.RepositorySnapshot(k); ok {
			out = append(out, s)
		}
	}
	return out
}

// Targets tells where every cluster stands, by name.
func (e *Engine) Targets() []TargetSnapshot {
	e.mu.Lock()
	var names []string
	for name, t := range e.targets {
		t.mu.Lock()
		if t.known {
			names = append(names, name)
		}
		t.mu.Unlock()
	}
	e.mu.Unlock()
	slices.SortFunc(names, strings.Compare)
	out := make([]TargetSnapshot, 0, len(names))
	for _, name := range names {
		if s, ok := e.TargetSnapshot(name); ok {
			out = append(out, s)
		}
	}
	return out
}
