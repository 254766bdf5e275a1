package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"plumb.cd/plumb/internal/apply"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// failure remembers why the last attempt at a bundle failed, and what may mend it.
type failure struct {
	bundle     object.Digest
	generation int64
	err        *fault.Error
	retry      time.Time   // zero: time does not help
	blocked    []object.ID // when these are healthy, it is worth another try
}

const (
	defaultDeadline = 15 * time.Minute
	outcomeOK       = "Succeeded"
	outcomeFailed   = "Failed"
	hookStarting    = "Starting" // it may exist; when it does not, it never did
	hookStarted     = "Started"  // it existed
)

// due says whether a plan should be made now: a bundle that is not applied, somebody's request, or a failure that
// something may have mended. What is not due costs nothing.
func (a *app) due(spec App, want Deployed, now time.Time, o *outcome) bool {
	if a.requested(spec) != nil {
		return true
	}
	f := a.failure
	if f != nil && f.bundle == want.Bundle && f.generation == spec.Generation {
		if !f.retry.IsZero() && !now.Before(f.retry) {
			return true
		}
		if len(f.blocked) > 0 && a.healthyAll(f.blocked) {
			return true
		}
		o.err = f.err
		o.wakeBy(f.retry)
		return false
	}
	if a.mem.Applied == nil || a.mem.Applied.Bundle != want.Bundle || a.plannedFor != spec.Generation {
		return true
	}
	return !a.verified || a.unsettled
}

// requested gives the sync request that is still to be handled.
func (a *app) requested(spec App) *Request {
	if spec.Request == nil || spec.Request.ID == "" || spec.Request.ID == a.mem.LastRequest {
		return nil
	}
	return spec.Request
}

func (a *app) healthyAll(ids []object.ID) bool {
	set := a.target.set(a.key)
	for _, id := range ids {
		st, seen := set.Health(id)
		if !seen || (st.Level != "Healthy" && st.Level != "Suspended") {
			return false
		}
	}
	return true
}

// begin makes a plan and, when nothing stands in its way, starts an attempt.
func (e *Engine) begin(ctx context.Context, a *app, spec App, conn *cluster.Cluster, c choice, o *outcome) {
	req := a.requested(spec)
	pl, err := e.plan(ctx, a, spec, conn, c, req)
	if err != nil {
		if isPending(err) {
			o.gate = &gate{reason: fault.AwaitingMove, message: "waiting for the other Apps of this revision, so that an object that moves is handed over"}
			return
		}
		e.failed(a, spec, c, fault.Of(err), nil)
		o.err = fault.Of(err)
		o.wakeBy(a.failure.retry)
		return
	}
	o.warnings = append(o.warnings, pl.plan.Warnings...)
	if !a.verified && a.mem.Applied != nil && a.mem.Applied.Bundle == c.want.Bundle && req == nil {
		if err := e.verify(ctx, a, conn, pl); err != nil {
			e.addFault(a, o, err)
			return
		}
		a.verified, a.plannedFor = true, spec.Generation
		if pl, err = e.plan(ctx, a, spec, conn, c, req); err != nil {
			e.addFault(a, o, err)
			return
		}
		if a.onlyDrift(pl) {
			return // heal attributes and undoes it
		}
	}
	a.verified = true
	if a.leavesDrift(spec, c, pl, req) {
		e.settled(ctx, a, spec, c, req)
		return // heal tells of it
	}
	if pl.plan.Empty() && a.unproven(c) {
		pl.plan = plan.Await(pl.in)
	}
	if pl.plan.Empty() {
		e.settled(ctx, a, spec, c, req)
		return
	}
	o.plan = &pl.plan
	if g := e.gates(a, spec, c, pl.plan, req); g != nil {
		o.gate = g
		return
	}
	if len(pl.plan.Refused) > 0 {
		f := refusalFault(pl.plan.Refused)
		e.failed(a, spec, c, f, nil)
		o.err = f
		o.wakeBy(a.failure.retry)
		return
	}
	if err := e.start(ctx, a, spec, conn, c, pl, req); err != nil {
		e.addFault(a, o, err)
	}
}

// onlyDrift reports whether a plan for a bundle that is applied already does nothing but undo drift: every step is for
// an object that was applied in this very form.
func (a *app) onlyDrift(pl planned) bool {
	if len(pl.plan.Refused) > 0 {
		return false
	}
	set := a.target.set(a.key)
	for _, g := range pl.plan.Groups {
		for _, s := range g.Steps {
			r, known := set.get(s.ID)
			if !known || (s.Action != plan.Apply && s.Action != plan.Replace) || r.applied != pl.desired[s.ID].Digest {
				return false
			}
		}
	}
	return true
}

