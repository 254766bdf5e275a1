package engine

import (
	"context"
	"fmt"
	"time"

	"plumb.cd/plumb/internal/apply"
	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// interrupt ends a running attempt that is no longer wanted: another bundle came, or somebody cancelled it.
func (e *Engine) interrupt(ctx context.Context, a *app, spec App, c choice) {
	if spec.Cancel != "" && spec.Cancel != a.mem.LastCancel {
		a.mem.LastCancel = spec.Cancel
		f := &fault.Error{Class: fault.Blocked, Reason: fault.Cancelled, Message: "the sync was cancelled", Next: "plumb sync " + spec.Key.Name}
		e.failed(a, spec, c, f, nil)
		a.failure.retry = time.Time{}
		e.end(ctx, a, "Cancelled", f)
		return
	}
	if c.mode != plan.Heal && (a.run.attempt.Bundle != c.want.Bundle || a.run.attempt.Mode != c.mode) {
		e.end(ctx, a, string(fault.Superseded), &fault.Error{Reason: fault.Superseded, Message: "a newer revision took over"})
	}
}

// abandon ends a running attempt because the App is paused.
func (e *Engine) abandon(ctx context.Context, a *app, why fault.Reason) {
	if a.run != nil {
		e.end(ctx, a, string(why), &fault.Error{Reason: why, Message: "the App was suspended"})
	}
}

func (e *Engine) finishOK(ctx context.Context, a *app, spec App, c choice) {
	now := e.o.Now()
	d := c.want
	d.At = now
	a.mem.Applied = &d
	healthy := d
	a.mem.Healthy = &healthy
	a.failure, a.plannedFor, a.unsettled = nil, spec.Generation, a.pruneHeld
	a.settledClean()
	if !a.pruneHeld {
		a.mem.Rewritten = ""
	}
	a.retry.reset()
	e.pin(ctx, a, d)
	e.end(ctx, a, outcomeOK, nil)
	a.mem.Targets = a.targetsLeft()
	a.mu.Lock()
	a.dirty = true // heal what drifted meanwhile
	a.mu.Unlock()
}

// pin keeps the deployed commits in the mirrors, whatever happens to their branches.
func (e *Engine) pin(ctx context.Context, a *app, d Deployed) {
	for i, rev := range d.Revisions {
		if rev.Tree == "" {
			continue
		}
		mirror, err := e.o.Mirrors.Mirror(rev.URL)
		if err == nil {
			err = mirror.Pin(ctx, fmt.Sprintf("%s/%s/%d", a.key.Namespace, a.key.Name, i), rev.Commit)
		}
		if err != nil {
			e.o.Log.Warn("a deployed commit could not be pinned in the mirror", "app", a.key.String(), "commit", rev.Commit, "err", err)
		}
	}
}

// finishFailed ends an attempt that failed, and goes back to the last healthy bundle where the App wants that.
func (e *Engine) finishFailed(ctx context.Context, a *app, spec App, c choice, st apply.State, o *outcome) {
	f := fault.Of(st.Failed)
	var blocked []object.ID
	for _, w := range st.Waiting {
		blocked = append(blocked, w.ID)
	}
	e.failed(a, spec, c, f, blocked)
	o.err = f
	o.wakeBy(a.failure.retry)
	healthy := a.mem.Healthy
	back := spec.RollbackOnFailure && c.mode == plan.Sync && spec.Hold == nil && healthy != nil && healthy.Bundle != c.want.Bundle &&
		(len(st.Results) > 0 || f.Reason == fault.DeadlineExceeded) && f.Class != fault.Transient
	e.end(ctx, a, outcomeFailed, f)
	if !back {
		return
	}
	a.mem.RolledBack = &RolledBack{
		Bad: c.want.Bundle, To: healthy.Bundle, At: e.o.Now(),
		Message: fmt.Sprintf("%s failed (%s); rolled back to %s, which was healthy", short(c.want), f.Error(), short(*healthy)),
	}
	e.record(ctx, history.Event{
		Kind: history.Rollback, App: a.key.String(), Commit: commitOf(*healthy), Bundle: string(healthy.Bundle),
		Reason: string(f.Reason), Message: a.mem.RolledBack.Message,
	})
	a.mu.Lock()
	a.dirty = true
	a.mu.Unlock()
}

// failed remembers a failure and decides when another try makes sense.
func (e *Engine) failed(a *app, spec App, c choice, f *fault.Error, blocked []object.ID) {
	a.failure = &failure{bundle: c.want.Bundle, generation: spec.Generation, err: f, blocked: blocked}
	if f.Class != fault.Invalid && len(blocked) == 0 {
		a.failure.retry = a.retry.next(e.o.Now())
	}
	a.plannedFor = spec.Generation
}

// end closes the running attempt and records it.
func (e *Engine) end(ctx context.Context, a *app, how string, f *fault.Error) {
	r := a.run
	a.run = nil
	ended := *r.attempt
	ended.Ended, ended.Outcome = e.o.Now(), how
	if f != nil {
		ended.Reason, ended.Message = f.Reason, f.Error()
	}
	a.mem.Attempt = &ended
	a.unsettled = a.unsettled || how != outcomeOK // the cluster may stand between two bundles
	if r.request != nil {
		a.mem.LastRequest = r.request.ID
	}
	e.metrics.attempt(how, ended.Ended.Sub(ended.Started))
	e.ended(a, r, ended)
	e.record(ctx, history.Event{
		Kind: history.Deployment, App: a.key.String(), Actor: ended.Actor, Commit: commitOf(Deployed{Revisions: ended.Revisions}),
		Bundle: string(ended.Bundle), Attempt: ended.ID, Outcome: how, Reason: string(ended.Reason), Message: ended.Message,
		Data: deploymentData(ended, r),
	})
}

func short(d Deployed) string {
	if c := commitOf(d); c != "" {
		return bundle.ShortCommit(c)
	}
	return "bundle " + d.Bundle.Short()
}

func commitOf(d Deployed) string {
	if len(d.Revisions) == 0 {
		return ""
	}
	return d.Revisions[0].Commit
}
