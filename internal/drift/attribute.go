package drift

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"plumb.cd/plumb/internal/object"
)

// UnknownManager stands for whoever made a change that left no trace in managedFields.
const UnknownManager = "unknown"

// Attribute says who made live differ from want, and in which fields: from managedFields, so it costs no request.
//
//   - A field of want that our Apply entry no longer holds was changed: its owners are named, the newest of them where
//     several are. Where nobody owns it (a deleted field has no owner), the newest manager that wrote after us is named,
//     or UnknownManager.
//   - A field on top of ours and of want that a person's tool owns is an addition: From is nil.
//   - A field that we still hold is no difference, however want writes it (cpu "1000m" is stored as "1"). Only when
//     nothing else is found, such differences are given under UnknownManager, since something did change.
//
// ignores are the ones of the rules when nil. Values of a Secret are redacted. Culprits come in order of their names,
// fields in order of their paths. An empty answer means that there is nothing to undo.
func (f *Fingerprinter) Attribute(want map[string]any, live *unstructured.Unstructured, ignores *Ignores) []Culprit {
	if ignores == nil {
		ignores = f.rules.Ignores
	}
	a := f.attribution(live, ignores.ForObject(object.Of(live)))
	var held []object.Change
	for _, c := range differences(want, live.Object) {
		p, err := parseChangePath(c.Path)
		if err != nil || a.skips(p, c) {
			continue
		}
		if a.bare && SameQuantity(c.From, c.To) {
			continue
		}
		if owns(a.ours, live.Object, p) && holdsAll(a.ours, live.Object, p, c.From) {
			if !SameQuantity(c.From, c.To) {
				held = append(held, c)
			}
			continue
		}
		a.blame(a.ownerOf(live.Object, p), c)
	}
	for _, e := range a.people {
		a.additions(e, want)
	}
	if len(a.found) == 0 {
		for _, c := range held {
			a.blame(a.stranger(), c)
		}
	}
	return a.culprits(object.Of(live).Sensitive())
}

// differences gives what want states and live does not say, From what want says To what is live. A map that live lacks is
// told field by field, so that rules about fields apply to each.
func differences(want, live map[string]any) []object.Change {
	var out []object.Change
	for _, c := range object.Covered(want, live) { // goes from live to want
		if list, ok := listOfScalars(c, want, live); ok {
			if len(out) == 0 || out[len(out)-1].Path != list.Path {
				out = append(out, list)
			}
			continue
		}
		out = flatten(out, object.Change{Path: c.Path, From: c.To, To: c.From})
	}
	return out
}

// listOfScalars gives, for a change of one element in a list of scalars, the change of the list: the index says little
// where an element was put in or taken out.
func listOfScalars(c object.Change, want, live map[string]any) (object.Change, bool) {
	p, err := parseChangePath(c.Path)
	if err != nil || len(p) == 0 || p[len(p)-1].field != "" || p[len(p)-1].key != "" {
		return c, false
	}
	if _, isMap := c.To.(map[string]any); isMap {
		return c, false
	}
	p = p[:len(p)-1]
	return object.Change{Path: c.Path[:strings.LastIndexByte(c.Path, '[')], From: follow(want, p), To: follow(live, p)}, true
}

func follow(v any, p []pathStep) any {
	for _, s := range p {
		v = s.in(v).value
	}
	return v
}

func flatten(out []object.Change, c object.Change) []object.Change {
	m, ok := c.From.(map[string]any)
	if !ok || len(m) == 0 || c.To != nil || strings.HasSuffix(c.Path, "]") && !strings.HasSuffix(c.Path, `"]`) {
		return append(out, c)
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = flatten(out, object.Change{Path: c.Path + object.Field(k), From: m[k]})
	}
	return out
}

type attribution struct {
	bare    bool // the server keeps no managedFields: whose a field is cannot be said
	live    *unstructured.Unstructured
	rules   *Rules
	ignored *Ignored
	ours    fieldsV1
	since   time.Time // of our entry
	people  []entry
	others  []entry // everybody's but ours and the ignored, without status
	found   map[culpritKey][]object.Change
}

type culpritKey struct {
	manager, operation, sub, time string
}

func (f *Fingerprinter) attribution(live *unstructured.Unstructured, ignored *Ignored) *attribution {
	a := &attribution{live: live, rules: &f.rules, ignored: ignored, found: map[culpritKey][]object.Change{}, bare: Bare(live)}
	for _, e := range entries(live) {
		switch {
		case f.ours(e):
			a.ours, a.since = e.fields, e.when()
		case e.sub == "status":
		default:
			if f.people(e) && !ignored.manager(e.manager) {
				a.people = append(a.people, e)
			}
			a.others = append(a.others, e)
		}
	}
	slices.SortStableFunc(a.others, func(x, y entry) int {
		return cmp.Or(y.when().Compare(x.when()), cmp.Compare(f.distance(x), f.distance(y)))
	})
	return a
}

