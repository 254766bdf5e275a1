package index

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/httpapi"
)

const (
	maxCellApps     = 4
	maxEnvironments = 100
)

// MatrixQuery asks for a page of components.
type MatrixQuery struct {
	Scope  Scope
	Filter filter.Filter
	Cursor string // Next of the page before: the name of its last component; empty: the first page
	Limit  int    // components, 1 to MaxLimit
}

// Matrix answers with the Apps that match by component and environment, in the order of the components' names.
func (x *Index) Matrix(q MatrixQuery, now time.Time) httpapi.Matrix {
	all, seq := x.view(q.Scope)
	out := httpapi.Matrix{Epoch: x.epoch, Seq: seq, Environments: []httpapi.FacetCount{}}
	rows, blame := map[string][]*entry{}, make([]int, len(q.Filter.Terms))
	environments := map[string]int{}
	for _, e := range all {
		if failing(q.Filter, e, now, blame) > 0 {
			continue
		}
		out.Apps++
		environments[e.app.Row.Environment]++
		name := componentOf(&e.app.Row)
		rows[name] = append(rows[name], e)
	}
	out.Total = len(rows)
	if out.Apps == 0 {
		out.Hint = hint(q.Filter, blame)
	}
	out.Environments = frequent(environments)
	names := make([]string, 0, len(rows))
	for name := range rows {
		if q.Cursor == "" || name > q.Cursor {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > q.Limit {
		names = names[:q.Limit]
		out.Next = names[len(names)-1]
	}
	out.Items = make([]httpapi.MatrixRow, len(names))
	for i, name := range names {
		out.Items[i] = matrixRow(name, rows[name])
	}
	return out
}

func componentOf(r *httpapi.AppRow) string { return cmp.Or(r.Component, r.Name) }

// frequent are the values, those of most Apps first.
func frequent(counts map[string]int) []httpapi.FacetCount {
	out := make([]httpapi.FacetCount, 0, len(counts))
	for v, n := range counts {
		out = append(out, httpapi.FacetCount{Value: v, Count: n})
	}
	slices.SortFunc(out, func(a, b httpapi.FacetCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return out[:min(len(out), maxEnvironments)]
}

func matrixRow(name string, apps []*entry) httpapi.MatrixRow {
	slices.SortFunc(apps, func(a, b *entry) int {
		return cmp.Or(strings.Compare(a.app.Row.Environment, b.app.Row.Environment), ByState.compare(a, b))
	})
	row := httpapi.MatrixRow{Component: name, Apps: len(apps)}
	for _, e := range apps {
		last := len(row.Cells) - 1
		if last < 0 || row.Cells[last].Environment != e.app.Row.Environment {
			row.Cells = append(row.Cells, httpapi.MatrixCell{Environment: e.app.Row.Environment})
			last++
		}
		c := &row.Cells[last]
		if c.Count++; len(c.Apps) < maxCellApps {
			c.Apps = append(c.Apps, e.app.Row)
		}
	}
	return row
}
