package engine

import (
	"slices"

	"plumb.cd/plumb/internal/bundle"
)

// Tried gives the revisions that an App was rendered at last, when that failed: what Git says then has no bundle, and no
// Snapshot names it. Nil where the last render went well.
func (e *Engine) Tried(key Key) []bundle.Revision {
	a := e.app(key)
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rendered.err == nil {
		return nil
	}
	return slices.Clone(a.rendered.tried)
}
