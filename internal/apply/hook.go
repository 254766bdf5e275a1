package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
)

func (x *Execution) stamp(t *task) string { return x.d.Attempt + "/" + string(t.phase) }

// hook takes a hook further: make room, create, await, clean up.
func (x *Execution) hook(ctx context.Context, t *task, now time.Time) error {
	switch t.stage {
	case todo:
		return x.startHook(ctx, t, now)
	case vanishing:
		isGone, err := x.gone(ctx, t, now)
		if err != nil || !isGone {
			return err
		}
		return x.launch(ctx, t, now)
	case running:
		return x.awaitHook(ctx, t, now)
	default:
		return x.cleanUp(ctx, t, now)
	}
}

// startHook decides by what is known and what is live: a hook that ended in this attempt does not run again, one that
// runs is awaited, and one that was started and is nowhere is not started anew, for nobody knows what it did.
func (x *Execution) startHook(ctx context.Context, t *task, now time.Time) error {
	if o, ok := x.done[t.key]; ok {
		t.outcome = o
		return x.conclude(t, now)
	}
	live, err := x.live(ctx, t)
	if err != nil && !fault.Is(err, fault.NamespaceMissing) {
		return err
	}
	switch {
	case live != nil && live.GetAnnotations()[object.AnnotationAttempt] == x.stamp(t):
		t.stage, t.uid, t.lookAt = running, string(live.GetUID()), now
		return x.awaitHook(ctx, t, now)
	case x.d.Started[t.key]:
		return x.endHook(ctx, t, HookOutcome{Message: "it was started before an interruption and is not there any more, so its outcome is not known"}, now)
	case live == nil:
		return x.launch(ctx, t, now)
	}
	// An earlier run stands in the way.
	err = x.d.Cluster.Delete(ctx, t.step.Kind, t.step.ID, x.proof(string(live.GetUID()), "Background"))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	t.vanish(string(live.GetUID()), now)
	return x.hook(ctx, t, now)
}

// launch creates the hook, after the journal has it. A create that was not answered is repeated: it succeeds only where
// no object is, so that the hook exists once.
func (x *Execution) launch(ctx context.Context, t *task, now time.Time) error {
	d, err := x.wanted(t)
	if err != nil {
		return err
	}
	if !t.started {
		if err := x.tellJournal(func(j Journal) error { return j.HookStarted(ctx, t.key) }); err != nil {
			return notRecorded(t, err)
		}
		t.started = true
	}
	obj := d.Object.DeepCopy()
	annotations := obj.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[object.AnnotationAttempt] = x.stamp(t)
	obj.SetAnnotations(annotations)
	answer, err := x.d.Cluster.Create(ctx, obj, Options{})
	if errors.Is(err, object.ErrExists) {
		if answer, err = x.live(ctx, t); err == nil && answer == nil {
			err = gone(t.step.ID)
		}
		if err == nil && answer.GetAnnotations()[object.AnnotationAttempt] != x.stamp(t) {
			t.vanish(string(answer.GetUID()), now)
			return x.waitLonger(t, now)
		}
	}
	if err != nil {
		if x.retries(t, err) || ctx.Err() != nil {
			return err
		}
		return x.endHook(ctx, t, HookOutcome{Message: fault.Of(err).Message}, now)
	}
	t.stage, t.uid = running, string(answer.GetUID())
	t.lookAt = now.Add(lookMost)
	x.journal.Lock()
	x.d.Journal.Applied(t.step, answer)
	x.journal.Unlock()
	return x.awaitHook(ctx, t, now)
}

func (x *Execution) waitLonger(t *task, now time.Time) error {
	t.lookAt = now.Add(lookFirst)
	return nil
}

func (x *Execution) tellJournal(tell func(Journal) error) error {
	x.journal.Lock()
	defer x.journal.Unlock()
	return tell(x.d.Journal)
}

func notRecorded(t *task, err error) error {
	return &fault.Error{Class: fault.Transient, Reason: fault.Of(err).Reason, Where: t.step.ID.String(), Err: err,
		Message: "the state of the hook cannot be recorded: " + err.Error()}
}

