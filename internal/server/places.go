package server

import (
	"net/http"
	"time"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
)

// RepositoryView is a Repository in the API. It is a contract.
type RepositoryView struct {
	Namespace string            `json:"namespace"`
	Name      string            `json:"name"`
	URL       string            `json:"url"`
	Checked   time.Time         `json:"checked,omitzero"` // the newest look at it
	Changed   time.Time         `json:"changed,omitzero"` // when a ref last moved
	Refs      map[string]string `json:"refs,omitempty"`   // ref in use → commit
	Apps      int               `json:"apps"`
	Problem   *Problem          `json:"problem,omitempty"`
}

// ClusterView is a Cluster in the API. It is a contract.
type ClusterView struct {
	Name      string    `json:"name"`
	Connected bool      `json:"connected"`
	Version   string    `json:"version,omitempty"` // of its API server
	Since     time.Time `json:"since,omitzero"`    // when it was connected, or lost
	Kinds     int       `json:"kinds"`             // watched
	Objects   int       `json:"objects"`           // managed
	Problem   *Problem  `json:"problem,omitempty"`
}

// problemView is an error as part of an answer.
func problemView(err error) *Problem {
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	return &Problem{Reason: f.Reason, Message: f.Message, Where: f.Where, Next: f.Next}
}

// mayList says, with one question a namespace, where the user may list Apps.
func (s *Server) mayList(c *call) func(namespace string) (bool, error) {
	known := map[string]bool{}
	return func(namespace string) (bool, error) {
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
}

// repositories lists the Repositories of the namespaces in which the user may list Apps; ?namespace= narrows it.
func (s *Server) repositories(c *call) error {
	only, may := c.URL.Query().Get("namespace"), s.mayList(c)
	out := List[RepositoryView]{Items: []RepositoryView{}}
	for _, r := range s.o.Engine.Repositories() {
		if only != "" && only != r.Key.Namespace {
			continue
		}
		ok, err := may(r.Key.Namespace)
		if err != nil {
			return err
		}
		if ok {
			out.Items = append(out.Items, RepositoryView{
				Namespace: r.Key.Namespace, Name: r.Key.Name, URL: r.URL, Checked: r.Checked, Changed: r.Changed, Refs: r.Refs,
				Apps: r.Apps, Problem: problemView(r.Err),
			})
		}
	}
	return c.reply(out)
}

// clusters lists the Clusters, for who may list the Apps of all namespaces: a Cluster belongs to none.
func (s *Server) clusters(c *call) error {
	ok, err := s.mayList(c)("")
	if err != nil {
		return err
	}
	if !ok {
		return Problem{
			Status: http.StatusForbidden, Reason: fault.Forbidden, Message: c.user().Name + " may not list the clusters",
			Next: `ask for the verb "list" on apps.plumb.cd in all namespaces`,
		}
	}
	out := List[ClusterView]{Items: []ClusterView{}}
	for _, t := range s.o.Engine.Targets() {
		out.Items = append(out.Items, ClusterView{
			Name: t.Name, Connected: t.Connected, Version: t.Version, Since: t.Since, Kinds: t.Kinds, Objects: t.Objects, Problem: problemView(t.Err),
		})
	}
	return c.reply(out)
}
