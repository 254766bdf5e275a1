package index

import (
	"cmp"
	"container/heap"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/httpapi"
)

// Sort is the order of a list.
type Sort string

const (
	ByState    Sort = "state" // worst first, then newest
	ByName     Sort = "name"
	ByNameDown Sort = "-name"
	ByDeployed Sort = "deployed" // newest first
	ByCluster  Sort = "cluster"
)

// MaxLimit is the longest page.
const MaxLimit = 500

// Query asks for a page.
type Query struct {
	Scope  Scope
	Filter filter.Filter
	Sort   Sort
	Cursor string // Next of the page before; empty: the first page
	Limit  int    // 1 to MaxLimit
}

// place is where a row stands in an order: the values that it is ordered by. It is what a cursor holds, so that the next
// page begins behind the last row even when that row has changed or gone.
type place struct {
	Sort    Sort   `json:"s"`
	Rank    int    `json:"r,omitempty"`
	At      int64  `json:"t,omitempty"`
	Cluster string `json:"c,omitempty"`
	Name    string `json:"n"`
	Space   string `json:"p"`
}

func (s Sort) place(e *entry) place {
	p := place{Sort: s, Name: e.app.Row.Name, Space: e.app.Row.Namespace}
	switch s {
	case ByState:
		p.Rank, p.At = e.rank, e.since
	case ByDeployed:
		p.At = e.deploy
	case ByCluster:
		p.Cluster = e.app.Row.Cluster
	case ByName, ByNameDown:
	}
	return p
}

// entry is an App that stands at the place.
func (p place) entry() *entry {
	e := &entry{rank: p.Rank, since: p.At, deploy: p.At}
	e.app.Row = httpapi.AppRow{Cluster: p.Cluster, Name: p.Name, Namespace: p.Space}
	return e
}

// compare orders two Apps.
func (s Sort) compare(a, b *entry) int {
	switch s {
	case ByState:
		if c := cmp.Or(a.rank-b.rank, cmp.Compare(b.since, a.since)); c != 0 {
			return c
		}
	case ByDeployed:
		if c := cmp.Compare(b.deploy, a.deploy); c != 0 {
			return c
		}
	case ByCluster:
		if c := strings.Compare(a.app.Row.Cluster, b.app.Row.Cluster); c != 0 {
			return c
		}
	case ByNameDown:
		a, b = b, a
	case ByName:
	}
	if c := strings.Compare(a.app.Row.Name, b.app.Row.Name); c != 0 {
		return c
	}
	return strings.Compare(a.app.Row.Namespace, b.app.Row.Namespace)
}

func (p place) cursor() (string, error) {
	raw, err := json.Marshal(p)
	return base64.RawURLEncoding.EncodeToString(raw), err
}

// CursorError says that a cursor is none of this list.
type CursorError struct{ Why string }

func (e *CursorError) Error() string { return "the cursor " + e.Why }

func parseCursor(text string, s Sort) (place, error) {
	var p place
	if len(text) > 2000 {
		return p, &CursorError{"is too long"}
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &p) != nil {
		return p, &CursorError{"is not one that a list gave"}
	}
	if p.Sort != s {
		return p, &CursorError{fmt.Sprintf("is of a list in another order (%q)", p.Sort)}
	}
	return p, nil
}

// Page answers with the rows that match, in order. An error is a *CursorError.
func (x *Index) Page(q Query, now time.Time) (httpapi.AppPage, error) {
	var after *entry
	if q.Cursor != "" {
		p, err := parseCursor(q.Cursor, q.Sort)
		if err != nil {
			return httpapi.AppPage{}, err
		}
		after = p.entry()
	}
	all, seq := x.view(q.Scope)
	first := &firsts{less: q.Sort.compare, max: q.Limit}
	out := httpapi.AppPage{Epoch: x.epoch, Seq: seq}
	blame := make([]int, len(q.Filter.Terms)) // Apps that only this term leaves out
	for _, e := range all {
		if failing(q.Filter, e, now, blame) > 0 {
			continue
		}
		out.Total++
		if after == nil || q.Sort.compare(e, after) > 0 {
			first.offer(e)
		}
	}
	rows := first.sorted()
	out.Items = make([]httpapi.AppRow, len(rows))
	for i, e := range rows {
		out.Items[i] = e.app.Row
	}
	if out.Total == 0 {
		out.Hint = hint(q.Filter, blame)
	}
	if first.left {
		var err error
		if out.Next, err = q.Sort.place(rows[len(rows)-1]).cursor(); err != nil {
			return out, err
		}
	}
	return out, nil
}

// failing counts the terms that do not hold; where it is one alone, it gets the blame.
func failing(f filter.Filter, e *entry, now time.Time, blame []int) int {
	fails, last := 0, 0
	for i := range f.Terms {
		if t := &f.Terms[i]; t.Match(&e.fold, now) == t.Negated {
			if fails++; fails > 1 {
				return fails
			}
			last = i
		}
	}
	if fails == 1 {
		blame[last]++
	}
	return fails
}

// hint is the term without which the most Apps would match.
func hint(f filter.Filter, blame []int) *httpapi.EmptyHint {
	if len(blame) == 0 {
		return nil
	}
	worst := 0
	for i, n := range blame {
		if n > blame[worst] {
			worst = i
		}
	}
	if blame[worst] == 0 {
		return nil
	}
	return &httpapi.EmptyHint{Term: f.Terms[worst].String(), Without: blame[worst]}
}

// firsts keeps the first Apps of an order, the last of them on top of a heap.
type firsts struct {
	less func(a, b *entry) int
	max  int
	rows []*entry
	left bool // some had to be left out
}

func (h *firsts) offer(e *entry) {
	switch {
	case len(h.rows) < h.max:
		heap.Push(h, e)
	case h.less(e, h.rows[0]) < 0:
		h.rows[0], h.left = e, true
		heap.Fix(h, 0)
	default:
		h.left = true
	}
}

func (h *firsts) sorted() []*entry {
	slices.SortFunc(h.rows, h.less)
	return h.rows
}

func (h *firsts) Len() int           { return len(h.rows) }
func (h *firsts) Less(i, j int) bool { return h.less(h.rows[i], h.rows[j]) > 0 }
func (h *firsts) Swap(i, j int)      { h.rows[i], h.rows[j] = h.rows[j], h.rows[i] }
func (h *firsts) Push(v any)         { h.rows = append(h.rows, v.(*entry)) }
func (h *firsts) Pop() any {
	last := h.rows[len(h.rows)-1]
	h.rows = h.rows[:len(h.rows)-1]
	return last
}
