package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/compare"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// PlanRequest says which sync a plan is asked for.
type PlanRequest struct {
	Only []object.ID // restricts it to these objects
	All  bool        // what is in sync is sent too, and hooks run again
}

// PlanView is what a sync would do now, and what stands against it.
type PlanView struct {
	Plan     plan.Plan
	At       time.Time
	Empty    bool           // there is nothing to do
	Errors   []*fault.Error // why it cannot be applied: of the render, refusals, and what the API server says to single steps
	Warnings []string
	Friction compare.Friction
	Steps    []PlanStepView
	Untried  int // steps that the API server was not asked about, because there are many
}

// PlanStepView is one step, for people. Action is create, update, delete, replace, hook, keep or adopt.
type PlanStepView struct {
	Action string
	Object object.ID
	Phase  string
	Wave   int
	Reason string
	Risk   compare.Risk
}

// dry-runs of one plan, and how many run at a time.
const (
	maxTries   = 500
	tryAtATime = 8
)

// PlanNow makes the plan that a sync would carry out now, and has the API server try its steps (by dry-run).
func (e *Engine) PlanNow(ctx context.Context, key Key, req PlanRequest) (PlanView, error) {
	s, err := e.scene(key)
	if err != nil {
		return PlanView{}, err
	}
	v := PlanView{At: e.asOf(), Friction: compare.Click, Empty: true}
	pl, err := e.planNow(ctx, s, req)
	if err != nil {
		if isPending(err) {
			return v, pendingFault()
		}
		v.Empty = false
		for _, f := range plan.Faults(err) {
			if f.Class == fault.Transient && len(v.Errors) == 0 {
				return v, err
			}
			v.Errors = append(v.Errors, f)
		}
		return v, nil
	}
	v.Plan, v.Warnings = pl.plan, append(pl.warnings, pl.plan.Warnings...)
	for _, r := range pl.plan.Refused {
		v.Errors = append(v.Errors, &fault.Error{Class: fault.Blocked, Reason: r.Reason, Where: r.ID.String(), Message: r.Message, Next: r.Next})
	}
	v.Steps = stepViews(pl.plan)
	v.Empty = len(v.Steps) == 0 && len(v.Errors) == 0
	v.Friction = compare.FrictionOf(deletions(pl.plan), e.owned(s))
	return v, e.tryPlan(ctx, s, pl, &v)
}

// PlanState is what an approval must fit.
type PlanState struct {
	Digest object.Digest
	// NeedsApproval: the plan waits for somebody who may approve it.
	NeedsApproval bool
}

// PlanDigest is the digest of the plan that a sync would carry out now.
func (e *Engine) PlanDigest(ctx context.Context, key Key, req PlanRequest) (PlanState, error) {
	s, err := e.scene(key)
	if err != nil {
		return PlanState{}, err
	}
	pl, err := e.planNow(ctx, s, req)
	if isPending(err) {
		return PlanState{}, pendingFault()
	}
	waits := len(pl.plan.Guards) > 0 || s.spec.Mode == Approve && pl.plan.Mode != plan.Rollback
	return PlanState{Digest: pl.plan.Digest, NeedsApproval: waits}, err
}

// planNow makes the plan as a step that handles such a request would.
func (e *Engine) planNow(ctx context.Context, s *scene, req PlanRequest) (planned, error) {
	a := s.a
	a.stepping.Lock()
	defer a.stepping.Unlock()
	a.mu.Lock()
	spec := a.spec
	a.mu.Unlock()
	if a.target == nil {
		return planned{}, errPending
	}
	a.sendable = nil
	defer func() { a.sendable = nil }()
	if err := a.compile(spec); err != nil {
		return planned{}, err
	}
	if spec.Deleting {
		_, pl, err := e.removalPlan(ctx, a, spec, s.conn)
		return pl, err
	}
	d, err := e.desire(ctx, a, spec, where(spec, s.conn))
	if err != nil {
		return planned{}, err
	}
	head := Deployed{Bundle: d.bundle, Revisions: d.revs}
	kept, held := a.kept, a.pruneHeld
	defer func() { a.kept, a.pruneHeld = kept, held }() // what a question finds is no news of the App
	c := a.choose(spec, head, e.o.Now(), &outcome{})
	pl, err := e.plan(ctx, a, spec, s.conn, c, &Request{Only: req.Only, All: req.All})
	if err == nil && pl.plan.Empty() && a.unproven(c) {
		pl.plan = plan.Await(pl.in)
	}
	return pl, err
}

