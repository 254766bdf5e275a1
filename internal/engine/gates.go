package engine

import (
	"context"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// handover decides about an object that another App owns and this one wants. When the other App has given it up at
// this revision it moves; when the other App is still to be rendered, errPending; otherwise the plan refuses it.
func (e *Engine) handover(a *app, l plan.Live, moving map[object.ID]object.Owner) error {
	if l.Owner.Installation != e.o.Installation {
		return nil
	}
	other := e.app(Key{Namespace: l.Owner.Namespace, Name: l.Owner.Name})
	if other == nil {
		return nil
	}
	if other.undecided() {
		if shared := e.sharedRepository(a, other); shared != nil {
			shared.await(a.key)
			return errPending
		}
	}
	if by, claimed := a.target.claimedBy(l.ID); claimed && by == a.key {
		moving[l.ID] = *l.Owner
	}
	return nil
}

// sharedRepository finds a repository that both Apps read, when they apply to the same cluster.
func (e *Engine) sharedRepository(a, b *app) *repo {
	repos, t := e.wires(b)
	if t != a.target {
		return nil
	}
	for _, x := range a.repos {
		for _, y := range repos {
			if x.repo == y.repo {
				return x.repo
			}
		}
	}
	return nil
}

// undecided reports whether nobody knows yet what the App wants at this revision.
func (a *app) undecided() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.announced && a.rendered.err == nil && !a.spec.Suspend && a.spec.Err == nil && !a.spec.Deleting
}

// announce files what the App wants at this revision, and tells the Apps that wait to know before they prune.
func (e *Engine) announce(ctx context.Context, a *app, spec App, conn *cluster.Cluster, c choice) {
	a.mu.Lock()
	done := a.announced
	a.mu.Unlock()
	if !done {
		_, _, _ = e.prepared(ctx, a, spec, conn, c.want) // an error is the plan's to tell
		a.mu.Lock()
		a.announced = a.rendered.valid
		a.mu.Unlock()
	}
	e.renderedOne(a)
}

// holdPrune says why pruning must wait: an App of the same repository is still to be rendered at this revision, or cannot be
// since a commit that this App dropped something in, and may want what this one drops. An App that broke before holds nobody up.
func (e *Engine) holdPrune(a *app) string {
	a.mu.Lock()
	drops := a.drops
	a.mu.Unlock()
	for _, sr := range a.repos {
		sr.repo.mu.Lock()
		users := keysOfUsers(sr.repo.users)
		sr.repo.mu.Unlock()
		for _, k := range users {
			if k == a.key {
				continue
			}
			other := e.app(k)
			if other == nil {
				continue
			}
			if _, t := e.wires(other); t != a.target {
				continue
			}
			switch {
			case other.undecided():
				sr.repo.await(a.key)
				return "waiting for " + k.String() + " to be rendered at this revision"
			case other.hides(drops):
				sr.repo.await(a.key)
				return "waiting for " + k.String() + ", which cannot be rendered at this revision and may want it"
			}
		}
	}
	return ""
}

// renderedOne tells the Apps that wait for a render of this App's repositories.
func (e *Engine) renderedOne(a *app) {
	for _, sr := range a.repos {
		e.kickKeys(sr.repo.awaited())
	}
}

func (r *repo) await(k Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = map[Key]bool{}
	}
	r.waiting[k] = true
}

func (r *repo) awaited() []Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := keysOf(r.waiting)
	r.waiting = nil
	return out
}

// dependencyGate says which dependency an App still waits for.
func (e *Engine) dependencyGate(a *app, spec App) *gate {
	for _, d := range spec.DependsOn {
		switch {
		case d.App != nil:
			if g := e.appReady(*d.App); g != nil {
				return g
			}
		case d.Object != nil:
			if g := e.objectReady(a, spec, d); g != nil {
				return g
			}
		}
	}
	return nil
}

func (e *Engine) appReady(k Key) *gate {
	wait := func(msg string) *gate {
		return &gate{reason: fault.DependencyNotReady, message: "waiting for App " + k.String() + ": " + msg, next: "plumb status " + k.Name}
	}
	other := e.app(k)
	if other == nil {
		return wait("it does not exist")
	}
	other.mu.Lock()
	defer other.mu.Unlock()
	switch {
	case other.snapshot.State != StateSynced:
		return wait("it is " + string(other.snapshot.State))
	case !other.rendered.valid:
		return wait("it is being rendered")
	}
	return nil
}

func (e *Engine) objectReady(a *app, spec App, d Dependency) *gate {
	name := d.Cluster
	if name == "" {
		name = spec.Cluster
	}
	wait := func(msg string) *gate {
		return &gate{reason: fault.DependencyNotReady, message: "waiting for " + d.Object.String() + ": " + msg, object: d.Object, next: "plumb why " + d.Object.String()}
	}
	e.mu.Lock()
	t := e.targetFor(name)
	e.mu.Unlock()
	conn, err := t.connection()
	if err != nil {
		return wait("the cluster " + name + " is not connected")
	}
	st, err := t.follow(conn, d.Kind, *d.Object, a.key)
	switch {
	case err != nil:
		return wait(fault.Of(err).Error())
	case st.Level != "Healthy":
		return wait(string(st.Level) + suffix(st.Message))
	}
	return nil
}

func suffix(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}
