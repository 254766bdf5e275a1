package server

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/index"
	"plumb.cd/plumb/internal/object"
)

type searchQuery struct {
	Q     string `query:"q" doc:"What was typed"`
	Limit int    `query:"limit" minimum:"1" maximum:"100" doc:"How many; default 20"`
}

// pages of the console, by what people call them.
var pages = []struct{ title, path, words string }{
	{"Overview", "/", "home fleet wall"},
	{"Apps", "/apps", "applications list matrix"},
	{"Changes", "/changes", "drift audit history log"},
	{"Clusters", "/clusters", "targets agents"},
	{"Repositories", "/repositories", "git sources charts"},
	{"Measures", "/measures", "dora lead time deployments failure rate"},
	{"Settings", "/settings", "appearance keyboard access notifications channels about"},
}

// minObjects is how much must be typed before objects are looked for: there are many.
const minObjects = 3

const maxSearch = 200 // characters

// hit is an answer and how good it is; less is better.
type hit struct {
	httpapi.SearchHit
	score int
}

// search answers the palette: Apps, then objects, clusters, repositories and pages, the best first.
func (s *Server) search(c *call) error {
	q, err := queryOf[searchQuery](c)
	if err != nil {
		return err
	}
	text, limit := strings.ToLower(strings.TrimSpace(q.Q)), cmp.Or(q.Limit, 20)
	if len(text) > maxSearch {
		return badParameter("q", "is too long")
	}
	out := httpapi.List[httpapi.SearchHit]{Items: []httpapi.SearchHit{}}
	if text == "" {
		return c.reply(out)
	}
	s.catalog.update()
	scope, err := s.scope(c.Context(), c.user())
	if err != nil {
		return err
	}
	hits := pageHits(text)
	for _, f := range s.catalog.Search(scope, text, limit) {
		hits = append(hits, hit{httpapi.SearchHit{
			Kind: "app", Title: f.Row.Name, Where: strings.Trim(f.Row.Namespace+" · "+f.Row.Cluster, " ·"), State: f.Row.State,
			Path: consolePath(engine.Key{Namespace: f.Row.Namespace, Name: f.Row.Name}, nil),
		}, f.Score})
	}
	hits = append(hits, s.placeHits(scope, text)...)
	if len(text) >= minObjects {
		hits = append(hits, s.objectHits(scope, text, limit)...)
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return a.score - b.score })
	for _, h := range hits[:min(len(hits), limit)] {
		out.Items = append(out.Items, h.SearchHit)
	}
	return c.reply(out)
}

func pageHits(text string) []hit {
	var out []hit
	for _, p := range pages {
		score := index.Score(strings.ToLower(p.title), text)
		if score < 0 || score > 2 {
			if score = index.Score(p.words, text); score < 0 || score > 2 {
				continue
			}
			score = 3
		}
		out = append(out, hit{httpapi.SearchHit{Kind: "page", Title: p.title, Path: p.path}, score})
	}
	return out
}

func (s *Server) placeHits(scope index.Scope, text string) []hit {
	var out []hit
	for _, r := range s.o.Engine.Repositories() {
		if !scope.All && !scope.Namespaces[r.Key.Namespace] {
			continue
		}
		score := index.Score(strings.ToLower(r.Key.Name), text)
		if score < 0 && len(text) >= minObjects && strings.Contains(strings.ToLower(r.URL), text) {
			score = 3
		}
		if score >= 0 {
			out = append(out, hit{httpapi.SearchHit{Kind: "repository", Title: r.Key.Name, Where: r.Key.Namespace, Path: "/repositories#" + url.PathEscape(r.Key.String())}, score})
		}
	}
	if !scope.All {
		return out // clusters belong to no namespace
	}
	for _, t := range s.o.Engine.Targets() {
		if score := index.Score(strings.ToLower(t.Name), text); score >= 0 {
			out = append(out, hit{httpapi.SearchHit{Kind: "cluster", Title: t.Name, Path: "/clusters#" + url.PathEscape(t.Name)}, score})
		}
	}
	return out
}

// objectHits finds objects by name. An object that is named like its App comes after it.
func (s *Server) objectHits(scope index.Scope, text string, limit int) []hit {
	see := func(k engine.Key) bool { return scope.All || scope.Namespaces[k.Namespace] }
	var out []hit
	for _, f := range s.o.Engine.Lookup(text, see, limit) {
		out = append(out, hit{httpapi.SearchHit{
			Kind: "object", Title: f.Object.Name, Where: f.Object.Kind + " in app " + f.App.Name, Path: consolePath(f.App, &f.Object),
		}, index.Score(strings.ToLower(f.Object.Name), text)*2 + 1})
	}
	return out
}

// consolePath is where the console shows an App, or an object of it.
func consolePath(k engine.Key, id *object.ID) string {
	p := "/a/" + url.PathEscape(k.Namespace) + "/" + url.PathEscape(k.Name)
	if id != nil {
		p += "/o"
		for part := range strings.SplitSeq(id.String(), "/") {
			p += "/" + url.PathEscape(part)
		}
	}
	return p
}
