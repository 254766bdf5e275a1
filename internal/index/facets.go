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
	maxFacetValues = 20
	maxLabelFacets = 6
	maxLabelValues = 50 // a label with more values is no facet
)

// fixedFacets are those that every App has.
var fixedFacets = []struct {
	key string
	of  func(*httpapi.AppRow) string
}{
	{"state", func(r *httpapi.AppRow) string { return r.State }},
	{"health", func(r *httpapi.AppRow) string { return r.Health }},
	{"sync", func(r *httpapi.AppRow) string { return r.Sync }},
	{"namespace", func(r *httpapi.AppRow) string { return r.Namespace }},
	{"cluster", func(r *httpapi.AppRow) string { return r.Cluster }},
	{"environment", func(r *httpapi.AppRow) string { return r.Environment }},
	{sourceFacet, repository},
}

// sourceFacet counts Apps by repository. A filter's source:VALUE looks for part of repository and path, so the count of a
// repository whose address is part of another one's has the other one's Apps in it too.
const sourceFacet = "source"

func repository(r *httpapi.AppRow) string {
	address, _, _ := strings.Cut(r.Source, " ")
	return address
}

// Facets counts the Apps that match, by value; for each facet, the filter's own terms on it are left aside.
func (x *Index) Facets(s Scope, f filter.Filter, now time.Time) httpapi.Facets {
	all, _ := x.view(s)
	labels := x.labelFacets(all, f)
	counts := make([]map[string]int, len(fixedFacets)+len(labels))
	for i := range counts {
		counts[i] = map[string]int{}
	}
	out := httpapi.Facets{}
	for _, e := range all {
		only, ok := blocked(f, e, now)
		if !ok {
			continue
		}
		if only == "" {
			out.Total++
		}
		for i, facet := range fixedFacets {
			if only == "" || only == facet.key {
				counts[i][facet.of(&e.app.Row)]++
			}
		}
		for i, label := range labels {
			if v, has := e.app.Row.Labels[label]; has && (only == "" || strings.EqualFold(only, "label:"+label)) {
				counts[len(fixedFacets)+i][v]++
			}
		}
	}
	for i, facet := range fixedFacets {
		values := facetValues(facet.key, counts[i])
		if facet.key == sourceFacet {
			countParts(values.Values, counts[i])
		}
		out.Facets = append(out.Facets, values)
	}
	for i, label := range labels {
		out.Facets = append(out.Facets, facetValues("label:"+label, counts[len(fixedFacets)+i]))
	}
	return out
}

// blocked says by which facet alone an App is left out ("": by none); ok is false when it is by several.
func blocked(f filter.Filter, e *entry, now time.Time) (facet string, ok bool) {
	for i := range f.Terms {
		t := &f.Terms[i]
		if t.Match(&e.fold, now) != t.Negated {
			continue
		}
		by := t.Facet()
		if by == "" {
			by = "\x00" // a word is no facet
		}
		if facet != "" && facet != by {
			return "", false
		}
		facet = by
	}
	return facet, true
}

// use is how often a label is there, and its values, as long as they are few.
type use struct {
	count  int
	values map[string]bool
}

// countParts adds to each value what is counted for the texts that it is a part of.
func countParts(values []httpapi.FacetCount, counts map[string]int) {
	low := make(map[string]int, len(counts))
	for text, n := range counts {
		low[strings.ToLower(text)] += n
	}
	for i := range values {
		part := strings.ToLower(values[i].Value)
		if part == "" {
			continue // no part of anything but the empty text
		}
		values[i].Count = 0
		for text, n := range low {
			if strings.Contains(text, part) {
				values[i].Count += n
			}
		}
	}
	sortCounts(values)
}

// labelFacets are the labels that the filter names, those that the index was made with, and of the others with few values
// those most in use; in this order.
func (x *Index) labelFacets(all []*entry, f filter.Filter) []string {
	uses := map[string]*use{}
	for _, e := range all {
		for k, v := range e.app.Row.Labels {
			u := uses[k]
			if u == nil {
				u = &use{values: map[string]bool{}}
				uses[k] = u
			}
			if u.count++; len(u.values) <= maxLabelValues && !u.values[v] {
				u.values[v] = true
			}
		}
	}
	rank := map[string]int{} // in lower case; zero: neither named nor of the index
	for i, l := range x.labels {
		rank[l] = i - len(x.labels)
	}
	for _, t := range f.Terms {
		if t.Label != "" {
			rank[t.Label] = -1 - len(x.labels)
		}
	}
	place := func(label string) int { return rank[strings.ToLower(label)] }
	var out []string
	for k, u := range uses {
		if n := len(u.values); place(k) < 0 || n > 1 && n <= maxLabelValues {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		return cmp.Or(place(a)-place(b), uses[b].count-uses[a].count, strings.Compare(a, b))
	})
	return out[:min(len(out), max(maxLabelFacets, len(x.labels)))]
}

// facetValues orders the values of a facet by how frequent they are.
func facetValues(key string, counts map[string]int) httpapi.FacetValues {
	out := httpapi.FacetValues{Key: key, Values: make([]httpapi.FacetCount, 0, len(counts))}
	for v, n := range counts {
		out.Values = append(out.Values, httpapi.FacetCount{Value: v, Count: n})
	}
	sortCounts(out.Values)
	if n := len(out.Values); n > maxFacetValues {
		out.Values, out.More = out.Values[:maxFacetValues], n-maxFacetValues
	}
	return out
}

func sortCounts(values []httpapi.FacetCount) {
	slices.SortFunc(values, func(a, b httpapi.FacetCount) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Value, b.Value))
	})
}