// distance ranks managers that wrote in the same second: people's tools are the likelier culprits.
func (f *Fingerprinter) distance(e entry) int {
	if f.people(e) {
		return 0
	}
	return 1
}

// skips reports whether a difference counts for nobody.
func (a *attribution) skips(p []pathStep, c object.Change) bool {
	path := make([]string, 0, len(p))
	for _, s := range p {
		key := "f:" + s.field
		if excluded(path, key, a.rules.Restarts) {
			return true
		}
		path = append(path, key)
	}
	if c.To == nil && (Empty(c.From) || len(p) == 1 && p[0].field == "stringData") {
		return true // the server stores neither empty containers nor stringData
	}
	patterns := a.ignored.patterns()
	var v any = a.live.Object
	for _, s := range p {
		at := s.in(v)
		var whole bool
		if patterns, whole = advance(patterns, at); whole {
			return true
		}
		v = at.value
	}
	if len(patterns) > 0 && object.Equal(prune(runtime.DeepCopyJSONValue(c.From), patterns), prune(runtime.DeepCopyJSONValue(c.To), patterns)) {
		return true
	}
	for _, e := range a.others {
		if a.ignored.manager(e.manager) && owns(e.fields, a.live.Object, p) {
			return true
		}
	}
	return false
}

func (a *attribution) ownerOf(root any, p []pathStep) culpritKey {
	for _, e := range a.others {
		if owns(e.fields, root, p) {
			return keyOf(e)
		}
	}
	return a.stranger()
}

// stranger is the newest manager that wrote after us (times have seconds: the same one counts).
func (a *attribution) stranger() culpritKey {
	if len(a.others) > 0 && !a.others[0].when().Before(a.since) {
		return keyOf(a.others[0])
	}
	return culpritKey{manager: UnknownManager}
}

func keyOf(e entry) culpritKey { return culpritKey{e.manager, e.operation, e.sub, e.time} }

func (a *attribution) blame(k culpritKey, c object.Change) { a.found[k] = append(a.found[k], c) }

// additions blames e for what it owns on top of ours and of want.
func (a *attribution) additions(e entry, want map[string]any) {
	w := additionWalk{a: a, key: keyOf(e)}
	w.below("", a.live.Object, want, e.fields, a.ours, a.ignored.patterns())
}

type additionWalk struct {
	a    *attribution
	key  culpritKey
	path []string
}

func (w *additionWalk) below(at string, live, want any, theirs, ours fieldsV1, ignored []pattern) {
	for _, key := range slices.Sorted(maps.Keys(theirs)) {
		if key == "." || excluded(w.path, key, w.a.rules.Restarts) {
			continue
		}
		here := step(live, key)
		rest, whole := advance(ignored, here)
		mine, isOurs := child(ours, key)
		if !here.found || whole || isOurs && leaf(mine) {
			continue
		}
		wanted := step(want, key)
		if here.field == "" && !wanted.found {
			wanted = wantedElement(want, live, here.index)
		}
		c, _ := child(theirs, key)
		_, self := c["."]
		path := at + label(live, here)
		switch {
		case !isOurs && !wanted.found && (leaf(c) || self && here.field == ""):
			w.a.blame(w.key, object.Change{Path: path, To: here.value})
		case leaf(c): // a field of want: told already if it differs
		default:
			w.path = append(w.path, key)
			w.below(path, here.value, wanted.value, c, mine, rest)
			w.path = w.path[:len(w.path)-1]
		}
	}
}

// wantedElement finds the element of want that the live element with that index stands for, where want leaves a part of
// the key to the server's defaults (a port without its protocol).
func wantedElement(want, live any, index int) place {
	wl, _ := want.([]any)
	ll, _ := live.([]any)
	if index < 0 || index >= len(ll) {
		return place{index: -1}
	}
	key := object.ListKey(wl, ll)
	e, ok := ll[index].(map[string]any)
	if key == "" || !ok {
		return place{index: -1}
	}
	for i, x := range wl {
		if m, ok := x.(map[string]any); ok && object.Equal(m[key], e[key]) {
			return place{value: x, index: i, found: true}
		}
	}
	return place{index: -1}
}

func (a *attribution) culprits(sensitive bool) []Culprit {
	out := make([]Culprit, 0, len(a.found))
	for k, fields := range a.found {
		slices.SortFunc(fields, func(x, y object.Change) int { return cmp.Compare(x.Path, y.Path) })
		if sensitive {
			fields = object.Redact(fields)
		}
		out = append(out, Culprit{
			Manager: k.manager, Operation: k.operation, Sub: k.sub, Time: entry{time: k.time}.when(), Fields: fields,
		})
	}
	slices.SortFunc(out, func(x, y Culprit) int {
		return cmp.Or(cmp.Compare(x.Manager, y.Manager), cmp.Compare(x.Operation, y.Operation),
			cmp.Compare(x.Sub, y.Sub), x.Time.Compare(y.Time))
	})
	return out
}