// owned counts the App's objects.
func (e *Engine) owned(s *scene) int {
	n := 0
	for _, r := range s.t.set(s.a.key).all() {
		if !r.hook {
			n++
		}
	}
	return n
}

func deletions(p plan.Plan) []object.ID {
	var out []object.ID
	for _, g := range p.Groups {
		for _, s := range g.Steps {
			if s.Action == plan.Prune && s.Hook == nil || s.Action == plan.Recreate {
				out = append(out, s.ID)
			}
		}
	}
	return out
}

// stepWords are the words of the API for what a step does.
var stepWords = map[plan.Action]string{
	plan.Create: "create", plan.Apply: "update", plan.Adopt: "adopt", plan.Replace: "replace", plan.Recreate: "replace",
	plan.Hook: "hook", plan.Prune: "delete", plan.Orphan: "keep",
}

func stepViews(p plan.Plan) []PlanStepView {
	var out []PlanStepView
	for _, g := range p.Groups {
		for _, s := range g.Steps {
			out = append(out, PlanStepView{
				Action: stepWords[s.Action], Object: s.ID, Phase: string(g.Phase), Wave: g.Wave, Reason: s.Why, Risk: stepRisk(s),
			})
		}
	}
	for _, k := range p.Kept {
		if !k.Extraneous {
			out = append(out, PlanStepView{Action: "keep", Object: k.ID, Phase: string(plan.Pruning), Reason: k.Why})
		}
	}
	return out
}

func stepRisk(s plan.Step) compare.Risk {
	switch {
	case s.Action == plan.Prune && compare.Precious(s.ID):
		return compare.DataLoss
	case s.Action == plan.Prune, s.Action == plan.Recreate, s.Action == plan.Replace:
		return compare.Deleted
	case s.ID.Group == "apiextensions.k8s.io":
		return compare.CRD
	case s.ID.Group == "rbac.authorization.k8s.io":
		return compare.RBAC
	}
	return compare.NoRisk
}

// tryPlan asks the API server what it has against the steps.
func (e *Engine) tryPlan(ctx context.Context, s *scene, pl planned, v *PlanView) error {
	var todo []plan.Step
	for _, g := range pl.plan.Groups {
		for _, step := range g.Steps {
			if d, ok := pl.desired[step.ID]; ok && step.Action != plan.Hook && step.Action != plan.Prune && step.Action != plan.Orphan && !d.Options.Ensure {
				todo = append(todo, step)
			}
		}
	}
	if v.Untried = max(len(todo)-maxTries, 0); v.Untried > 0 {
		todo = todo[:maxTries]
		v.Warnings = append(v.Warnings, fmt.Sprintf("the API server was asked about the first %d steps, not about %d more", maxTries, v.Untried))
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(tryAtATime)
	for _, step := range todo {
		g.Go(func() error {
			f := try(ctx, s.conn, pl, step)
			if f == nil {
				return ctx.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			v.Errors = append(v.Errors, f)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	slices.SortStableFunc(v.Errors, func(a, b *fault.Error) int { return strings.Compare(a.Where, b.Where) })
	return nil
}

// try asks about one step; nil: nothing stands against it, or that cannot be known before.
func try(ctx context.Context, conn *cluster.Cluster, pl planned, step plan.Step) *fault.Error {
	d := pl.desired[step.ID]
	if _, known := conn.Scope(d.Object.GroupVersionKind()); !known {
		return nil // its CRD comes in this bundle
	}
	_, err := conn.Apply(ctx, d.Object, object.WriteOptions{Force: true, DryRun: true})
	if err == nil || ctx.Err() != nil {
		return nil
	}
	f := *fault.Of(err)
	switch {
	case f.Reason == fault.NamespaceMissing && createsNamespace(pl.plan, step.ID.Namespace):
		return nil
	case f.Reason == fault.ImmutableField && step.ForceAllowed:
		return nil // it is made anew
	}
	f.Where = step.ID.String()
	if at := d.Origin.String(); at != "" {
		f.Where += " (" + at + ")"
	}
	return &f
}
