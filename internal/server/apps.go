package server

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"

	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/index"
)

type appsQuery struct {
	Filter string `query:"filter" doc:"Which Apps, in the filter grammar of docs/api.md"`
	Sort   string `query:"sort" enum:"state,name,-name,deployed,cluster" doc:"Order; default state: worst first, then newest"`
	Cursor string `query:"cursor" doc:"Next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" doc:"How many; default 100"`
}

type facetsQuery struct {
	Filter string `query:"filter" doc:"Which Apps"`
}

type wallQuery struct {
	Group  string `query:"group" enum:"cluster,namespace,environment" doc:"By what it is grouped; default cluster"`
	Filter string `query:"filter" doc:"Which Apps"`
}

const pageLimit = 100

// look is what a question over many Apps begins with: the filter, and what the reader may see.
func (s *Server) look(c *call, text string) (filter.Filter, index.Scope, error) {
	f, err := parseFilter(text)
	if err != nil {
		return f, index.Scope{}, err
	}
	s.first(c.Context())
	s.catalog.update()
	scope, err := s.scope(c.Context(), c.user())
	return f, scope, err
}

// parseFilter reads a filter; an error is a Problem whose Where is the position.
func parseFilter(text string) (filter.Filter, error) {
	f, err := filter.Parse(text)
	var wrong *filter.Error
	if errors.As(err, &wrong) {
		return f, Problem{
			Status: http.StatusBadRequest, Message: "filter: " + wrong.Error(), Where: fmt.Sprintf("filter:%d", wrong.At),
			Next: "docs/api.md has the grammar",
		}
	}
	return f, err
}

// matching are the Apps that a filter lets through, by namespace/name, rights left aside.
func (s *Server) matching(f filter.Filter) map[string]bool {
	s.catalog.update()
	return s.catalog.Matching(f, s.o.Now())
}

func (s *Server) apps(c *call) error {
	q, err := queryOf[appsQuery](c)
	if err != nil {
		return err
	}
	f, scope, err := s.look(c, q.Filter)
	if err != nil {
		return err
	}
	if c.unchanged(s.tag(c, f, scope)) {
		return nil
	}
	page, err := s.catalog.Page(index.Query{
		Scope: scope, Filter: f, Sort: index.Sort(cmp.Or(q.Sort, string(index.ByState))), Cursor: q.Cursor, Limit: cmp.Or(q.Limit, pageLimit),
	}, s.o.Now())
	var wrong *index.CursorError
	if errors.As(err, &wrong) {
		return badParameter("cursor", wrong.Error())
	}
	if err != nil {
		return err
	}
	return c.reply(page)
}

func (s *Server) facets(c *call) error {
	q, err := queryOf[facetsQuery](c)
	if err != nil {
		return err
	}
	f, scope, err := s.look(c, q.Filter)
	if err != nil {
		return err
	}
	if c.unchanged(s.tag(c, f, scope)) {
		return nil
	}
	return c.reply(s.catalog.Facets(scope, f, s.o.Now()))
}

func (s *Server) wall(c *call) error {
	q, err := queryOf[wallQuery](c)
	if err != nil {
		return err
	}
	f, scope, err := s.look(c, q.Filter)
	if err != nil {
		return err
	}
	out := s.catalog.Wall(scope, f, index.Group(cmp.Or(q.Group, string(index.GroupCluster))), s.o.Now())
	if out.Day, err = s.daySummary(c); err != nil {
		return err
	}
	return c.reply(out)
}

// tag names the answer to a question about the index: by what was asked, what the reader may see, and the newest change.
// A filter that depends on the time has none.
func (s *Server) tag(c *call, f filter.Filter, scope index.Scope) string {
	for _, t := range f.Terms {
		if t.Age != nil {
			return ""
		}
	}
	var seen []string
	for ns, ok := range scope.Namespaces {
		if ok {
			seen = append(seen, ns)
		}
	}
	slices.Sort(seen)
	sum := fnv.New128a()
	fmt.Fprintf(sum, "%s\x00%s\x00%t\x00%q", c.URL.Path, c.URL.RawQuery, scope.All, seen)
	return fmt.Sprintf(`W/"%s-%d-%x"`, s.catalog.Epoch(), s.catalog.Seq(), sum.Sum(nil))
}
