package index

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/httpapi"
)

// Delta is what changed, each App once, with its newest state.
type Delta struct {
	Rows []httpapi.AppRow // that match, by the order of their changes
	Gone []string         // "namespace/name": deleted, or no longer matching
	Seq  uint64           // up to here
}

// Audience says of which Apps a reader is told: of those of a list, of single ones, or of both.
type Audience struct {
	Scope  Scope // of the list; the zero value: there is none
	Filter filter.Filter
	Apps   map[string]bool // "namespace/name" of single ones, whatever the filter; false: the reader may not see it
}

// Since tells what changed after a sequence number, for one reader. ok is false when that cannot be told: the number is
// unknown, or too old.
func (x *Index) Since(seq uint64, to Audience, now time.Time) (d Delta, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	d.Seq = x.seq
	if seq > x.seq || seq < x.floor {
		return d, false
	}
	for el := x.changes.Back(); el != nil; el = el.Prev() {
		e := el.Value.(*entry)
		if e.seq <= seq {
			break
		}
		switch {
		case !to.Apps[e.key] && !to.Scope.sees(e.app.Row.Namespace):
		case e.gone || !to.Apps[e.key] && !to.Filter.Match(&e.fold, now):
			d.Gone = append(d.Gone, e.key)
		default:
			d.Rows = append(d.Rows, e.app.Row)
		}
	}
	slices.Reverse(d.Rows)
	slices.Reverse(d.Gone)
	return d, true
}

// Matching are all Apps that match, by namespace/name.
func (x *Index) Matching(f filter.Filter, now time.Time) map[string]bool {
	all, _ := x.view(Scope{All: true})
	out := map[string]bool{}
	for _, e := range all {
		if f.Match(&e.fold, now) {
			out[e.key] = true
		}
	}
	return out
}

// ByCluster counts the Apps of every cluster by state.
func (x *Index) ByCluster(s Scope) map[string]httpapi.StateCounts {
	all, _ := x.view(s)
	out := map[string]httpapi.StateCounts{}
	for _, e := range all {
		if out[e.app.Row.Cluster] == nil {
			out[e.app.Row.Cluster] = httpapi.StateCounts{}
		}
		out[e.app.Row.Cluster][e.app.Row.State]++
	}
	return out
}

// Changed is a channel that is closed when there is something after a sequence number.
func (x *Index) Changed(seq uint64) <-chan struct{} {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if seq >= x.seq {
		return x.wake
	}
	now := make(chan struct{})
	close(now)
	return now
}

// Found is an App that a search found.
type Found struct {
	Row   httpapi.AppRow
	Score int // less is better
}

// Search finds Apps by name, best first: the name, its beginning, the beginning of a part of it, any of it, or its letters in
// this order; then the worse state.
func (x *Index) Search(s Scope, text string, limit int) []Found {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return nil
	}
	all, _ := x.view(s)
	scores := map[*entry]int{}
	best := &firsts{max: limit, less: func(a, b *entry) int {
		return cmp.Or(scores[a]-scores[b], a.rank-b.rank, ByName.compare(a, b))
	}}
	for _, e := range all {
		score := Score(e.fold.Name, text)
		if score < 0 && strings.Contains(text, "/") {
			score = Score(e.fold.App, text)
		}
		if score >= 0 {
			scores[e] = score
			best.offer(e)
		}
	}
	var out []Found
	for _, e := range best.sorted() {
		out = append(out, Found{Row: e.app.Row, Score: scores[e]})
	}
	return out
}

// Score says how well a name, in lower case, answers to what was typed: 0 is best, -1 not at all.
func Score(name, text string) int {
	i := strings.Index(name, text)
	switch {
	case name == text:
		return 0
	case i == 0:
		return 1
	case i > 0 && strings.ContainsRune("-_./ ", rune(name[i-1])):
		return 2
	case i > 0:
		return 3
	case len(text) >= 3 && inOrder(name, text):
		return 4
	}
	return -1
}

func inOrder(name, text string) bool {
	for _, r := range text {
		i := strings.IndexRune(name, r)
		if i < 0 {
			return false
		}
		name = name[i+len(string(r)):]
	}
	return true
}