// awaitHook looks at the hook when the observer says that something may have been decided.
func (x *Execution) awaitHook(ctx context.Context, t *task, now time.Time) error {
	status, seen := x.d.Observer.Health(t.step.ID)
	decided := seen && (status.Level == health.Healthy || status.Level == health.Degraded)
	if !decided && !x.d.Observer.Gone(t.step.ID) && now.Before(t.lookAt) {
		return nil
	}
	t.lookAt = now.Add(lookMost)
	live, err := x.live(ctx, t)
	if err != nil {
		return err
	}
	if live == nil || string(live.GetUID()) != t.uid {
		return x.endHook(ctx, t, HookOutcome{Message: "it was deleted before it ended"}, now)
	}
	o, ended := outcome(live, status, seen)
	if !ended {
		return nil
	}
	return x.endHook(ctx, t, o, now)
}

var (
	jobs = schema.GroupKind{Group: "batch", Kind: "Job"}
	pods = schema.GroupKind{Kind: "Pod"}
)

// outcome reads how a hook ended. Jobs and Pods say so themselves; of everything else its health is the outcome.
func outcome(live *unstructured.Unstructured, status health.Status, seen bool) (o HookOutcome, ended bool) {
	switch object.Of(live).GroupKind() {
	case jobs:
		conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
		for _, c := range conditions {
			m, _ := c.(map[string]any)
			if m["status"] != "True" {
				continue
			}
			switch m["type"] {
			case "Complete":
				return HookOutcome{Succeeded: true}, true
			case "Failed":
				return HookOutcome{Message: fmt.Sprintf("%v: %v", m["reason"], m["message"])}, true
			}
		}
		return HookOutcome{}, false
	case pods:
		phase, _, _ := unstructured.NestedString(live.Object, "status", "phase")
		message, _, _ := unstructured.NestedString(live.Object, "status", "message")
		if message == "" {
			message = status.Message
		}
		return HookOutcome{Succeeded: phase == "Succeeded", Message: message}, phase == "Succeeded" || phase == "Failed"
	}
	switch {
	case !seen:
		return HookOutcome{}, false
	case status.Level == health.Healthy:
		return HookOutcome{Succeeded: true}, true
	case status.Level == health.Degraded:
		return HookOutcome{Message: status.Message}, true
	}
	return HookOutcome{}, false
}

// endHook records the outcome, which must be durable before anything depends on it.
func (x *Execution) endHook(ctx context.Context, t *task, o HookOutcome, now time.Time) error {
	if err := x.tellJournal(func(j Journal) error { return j.HookEnded(ctx, t.key, o) }); err != nil {
		return notRecorded(t, err)
	}
	t.outcome, t.stage, t.tries = o, cleaning, 0
	return x.cleanUp(ctx, t, now)
}

// cleanUp deletes a hook that ended, as its policy says. A hook that cannot be deleted has succeeded all the same.
func (x *Execution) cleanUp(ctx context.Context, t *task, now time.Time) error {
	h := t.step.Hook
	if h != nil && t.uid != "" && (t.outcome.Succeeded && h.DeleteOnSuccess || !t.outcome.Succeeded && h.DeleteOnFailure) {
		err := x.d.Cluster.Delete(ctx, t.step.Kind, t.step.ID, x.proof(t.uid, "Background"))
		switch {
		case err == nil || errors.Is(err, ErrNotFound):
		case x.retries(t, err) || ctx.Err() != nil:
			return err
		default:
			t.note = "it ended and could not be deleted: " + fault.Of(err).Message
		}
	}
	return x.conclude(t, now)
}

// conclude turns the outcome into the task's end.
func (x *Execution) conclude(t *task, now time.Time) error {
	if t.outcome.Succeeded {
		t.finish(now)
		return nil
	}
	message := "the hook failed"
	if t.outcome.Message != "" {
		message += ": " + t.outcome.Message
	}
	t.breakWith(&fault.Error{Class: fault.Invalid, Reason: fault.HookFailed, Where: t.step.ID.String(), Message: message,
		Next: "read its log; after mending it, push, or sync again"}, now)
	return nil
}
