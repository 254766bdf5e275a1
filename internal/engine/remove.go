package engine

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// remove carries out the deletion of an App: its objects are pruned in reverse order, or orphaned. It never waits for
// ever without saying what is left, and Orphan lets go even of a cluster that cannot be reached.
func (e *Engine) remove(ctx context.Context, a *app, spec App) outcome {
	o := outcome{}
	if a.run != nil && a.run.attempt.Mode != plan.Delete {
		e.end(ctx, a, string(fault.Superseded), &fault.Error{Reason: fault.Superseded, Message: "the App is being deleted"})
	}
	conn, err := a.target.connection()
	if err != nil {
		if spec.Orphan || len(a.mem.Targets) == 0 {
			return e.removed(a, o)
		}
		if isPending(err) {
			o.pending = "waiting for the cluster " + spec.Cluster
			return o
		}
		return e.removalBlocked(a, spec, fault.Of(err))
	}
	if pending := a.target.watch(conn, e.usedKinds(a, conn)); len(pending) > 0 {
		if err := a.target.refusal(pending); err != nil {
			return e.removalBlocked(a, spec, fault.Of(err))
		}
		o.pending = "waiting for the first lists of what runs on the cluster"
		return o
	}
	if err := a.compile(spec); err != nil { // a bad health rule must not keep an App from going
		o.warnings = append(o.warnings, fault.Of(err).Error())
	}
	if a.run == nil {
		if done := e.beginRemoval(ctx, a, spec, conn, &o); done {
			return e.removed(a, o)
		}
	}
	if a.run == nil {
		return o
	}
	e.drive(ctx, a, spec, conn, choice{want: Deployed{Bundle: a.run.attempt.Bundle}, mode: plan.Delete}, &o)
	if a.run == nil && o.err == nil {
		if rest := a.target.set(a.key).len(); rest == 0 || spec.Orphan {
			return e.removed(a, o)
		}
		o.wakeBy(a.retry.next(e.o.Now()))
	}
	if o.err != nil {
		o.left = e.left(a)
		o.err = &fault.Error{
			Class: fault.Blocked, Reason: fault.DeletionBlocked, Where: o.err.Where, Message: "the deletion cannot go on: " + o.err.Error(),
			Next: orphanHint(spec),
		}
		o.wakeBy(a.retry.next(e.o.Now()))
	}
	return o
}

// beginRemoval plans the deletion. done: there is nothing of the App any more.
func (e *Engine) beginRemoval(ctx context.Context, a *app, spec App, conn *cluster.Cluster, o *outcome) (done bool) {
	c, pl, err := e.removalPlan(ctx, a, spec, conn)
	if err != nil {
		e.addFault(a, o, err)
		return false
	}
	o.warnings = append(o.warnings, pl.warnings...)
	if pl.plan.Empty() {
		return true
	}
	o.plan = &pl.plan
	req := a.requested(spec)
	if len(pl.plan.Guards) > 0 && (req == nil || req.Plan != pl.plan.Digest) {
		o.gate = &gate{
			reason: pl.plan.Guards[0].Reason, message: pl.plan.Guards[0].Message,
			next: fmt.Sprintf("plumb sync %s --plan %s, or set spec.deletion: Orphan", spec.Key.Name, pl.plan.Digest),
		}
		o.left = e.left(a)
		return false
	}
	if err := e.start(ctx, a, spec, conn, c, pl, req); err != nil {
		e.addFault(a, o, err)
	}
	return false
}

// removalPlan is what the deletion of an App does. It is empty when there is nothing of the App any more.
func (e *Engine) removalPlan(ctx context.Context, a *app, spec App, conn *cluster.Cluster) (choice, planned, error) {
	c, pl := choice{mode: plan.Delete}, planned{desired: map[object.ID]plan.Desired{}}
	var desired []plan.Desired
	if a.mem.Applied != nil {
		c.want = *a.mem.Applied
		if b, err := e.recall(ctx, a, spec, where(spec, conn), c.want); err == nil {
			if desired, _, err = e.prepare(a, spec, conn, b.Objects, string(c.want.Bundle)); err != nil {
				pl.warnings = append(pl.warnings, "the hooks of the deletion cannot run: "+fault.Of(err).Error())
			}
		}
	}
	a.target.claim(a.key, nil)
	live, _, err := e.live(ctx, a, conn, nil)
	if err != nil {
		return c, pl, err
	}
	if len(live) == 0 && !wantsDeleteHooks(desired) {
		return c, pl, nil
	}
	for _, d := range desired {
		pl.desired[d.ID] = d
	}
	pl.plan = plan.Compute(plan.Input{
		Mode: plan.Delete, App: e.owner(a), Bundle: c.want.Bundle, Desired: desired, Live: live, Policy: spec.Policy,
		Orphan: spec.Orphan, RunHooks: true, HooksDone: a.hooksDone(c),
	})
	return c, pl, nil
}

func wantsDeleteHooks(desired []plan.Desired) bool {
	return slices.ContainsFunc(desired, func(d plan.Desired) bool {
		return d.Hook != nil && (slices.Contains(d.Hook.Phases, plan.BeforeDelete) || slices.Contains(d.Hook.Phases, plan.AfterDelete))
	})
}

func (e *Engine) usedKinds(a *app, conn *cluster.Cluster) []schema.GroupVersionKind {
	var out []schema.GroupVersionKind
	for _, t := range a.mem.Targets {
		k := schema.GroupVersionKind{Group: t.Group, Version: t.Version, Kind: t.Kind}
		if _, known := conn.Scope(k); known && t.Cluster == a.target.name {
			out = append(out, k)
		}
	}
	return out
}

func (e *Engine) removed(a *app, o outcome) outcome {
	a.target.dropSet(a.key)
	o.deleted, o.err, o.gate = true, nil, nil
	return o
}

// removalBlocked says what is left where, when the cluster cannot be asked.
func (e *Engine) removalBlocked(a *app, spec App, err *fault.Error) outcome {
	var left []string
	for _, t := range a.mem.Targets {
		left = append(left, fmt.Sprintf("objects of kind %s in %v on cluster %s", t.Kind, t.Namespaces, t.Cluster))
	}
	o := outcome{left: left, err: &fault.Error{
		Class: fault.Blocked, Reason: fault.DeletionBlocked, Message: "the objects cannot be deleted: " + err.Error(), Next: orphanHint(spec), Err: err,
	}}
	o.wakeBy(a.retry.next(e.o.Now()))
	return o
}

func orphanHint(spec App) string {
	return fmt.Sprintf("make the cluster reachable, or let the objects go: kubectl -n %s patch app %s --type merge -p '{\"spec\":{\"deletion\":\"Orphan\"}}'", spec.Key.Namespace, spec.Key.Name)
}

func (e *Engine) left(a *app) []string {
	const limit = 20
	var out []string
	for id := range a.target.set(a.key).all() {
		if len(out) == limit {
			break
		}
		out = append(out, id.String())
	}
	slices.Sort(out)
	return out
}
