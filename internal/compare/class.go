package compare

import (
	"cmp"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/object"
)

// classed is where a difference comes from; an empty class: it is none.
type classed struct {
	class       Class
	owner, rule string
}

// class decides about one differing place.
func (w *walk) class(n node) classed {
	holder, mine := holderOf(n.owners)
	if rule, ok := w.ignored.Rule(w.steps, holder); ok {
		return classed{Ignored, holder, rule}
	}
	if slices.Contains(w.o.Random, w.path) {
		return classed{Ignored, holder, "a random value: it is made once and kept"}
	}
	if !w.live {
		return classed{class: Ours}
	}
	want, live := w.sides(n)
	switch {
	case want != nil && (w.sent == nil || !object.Equal(want, n.sent)):
		if drift.SameQuantity(want, live) {
			return classed{}
		}
		return classed{Ours, holder, ""}
	case want == nil && n.sent != nil && !drift.Empty(n.sent):
		return classed{Ours, holder, ""} // Git took it out
	case want == nil && w.sent == nil && mine:
		return classed{Ours, holder, ""} // what was sent is not known any more; that it was, ownership tells
	case want == nil:
		return w.onTop(n, holder, mine)
	case live == nil:
		return classed{Drift, w.stranger(), ""}
	case mine && drift.SameQuantity(want, live):
		return classed{}
	case mine:
		return classed{Mutated, "", ""}
	case holder == "":
		return classed{Drift, w.stranger(), ""}
	}
	return classed{Drift, holder, ""}
}

// onTop classes what the live state has and nobody sent.
func (w *walk) onTop(n node, holder string, mine bool) classed {
	switch {
	case holder == "" && mine:
		return classed{Mutated, "", ""}
	case holder == "" && (n.element || w.isMetadata()):
		return classed{Mutated, "", ""} // defaulting adds neither elements nor labels: admission did
	case holder == "":
		return classed{Defaulted, "", ""}
	case w.r.Person != nil && w.r.Person(holder) && !w.o.Merge && !w.isBookkeeping():
		return classed{Drift, holder, ""}
	}
	return classed{Other, holder, ""}
}

// holderOf names the manager of a place: the newest that is not we. mine: we hold it.
func holderOf(owners []owner) (holder string, mine bool) {
	for _, o := range owners {
		if o.ours {
			mine = true
		} else if holder == "" {
			holder = o.manager
		}
	}
	return holder, mine
}

// stranger is the newest manager that wrote after us, for what left no trace. Times have seconds: the same one counts.
func (w *walk) stranger() string {
	since := ""
	for _, o := range w.owners {
		if o.ours {
			since = o.at
		}
	}
	for _, o := range w.owners {
		if !o.ours && !o.status {
			if o.at >= since {
				return o.manager
			}
			break
		}
	}
	return ""
}

// scalars classes a difference between two lists of scalars. Where the list is owned element by element, what others
// put into it is theirs.
func (w *walk) scalars(n node) classed {
	want, live := w.sides(n)
	wl, _ := want.([]any)
	ll, _ := live.([]any)
	if !w.live || !isSet(n.owners) || !sameSet(wl, listOf(n.sent)) {
		return w.class(n)
	}
	if rule, ok := w.ignored.Rule(w.steps, ""); ok {
		return classed{Ignored, "", rule}
	}
	holder, mine := "", false
	if extra := without(ll, wl); len(extra) > 0 {
		n.owners, n.element = intoElement(n.owners, extra[0], ""), true
		holder, mine = holderOf(n.owners)
	}
	if len(without(wl, ll)) == 0 {
		return w.onTop(n, holder, mine)
	}
	return classed{Drift, cmp.Or(holder, w.stranger()), ""}
}

// sides tells what is wanted from what is live.
func (w *walk) sides(n node) (want, live any) {
	if w.o.Live == RightSide {
		return n.left, n.right
	}
	return n.right, n.left
}

func listOf(v any) []any { l, _ := v.([]any); return l }

func without(list, other []any) []any {
	return slices.DeleteFunc(slices.Clone(list), func(x any) bool {
		return slices.ContainsFunc(other, func(y any) bool { return object.Equal(x, y) })
	})
}

func (w *walk) isMetadata() bool {
	return strings.HasPrefix(w.path, ".metadata.labels") || strings.HasPrefix(w.path, ".metadata.annotations") ||
		strings.Contains(w.path, ".template.metadata.labels") || strings.Contains(w.path, ".template.metadata.annotations")
}

// isBookkeeping is what tools note for themselves: that is nobody's change.
func (w *walk) isBookkeeping() bool {
	return strings.HasSuffix(w.path, `.annotations["kubectl.kubernetes.io/last-applied-configuration"]`) ||
		strings.HasSuffix(w.path, `.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]`)
}