// leavesDrift reports whether a plan would do nothing but undo drift of a bundle that was applied and healthy, for an App
// that does not want that. What is missing is filed as such: it went while nobody watched.
func (a *app) leavesDrift(spec App, c choice, pl planned, req *Request) bool {
	applied, healthy := a.mem.Applied, a.mem.Healthy
	if spec.Heal || req != nil || c.mode != plan.Sync || pl.plan.Empty() || len(pl.plan.Refused) > 0 ||
		applied == nil || healthy == nil || applied.Bundle != c.want.Bundle || healthy.Bundle != c.want.Bundle {
		return false
	}
	var gone []plan.Desired
	for _, g := range pl.plan.Groups {
		for _, s := range g.Steps {
			switch s.Action {
			case plan.Apply, plan.Replace:
			case plan.Create:
				if pl.desired[s.ID].Options.Ensure {
					return false
				}
				gone = append(gone, pl.desired[s.ID])
			case plan.Adopt, plan.Recreate, plan.Hook, plan.Prune, plan.Orphan:
				return false
			}
		}
	}
	set := a.target.set(a.key)
	for _, d := range gone {
		set.missed(d, d.Object.GroupVersionKind(), pl.began)
	}
	return true
}

func refusalFault(refused []plan.Refusal) *fault.Error {
	r := refused[0]
	msg := r.Message
	if n := len(refused) - 1; n > 0 {
		msg += fmt.Sprintf(" (and %d more)", n)
	}
	return &fault.Error{Class: fault.Blocked, Reason: r.Reason, Where: r.ID.String(), Message: msg, Next: r.Next}
}

// unproven reports whether a bundle that is applied was never seen healthy, and is not now: its attempt goes on.
func (a *app) unproven(c choice) bool {
	if a.mem.Healthy != nil && a.mem.Healthy.Bundle == c.want.Bundle {
		return false
	}
	_, blame, _ := a.target.set(a.key).tally()
	return blame.Status.Level.Worse(health.Suspended)
}

// settled notes that the cluster is already what the bundle says.
func (e *Engine) settled(_ context.Context, a *app, spec App, c choice, req *Request) {
	now := e.o.Now()
	if a.mem.Applied == nil || a.mem.Applied.Bundle != c.want.Bundle {
		d := c.want
		d.At = now
		a.mem.Applied = &d
	}
	if req != nil {
		a.mem.LastRequest = req.ID
	}
	a.failure, a.plannedFor, a.unsettled = nil, spec.Generation, a.pruneHeld
	a.settledClean()
	if !a.pruneHeld {
		a.mem.Rewritten = ""
	}
	a.retry.reset()
	if _, blame, _ := a.target.set(a.key).tally(); !blame.Status.Level.Worse(health.Suspended) {
		d := *a.mem.Applied
		a.mem.Healthy = &d
	}
}

// unapproved is the gate of a plan that waits for approval. A request without a plan approves nothing and is done with;
// that an approval came too late is said until there is another plan or request.
func (a *app) unapproved(p plan.Plan, req *Request, g *gate) *gate {
	if req != nil {
		a.mem.LastRequest = req.ID
		return g
	}
	if a.stale != nil && a.staleFor == p.Digest {
		return a.stale
	}
	return g
}

// gates says what a plan waits for, if anything.
func (e *Engine) gates(a *app, spec App, c choice, p plan.Plan, req *Request) *gate {
	if g := e.dependencyGate(a, spec); g != nil {
		return g
	}
	approved := req != nil && req.Plan != "" && req.Plan == p.Digest
	if req != nil && req.Plan != "" && !approved {
		a.mem.LastRequest = req.ID
		a.stale, a.staleFor = &gate{
			reason: fault.PlanStale, message: "the plan " + req.Plan.Short() + " that was approved is no longer the current one (" + p.Digest.Short() + ")",
			next: "plumb plan " + spec.Key.Name,
		}, p.Digest
		return a.stale
	}
	if len(p.Guards) > 0 && !approved {
		return a.unapproved(p, req, &gate{
			reason: p.Guards[0].Reason, message: p.Guards[0].Message,
			next: fmt.Sprintf("plumb plan %s, then plumb sync %s --plan %s", spec.Key.Name, spec.Key.Name, p.Digest),
		})
	}
	if c.mode == plan.Rollback {
		return nil
	}
	switch {
	case spec.Mode == Approve && !approved:
		return a.unapproved(p, req, &gate{
			reason: fault.AwaitingApproval, message: "the plan " + p.Digest.Short() + " waits for approval",
			next: fmt.Sprintf("plumb sync %s --plan %s", spec.Key.Name, p.Digest),
		})
	case spec.Mode == Manual && req == nil && a.stale != nil && a.staleFor == p.Digest:
		return a.stale
	case spec.Mode == Manual && req == nil:
		return &gate{reason: fault.AwaitingSync, message: "out of sync; the sync mode is Manual", next: "plumb sync " + spec.Key.Name}
	}
	return nil
}

