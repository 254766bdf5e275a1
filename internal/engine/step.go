package engine

import (
	"context"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/render"
)

// outcome is what one step found; summarize turns it into a Snapshot.
type outcome struct {
	err      *fault.Error // what stops the App
	pending  string       // what has not answered yet
	gate     *gate        // what a plan waits for
	paused   *gate        // suspended, held or rolled back
	desired  *Deployed
	current  bool // the desired bundle is applied
	plan     *plan.Plan
	progress *Progress
	warnings []string
	blocking *Blocking
	wake     time.Time
	deleted  bool
	queued   bool // it waits for its turn to begin an attempt, and is as it was
	left     []string
}

// gate is a reason to wait, for people.
type gate struct {
	reason  fault.Reason
	message string
	next    string
	object  *object.ID
}

func (o *outcome) wakeBy(at time.Time) {
	if !at.IsZero() && (o.wake.IsZero() || at.Before(o.wake)) {
		o.wake = at
	}
}

// step takes the App one step further, publishes where it stands, and says when to look again at the latest (zero:
// only on an event).
func (e *Engine) step(ctx context.Context, a *app) time.Time {
	a.stepping.Lock()
	defer a.stepping.Unlock()
	a.mu.Lock()
	spec, given := a.spec, a.given
	a.mu.Unlock()
	if h := spec.Hold; h != nil && h.Revision != "" && !h.active(e.o.Now()) && !reflect.DeepEqual(spec.Sources, given.Sources) {
		e.SetApp(given) // the hold has ended: the sources are what they were
		return time.Time{}
	}
	e.rewire(a, spec)
	if a.target == nil {
		return time.Time{}
	}
	e.metrics.steps.Inc()
	a.askRepositories()
	a.sendable = nil // somebody may have asked for a plan in between
	o := e.advance(ctx, a, spec)
	a.sendable = nil
	a.target.turns.end(a.key)
	if ctx.Err() != nil || o.queued {
		return time.Time{}
	}
	if !o.deleted {
		if err := e.keep(ctx, a); err != nil && ctx.Err() == nil {
			e.o.Log.Warn("what an App must remember could not be stored; it is tried again", "app", a.key.String(), "err", err)
			o.wakeBy(a.retry.next(e.o.Now()))
		}
	}
	return e.publish(a, spec, o)
}

// advance is the order of it all, for one App.
func (e *Engine) advance(ctx context.Context, a *app, spec App) outcome {
	if spec.Deleting {
		return e.remove(ctx, a, spec)
	}
	if spec.Err != nil {
		return outcome{err: fault.Of(spec.Err)}
	}
	if err := a.compile(spec); err != nil {
		return outcome{err: fault.Of(err)}
	}
	conn, err := a.target.connection()
	if err != nil {
		return e.stopped(a, err, "waiting for the cluster "+spec.Cluster)
	}
	if spec.Suspend {
		e.abandon(ctx, a, fault.Suspended)
		return outcome{paused: &gate{reason: fault.Suspended, message: "suspended: nothing is applied and nothing is healed", next: "plumb resume " + spec.Key.Name}, current: a.mem.Applied != nil}
	}
	a.noteRefresh(spec)
	d, err := e.desire(ctx, a, spec, where(spec, conn))
	if err != nil {
		o := e.stopped(a, err, "waiting for the first answer of the repository")
		if a.mem.Applied != nil { // what is applied is kept as it is, whatever Git says meanwhile
			e.converge(ctx, a, spec, conn, choice{want: *a.mem.Applied, mode: plan.Heal}, &o)
		}
		return o
	}
	o := outcome{desired: &Deployed{Bundle: d.bundle, Revisions: d.revs, At: d.seen}, warnings: d.warnings}
	if applied := a.mem.Applied; applied != nil && applied.Bundle == d.bundle {
		o.desired.Revisions = applied.Revisions // a newer commit that changes nothing is no news of this App
	}
	a.noteRewrite()
	c := a.choose(spec, *o.desired, e.o.Now(), &o)
	e.announce(ctx, a, spec, conn, c)
	e.converge(ctx, a, spec, conn, c, &o)
	return o
}

func where(spec App, conn *cluster.Cluster) render.Target {
	return render.Target{Namespace: spec.Namespace, KubeVersion: conn.Version(), APIVersions: conn.APIVersions()}
}

// stopped is the outcome of an error before anything could be compared.
func (e *Engine) stopped(a *app, err error, waiting string) outcome {
	if isPending(err) {
		return outcome{pending: waiting}
	}
	f := fault.Of(err)
	o := outcome{err: f}
	if f.Class == fault.Transient && !fromGit(f.Reason) {
		o.wakeBy(a.retry.next(e.o.Now()))
	}
	return o
}

// choice is the bundle that an App should stand at, and why.
type choice struct {
	want Deployed
	mode plan.Mode
}

// choose picks the bundle: a hold, a rollback after failure, or what Git says.
func (a *app) choose(spec App, head Deployed, now time.Time, o *outcome) choice {
	if h := spec.Hold; h != nil && h.active(now) {
		o.paused = &gate{reason: fault.Held, message: holdMessage(*h), next: "plumb resume " + spec.Key.Name}
		o.wakeBy(h.Until)
		if h.Bundle != "" {
			return choice{want: a.remembered(h.Bundle), mode: plan.Rollback}
		}
		return choice{want: head, mode: plan.Sync}
	}
	if rb := a.mem.RolledBack; rb != nil {
		if head.Bundle == rb.Bad {
			o.paused = &gate{reason: fault.RolledBack, message: rb.Message, next: "push a fix; the hold ends at the first different bundle"}
			return choice{want: a.remembered(rb.To), mode: plan.Rollback}
		}
		a.mem.RolledBack = nil
	}
	return choice{want: head, mode: plan.Sync}
}

