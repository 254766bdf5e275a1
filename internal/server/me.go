package server

import (
	"sync"

	"golang.org/x/sync/errgroup"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
)

type canQuery struct {
	App  string   `query:"app" doc:"namespace/name; default: any App in any namespace"`
	Verb []string `query:"verb" enum:"get,list,sync,approve,hold,rollback,suspend,refresh,cancel,logs" doc:"May be repeated; default: all of them"`
}

var verbs = []string{"get", "sync", "approve", "hold", "rollback", "suspend", "refresh", "cancel", "logs"}

// me says who the reader is, and how the sign-in ends.
func (s *Server) me(c *call) error {
	return c.reply(httpapi.Me{
		Name: c.session.Name, Groups: c.session.Groups, Expires: utc(c.session.Expires), CSRF: c.session.CSRF, SignOut: c.session.SignOut,
	})
}

// can says what the reader may do to an App. To one that they may not see: nothing, as to one that does not exist.
func (s *Server) can(c *call) error {
	q, err := queryOf[canQuery](c)
	if err != nil {
		return err
	}
	var key engine.Key
	if q.App != "" {
		var ok bool
		if key, ok = keyIn(q.App); !ok {
			return badParameter("app", "want namespace/name")
		}
	}
	asked := q.Verb
	if len(asked) == 0 {
		asked = verbs
	}
	out := httpapi.Can{App: q.App, Verbs: map[string]bool{}}
	if seen, err := s.o.Access.Allowed(c.Context(), c.user(), Right{"get", AppResource, key}); err != nil {
		out.Unknown = asked
		return c.reply(out)
	} else if !seen {
		for _, v := range asked {
			out.Verbs[v] = false
		}
		return c.reply(out)
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(c.Context())
	g.SetLimit(reviews)
	for _, v := range asked {
		g.Go(func() error {
			ok, err := s.o.Access.Allowed(ctx, c.user(), Right{v, AppResource, key})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				out.Unknown = append(out.Unknown, v)
				return nil
			}
			out.Verbs[v] = ok
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return c.reply(out)
}
