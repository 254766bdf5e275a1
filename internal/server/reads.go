package server

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/object"
)

// AppView is an App in the API. It is a contract.
type AppView struct {
	Namespace  string             `json:"namespace"`
	Name       string             `json:"name"`
	State      engine.State       `json:"state"`
	Since      time.Time          `json:"since"`
	Reason     string             `json:"reason"`
	Message    string             `json:"message"`
	Next       string             `json:"next,omitempty"`
	Sync       engine.SyncFact    `json:"sync"`
	Health     string             `json:"health"`
	Blocking   *engine.Blocking   `json:"blocking,omitempty"`
	Actions    []string           `json:"actions,omitempty"`
	Revision   string             `json:"revision,omitempty"` // what Git says
	Head       string             `json:"head,omitempty"`     // newest commit that the App is known to be up to date with, changed by it or not
	Applied    string             `json:"applied,omitempty"`
	Bundle     string             `json:"bundle,omitempty"`
	Healthy    *engine.Deployed   `json:"healthy,omitempty"`
	Counts     engine.Counts      `json:"counts"`
	Progress   *engine.Progress   `json:"progress,omitempty"`
	Plan       string             `json:"plan,omitempty"` // digest of the plan that waits or runs
	Attempt    *engine.Attempt    `json:"attempt,omitempty"`
	RolledBack *engine.RolledBack `json:"rolledBack,omitempty"`
	Request    string             `json:"handledRequest,omitempty"`
	Refreshed  string             `json:"handledRefresh,omitempty"`
	Warnings   []string           `json:"warnings,omitempty"`
	Generation int64              `json:"generation"`

	// What a row of a list says of it too; see httpapi.AppRow.
	Cluster     string             `json:"cluster,omitempty"`
	Environment string             `json:"environment,omitempty"`
	Component   string             `json:"component,omitempty"`
	Labels      httpapi.Labels     `json:"labels,omitempty"`
	Commit      *httpapi.CommitRef `json:"commit,omitempty"`
	Images      []string           `json:"images,omitempty"`
	DeployedAt  time.Time          `json:"deployedAt,omitzero"`
	Drifted     int                `json:"drifted,omitempty"`
	Objects     int                `json:"objects"`
	Source      string             `json:"source,omitempty"`
}

// ViewOf is a Snapshot as the API shows it.
func ViewOf(s engine.Snapshot) AppView {
	v := AppView{
		Namespace: s.Key.Namespace, Name: s.Key.Name, State: s.State, Since: s.Since, Reason: string(s.Reason), Message: s.Message,
		Next: s.Next, Sync: s.InSync, Health: string(s.Health.Status.Level), Blocking: s.Blocking, Actions: s.Actions, Counts: s.Counts,
		Progress: s.Progress, Attempt: s.Memory.Attempt, RolledBack: s.Memory.RolledBack, Healthy: s.Memory.Healthy,
		Request: s.Memory.LastRequest, Refreshed: s.Memory.LastRefresh, Warnings: s.Warnings, Generation: s.Generation, Head: s.Head,
	}
	v.Drifted, v.Objects = s.Counts.Drifted, s.Counts.Total
	if s.Desired != nil {
		v.Bundle = string(s.Desired.Bundle)
		if len(s.Desired.Revisions) > 0 {
			v.Revision = s.Desired.Revisions[0].Commit
		}
	}
	if d := s.Memory.Applied; d != nil && len(d.Revisions) > 0 {
		v.Applied = d.Revisions[0].Commit
	}
	if s.Plan != nil {
		v.Plan = string(s.Plan.Digest)
	}
	return v
}

// view is ViewOf with what a row says of the App.
func (s *Server) view(snap engine.Snapshot) AppView {
	v := ViewOf(snap)
	if s.o.List.Facts == nil {
		return v
	}
	facts, _ := s.o.List.Facts(snap.Key)
	r := indexed(snap, facts).Row
	linked(s.o.List.Links, r.Commit, facts.URL)
	v.Cluster, v.Environment, v.Component, v.Labels = r.Cluster, r.Environment, r.Component, r.Labels
	v.Commit, v.Images, v.DeployedAt, v.Source = r.Commit, r.Images, r.DeployedAt, r.Source
	return v
}