func holdMessage(h Hold) string {
	m := "held"
	switch {
	case h.Bundle != "":
		m += " at bundle " + h.Bundle.Short()
	case h.Revision != "":
		m += " at revision " + h.Revision
	}
	if h.Owner != "" {
		m += " by " + h.Owner
	}
	if h.Reason != "" {
		m += ": " + h.Reason
	}
	return m
}

// remembered completes a bundle's digest with the revisions that the memory has for it.
func (a *app) remembered(digest object.Digest) Deployed {
	for _, d := range []*Deployed{a.mem.Healthy, a.mem.Applied} {
		if d != nil && d.Bundle == digest {
			return *d
		}
	}
	return Deployed{Bundle: digest}
}

// converge brings the cluster to the chosen bundle and keeps it there.
func (e *Engine) converge(ctx context.Context, a *app, spec App, conn *cluster.Cluster, c choice, o *outcome) {
	kinds, err := e.kindsOf(a, c.want, conn)
	if err != nil {
		e.addFault(a, o, err)
		return
	}
	if pending := a.target.watch(conn, kinds); len(pending) > 0 {
		if err := a.target.refusal(pending); err != nil {
			e.addFault(a, o, err)
			return
		}
		o.pending = "waiting for the first lists of what runs on the cluster"
		return
	}
	e.recheck(ctx, a, conn)
	if a.run != nil {
		e.interrupt(ctx, a, spec, c)
	}
	if a.run == nil && c.mode != plan.Heal && a.due(spec, c.want, e.o.Now(), o) {
		if o.queued = !a.target.turns.take(a.key, a.mem.Applied == nil); o.queued {
			return
		}
		e.begin(ctx, a, spec, conn, c, o)
	}
	if a.run != nil {
		e.drive(ctx, a, spec, conn, c, o)
	}
	if a.run == nil && a.mem.Applied != nil && a.mem.Applied.Bundle == c.want.Bundle {
		o.current = o.err == nil
		e.heal(ctx, a, spec, conn, c.want, o)
	}
}

// recheck looks again at the objects whose health time alone may have changed: a deadline that nobody reports.
func (e *Engine) recheck(ctx context.Context, a *app, conn *cluster.Cluster) {
	set := a.target.set(a.key)
	for _, id := range set.due(e.o.Now()) {
		r, ok := set.get(id)
		if !ok {
			continue
		}
		live, err := conn.Get(ctx, r.kind, id)
		if err != nil { // the watch tells of what is gone; the next look is in a minute
			set.update(id, func(r *record) { r.recheck = e.o.Now().Add(time.Minute) })
			continue
		}
		set.observed(a.target.observe(a, id, live))
	}
}

// addFault files an error of the converge half without hiding one that is there already.
func (e *Engine) addFault(a *app, o *outcome, err error) {
	f := fault.Of(err)
	if o.err == nil {
		o.err = f
	}
	if f.Class != fault.Invalid {
		o.wakeBy(a.retry.next(e.o.Now()))
	}
}

// kindsOf lists the kinds to watch: those of the bundle that the cluster has, and those that the App may have objects of.
func (e *Engine) kindsOf(a *app, want Deployed, conn *cluster.Cluster) ([]schema.GroupVersionKind, error) {
	seen := map[schema.GroupVersionKind]bool{}
	var out []schema.GroupVersionKind
	add := func(k schema.GroupVersionKind) {
		if _, known := conn.Scope(k); known && !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	for _, t := range a.mem.Targets {
		if t.Cluster == a.target.name {
			add(schema.GroupVersionKind{Group: t.Group, Version: t.Version, Kind: t.Kind})
		}
	}
	if a.kindsFor != want.Bundle {
		kinds, err := e.o.Bundles.Kinds(want.Bundle)
		if err != nil { // not stored any more; begin renders it again
			return out, nil
		}
		a.kinds, a.kindsFor = kinds, want.Bundle
	}
	for _, k := range a.kinds {
		add(k)
	}
	return out, nil
}

func kindsOf(entries []bundle.Entry) []schema.GroupVersionKind {
	seen := map[schema.GroupVersionKind]bool{}
	var out []schema.GroupVersionKind
	for _, entry := range entries {
		version, _ := entry.Body["apiVersion"].(string)
		kind, _ := entry.Body["kind"].(string)
		gvk := schema.FromAPIVersionAndKind(version, kind)
		if !seen[gvk] {
			seen[gvk] = true
			out = append(out, gvk)
		}
	}
	return out
}

// fromGit tells the reasons that the repository's own checks look after: no timer of the App's is needed.
func fromGit(r fault.Reason) bool {
	switch r {
	case fault.Unreachable, fault.AuthenticationFailed, fault.UnknownHostKey, fault.CertificateInvalid, fault.RepositoryNotFound,
		fault.RepositoryEmpty, fault.RefNotFound, fault.RepositoryUnknown, fault.CredentialsMissing, fault.ChartNotFound:
		return true
	}
	return false
}
