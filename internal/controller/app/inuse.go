package app

import (
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"plumb.cd/plumb/internal/engine"
)

// inUse is what one App uses, as the register keeps it: apart from the kinds, which thousands of Apps have in common.
type inUse struct {
	kinds  string // JSON of the targets without their namespaces
	spaces spaces
	size   int // bytes that the entry takes
}

// spaces are the namespaces of each kind, in the order of the kinds: one list where all kinds have the same.
type spaces struct {
	Kinds int        `json:"kinds"` // place among the lists of kinds
	All   []string   `json:"in,omitempty"`
	Each  [][]string `json:"each,omitempty"`
}

// written is the register as it is stored.
type written struct {
	Kinds []json.RawMessage    `json:"kinds"`
	Apps  map[types.UID]spaces `json:"apps"`
}

func usedBy(targets []engine.TargetUse) (inUse, error) {
	kinds := slices.Clone(targets)
	var s spaces
	same := true
	for i, t := range targets {
		kinds[i].Namespaces = nil
		s.Each = append(s.Each, append([]string{}, t.Namespaces...))
		same = same && slices.Equal(t.Namespaces, targets[0].Namespaces)
	}
	if same && len(targets) > 0 {
		s.All, s.Each = s.Each[0], nil
	}
	text, err := json.Marshal(kinds)
	if err != nil {
		return inUse{}, err
	}
	rest, err := json.Marshal(s)
	const name = 40 // of a UID, with what is around it
	return inUse{kinds: string(text), spaces: s, size: name + len(rest)}, err
}

// targets is the reverse of usedBy.
func (u inUse) targets() ([]engine.TargetUse, error) {
	var out []engine.TargetUse
	if err := json.Unmarshal([]byte(u.kinds), &out); err != nil {
		return nil, err
	}
	if u.spaces.Each != nil && len(u.spaces.Each) != len(out) {
		return nil, fmt.Errorf("namespaces of %d kinds for %d kinds", len(u.spaces.Each), len(out))
	}
	for i := range out {
		out[i].Namespaces = u.spaces.All
		if u.spaces.Each != nil {
			out[i].Namespaces = u.spaces.Each[i]
		}
		if len(out[i].Namespaces) == 0 {
			out[i].Namespaces = nil
		}
	}
	return out, nil
}

// encode gives the same text for the same uses.
func encode(uses map[types.UID]inUse) ([]byte, error) {
	out := written{Apps: make(map[types.UID]spaces, len(uses))}
	var kinds []string
	for _, u := range uses {
		kinds = append(kinds, u.kinds)
	}
	slices.Sort(kinds)
	place := map[string]int{}
	for _, k := range slices.Compact(kinds) {
		place[k] = len(out.Kinds)
		out.Kinds = append(out.Kinds, json.RawMessage(k))
	}
	for uid, u := range uses {
		s := u.spaces
		s.Kinds = place[u.kinds]
		out.Apps[uid] = s
	}
	return json.Marshal(out)
}

func decode(text []byte) (map[types.UID]inUse, error) {
	var in written
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, err
	}
	out := make(map[types.UID]inUse, len(in.Apps))
	for uid, s := range in.Apps {
		if s.Kinds < 0 || s.Kinds >= len(in.Kinds) {
			return nil, fmt.Errorf("App %s has kinds that are not there", uid)
		}
		u := inUse{kinds: string(in.Kinds[s.Kinds]), spaces: s}
		targets, err := u.targets()
		if err != nil {
			return nil, fmt.Errorf("App %s: %w", uid, err)
		}
		if u, err = usedBy(targets); err != nil {
			return nil, err
		}
		out[uid] = u
	}
	return out, nil
}
