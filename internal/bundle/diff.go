package bundle

import (
	"slices"

	"plumb.cd/plumb/internal/object"
)

// ChangeKind is what became of an object between two bundles.
type ChangeKind string

const (
	Added   ChangeKind = "Added"
	Removed ChangeKind = "Removed"
	Changed ChangeKind = "Changed"
)

// ObjectChange is one object that two bundles do not have in common. Changes is empty for Added and Removed. The values
// of Secrets are redacted.
type ObjectChange struct {
	ID      object.ID       `json:"id"`
	Kind    ChangeKind      `json:"kind"`
	From    object.Origin   `json:"from,omitzero"`
	To      object.Origin   `json:"to,omitzero"`
	Changes []object.Change `json:"changes,omitempty"`
}

// Diff gives what turns a into b, in canonical order. Leaves that are random in both are no difference. Of entries that
// a bundle has twice (which a plan refuses), the last counts.
func Diff(a, b Bundle) []ObjectChange {
	from, to := byID(a), byID(b)
	var out []ObjectChange
	for id, e := range from {
		if _, ok := to[id]; !ok {
			out = append(out, ObjectChange{ID: id, Kind: Removed, From: e.Origin})
		}
	}
	for id, e := range to {
		old, ok := from[id]
		if !ok {
			out = append(out, ObjectChange{ID: id, Kind: Added, To: e.Origin})
			continue
		}
		if changes := diffEntries(id, old, e); len(changes) > 0 {
			out = append(out, ObjectChange{ID: id, Kind: Changed, From: old.Origin, To: e.Origin, Changes: changes})
		}
	}
	slices.SortFunc(out, func(x, y ObjectChange) int { return x.ID.Compare(y.ID) })
	return out
}

func diffEntries(id object.ID, a, b Entry) []object.Change {
	changes := object.Diff(a.Body, b.Body)
	changes = slices.DeleteFunc(changes, func(c object.Change) bool {
		return slices.Contains(a.Random, c.Path) && slices.Contains(b.Random, c.Path)
	})
	if id.Sensitive() {
		changes = object.Redact(changes)
	}
	return changes
}

func byID(b Bundle) map[object.ID]Entry {
	out := make(map[object.ID]Entry, len(b.Objects))
	for _, e := range b.Objects {
		out[e.ID()] = e
	}
	return out
}
