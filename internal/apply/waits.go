package apply

import (
	"context"
	"fmt"
	"strings"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// failed is the error to report for the broken tasks of the group, nil when there is none: the first that another try
// will not mend, in the order of the plan, with the number of the others.
func (x *Execution) failed() error {
	var worst *fault.Error
	count := 0
	for _, t := range x.tasks {
		if t.stage != broken {
			continue
		}
		count++
		f := fault.Of(t.err)
		if worst == nil || worst.Class == fault.Transient && f.Class != fault.Transient {
			worst = f
		}
	}
	if worst == nil {
		return nil
	}
	e := *worst
	if e.Where == "" {
		e.Where = x.plan.App.String()
	}
	if count > 1 {
		e.Message += fmt.Sprintf(" (and %d more failed)", count-1)
	}
	return &e
}

// unsettled reports whether a task of a rank that was begun is still being tried.
func (x *Execution) unsettled() bool {
	for _, t := range x.tasks {
		if t.stage == todo && t.tries > 0 || t.stage == vanishing || t.stage == cleaning {
			return true
		}
	}
	return false
}

// waits lists what the group still waits for.
func (x *Execution) waits() []Wait {
	var out []Wait
	mine := make(map[object.ID]*task, len(x.tasks))
	for _, t := range x.tasks {
		mine[t.step.ID] = t
		if !t.settled() {
			out = append(out, x.waitOf(t))
		}
	}
	for _, id := range x.groups[x.index].Await {
		if t := mine[id]; t != nil && t.speaksForItself() {
			continue
		}
		if w, waiting := x.unhealthy(id); waiting {
			out = append(out, w)
		}
	}
	return out
}

// speaksForItself reports whether the task, and not the health of its object, says when the wait is over.
func (t *task) speaksForItself() bool {
	return t.isHook() || !t.settled() || t.step.Action == plan.Prune || t.step.Action == plan.Orphan
}

func (x *Execution) waitOf(t *task) Wait {
	w := Wait{ID: t.step.ID, Deadline: x.deadline()}
	switch {
	case t.trouble != nil && !t.retryAt.IsZero():
		w.For, w.Deadline = ForRetry, t.retryAt
		w.Status = health.Status{Level: health.Unknown, Reason: string(fault.Of(t.trouble).Reason), Message: fault.Of(t.trouble).Message}
	case t.stage == running:
		w.For = ForComplete
		w.Status, _ = x.d.Observer.Health(t.step.ID)
	case t.stage == vanishing, t.stage == leaving:
		w.For, w.Status = ForGone, held(t)
	default:
		w.For = ForRetry
	}
	return w
}

func held(t *task) health.Status {
	s := health.Status{Level: health.Progressing, Reason: "Deleting", Message: "it is being deleted"}
	if len(t.holding) > 0 {
		s.Message = "its finalizers keep it: " + strings.Join(t.holding, ", ")
	}
	return s
}

// unhealthy tells whether an object of Await is still waited for.
func (x *Execution) unhealthy(id object.ID) (Wait, bool) {
	if d, ok := x.desired[id]; ok && d.Options.IgnoreHealth {
		return Wait{}, false
	}
	status, seen := x.d.Observer.Health(id)
	if !seen {
		status = health.Status{Level: health.Unknown, Reason: "NotObserved", Message: "the watch has not delivered it yet"}
	} else if status.Level == health.Healthy || status.Level == health.Suspended {
		return Wait{}, false
	}
	return Wait{ID: id, For: ForHealthy, Status: status, Deadline: x.deadline()}, true
}

// hopeless is the error of an awaited object that will never be healthy: a Job that failed.
func (x *Execution) hopeless() error {
	for _, id := range x.groups[x.index].Await {
		if id.GroupKind() != jobs {
			continue
		}
		if w, waiting := x.unhealthy(id); waiting && w.Status.Level == health.Degraded && !x.isHook(id) {
			return &fault.Error{Class: fault.Invalid, Reason: fault.Unhealthy, Where: id.String(),
				Message: "the Job failed: " + w.Status.Message, Next: "kubectl logs -n " + id.Namespace + " job/" + id.Name}
		}
	}
	return nil
}

func (x *Execution) isHook(id object.ID) bool {
	for _, t := range x.tasks {
		if t.step.ID == id {
			return t.isHook()
		}
	}
	return false
}

// lastLook asks the API server once more before a deadline is held against anybody.
func (x *Execution) lastLook(ctx context.Context, now time.Time) (sent bool) {
	for _, t := range x.tasks {
		t.lookAt, t.retryAt = now, now
	}
	return x.work(ctx, now)
}

// giveUp ends the hooks that still run, and says what the group was waiting for.
func (x *Execution) giveUp(ctx context.Context, now time.Time) error {
	err := x.overdue(now)
	for _, t := range x.tasks {
		if t.stage == running {
			if e := x.endHook(ctx, t, HookOutcome{Message: fmt.Sprintf("it did not complete within %s", x.took(now))}, now); e != nil {
				t.breakWith(e, now)
			}
		}
	}
	return err
}

func (x *Execution) took(now time.Time) time.Duration { return now.Sub(x.begun).Round(time.Second) }

// overdue is the error of a group that ran out of time. It names the object that is to blame: what does not heal by
// itself before what is still on its way.
func (x *Execution) overdue(now time.Time) error {
	waits, g, took := x.waits(), x.groups[x.index], x.took(now)
	e := &fault.Error{Class: fault.Invalid, Reason: fault.DeadlineExceeded, Where: x.plan.App.String(),
		Message: fmt.Sprintf("phase %s, wave %d: not done within %s", g.Phase, g.Wave, took)}
	if len(waits) == 0 {
		return e
	}
	blame := waits[0]
	for _, w := range waits[1:] {
		if w.Status.Level.Worse(blame.Status.Level) && w.Status.Level == health.Degraded {
			blame = w
		}
	}
	e.Where = blame.ID.String()
	e.Message = fmt.Sprintf("not %s within %s", blame.For, took)
	if blame.For == ForRetry {
		e.Message = fmt.Sprintf("not applied within %s", took)
	}
	if blame.Status.Level != "" {
		e.Message += fmt.Sprintf(": %s", blame.Status.Level)
	}
	if blame.Status.Message != "" {
		e.Message += ", " + blame.Status.Message
	}
	if blame.For == ForGone {
		e.Class = fault.Blocked
		e.Next = "find out why the owner of the finalizer does not finish; only then take the finalizer off"
	}
	if n := len(waits) - 1; n > 0 {
		e.Message += fmt.Sprintf(" (and %d more)", n)
	}
	return e
}
