package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/render"
)

// ErrNoApp says that there is no such App.
var ErrNoApp = errors.New("no such App")

// ObjectView is one object of an App, as people see it.
type ObjectView struct {
	ID         object.ID     `json:"id"`
	APIVersion string        `json:"apiVersion"`
	UID        string        `json:"uid,omitempty"`
	Health     health.Status `json:"health"`
	Since      time.Time     `json:"since,omitzero"`
	InSync     bool          `json:"inSync"`
	Missing    bool          `json:"missing,omitempty"`
	Hook       bool          `json:"hook,omitempty"`
	Wave       int           `json:"wave"`
	Yielded    []string      `json:"yielded,omitempty"` // fields left to other managers
	File       string        `json:"file,omitempty"`    // file:line it was rendered from
	Children   []ChildView   `json:"children,omitempty"`
}

// ChildView is an object that a controller made for one of ours.
type ChildView struct {
	ID       object.ID       `json:"id"`
	Health   health.Status   `json:"health"`
	Events   []cluster.Event `json:"events,omitempty"`
	Children []ChildView     `json:"children,omitempty"`
}

// WithChildren says for which objects a Tree lists children.
type WithChildren string

const (
	NoChildren        WithChildren = ""
	UnhealthyChildren WithChildren = "unhealthy"
	AllChildren       WithChildren = "all"
)