// List is the answer of every list.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"` // cursor of the next page
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if s.o.Ready != nil {
		if err := s.o.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	w.Write([]byte("ok\n"))
}

// VersionView is the version of the daemon.
type VersionView struct {
	Version string `json:"version"`
}

func (s *Server) version(c *call) error { return c.reply(VersionView{s.o.Version}) }

func (s *Server) whoami(c *call) error { return c.reply(c.user()) }

func (s *Server) app(c *call) error {
	snap, _ := s.o.Engine.Snapshot(c.key)
	return c.reply(s.view(snap))
}

func (s *Server) tree(c *call) error {
	with := engine.WithChildren(c.URL.Query().Get("children"))
	if with != engine.NoChildren && with != engine.UnhealthyChildren && with != engine.AllChildren {
		return Problem{Status: http.StatusBadRequest, Message: "children: want unhealthy or all"}
	}
	items, err := s.o.Engine.Tree(c.Context(), c.key, with)
	if err != nil {
		return err
	}
	return c.reply(List[engine.ObjectView]{Items: items})
}

func (s *Server) why(c *call) error {
	var id *object.ID
	if q := c.URL.Query().Get("object"); q != "" {
		parsed, err := object.ParseID(q)
		if err != nil {
			return Problem{Status: http.StatusBadRequest, Message: err.Error()}
		}
		id = &parsed
	}
	why, err := s.o.Engine.Why(c.Context(), c.key, id)
	if err != nil {
		return err
	}
	why.Commit = s.linkedView(c.key, why.Commit)
	return c.reply(why)
}

func (s *Server) plan(c *call) error {
	p, err := s.o.Engine.Preview(c.Context(), c.key)
	if err != nil {
		return err
	}
	p.Commit = s.linkedView(c.key, p.Commit)
	return c.reply(p)
}

// historyPage is how many records a page has when nobody says; it is the store's own default.
const historyPage = 50

func (s *Server) history(c *call) error {
	q, err := queryOf[historyQuery](c)
	if err != nil {
		return err
	}
	if s.o.History == nil {
		return c.reply(List[history.Event]{Items: []history.Event{}})
	}
	query := history.Query{App: c.key.String(), Object: q.Object, Limit: q.Limit}
	for _, k := range q.Kind {
		query.Kinds = append(query.Kinds, history.Kind(k))
	}
	if q.Before != "" {
		if query.Before, err = strconv.ParseInt(q.Before, 10, 64); err != nil || query.Before < 1 {
			return badParameter("before", "want the cursor of an earlier answer")
		}
	}
	events, err := s.o.History.List(c.Context(), query)
	if err != nil {
		return err
	}
	out := List[history.Event]{Items: events}
	if out.Items == nil {
		out.Items = []history.Event{}
	}
	if n := len(events); n > 0 && n == cmp.Or(query.Limit, historyPage) {
		out.Next = strconv.FormatInt(events[n-1].Seq, 10)
	}
	return c.reply(out)
}

// find gives the Apps that own an object; those that the user may not see are left out.
func (s *Server) find(c *call) error {
	id, err := object.ParseID(c.URL.Query().Get("object"))
	if err != nil {
		return Problem{Status: http.StatusBadRequest, Message: err.Error()}
	}
	out := List[engine.Key]{Items: []engine.Key{}}
	for _, k := range s.o.Engine.Find(id) {
		ok, err := s.o.Access.Allowed(c.Context(), c.user(), Right{"get", AppResource, k})
		if err != nil {
			return err // nobody could be asked: that says nothing about what there is
		}
		if ok {
			out.Items = append(out.Items, k)
		}
	}
	return c.reply(out)
}
