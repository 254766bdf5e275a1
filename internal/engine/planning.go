package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// planned is a plan with the objects that it speaks about.
type planned struct {
	plan     plan.Plan
	in       plan.Input // that it was computed from
	began    time.Time
	desired  map[object.ID]plan.Desired
	warnings []string
}

func (e *Engine) owner(a *app) object.Owner {
	return object.Owner{Installation: e.o.Installation, Namespace: a.key.Namespace, Name: a.key.Name}
}

// prepare gives the objects of a bundle in the form in which they are sent.
func (e *Engine) prepare(a *app, spec App, conn *cluster.Cluster, entries []bundle.Entry, attempt string) ([]plan.Desired, []string, error) {
	return plan.Prepare(entries, e.prepareOptions(a, spec, conn, attempt))
}

func (e *Engine) prepareOptions(a *app, spec App, conn *cluster.Cluster, attempt string) plan.PrepareOptions {
	return plan.PrepareOptions{
		Owner: e.owner(a), Namespace: spec.Namespace, Policy: spec.Policy, Attempt: attempt, Scope: conn.Scope,
	}
}

// plan holds the bundle against what is live. errPending: another App of the same revision must be rendered first.
func (e *Engine) plan(ctx context.Context, a *app, spec App, conn *cluster.Cluster, c choice, req *Request) (planned, error) {
	began := e.o.Now()
	desired, warnings, err := e.prepared(ctx, a, spec, conn, c.want)
	if err != nil {
		return planned{}, err
	}
	if err := a.leaveFields(spec, desired); err != nil {
		return planned{}, err
	}
	live, moving, err := e.live(ctx, a, conn, desired)
	if err != nil {
		return planned{}, err
	}
	in := plan.Input{
		Mode: c.mode, App: e.owner(a), Bundle: c.want.Bundle, Desired: desired, Live: live, Moving: moving,
		Policy: spec.Policy, Suspicion: a.mem.Rewritten,
		RunHooks: a.mem.Applied == nil || a.mem.Applied.Bundle != c.want.Bundle || (req != nil && req.All),
	}
	if dropsAny(live, desired) {
		in.HoldPrune = e.holdPrune(a)
	}
	if req != nil {
		in.Only = req.Only
		in.Policy.ApplyUnchanged = in.Policy.ApplyUnchanged || req.All
	}
	if req == nil {
		in.HooksDone = a.hooksDone(c)
	}
	made := plan.Compute(in)
	if ok, err := e.complete(a, spec, conn, made); err != nil || !ok {
		if err != nil && !errors.Is(err, bundle.ErrNotFound) {
			return planned{}, err
		}
		a.memo, a.sendable = nil, nil // it takes all of the bundle
		return e.plan(ctx, a, spec, conn, c, req)
	}
	out := planned{plan: made, in: in, began: began, desired: make(map[object.ID]plan.Desired, len(desired))}
	out.plan.Warnings = append(warnings, out.plan.Warnings...)
	a.noteKept(out.plan, in.HoldPrune)
	for _, d := range desired {
		out.desired[d.ID] = d
	}
	return out, nil
}

// dropsAny reports whether anything is live that is not desired.
func dropsAny(live map[object.ID]plan.Live, desired []plan.Desired) bool {
	kept := 0
	for i := range desired {
		if _, ok := live[desired[i].ID]; ok {
			kept++
		}
	}
	return len(live) > kept
}

// hooksDone are the hooks that ended well in the attempt that is about to go on, or that applied this very bundle.
func (a *app) hooksDone(c choice) map[string]bool {
	at := a.mem.Attempt
	if at == nil || (at.Outcome != "" && at.Outcome != outcomeOK) || at.Bundle != c.want.Bundle || at.Mode != c.mode {
		return nil
	}
	done := map[string]bool{}
	for key, state := range at.Hooks {
		if state == outcomeOK {
			done[key] = true
		}
	}
	return done
}

// leaveFields takes the objects' own wishes (plumb.cd/ignore-fields) into what counts as drift.
func (a *app) leaveFields(spec App, desired []plan.Desired) error {
	next := map[object.ID][]string{}
	for _, d := range desired {
		if len(d.Options.IgnoreFields) > 0 {
			next[d.ID] = d.Options.IgnoreFields
		}
	}
	if maps.EqualFunc(next, a.left, slices.Equal) {
		return nil
	}
	a.left, a.yieldsSeen = next, -1
	return a.compile(spec)
}

// noteKept remembers what is no longer in Git and stays: for people, and to prune it once nothing holds that up.
func (a *app) noteKept(p plan.Plan, hold string) {
	a.kept, a.pruneHeld = nil, false
	for _, k := range p.Kept {
		switch {
		case hold != "" && k.Why == hold:
			a.pruneHeld = true
		case !k.Extraneous:
			a.kept = append(a.kept, k.ID.String()+" is no longer in Git and stays: "+k.Why)
		}
	}
}

