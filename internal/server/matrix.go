package server

import (
	"cmp"

	"plumb.cd/plumb/internal/index"
)

type matrixQuery struct {
	Filter string `query:"filter" doc:"Which Apps"`
	Cursor string `query:"cursor" doc:"Next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" doc:"How many components; default 100"`
}

// matrix answers which version runs where.
func (s *Server) matrix(c *call) error {
	q, err := queryOf[matrixQuery](c)
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
	return c.reply(s.catalog.Matrix(index.MatrixQuery{Scope: scope, Filter: f, Cursor: q.Cursor, Limit: cmp.Or(q.Limit, pageLimit)}, s.o.Now()))
}
