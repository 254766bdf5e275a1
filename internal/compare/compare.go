// Package compare holds two states of an object against each other, field by field, and says of every difference where
// it comes from: Git, the API server's defaults, admission, somebody's hand, another controller, or a rule that leaves it
// alone. It reads nothing and decides nothing: what is to be done about a difference is the plan's business.
package compare

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/object"
)

// Class says where a difference comes from.
type Class string

const (
	Ours      Class = "ours"      // Git wants it so
	Defaulted Class = "defaulted" // the API server filled it in
	Mutated   Class = "mutated"   // admission changed it: it is ours, and not what we sent
	Drift     Class = "drift"     // somebody changed what we own, or put something of their own on top
	Other     Class = "other"     // another manager's own field
	Ignored   Class = "ignored"   // a rule of the App, or a value that is made once and kept
)

// Action is what becomes of the object from left to right.
type Action string

const (
	Added   Action = "added"
	Removed Action = "removed"
	Changed Action = "changed"
)

// Object is what is known of one object. Left and Right are its two sides, in the form in which it is sent or stored; nil:
// it is not there. None of it is changed.
type Object struct {
	ID          object.ID
	Left, Right map[string]any
	// Live says which of the sides is the live state, with managedFields.
	Live Which
	// Sent is what was applied last, nil when nothing was or when that is not known. It tells what Git changes from what
	// others changed.
	Sent   map[string]any
	Random []string // paths of leaves that differ from render to render: made once, then kept
	Merge  bool     // what people's tools put on top is welcome
}

// Which is a side.
type Which int

const (
	Neither Which = iota
	LeftSide
	RightSide
)

// Rules say how an App's objects are looked at.
type Rules struct {
	Manager string                    // our field manager
	Person  func(manager string) bool // a person's tool; nil: none is
	Ignored func(object.ID) *drift.Ignored
}

// Field is one differing field.
type Field struct {
	Path        string
	Left, Right any // nil: not there
	Class       Class
	Owner       string // field manager of the live value
	Rule        string // of an ignored field
	Cut         bool   // the values are longer than what is here
}

// Result is how one object differs.
type Result struct {
	ID     object.ID
	Action Action
	Risk   Risk
	Counts map[Class]int
	Fields []Field // ours and drift first, else by path
	Lines  int     // of the larger side, as YAML
	Bytes  int     // of the larger side, as JSON
}

// Compare gives the differences of one object; ok is false when there is none.
func Compare(o Object, r Rules) (res Result, ok bool) {
	left, right := normal(o.ID, o.Left), normal(o.ID, o.Right)
	res = Result{ID: o.ID, Action: Changed, Counts: map[Class]int{}}
	res.Lines, res.Bytes = size(left, right)
	w := newWalk(o, r)
	switch {
	case left == nil && right == nil:
		return res, false
	case left == nil:
		res.Action = Added
		w.whole(right)
	case right == nil:
		res.Action = Removed
		w.whole(left)
	default:
		w.maps(node{left: left, right: right, sent: w.sent, owners: w.owners})
	}
	if len(w.out) == 0 && res.Action == Changed {
		return res, false
	}
	for _, f := range w.out {
		res.Counts[f.Class]++
	}
	slices.SortStableFunc(w.out, func(a, b Field) int { return a.Class.rank() - b.Class.rank() })
	res.Fields = w.out
	res.Risk = riskOf(res, left, right)
	return res, true
}

// Quiet reports whether nothing of the difference wants attention: nobody changed anything, and Git wants nothing else.
func (r Result) Quiet() bool {
	return r.Action == Changed && r.Counts[Ours] == 0 && r.Counts[Drift] == 0
}

func (c Class) rank() int {
	return slices.Index([]Class{Ours, Drift, Mutated, Other, Ignored, Defaulted}, c)
}

// serverKept is the metadata that the API server keeps for itself; the name is the object's identity.
var serverKept = []string{
	"managedFields", "resourceVersion", "generation", "uid", "selfLink", "creationTimestamp", "deletionTimestamp",
	"deletionGracePeriodSeconds", "name", "namespace", "generateName",
}

// normal is an object without what counts for nobody, in a form that two sides can be compared in. The copy is shallow.
func normal(id object.ID, body map[string]any) map[string]any {
	if body == nil {
		return nil
	}
	out := maps.Clone(body)
	delete(out, "status")
	delete(out, "kind")
	if meta, ok := out["metadata"].(map[string]any); ok {
		meta = maps.Clone(meta)
		for _, k := range serverKept {
			delete(meta, k)
		}
		out["metadata"] = meta
	}
	if id.Sensitive() {
		mergeStringData(out)
	}
	return out
}

func liveOf(o Object) *unstructured.Unstructured {
	switch {
	case o.Live == LeftSide && o.Left != nil:
		return &unstructured.Unstructured{Object: o.Left}
	case o.Live == RightSide && o.Right != nil:
		return &unstructured.Unstructured{Object: o.Right}
	}
	return nil
}
