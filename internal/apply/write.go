package apply

import (
	"context"
	"errors"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// create makes an object that is believed absent. One that exists after all is never touched, unless it is ours.
func (x *Execution) create(ctx context.Context, t *task, now time.Time) error {
	d, err := x.wanted(t)
	if err != nil {
		return err
	}
	answer, err := x.d.Cluster.Create(ctx, d.Object, Options{})
	if err == nil {
		x.applied(t, answer, now)
		return nil
	}
	if !errors.Is(err, object.ErrExists) {
		return err
	}
	live, err := x.d.Cluster.Get(ctx, t.step.Kind, t.step.ID)
	if errors.Is(err, ErrNotFound) {
		return gone(t.step.ID)
	}
	if err != nil {
		return err
	}
	if d.Options.SkipIfExists {
		t.note = "it exists, and is only created where it is missing"
		t.finish(now)
		return nil
	}
	if err := x.mayTouch(live); err != nil {
		return err
	}
	return x.send(ctx, t, d, live, now)
}

func gone(id object.ID) error {
	return &fault.Error{Class: fault.Transient, Reason: fault.Conflict, Where: id.String(), Message: "it was deleted in the meantime"}
}

// mayTouch refuses an object that is not this App's.
func (x *Execution) mayTouch(live *unstructured.Unstructured) error {
	id := object.Of(live)
	owner, marked := object.OwnerOf(id, live.GetAnnotations())
	switch {
	case marked && owner == x.plan.App:
		return nil
	case marked:
		return &fault.Error{Class: fault.Blocked, Reason: fault.OwnedByOther, Where: id.String(),
			Message: "the App " + owner.String() + " owns it",
			Next:    "take it out of one of the two Apps"}
	}
	var managers []string
	for _, e := range live.GetManagedFields() {
		if e.Subresource == "" {
			managers = append(managers, e.Manager)
		}
	}
	return &fault.Error{Class: fault.Blocked, Reason: fault.NotOwned, Where: id.String(),
		Message: "it exists already and no App owns it; its fields belong to " + strings.Join(managers, ", "),
		Next:    "plumb adopt, or delete it"}
}

// apply sends the desired state over an object of ours.
func (x *Execution) apply(ctx context.Context, t *task, now time.Time) error {
	d, err := x.wanted(t)
	if err != nil {
		return err
	}
	var live *unstructured.Unstructured
	if len(d.Random) > 0 || x.d.Preparer != nil && x.d.Preparer.NeedsLive(d) {
		if live, err = x.live(ctx, t); err != nil {
			return err
		}
	}
	return x.send(ctx, t, d, live, now)
}

// live reads the object of a step; nil when there is none.
func (x *Execution) live(ctx context.Context, t *task) (*unstructured.Unstructured, error) {
	live, err := x.d.Cluster.Get(ctx, t.step.Kind, t.step.ID)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return live, err
}

// send applies d. live is nil when it was not read. When the object is another one than was planned, it is looked at
// again: what is ours, or absent, is applied; anything else is refused.
func (x *Execution) send(ctx context.Context, t *task, d plan.Desired, live *unstructured.Unstructured, now time.Time) error {
	o := Options{Force: true, UID: t.step.UID}
	if live != nil {
		o.UID = string(live.GetUID())
	}
	answer, err := x.d.Cluster.Apply(ctx, x.outgoing(d, live), o)
	if o.UID != "" && fault.Is(err, fault.Conflict) {
		return x.sendAnew(ctx, t, d, now)
	}
	return x.sent(ctx, t, d, answer, err, now)
}

func (x *Execution) sendAnew(ctx context.Context, t *task, d plan.Desired, now time.Time) error {
	live, err := x.live(ctx, t)
	if err != nil {
		return err
	}
	var answer *unstructured.Unstructured
	if live == nil {
		answer, err = x.d.Cluster.Create(ctx, d.Object, Options{})
	} else if err = x.mayTouch(live); err == nil {
		answer, err = x.d.Cluster.Apply(ctx, x.outgoing(d, live), Options{Force: true, UID: string(live.GetUID())})
	}
	return x.sent(ctx, t, d, answer, err, now)
}

// sent ends a write, or turns it into a recreation when only that helps and is allowed.
func (x *Execution) sent(ctx context.Context, t *task, d plan.Desired, answer *unstructured.Unstructured, err error, now time.Time) error {
	switch {
	case err == nil:
		x.applied(t, answer, now)
		return nil
	case fault.Is(err, fault.ImmutableField) && (t.step.ForceAllowed || t.step.Action == plan.Recreate):
		return x.recreate(ctx, t, d, err, now)
	}
	return err
}

// outgoing is what to send for d over live, which may be nil.
func (x *Execution) outgoing(d plan.Desired, live *unstructured.Unstructured) *unstructured.Unstructured {
	if live == nil {
		return d.Object
	}
	d.Object = withLive(d.Object, live, d.Random)
	if x.d.Preparer == nil {
		return d.Object
	}
	return x.d.Preparer.Prepare(d, live)
}

// adopt takes an object over from those who manage it and applies.
func (x *Execution) adopt(ctx context.Context, t *task, now time.Time) error {
	live, err := x.live(ctx, t)
	if err != nil {
		return err
	}
	if live == nil {
		return x.create(ctx, t, now)
	}
	if t.step.UID != "" && string(live.GetUID()) != t.step.UID {
		return &fault.Error{Class: fault.Transient, Reason: fault.Conflict, Where: t.step.ID.String(),
			Message: "another object stands under this name than the one that was planned to be adopted"}
	}
	d, err := x.wanted(t)
	if err != nil {
		return err
	}
	if err := x.d.Cluster.TakeOver(ctx, live, nil); err != nil {
		return err
	}
	return x.send(ctx, t, d, live, now)
}

// replace puts the desired state in place of the live one, and applies it.
func (x *Execution) replace(ctx context.Context, t *task, now time.Time) error {
	live, err := x.live(ctx, t)
	if err != nil {
		return err
	}
	if live == nil {
		return x.create(ctx, t, now)
	}
	if err := x.mayTouch(live); err != nil && string(live.GetUID()) != t.step.UID {
		return err
	}
	d, err := x.wanted(t)
	if err != nil {
		return err
	}
	whole := x.outgoing(d, live).DeepCopy()
	whole.SetResourceVersion(live.GetResourceVersion())
	whole.SetUID(live.GetUID())
	answer, err := x.d.Cluster.Replace(ctx, whole, Options{})
	if err != nil {
		return x.sent(ctx, t, d, answer, err, now)
	}
	return x.send(ctx, t, d, answer, now)
}

// orphan takes our marks off.
func (x *Execution) orphan(ctx context.Context, t *task, now time.Time) error {
	err := x.d.Cluster.Disown(ctx, t.step.Kind, t.step.ID, x.proof(t.step.UID, ""))
	return x.released(t, err, now)
}

// released ends a task that gave an object up: one that is absent, or another's, is given up already.
func (x *Execution) released(t *task, err error, now time.Time) error {
	if err != nil {
		f := fault.Of(err)
		switch {
		case f.Reason == fault.NotFound, f.Reason == fault.KindUnknown, f.Reason == fault.NamespaceMissing:
		case errors.Is(err, ErrNotFound), f.Reason == fault.NotOwned, f.Reason == fault.OwnedByOther:
			t.note = f.Message
		default:
			return err
		}
	}
	t.finish(now)
	return nil
}
