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
	Fields names  `query:"fields" enum:"namespace,name,cluster,environment,component,labels,state,since,reason,message,sync,health,commit,images,deployedAt,drifted,objects,source" doc:"Only these fields of each row, separated by commas; namespace and name are always there. Default: all"`
}

type facetsQuery struct {
	Filter string `query:"filter" doc:"Which Apps"`
}

type wallQuery struct {
	Group  string `query:"group" enum:"cluster,namespace,environment" doc:"By what it is grouped; default cluster"`
	Filter string `query:"filter" doc:"Which Apps"`
}

func (q appsQuery) which() string   { return q.Filter }
func (q facetsQuery) which() string { return q.Filter }
func (q wallQuery) which() string   { return q.Filter }

const pageLimit = 100

// question is one over many Apps, as its handlers get it.
type question[Q any] struct {
	query  Q
	filter filter.Filter
	scope  index.Scope // what the reader may see
}

// ask is what a question over many Apps begins with: its query, the filter in it, and what the reader may see.
func ask[Q interface{ which() string }](s *Server, c *call) (question[Q], error) {
	q, err := queryOf[Q](c)
	if err != nil {
		return question[Q]{}, err
	}
	f, scope, err := s.look(c, q.which())
	return question[Q]{q, f, scope}, err
}

// fromIndex makes a handler of what answers a question out of the index alone: who has the answer already is told only that.
func fromIndex[Q interface{ which() string }](s *Server, answer func(question[Q]) (any, error)) func(*call) error {
	return func(c *call) error {
		q, err := ask[Q](s, c)
		if err != nil || c.unchanged(s.tag(c, q.filter, q.scope)) {
			return err
		}
		out, err := answer(q)
		if err != nil {
			return err
		}
		return c.reply(out)
	}
}

// look reads a filter, files what changed, and says what the reader may see.
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

func (s *Server) apps(q question[appsQuery]) (any, error) {
	page, err := s.catalog.Page(index.Query{
		Scope: q.scope, Filter: q.filter, Sort: index.Sort(cmp.Or(q.query.Sort, string(index.ByState))), Cursor: q.query.Cursor,
		Limit: cmp.Or(q.query.Limit, pageLimit),
	}, s.o.Now())
	var wrong *index.CursorError
	if errors.As(err, &wrong) {
		return nil, badParameter("cursor", wrong.Error())
	}
	if err != nil || q.query.Fields == nil {
		return page, err
	}
	return partial(page, q.query.Fields), nil
}

func (s *Server) facets(q question[facetsQuery]) (any, error) {
	return s.catalog.Facets(q.scope, q.filter, s.o.Now()), nil
}

// wall has numbers of the day in its answer too, which change without the index.
func (s *Server) wall(c *call) error {
	q, err := ask[wallQuery](s, c)
	if err != nil {
		return err
	}
	out := s.catalog.Wall(q.scope, q.filter, index.Group(cmp.Or(q.query.Group, string(index.GroupCluster))), s.o.Now())
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
