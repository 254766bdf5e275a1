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

func (q matrixQuery) which() string { return q.Filter }

// matrix answers which version runs where.
func (s *Server) matrix(q question[matrixQuery]) (any, error) {
	return s.catalog.Matrix(index.MatrixQuery{
		Scope: q.scope, Filter: q.filter, Cursor: q.query.Cursor, Limit: cmp.Or(q.query.Limit, pageLimit),
	}, s.o.Now()), nil
}