// start makes the attempt durable where that matters, and sets it going.
func (e *Engine) start(ctx context.Context, a *app, spec App, conn *cluster.Cluster, c choice, pl planned, req *Request) error {
	now := e.o.Now()
	at := a.mem.Attempt
	if at == nil || at.Outcome != "" || at.Bundle != c.want.Bundle || at.Mode != c.mode {
		at = &Attempt{Mode: c.mode, Bundle: c.want.Bundle, Revisions: c.want.Revisions, Started: now, Hooks: map[string]string{}}
		at.ID = attemptID(a.key, *at)
	} else {
		resumed := *at
		resumed.Hooks = maps.Clone(at.Hooks)
		at = &resumed
	}
	at.Plan = pl.plan.Digest
	if req != nil {
		at.Actor = req.Actor
	}
	targets, grew := a.targetsWith(a.target.name, pl.desired)
	a.mem.Attempt, a.mem.Targets = at, targets
	switch {
	case hasHooks(pl.plan):
		if err := e.save(ctx, a); err != nil {
			return err
		}
	case grew:
		if err := e.saveUses(ctx, a); err != nil {
			return err
		}
	}
	deadline := spec.Deadline
	if deadline <= 0 {
		deadline = defaultDeadline
	}
	set := a.target.set(a.key)
	set.forgetGone()
	set.expectGone(prunes(pl.plan))
	r := &run{attempt: at, plan: pl.plan, desired: pl.desired, request: req, until: at.Started.Add(deadline)}
	r.exec = apply.New(pl.plan, pl.desired, apply.Deps{
		Cluster: conn, Observer: set, Journal: watched{&journal{e: e, a: a, run: r}}, Attempt: at.ID,
		Started: startedHooks(at.Hooks), Preparer: preparer{a.target.look(a), e.o.Installation},
	}, hookOutcomes(at.Hooks))
	e.begins(ctx, a, spec, c, pl, r)
	a.run = r
	a.failure = nil
	return nil
}

func attemptID(k Key, at Attempt) string {
	d := object.DigestOf([]byte(k.String()), []byte(at.Bundle), []byte(at.Mode), []byte(strconv.FormatInt(at.Started.UnixNano(), 36)))
	return d.Short()
}

func hookOutcomes(hooks map[string]string) map[string]apply.HookOutcome {
	out := map[string]apply.HookOutcome{}
	for key, state := range hooks {
		if state != hookStarted && state != hookStarting {
			out[key] = apply.HookOutcome{Succeeded: state == outcomeOK}
		}
	}
	return out
}

func startedHooks(hooks map[string]string) map[string]bool {
	out := map[string]bool{}
	for key, state := range hooks {
		out[key] = state != hookStarting
	}
	return out
}

func hasHooks(p plan.Plan) bool {
	return slices.ContainsFunc(append(slices.Clone(p.Groups), p.OnFailure...), func(g plan.Group) bool {
		return slices.ContainsFunc(g.Steps, func(s plan.Step) bool { return s.Action == plan.Hook })
	})
}

func prunes(p plan.Plan) []object.ID {
	var out []object.ID
	for _, g := range p.Groups {
		for _, s := range g.Steps {
			if s.Action == plan.Prune || s.Action == plan.Orphan {
				out = append(out, s.ID)
			}
		}
	}
	return out
}

// drive advances the attempt as far as it goes now.
func (e *Engine) drive(ctx context.Context, a *app, spec App, conn *cluster.Cluster, c choice, o *outcome) {
	r := a.run
	now := e.o.Now()
	st := r.exec.Advance(ctx, now)
	r.state = st
	r.line.advanced(st, now)
	if ctx.Err() != nil {
		return
	}
	if !st.Done && now.After(r.until) {
		st.Done, st.Failed = true, &fault.Error{
			Class: fault.Blocked, Reason: fault.DeadlineExceeded, Where: firstWait(st.Waiting),
			Message: "the sync did not finish within its deadline; it still waits for " + describeWaits(st.Waiting),
			Next:    "plumb why " + firstWait(st.Waiting),
		}
	}
	if !st.Done {
		o.plan = &r.plan
		o.progress = progressOf(st)
		o.wakeBy(r.until)
		o.wakeBy(st.Next)
		return
	}
	if st.Failed != nil {
		e.finishFailed(ctx, a, spec, c, st, o)
		return
	}
	e.finishOK(ctx, a, spec, c)
}

func firstWait(waits []apply.Wait) string {
	if len(waits) == 0 {
		return ""
	}
	return waits[0].ID.String()
}

func describeWaits(waits []apply.Wait) string {
	if len(waits) == 0 {
		return "nothing that is known"
	}
	w := waits[0]
	s := w.ID.String() + " to be " + w.For
	if w.Status.Message != "" {
		s += " (" + w.Status.Message + ")"
	}
	if n := len(waits) - 1; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}

func progressOf(st apply.State) *Progress {
	p := &Progress{Phase: st.Phase, Wave: st.Wave, Group: st.Group, Groups: st.Groups}
	for _, w := range st.Waiting {
		p.Waiting = append(p.Waiting, Waiting{Object: w.ID, For: w.For, Message: w.Status.Message, Deadline: w.Deadline})
		if len(p.Waiting) == 20 {
			break
		}
	}
	return p
}