// preparer takes the fields that are left to others out of what is sent: by the App's rules, or after a fight. An ignored
// field is sent with its live value until another manager owns it. Digests stay those of what Git says.
type preparer struct {
	look    *eyes
	manager string
}

func (p preparer) NeedsLive(d plan.Desired) bool {
	return p.look.ignores != nil && p.look.ignores.ForObject(d.ID) != nil
}

func (p preparer) Prepare(d plan.Desired, live *unstructured.Unstructured) *unstructured.Unstructured {
	return p.look.ignores.Reconcile(d.Object, live, p.manager)
}

// live gathers what is known of the objects that the App owns, and of those that stand under the names it wants.
func (e *Engine) live(ctx context.Context, a *app, conn *cluster.Cluster, desired []plan.Desired) (map[object.ID]plan.Live, map[object.ID]object.Owner, error) {
	me := e.owner(a)
	mine := a.target.set(a.key).live(&me)
	elsewhere := a.target.claimedElsewhere(a.key, mine)
	out := make(map[object.ID]plan.Live, len(mine))
	for i := range mine {
		if id := mine[i].ID; elsewhere[id] && !wants(desired, id) {
			continue // handed over: the other App stamps it
		}
		out[mine[i].ID] = mine[i]
	}
	moving := map[object.ID]object.Owner{}
	unknown := map[schema.GroupVersionKind]map[string][]object.ID{}
	for _, d := range desired {
		if _, have := out[d.ID]; have {
			continue
		}
		gvk := d.GVK()
		if _, known := conn.Scope(gvk); !known {
			continue // its CRD comes in this bundle: nothing of it can exist
		}
		if unknown[gvk] == nil {
			unknown[gvk] = map[string][]object.ID{}
		}
		unknown[gvk][d.ID.Namespace] = append(unknown[gvk][d.ID.Namespace], d.ID)
	}
	for gvk, namespaces := range unknown {
		for ns, ids := range namespaces {
			found, err := a.target.standing(ctx, conn, gvk, ns, ids)
			if err != nil {
				return nil, nil, err
			}
			for _, l := range found {
				if l.Owner != nil && *l.Owner != me {
					if err := e.handover(a, l, moving); err != nil {
						return nil, nil, err
					}
				}
				out[l.ID] = l
			}
		}
	}
	return out, moving, nil
}

// live is what is there of the set, as a plan sees it.
func (s *objectSet) live(owner *object.Owner) []plan.Live {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]plan.Live, 0, len(s.records))
	for id, r := range s.records {
		if r.missing {
			continue
		}
		out = append(out, plan.Live{
			ID: id, Kind: r.kind, UID: r.uid, Owner: owner, Applied: r.applied, InSync: r.inSync(),
			Wave: r.wave, Options: *r.options, Deleting: r.deleting, Hook: r.hook,
		})
	}
	return out
}

// ids lists what the set has records of.
func (s *objectSet) ids() []object.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.records))
}

// claimedElsewhere tells which objects another App than k wants first.
func (t *target) claimedElsewhere(k Key, objects []plan.Live) map[object.ID]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[object.ID]bool{}
	for i := range objects {
		if c, claimed := t.claims[objects[i].ID]; claimed && c.first != k {
			out[objects[i].ID] = true
		}
	}
	return out
}

func wants(desired []plan.Desired, id object.ID) bool {
	for i := range desired {
		if desired[i].ID == id {
			return true
		}
	}
	return false
}

func liveOfMeta(m cluster.Meta) plan.Live {
	l := plan.Live{ID: m.ID, Kind: m.Kind, UID: m.UID, Deleting: m.Deleting}
	if owner, ok := object.OwnerOf(m.ID, m.Annotations); ok {
		l.Owner = &owner
	}
	return l
}

// verify rebuilds the fingerprints that were lost, with one dry-run an object: the answer says what applying would
// give, the live fingerprint what there is.
func (e *Engine) verify(ctx context.Context, a *app, conn *cluster.Cluster, pl planned) error {
	set := a.target.set(a.key)
	for id, r := range set.all() {
		d, wanted := pl.desired[id]
		if r.known() || !wanted || d.Hook != nil || r.missing {
			continue
		}
		answer, err := conn.Apply(ctx, d.Object, object.WriteOptions{Force: true, DryRun: true})
		if fault.Is(err, fault.ImmutableField) {
			continue // the plan will say so
		}
		if err != nil {
			return err
		}
		look := a.target.look(a)
		want := look.base(answer, look.print(answer), d.Options)
		set.update(id, func(r *record) {
			r.want, r.applied = want, d.Digest
			if !r.inSync() {
				set.suspect[id] = true
			}
		})
		e.metrics.dryRuns.Inc()
	}
	return nil
}
