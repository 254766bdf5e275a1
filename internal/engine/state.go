package engine

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
)

// facts are what a Snapshot is computed from, besides the outcome of the step.
type facts struct {
	spec   App
	memory Memory
	counts Counts
	worst  health.Blame
	notes  []string
	kept   []string
	now    time.Time
}

// publish computes where the App stands, tells whoever waits for it, and says when to look again.
func (e *Engine) publish(a *app, spec App, o outcome) time.Time {
	set := a.target.set(a.key)
	counts, worst, recheck := set.tally()
	f := facts{spec: spec, memory: a.mem.clone(), counts: counts, worst: worst, notes: a.notes, kept: a.kept, now: e.o.Now()}
	next := summarize(f, o)
	if b := e.failing(a, o); b != nil && next.State == StateFailed {
		next.Blocking = b
	}
	if b := next.Blocking; b != nil && b.File == "" {
		b.File = e.fileOf(a, *b)
	}
	a.mu.Lock()
	prev := a.snapshot
	next.Since = prev.Since
	if prev.State != next.State || prev.Reason != next.Reason || prev.Since.IsZero() {
		next.Since = f.now
	}
	a.snapshot, a.shown = next, a.rendered.number
	a.mu.Unlock()
	if !sameSnapshot(prev, next) {
		if e.o.Changed != nil {
			e.o.Changed(a.key)
		}
		if prev.State != next.State {
			e.transition(a, next)
			e.mu.Lock()
			waiting := keysOf(e.dependents[a.key])
			e.mu.Unlock()
			e.kickKeys(waiting)
		}
	}
	o.wakeBy(recheck)
	return o.wake
}

// failing is the object of the bundle by which the step failed; nil: it failed by something else.
func (e *Engine) failing(a *app, o outcome) *Blocking {
	if o.err == nil {
		return nil
	}
	id, err := object.ParseID(o.err.Where)
	if err != nil {
		return nil
	}
	b := &Blocking{Object: id, Reason: string(o.err.Reason), Message: o.err.Message}
	if b.File = e.fileOf(a, *b); b.File == "" {
		return nil
	}
	return b
}

// mend is the next step for an error that names none.
func mend(c fault.Class, app string) string {
	if c == fault.Invalid {
		return "correct it in Git: the next commit is tried at once"
	}
	return "plumb why " + app
}

func sameSnapshot(a, b Snapshot) bool {
	a.Since, b.Since = time.Time{}, time.Time{}
	return reflect.DeepEqual(a, b)
}

// summarize is the one word for an App, and why. Pure; the first match wins, in the order of the design.
func summarize(f facts, o outcome) Snapshot {
	s := Snapshot{
		Key: f.spec.Key, Generation: f.spec.Generation, Health: f.worst, Desired: o.desired, Counts: f.counts,
		Progress: o.progress, Plan: o.plan, Warnings: warnings(o.warnings, f.notes, f.kept, elsewhere(f)), Memory: f.memory,
		Deleted: o.deleted, Left: o.left, InSync: syncFact(f, o), Blocking: o.blocking,
	}
	s.State, s.Reason, s.Message, s.Next = verdict(f, o)
	if s.State == StateFailed && s.Next == "" {
		s.Next = mend(o.err.Class, f.spec.Key.Name)
	}
	if s.Blocking == nil && (s.State == StateDegraded || s.State == StateDeploying || s.State == StateFailed) {
		s.Blocking = blocker(f, o)
	}
	s.Actions = actions(s.State, f.spec)
	return s
}

func syncFact(f facts, o outcome) SyncFact {
	switch {
	case o.pending != "" || (o.err != nil && o.desired == nil):
		return SyncUnknown
	case o.current && f.counts.Drifted == 0 && f.counts.Missing == 0 && o.paused == nil:
		return InSync
	case o.paused != nil && o.desired != nil && f.memory.Applied != nil && f.memory.Applied.Bundle == o.desired.Bundle && f.counts.Drifted == 0:
		return InSync
	}
	return OutOfSync
}

