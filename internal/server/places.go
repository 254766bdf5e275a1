package server

import (
	"net/http"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/index"
)

// partOf is an error as part of an answer; nil stays nil. Its cause stays inside.
func partOf(err error) *httpapi.Problem {
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	message := f.Message
	if f.Reason == fault.Internal && f.Err != nil {
		message = "something went wrong inside Plumb; the daemon's log says what"
	}
	return &httpapi.Problem{Status: statusOf(f), Reason: string(f.Reason), Message: message, Where: f.Where, Next: f.Next}
}

// repositories lists the Repositories of the namespaces in which the user may list Apps; ?namespace= narrows it.
func (s *Server) repositories(c *call) error {
	q, err := queryOf[namespaceQuery](c)
	if err != nil {
		return err
	}
	may := s.mayList(c)
	out := httpapi.List[httpapi.Repository]{Items: []httpapi.Repository{}}
	for _, r := range s.o.Engine.Repositories() {
		if q.Namespace != "" && q.Namespace != r.Key.Namespace {
			continue
		}
		ok, err := may(r.Key.Namespace)
		if err != nil {
			return err
		}
		if ok {
			out.Items = append(out.Items, repositoryView(r))
		}
	}
	out.Total = len(out.Items)
	return c.reply(out)
}

func repositoryView(r engine.RepositorySnapshot) httpapi.Repository {
	out := httpapi.Repository{
		Namespace: r.Key.Namespace, Name: r.Key.Name, URL: r.URL, Checked: utc(r.Checked), Changed: utc(r.Changed), Apps: r.Apps, Problem: partOf(r.Err),
	}
	for ref, commit := range r.Refs {
		out.Refs = append(out.Refs, httpapi.RefState{Ref: ref, Commit: commit})
	}
	slices.SortFunc(out.Refs, func(a, b httpapi.RefState) int { return strings.Compare(a.Ref, b.Ref) })
	return out
}

// clusters lists the Clusters, for who may list the Apps of all namespaces: a Cluster belongs to none.
func (s *Server) clusters(c *call) error {
	ok, err := s.o.Access.Allowed(c.Context(), c.user(), Right{"list", AppResource, engine.Key{}})
	if err != nil {
		return err
	}
	if !ok {
		return Problem{
			Status: http.StatusForbidden, Reason: fault.Forbidden, Message: c.user().Name + " may not list the clusters",
			Next: `ask for the verb "list" on apps.plumb.cd in all namespaces`,
		}
	}
	s.catalog.update()
	states := s.catalog.ByCluster(index.Scope{All: true})
	out := httpapi.List[httpapi.Cluster]{Items: []httpapi.Cluster{}}
	for _, t := range s.o.Engine.Targets() {
		view := httpapi.Cluster{
			Name: t.Name, Connected: t.Connected, Version: t.Version, Since: utc(t.Since), Kinds: t.Kinds, Objects: t.Objects,
			Problem: partOf(t.Err), States: httpapi.StateCounts{},
		}
		for state, n := range states[t.Name] {
			view.States[state] = n
			view.Apps += n
		}
		out.Items = append(out.Items, view)
	}
	out.Total = len(out.Items)
	return c.reply(out)
}