// Tree lists the App's objects by wave and name, with what controllers made of them.
func (e *Engine) Tree(ctx context.Context, key Key, children WithChildren) ([]ObjectView, error) {
	a := e.app(key)
	if a == nil {
		return nil, ErrNoApp
	}
	_, t := e.wires(a)
	if t == nil {
		return nil, errPending
	}
	records := t.set(key).all()
	files := e.files(a)
	conn, connErr := t.connection()
	out := make([]ObjectView, 0, len(records))
	for id, r := range records {
		v := ObjectView{
			ID: id, APIVersion: r.kind.GroupVersion().String(), UID: r.uid, Health: r.health, Since: r.since,
			InSync: r.inSync() || r.hook, Missing: r.missing, Hook: r.hook, Wave: r.wave, File: files.of(id),
		}
		unhealthy := r.health.Level != health.Healthy
		if connErr == nil && (children == AllChildren || (children == UnhealthyChildren && unhealthy)) && !r.missing {
			v.Children = e.children(ctx, conn, r, id)
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(x, y ObjectView) int {
		if x.Wave != y.Wave {
			return x.Wave - y.Wave
		}
		return x.ID.Compare(y.ID)
	})
	return out, nil
}

// children lists what stems from an object. An error leaves the list empty: it is an extra.
func (e *Engine) children(ctx context.Context, conn *cluster.Cluster, r record, id object.ID) []ChildView {
	found, err := conn.Children(ctx, r.kind, id, r.uid)
	if err != nil {
		return nil
	}
	now := e.o.Now()
	byOwner := map[string][]*unstructured.Unstructured{}
	for _, c := range found {
		byOwner[c.Owner] = append(byOwner[c.Owner], c.Object)
	}
	var build func(uid string) []ChildView
	build = func(uid string) []ChildView {
		var out []ChildView
		for _, obj := range byOwner[uid] {
			v := ChildView{ID: object.Of(obj), Health: health.Compute(obj, now, nil), Children: build(string(obj.GetUID()))}
			if v.Health.Level != health.Healthy && len(v.Children) == 0 {
				v.Events, _ = conn.Events(ctx, v.ID, string(obj.GetUID())) // an extra too
			}
			out = append(out, v)
		}
		return out
	}
	return build(r.uid)
}

// fileIndex finds the file of an object.
type fileIndex map[object.ID]string

func (f fileIndex) of(id object.ID) string {
	if s, ok := f[id]; ok {
		return s
	}
	id.Namespace = ""
	return f[id]
}

func (e *Engine) files(a *app) fileIndex {
	out := fileIndex{}
	b, err := e.currentBundle(a)
	if err != nil {
		return out
	}
	for _, entry := range b.Objects {
		out[object.Of(&unstructured.Unstructured{Object: entry.Body})] = entry.Origin.String()
	}
	return out
}

// currentBundle is what runs, or what is about to.
func (e *Engine) currentBundle(a *app) (bundle.Bundle, error) {
	a.mu.Lock()
	digest := a.rendered.bundle
	if applied := a.snapshot.Memory.Applied; applied != nil && (digest == "" || a.snapshot.State == StatePaused) {
		digest = applied.Bundle
	}
	a.mu.Unlock()
	return e.o.Bundles.Get(digest)
}

// Why is the chain of causes of one object, from the commit to its health.
type Why struct {
	App       Key               `json:"app"`
	State     State             `json:"state"`
	Reason    fault.Reason      `json:"reason"`
	Message   string            `json:"message"`
	Next      string            `json:"next,omitempty"`
	Object    *ObjectView       `json:"object,omitempty"`
	Commit    *CommitView       `json:"commit,omitempty"`
	Source    []bundle.Revision `json:"source,omitempty"`
	Render    *RenderView       `json:"render,omitempty"`
	Attempt   *Attempt          `json:"attempt,omitempty"`
	Apply     *StepData         `json:"apply,omitempty"`
	AppliedAt time.Time         `json:"appliedAt,omitzero"`
	Events    []cluster.Event   `json:"events,omitempty"`
	Drift     []history.Event   `json:"drift,omitempty"`
	Healthy   *Deployed         `json:"healthy,omitempty"` // the last bundle that was healthy
	Warnings  []string          `json:"warnings,omitempty"`
	Excerpt   *Excerpt          `json:"excerpt,omitempty"` // of the file that a failed render names
}

// CommitView is a commit, for people.
type CommitView struct {
	SHA     string    `json:"sha"`
	Subject string    `json:"subject"`
	Author  string    `json:"author"`
	When    time.Time `json:"when"`
	Ref     string    `json:"ref,omitempty"`

	// Where its forge shows it, and what its message names: added by whoever knows.
	URL   string `json:"url,omitempty"`
	Links []Link `json:"links,omitempty"`
}

// RenderView is how a bundle came about.
type RenderView struct {
	Renderer string        `json:"renderer"`
	Objects  int           `json:"objects"`
	Took     time.Duration `json:"took"`
	Bundle   object.Digest `json:"bundle"`
	Error    string        `json:"error,omitempty"`
	Where    string        `json:"where,omitempty"` // file:line of the error
}

// Why explains an object of an App, or (id nil) the App by the object that is to blame.
func (e *Engine) Why(ctx context.Context, key Key, id *object.ID) (Why, error) {
	a := e.app(key)
	if a == nil {
		return Why{}, ErrNoApp
	}
	s, _ := e.Snapshot(key)
	w := Why{
		App: key, State: s.State, Reason: s.Reason, Message: s.Message, Next: s.Next, Attempt: s.Memory.Attempt,
		Healthy: s.Memory.Healthy, Warnings: s.Warnings,
	}
	if id == nil && s.Blocking != nil && s.Blocking.Object.Kind != "" {
		id = &s.Blocking.Object
	}
	w.Source = e.revisionsTold(a, s)
	w.Commit = e.culprit(ctx, a, w.Source)
	w.Render = e.renderView(a)
	w.Excerpt = e.excerpt(ctx, a, w.Source)
	if id == nil {
		return w, nil
	}
	views, err := e.Tree(ctx, key, UnhealthyChildren)
	if err != nil {
		return w, err
	}
	for i := range views {
		if views[i].ID == *id {
			w.Object = &views[i]
		}
	}
	if w.Object == nil {
		w.Object = &ObjectView{ID: *id, Health: health.Status{Level: health.Missing}, Missing: true, File: e.files(a).of(*id)}
	}
	e.explain(ctx, a, &w)
	return w, nil
}

// explain adds what the cluster and the history know of the object.
func (e *Engine) explain(ctx context.Context, a *app, w *Why) {
	id := w.Object.ID
	_, t := e.wires(a)
	if t == nil {
		return
	}
	if conn, err := t.connection(); err == nil && w.Object.UID != "" {
		w.Events, _ = conn.Events(ctx, id, w.Object.UID) // an extra
	}
	if e.o.History == nil {
		return
	}
	if found, err := e.o.History.List(ctx, history.Query{
		App: a.key.String(), Object: id.String(), Kinds: []history.Kind{history.Drift, history.Healed, history.Fight}, Limit: 5,
	}); err == nil {
		w.Drift = found
	}
	deployments, err := e.o.History.List(ctx, history.Query{App: a.key.String(), Kinds: []history.Kind{history.Deployment}, Limit: 20})
	if err != nil {
		return
	}
	for _, ev := range deployments {
		if step := stepOf(ev, id); step != nil {
			w.Apply, w.AppliedAt = step, ev.At
			return
		}
	}
}

func (e *Engine) renderView(a *app) *RenderView {
	a.mu.Lock()
	r := a.rendered
	a.mu.Unlock()
	v := &RenderView{Renderer: r.renderer, Objects: r.count, Bundle: r.bundle}
	if r.err != nil {
		v.Error, v.Where = r.err.Error(), fault.Of(r.err).Where
	}
	if b, err := e.o.Bundles.Get(r.bundle); err == nil {
		v.Renderer, v.Objects, v.Took = b.Renderer, len(b.Objects), b.Took
	}
	return v
}

func (e *Engine) commit(ctx context.Context, d Deployed) *CommitView {
	for _, rev := range d.Revisions {
		if rev.Tree == "" {
			continue
		}
		mirror, err := e.o.Mirrors.Mirror(rev.URL)
		if err != nil {
			return nil
		}
		var c git.Commit
		if c, err = mirror.Commit(ctx, rev.Commit); err != nil {
			return &CommitView{SHA: rev.Commit, Ref: rev.Ref}
		}
		return &CommitView{SHA: c.SHA, Subject: c.Subject, Author: c.Author.Name, When: c.Author.When, Ref: rev.Ref}
	}
	return nil
}

// Find gives the Apps that own an object of this ID on any cluster.
func (e *Engine) Find(id object.ID) []Key {
	e.mu.Lock()
	targets := make([]*target, 0, len(e.targets))
	for _, t := range e.targets {
		targets = append(targets, t)
	}
	e.mu.Unlock()
	var out []Key
	for _, t := range targets {
		t.mu.Lock()
		k, found := t.holders[id]
		if !found { // deleted, perhaps
			var c claim
			c, found = t.claims[id]
			k = c.first
		}
		if found && !slices.Contains(out, k) {
			out = append(out, k)
		}
		t.mu.Unlock()
	}
	slices.SortFunc(out, func(x, y Key) int { return compareKeys(x, y) })
	return out
}

// Snapshots tells where every App stands, by namespace and name.
func (e *Engine) Snapshots() []Snapshot {
	e.mu.Lock()
	apps := make([]*app, 0, len(e.apps))
	for _, a := range e.apps {
		apps = append(apps, a)
	}
	e.mu.Unlock()
	out := make([]Snapshot, 0, len(apps))
	for _, a := range apps {
		out = append(out, e.read(a))
	}
	slices.SortFunc(out, func(x, y Snapshot) int { return compareKeys(x.Key, y.Key) })
	return out
}

// Render runs the desired half of an App once, without a cluster and without keeping anything: its sources are
// directories or charts.
func (e *Engine) Render(ctx context.Context, spec App) (bundle.Bundle, error) {
	a := newApp(spec)
	for i, s := range spec.Sources {
		if s.Dir == "" {
			e.mu.Lock()
			r := e.repoFor(spec.Key.Namespace, s)
			e.mu.Unlock()
			r.use(spec.Key, s)
			r.check(ctx)
			a.repos = append(a.repos, sourceRepo{index: i, repo: r})
		}
	}
	inputs, err := e.gather(ctx, a, spec)
	if err != nil {
		return bundle.Bundle{}, err
	}
	out := e.render(ctx, spec, render.Target{Namespace: spec.Namespace}, inputs)
	if out.err != nil {
		return bundle.Bundle{}, out.err
	}
	return e.o.Bundles.Get(out.bundle)
}