func verdict(f facts, o outcome) (State, fault.Reason, string, string) {
	name := f.spec.Key.Name
	switch {
	case o.deleted:
		return StateWaiting, fault.Deleting, "deleted", ""
	case o.err != nil && noContact(o.err):
		return StateUnknown, o.err.Reason, o.err.Error(), o.err.Next
	case o.err != nil && o.paused == nil:
		return StateFailed, o.err.Reason, o.err.Error(), o.err.Next
	case f.spec.Deleting && o.gate != nil:
		return StateWaiting, o.gate.reason, o.gate.message, o.gate.next
	case f.spec.Deleting:
		return StateDeploying, fault.Deleting, "deleting; what is left: " + objectsOf(f.counts.Total), ""
	case o.pending != "" && f.memory.Applied == nil:
		return StateUnknown, fault.Initializing, o.pending, ""
	case f.counts.Degraded > 0:
		return StateDegraded, fault.Unhealthy, healthMessage(f.worst), "plumb why " + f.worst.ID.String()
	case f.counts.Drifted+f.counts.Missing > 0 && o.progress == nil && o.gate == nil && o.current && !f.spec.Heal:
		return StateDrifted, fault.Drifted, driftMessage(f), "plumb drift " + name
	case o.progress != nil:
		return StateDeploying, fault.Progressing, progressMessage(o.progress), "plumb tree " + name
	case o.gate != nil:
		return StateWaiting, o.gate.reason, o.gate.message, o.gate.next
	case o.paused != nil:
		return StatePaused, o.paused.reason, o.paused.message, o.paused.next
	case o.pending != "":
		return StateUnknown, fault.Initializing, o.pending, ""
	case f.counts.Progressing+f.counts.Missing > 0 || !o.current:
		return StateDeploying, fault.Progressing, healthMessage(f.worst), "plumb tree " + name
	}
	return StateSynced, fault.Synced, allHealthy(f.counts.Total), ""
}

// noContact tells the errors that say nothing about the revision: the world is away or busy, and it is tried again.
func noContact(f *fault.Error) bool {
	return f.Reason == fault.ClusterUnreachable || (f.Class == fault.Transient && f.Reason != fault.Internal)
}

func healthMessage(b health.Blame) string {
	if b.ID.Kind == "" {
		return "waiting for its objects"
	}
	return b.ID.String() + " is " + string(b.Status.Level) + suffix(b.Status.Message)
}

// objectsOf is "1 object", "2 objects".
func objectsOf(n int) string {
	if n == 1 {
		return "1 object"
	}
	return fmt.Sprintf("%d objects", n)
}

func allHealthy(n int) string {
	if n == 1 {
		return "1 object, healthy"
	}
	return objectsOf(n) + ", all healthy"
}

func driftMessage(f facts) string {
	n := f.counts.Drifted + f.counts.Missing
	if n == 1 {
		return "1 object differs from Git and healing is off"
	}
	return objectsOf(n) + " differ from Git and healing is off"
}

func progressMessage(p *Progress) string {
	m := fmt.Sprintf("%s, wave %d (%d of %d)", p.Phase, p.Wave, min(p.Group+1, p.Groups), p.Groups)
	if len(p.Waiting) > 0 {
		w := p.Waiting[0]
		m += ": waiting for " + w.Object.String() + " to be " + w.For + suffix(w.Message)
	}
	return m
}

func blocker(f facts, o outcome) *Blocking {
	if o.progress != nil && len(o.progress.Waiting) > 0 {
		w := o.progress.Waiting[0]
		return &Blocking{Object: w.Object, Message: w.Message}
	}
	if f.worst.ID.Kind == "" || f.worst.Status.Level == health.Healthy {
		return nil
	}
	return &Blocking{Object: f.worst.ID, Level: f.worst.Status.Level, Reason: f.worst.Status.Reason, Message: f.worst.Status.Message}
}

// elsewhere names clusters that the App was moved away from and still may have objects on.
func elsewhere(f facts) []string {
	var out []string
	for _, t := range f.memory.Targets {
		if t.Cluster != f.spec.Cluster {
			out = append(out, "there may still be objects of it on cluster "+t.Cluster+": move it back and delete it, or delete them there")
		}
	}
	return out
}

func warnings(groups ...[]string) []string {
	const limit = 10
	var out []string
	for _, g := range groups {
		for _, w := range g {
			if len(out) == limit {
				return out
			}
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

// actions are the verbs that make sense in a state.
func actions(s State, spec App) []string {
	if spec.Deleting {
		return []string{"why"}
	}
	if spec.Suspend || spec.Hold != nil {
		return []string{"resume", "why", "diff"}
	}
	switch s {
	case StateUnknown, StatePaused, StateSynced:
	case StateDeploying:
		return []string{"cancel", "why", "hold", "suspend"}
	case StateWaiting:
		return []string{"plan", "sync", "why", "suspend"}
	case StateFailed, StateDegraded:
		return []string{"why", "sync", "rollback", "hold", "suspend"}
	case StateDrifted:
		return []string{"drift", "sync", "diff"}
	}
	return []string{"refresh", "hold", "suspend", "rollback"}
}
