package server

import (
	"context"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/object"
)

// DetailEngine is what the calls on one App read.
type DetailEngine interface {
	Tree(ctx context.Context, key engine.Key, children engine.WithChildren) ([]engine.ObjectView, error)
	Why(ctx context.Context, key engine.Key, id *object.ID) (engine.Why, error)
	Preview(ctx context.Context, key engine.Key) (engine.Preview, error)
}

// DetailOptions are what the calls on one App need besides.
type DetailOptions struct{}

func (s *Server) detailCalls() []operation { return nil }
