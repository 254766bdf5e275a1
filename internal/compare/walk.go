package compare

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/object"
)

// walk goes through both sides of one object together.
type walk struct {
	o       Object
	r       Rules
	live    bool // one side is the live state
	sent    any
	owners  []owner
	ignored *drift.Ignored
	out     []Field

	path  string
	steps []drift.Step
}

// node is a place in the object, as it is on each side. nil: not there.
type node struct {
	left, right, sent any
	owners            []owner // who holds it, the newest first
	element           bool    // of a list
}

func newWalk(o Object, r Rules) *walk {
	live := liveOf(o)
	w := &walk{o: o, r: r, live: o.Live != Neither, owners: ownersOf(live, r.Manager)}
	if o.Sent != nil {
		w.sent = normal(o.ID, o.Sent)
	}
	if r.Ignored != nil {
		w.ignored = r.Ignored(o.ID)
	}
	return w
}

// whole tells an object that only one side has.
func (w *walk) whole(body map[string]any) {
	n := node{sent: w.sent}
	if w.o.Left != nil {
		n.left = body
	} else {
		n.right = body
	}
	w.leaves(n, Ours)
}

// leaves tells every leaf of what only one side has. List elements are told whole.
func (w *walk) leaves(n node, c Class) {
	value := n.left
	if value == nil {
		value = n.right
	}
	m, ok := value.(map[string]any)
	if !ok || len(m) == 0 || n.element {
		if !drift.Empty(value) {
			w.out = append(w.out, Field{Path: w.path, Left: n.left, Right: n.right, Class: c})
		}
		return
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		child := node{}
		if n.left != nil {
			child.left = m[k]
		} else {
			child.right = m[k]
		}
		w.at(object.Field(k), drift.Step{Field: k, Index: -1, Value: m[k]}, func() { w.leaves(child, c) })
	}
}

// at runs f one step further down.
func (w *walk) at(label string, s drift.Step, f func()) {
	path := w.path
	w.path += label
	w.steps = append(w.steps, s)
	f()
	w.path, w.steps = path, w.steps[:len(w.steps)-1]
}

