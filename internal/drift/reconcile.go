package drift

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/object"
)

// Strip gives obj without its ignored fields: a changed copy, or obj itself when nothing of it is ignored.
func (i *Ignores) Strip(obj *unstructured.Unstructured) *unstructured.Unstructured {
	patterns := i.ForObject(object.Of(obj)).patterns()
	if len(patterns) == 0 {
		return obj
	}
	out := obj.DeepCopy()
	prune(out.Object, patterns)
	return out
}

func prune(v any, patterns []pattern) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			below, whole := advance(patterns, place{value: e, index: -1, field: k, found: true})
			if whole {
				delete(x, k)
			} else if len(below) > 0 {
				x[k] = prune(e, below)
			}
		}
	case []any:
		kept := make([]any, 0, len(x))
		for n, e := range x {
			below, whole := advance(patterns, place{value: e, index: n, found: true})
			if whole {
				continue
			}
			if len(below) > 0 {
				e = prune(e, below)
			}
			kept = append(kept, e)
		}
		return kept
	}
	return v
}

// Reconcile gives what to send for want while its ignored fields are left to others: each is sent with its live value,
// and left out as soon as another manager than ours owns it. A field that live lacks is left out too, so that nobody's
// removal is undone. live nil, an object yet to be created, sends want as it is. Fields owned by ignored managers are left
// out. want is not changed; it is returned itself when nothing of it is ignored.
func (i *Ignores) Reconcile(want, live *unstructured.Unstructured, manager string) *unstructured.Unstructured {
	ignored := i.ForObject(object.Of(want))
	if ignored == nil || live == nil {
		return want
	}
	r := reconciler{}
	for _, e := range entries(live) {
		if e.manager == manager || e.sub == "status" {
			continue
		}
		r.others = append(r.others, e.fields)
		if ignored.manager(e.manager) {
			r.ignored = append(r.ignored, e.fields)
		}
	}
	out := want.DeepCopy()
	r.mapping(out.Object, live.Object, ignored.patterns(), r.others, r.ignored)
	return out
}

type reconciler struct{ others, ignored []fieldsV1 }

// mapping settles the fields of want, a map that is ours to change. others and gone are the field sets at this place.
func (r *reconciler) mapping(want, live map[string]any, patterns []pattern, others, gone []fieldsV1) {
	for k, w := range want {
		below, whole := advance(patterns, place{value: w, index: -1, field: k, found: true})
		inOthers, _ := without(others, "f:"+k)
		inGone, taken := without(gone, "f:"+k)
		l, there := live[k]
		if taken && !identity(k, want) {
			delete(want, k)
			continue
		}
		if whole {
			if !there || anyHas(others, "f:"+k) {
				delete(want, k)
			} else {
				want[k] = l
			}
			continue
		}
		if len(below) > 0 || len(inGone) > 0 {
			want[k] = r.inner(w, l, below, inOthers, inGone)
		}
	}
}

func (r *reconciler) inner(want, live any, patterns []pattern, others, gone []fieldsV1) any {
	switch w := want.(type) {
	case map[string]any:
		l, _ := live.(map[string]any)
		r.mapping(w, l, patterns, others, gone)
	case []any:
		l, _ := live.([]any)
		return r.list(w, l, patterns, others, gone)
	}
	return want
}

func (r *reconciler) list(want, live []any, patterns []pattern, others, gone []fieldsV1) []any {
	key := object.ListKey(want, live)
	kept := make([]any, 0, len(want))
	for n, w := range want {
		l, there := counterpart(w, live, key, n)
		below, whole := advance(patterns, place{value: w, index: n, found: true})
		inOthers, owned := elementSets(others, l)
		inGone, _ := elementSets(gone, l)
		if whole {
			if there && !owned {
				kept = append(kept, l)
			}
			continue
		}
		if len(below) > 0 || len(inGone) > 0 {
			w = r.inner(w, l, below, inOthers, inGone)
		}
		kept = append(kept, w)
	}
	return kept
}

// identity reports whether the field k tells its element from its siblings, so that nothing can be sent without it.
func identity(k string, in map[string]any) bool { return k == "name" && len(in) > 1 }

func anyHas(sets []fieldsV1, key string) bool {
	for _, s := range sets {
		if _, ok := s[key]; ok {
			return true
		}
	}
	return false
}

// counterpart finds the live element for w: by key where the lists have one, by index otherwise.
func counterpart(w any, live []any, key string, n int) (any, bool) {
	if key == "" {
		if n < len(live) {
			return live[n], true
		}
		return nil, false
	}
	m, _ := w.(map[string]any)
	for _, e := range live {
		if l, ok := e.(map[string]any); ok && fmt.Sprint(l[key]) == fmt.Sprint(m[key]) {
			return e, true
		}
	}
	return nil, false
}

// elementSets follows the sets into the list element e; owned is true when one of them lists it.
func elementSets(sets []fieldsV1, e any) (inner []fieldsV1, owned bool) {
	for _, s := range sets {
		for key := range s {
			if key == "." || elementOf([]any{e}, key) != 0 {
				continue
			}
			c, _ := child(s, key)
			inner = append(inner, c)
			_, self := c["."]
			owned = owned || self || leaf(c)
		}
	}
	return inner, owned
}
