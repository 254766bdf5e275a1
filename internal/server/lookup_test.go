package server_test

import (
	"strings"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/object"
)

// Lookup of the stub: each App has a ConfigMap of its name.
func (s *stub) Lookup(text string, see func(engine.Key) bool, _ int) []engine.FoundObject {
	var out []engine.FoundObject
	for _, snap := range s.Snapshots() {
		if k := snap.Key; see(k) && strings.Contains(k.Name, text) {
			out = append(out, engine.FoundObject{App: k, Object: object.ID{Kind: "ConfigMap", Namespace: k.Namespace, Name: k.Name}})
		}
	}
	return out
}
