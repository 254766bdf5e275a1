package filter

import (
	"strings"
	"time"

	"plumb.cd/plumb/internal/httpapi"
)

// Row is an App as filters see it: every text in lower case, made once for many filters.
type Row struct {
	Namespace, Name, App            string
	Cluster, Environment, Component string
	State, Sync, Health             string
	Reason, Message, Source, Author string
	Commit                          [2]string // SHA and subject
	Images                          []string
	Labels                          map[string]string
	Cause                           string // names what ails the App; Apps that share it have the same
	Since, Deployed                 time.Time
}

// Fold makes the Row of an App.
func Fold(r *httpapi.AppRow) Row {
	low := strings.ToLower
	out := Row{
		Namespace: low(r.Namespace), Name: low(r.Name), Cluster: low(r.Cluster), Environment: low(r.Environment), Component: low(r.Component),
		State: low(r.State), Sync: low(r.Sync), Health: low(r.Health), Reason: low(r.Reason), Message: low(r.Message), Source: low(r.Source),
		Since: r.Since, Deployed: r.DeployedAt,
	}
	out.App = out.Namespace + "/" + out.Name
	if r.Commit != nil {
		out.Commit, out.Author = [2]string{low(r.Commit.SHA), low(r.Commit.Subject)}, low(r.Commit.Author)
	}
	for _, image := range r.Images {
		out.Images = append(out.Images, low(image))
	}
	if len(r.Labels) > 0 {
		out.Labels = make(map[string]string, len(r.Labels))
		for k, v := range r.Labels {
			out.Labels[low(k)] = low(v)
		}
	}
	return out
}

// Match says whether every term holds for the App.
func (f Filter) Match(r *Row, now time.Time) bool {
	for i := range f.Terms {
		if f.Terms[i].Match(r, now) == f.Terms[i].Negated {
			return false
		}
	}
	return true
}

// Match says whether the term holds, Negated left aside.
func (t *Term) Match(r *Row, now time.Time) bool {
	if t.Key == "" {
		return t.word(r)
	}
	k := &t.by
	switch k.kind {
	case age:
		return t.aged(k.when(r), now)
	case label:
		v, ok := r.Labels[t.Label]
		return ok && (len(t.Values) == 0 || t.any(v, Value.is))
	case part:
		if k.all == nil {
			return t.any(k.of(r), Value.in)
		}
		for _, s := range k.all(r) {
			if t.any(s, Value.in) {
				return true
			}
		}
		return false
	default:
		return t.any(k.of(r), Value.is)
	}
}

func (t *Term) any(s string, holds func(Value, string) bool) bool {
	for _, v := range t.Values {
		if holds(v, s) {
			return true
		}
	}
	return false
}

func (t *Term) word(r *Row) bool {
	return t.any(r.Name, Value.within) || t.any(r.Message, Value.within) || t.any(r.Commit[1], Value.within)
}

func (t *Term) aged(at, now time.Time) bool {
	if at.IsZero() {
		return false
	}
	if t.Age.Older {
		return now.Sub(at) > t.Age.Bound
	}
	return now.Sub(at) <= t.Age.Bound
}
