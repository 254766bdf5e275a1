package server

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/index"
	"plumb.cd/plumb/internal/links"
)

// ListOptions are what lists, search and streams need.
type ListOptions struct {
	// Facts tells what rows show of an App besides its Snapshot; nil: nothing. Changes must be told when they change.
	Facts func(engine.Key) (engine.RowFacts, bool)
	// Settle waits until the facts that were asked for are there, or ctx ends; nil: they are.
	Settle func(ctx context.Context)
	// Links finds what commit messages name, and where commits are shown; nil: what needs no configuration.
	Links *links.Matcher
	// FacetLabels are the labels by which Apps are counted whenever one has them; nil: those of teams.
	FacetLabels []string
}

// teamLabels are what people mark an App's team by.
var teamLabels = []string{"plumb.cd/team", "team"}

// catalog keeps the index up to date with the engine: what changed is filed when somebody looks, so that it costs nothing
// while nobody does.
type catalog struct {
	*index.Index
	engine ListEngine
	facts  func(engine.Key) (engine.RowFacts, bool)
	links  *links.Matcher
	news   *stream

	mu     sync.Mutex
	filled bool
}

func newCatalog(o Options) *catalog {
	labels := o.List.FacetLabels
	if labels == nil {
		labels = teamLabels
	}
	return &catalog{Index: index.New(rand.Text()[:10], labels...), engine: o.Engine, facts: o.List.Facts, links: o.List.Links, news: o.Changes.open()}
}

// firstLook is how long the first answer waits for facts that are read in the background: in a small installation it is
// complete then, in a large one the rest comes by the stream.
const firstLook = 250 * time.Millisecond

// first makes the first answer as complete as it can be soon.
func (s *Server) first(ctx context.Context) {
	if s.o.List.Settle == nil || s.looked.Swap(true) {
		return
	}
	s.catalog.update()
	ctx, cancel := context.WithTimeout(ctx, firstLook)
	defer cancel()
	s.o.List.Settle(ctx)
}

// update files what changed since the last time.
func (c *catalog) update() {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := c.news.take()
	if !c.filled {
		c.filled = true
		for _, snap := range c.engine.Snapshots() {
			c.set(snap)
		}
	}
	for _, key := range changed {
		if snap, ok := c.engine.Snapshot(key); ok {
			c.set(snap)
		} else {
			c.Delete(key.Namespace, key.Name)
		}
	}
}

func (c *catalog) set(snap engine.Snapshot) {
	var facts engine.RowFacts
	if c.facts != nil {
		facts, _ = c.facts(snap.Key)
	}
	app := indexed(snap, facts)
	linked(c.links, app.Row.Commit, facts.URL)
	c.Set(app)
}

// reviews is how many questions about rights are asked at a time.
const reviews = 16

// scope says, with one question a namespace, or one for all, where a reader may list Apps. Answers are kept by Access.
func (s *Server) scope(ctx context.Context, u User) (index.Scope, error) {
	return s.scopeOver(ctx, u, s.catalog.Namespaces())
}

// scopeOver is scope for these namespaces; those that the reader may not see are in it as false.
func (s *Server) scopeOver(ctx context.Context, u User, namespaces []string) (index.Scope, error) {
	all, err := s.o.Access.Allowed(ctx, u, Right{"list", AppResource, engine.Key{}})
	if err != nil || all {
		return index.Scope{All: all}, err
	}
	may := make([]bool, len(namespaces))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(reviews)
	for i, ns := range namespaces {
		g.Go(func() (err error) {
			may[i], err = s.o.Access.Allowed(ctx, u, Right{"list", AppResource, engine.Key{Namespace: ns}})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return index.Scope{}, err
	}
	out := index.Scope{Namespaces: make(map[string]bool, len(namespaces))}
	for i, ns := range namespaces {
		out.Namespaces[ns] = may[i]
	}
	return out, nil
}

// mayList says where the reader may list Apps, with the questions of scope, asked when they come up.
func (s *Server) mayList(c *call) func(namespace string) (bool, error) {
	known := map[string]bool{}
	ask := func(namespace string) (bool, error) {
		ok, asked := known[namespace]
		if asked {
			return ok, nil
		}
		ok, err := s.o.Access.Allowed(c.Context(), c.user(), Right{"list", AppResource, engine.Key{Namespace: namespace}})
		if err == nil {
			known[namespace] = ok
		}
		return ok, err
	}
	return func(namespace string) (bool, error) {
		if all, err := ask(""); err != nil || all {
			return all, err
		}
		return ask(namespace)
	}
}
