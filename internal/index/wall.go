package index

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/httpapi"
)

// Group is by what the wall is grouped.
type Group string

const (
	GroupCluster     Group = "cluster"
	GroupNamespace   Group = "namespace"
	GroupEnvironment Group = "environment"
)

const (
	maxProblems   = 200
	maxNamedGroup = 500 // Apps of a group, to be named cell by cell
	maxNamed      = 3_000
	maxCauses     = 20
	maxCauseApps  = 10
)

func (g Group) of(r *httpapi.AppRow) string {
	switch g {
	case GroupNamespace:
		return r.Namespace
	case GroupEnvironment:
		return r.Environment
	default:
		return r.Cluster
	}
}

// Wall is the fleet at a glance, without the day's summary, which is not the index's to know.
func (x *Index) Wall(s Scope, f filter.Filter, g Group, now time.Time) httpapi.Wall {
	all, seq := x.view(s)
	out := httpapi.Wall{Epoch: x.epoch, Seq: seq, Counts: httpapi.StateCounts{}, Groups: []httpapi.WallGroup{}, Problems: []httpapi.AppRow{}, Causes: []httpapi.Cause{}}
	var matched []*entry
	for _, e := range all {
		if f.Match(&e.fold, now) {
			matched = append(matched, e)
			out.Counts[e.app.Row.State]++
		}
	}
	slices.SortFunc(matched, ByState.compare)
	out.Total = len(matched)
	groups := map[string]int{}
	for _, e := range matched {
		name := g.of(&e.app.Row)
		i, ok := groups[name]
		if !ok {
			i = len(out.Groups)
			groups[name] = i
			out.Groups = append(out.Groups, httpapi.WallGroup{Name: name})
		}
		out.Groups[i].Apps = append(out.Groups[i].Apps, e.key)
		if e.app.Row.State != "Synced" && len(out.Problems) < maxProblems {
			out.Problems = append(out.Problems, e.app.Row)
		}
	}
	paint(matched, groups, out.Groups, g)
	name(out.Groups)
	slices.SortFunc(out.Groups, func(a, b httpapi.WallGroup) int { return strings.Compare(a.Name, b.Name) })
	out.Causes = causes(matched)
	return out
}

// paint writes the letters of every group, in the order of matched.
func paint(matched []*entry, index map[string]int, groups []httpapi.WallGroup, g Group) {
	cells := make([][]byte, len(groups))
	for _, e := range matched {
		i := index[g.of(&e.app.Row)]
		cells[i] = append(cells[i], states[e.rank].letter)
	}
	for i := range groups {
		groups[i].Cells = string(cells[i])
	}
}

// name leaves the names of cells only where there are few, small groups first, so that a wall stays small at any size.
func name(groups []httpapi.WallGroup) {
	bySize := make([]*httpapi.WallGroup, len(groups))
	for i := range groups {
		bySize[i] = &groups[i]
	}
	slices.SortStableFunc(bySize, func(a, b *httpapi.WallGroup) int { return len(a.Apps) - len(b.Apps) })
	named := 0
	for _, g := range bySize {
		if named += len(g.Apps); len(g.Apps) > maxNamedGroup || named > maxNamed {
			g.Apps = nil
		}
	}
}

// causes groups the Apps in trouble by what ails them; one that stands alone is no group.
func causes(matched []*entry) []httpapi.Cause {
	byID := map[string]*httpapi.Cause{}
	var order []*httpapi.Cause
	for _, e := range matched {
		id := e.fold.Cause
		if id == "" {
			continue
		}
		c := byID[id]
		if c == nil {
			row := &e.app.Row
			c = &httpapi.Cause{State: row.State, Reason: row.Reason, Message: e.sample, Filter: "cause:" + id}
			byID[id] = c
			order = append(order, c)
		}
		c.Count++
		c.Apps = append(c.Apps, e.key)
	}
	out := []httpapi.Cause{}
	for _, c := range order {
		if c.Count < 2 {
			continue
		}
		slices.Sort(c.Apps)
		c.Apps = c.Apps[:min(len(c.Apps), maxCauseApps)]
		out = append(out, *c)
	}
	slices.SortStableFunc(out, func(a, b httpapi.Cause) int {
		return cmp.Or(rankOf(a.State)-rankOf(b.State), b.Count-a.Count, strings.Compare(a.Filter, b.Filter))
	})
	return out[:min(len(out), maxCauses)]
}