func (w *walk) maps(n node) {
	left, _ := n.left.(map[string]any)
	right, _ := n.right.(map[string]any)
	sent, _ := n.sent.(map[string]any)
	keys := slices.Collect(maps.Keys(left))
	for k := range right {
		if _, both := left[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		if k == "apiVersion" && w.path == "" && w.live {
			continue // the live state is read in the version that we know it by
		}
		child := node{left: left[k], right: right[k], sent: sent[k], owners: into(n.owners, k)}
		w.at(object.Field(k), drift.Step{Field: k, Index: -1, Value: w.known(child)}, func() { w.value(child) })
	}
}

// known is a value that the place has: the live one where there is one.
func (w *walk) known(n node) any {
	first, second := n.left, n.right
	if w.o.Live == RightSide {
		first, second = second, first
	}
	if first != nil {
		return first
	}
	return second
}

func (w *walk) value(n node) {
	if drift.Empty(n.left) && drift.Empty(n.right) {
		return
	}
	_, leftMap := n.left.(map[string]any)
	_, rightMap := n.right.(map[string]any)
	ll, leftList := n.left.([]any)
	rl, rightList := n.right.([]any)
	switch {
	case leftMap && rightMap:
		w.maps(n)
	case leftMap && n.right == nil && !n.element, rightMap && n.left == nil && !n.element:
		w.maps(n) // leaf by leaf: they may have different owners
	case leftList && rightList:
		w.lists(n, ll, rl)
	case leftList && n.right == nil && ofMaps(ll), rightList && n.left == nil && ofMaps(rl):
		w.lists(n, ll, rl)
	case !object.Equal(n.left, n.right):
		w.differ(n)
	}
}

// differ tells one difference, unless it is one of spelling.
func (w *walk) differ(n node) { w.tell(n, w.class(n)) }

func (w *walk) tell(n node, c classed) {
	if c.class == "" {
		return
	}
	w.out = append(w.out, Field{Path: w.path, Left: n.left, Right: n.right, Class: c.class, Owner: c.owner, Rule: c.rule})
}

func ofMaps(list []any) bool {
	for _, e := range list {
		if _, ok := e.(map[string]any); !ok {
			return false
		}
	}
	return len(list) > 0
}

// lists matches the elements of both sides by the keys that the API server merges them by, else by a key that tells all
// of them apart, else by place. Lists of scalars are told as a whole: where something was put in says little.
func (w *walk) lists(n node, left, right []any) {
	if !ofMaps(append(slices.Clone(left), right...)) {
		if isSet(n.owners) && sameSet(left, right) || object.Equal(left, right) {
			return
		}
		w.tell(n, w.scalars(n))
		return
	}
	sent, _ := n.sent.([]any)
	keys := mergeKeys(n.owners)
	if keys == nil {
		if k := object.ListKey(left, right); k != "" {
			keys = []string{k}
		}
	}
	if keys == nil {
		w.byIndex(n, left, right, sent)
		return
	}
	label := labeller(keys, left, right)
	taken := make([]bool, len(right))
	for i, l := range left {
		var r any
		if j := match(keys, l, right, taken); j >= 0 {
			taken[j], r = true, right[j]
		}
		w.element(n, node{left: l, right: r}, sent, keys, label, i)
	}
	for j, r := range right {
		if !taken[j] {
			w.element(n, node{right: r}, sent, keys, label, j)
		}
	}
}

func (w *walk) element(list, n node, sent []any, keys []string, label func(any, int) string, index int) {
	known := w.known(n)
	if i := match(keys, known, sent, nil); i >= 0 {
		n.sent = sent[i]
	}
	n.owners, n.element = intoElement(list.owners, known, strconv.Itoa(index)), true
	w.at(label(known, index), drift.Step{Index: index, Value: known}, func() { w.value(n) })
}

func (w *walk) byIndex(n node, left, right, sent []any) {
	at := func(l []any, i int) any {
		if i < len(l) {
			return l[i]
		}
		return nil
	}
	for i := range max(len(left), len(right)) {
		e := node{left: at(left, i), right: at(right, i), sent: at(sent, i), element: true}
		e.owners = intoElement(n.owners, w.known(e), strconv.Itoa(i))
		w.at("["+strconv.Itoa(i)+"]", drift.Step{Index: i, Value: w.known(e)}, func() { w.value(e) })
	}
}

// match finds the element of list that has e's keys, or -1. A key that one of the two leaves to the server's default
// (a port without its protocol) matches when nothing matches better.
func match(keys []string, e any, list []any, taken []bool) int {
	m, _ := e.(map[string]any)
	near := -1
	for i, x := range list {
		other, ok := x.(map[string]any)
		if !ok || taken != nil && taken[i] {
			continue
		}
		missing, differs, same := 0, false, 0
		for _, k := range keys {
			a, hasA := m[k]
			b, hasB := other[k]
			switch {
			case hasA && hasB && object.Equal(a, b):
				same++
			case hasA != hasB || !hasA:
				missing++
			default:
				differs = true
			}
		}
		if differs || same == 0 {
			continue
		}
		if missing == 0 {
			return i
		}
		if near < 0 {
			near = i
		}
	}
	return near
}

// labeller writes elements as [name=web], with as many keys as it takes to tell them apart.
func labeller(keys []string, lists ...[]any) func(e any, index int) string {
	shown := keys
	for _, k := range keys {
		if unique(k, lists) {
			shown = []string{k}
			break
		}
	}
	return func(e any, index int) string {
		m, _ := e.(map[string]any)
		var parts []string
		for _, k := range shown {
			if v, ok := m[k]; ok {
				parts = append(parts, fmt.Sprintf("%s=%v", k, v))
			}
		}
		if len(parts) == 0 {
			return "[" + strconv.Itoa(index) + "]"
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
}

func unique(key string, lists [][]any) bool {
	for _, l := range lists {
		seen := map[string]bool{}
		for _, e := range l {
			m, _ := e.(map[string]any)
			v, ok := m[key]
			if s := fmt.Sprint(v); !ok || seen[s] {
				return false
			} else {
				seen[s] = true
			}
		}
	}
	return true
}

func sameSet(a, b []any) bool { return len(a) == len(b) && len(without(a, b)) == 0 }
