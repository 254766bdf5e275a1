package apply

import (
	"context"
	"errors"
	"slices"
	"time"

	"plumb.cd/plumb/internal/fault"
)

// prune deletes an object that is no longer wanted. The proof that it is ours is the Cluster's, at the delete.
func (x *Execution) prune(ctx context.Context, t *task, now time.Time) error {
	err := x.d.Cluster.Delete(ctx, t.step.Kind, t.step.ID, x.proof(t.step.UID, t.step.Propagation))
	if err != nil {
		return x.released(t, err, now)
	}
	x.journal.Lock()
	x.d.Journal.Pruned(t.step)
	x.journal.Unlock()
	if !slices.Contains(x.groups[x.index].Await, t.step.ID) {
		t.finish(now)
		return nil
	}
	t.stage, t.uid, t.at = leaving, t.step.UID, now
	t.looks, t.lookAt = 0, now.Add(lookFirst)
	return x.leave(ctx, t, now)
}

// leave waits until a pruned object is gone.
func (x *Execution) leave(ctx context.Context, t *task, now time.Time) error {
	isGone, err := x.gone(ctx, t, now)
	if err == nil && isGone {
		t.finish(now)
	}
	return err
}

const (
	lookFirst = 2 * time.Second
	lookMost  = 30 * time.Second
)

// gone reports whether the object t.uid is no more. The observer knows; in case an event was missed, the API server is
// asked now and then.
func (x *Execution) gone(ctx context.Context, t *task, now time.Time) (bool, error) {
	if x.d.Observer.Gone(t.step.ID) {
		return true, nil
	}
	if now.Before(t.lookAt) {
		return false, nil
	}
	live, err := x.d.Cluster.Get(ctx, t.step.Kind, t.step.ID)
	switch {
	case errors.Is(err, ErrNotFound), fault.Is(err, fault.KindUnknown), fault.Is(err, fault.NamespaceMissing):
		return true, nil
	case err != nil:
		return false, err
	case t.uid != "" && string(live.GetUID()) != t.uid:
		return true, nil
	}
	t.holding = live.GetFinalizers()
	t.looks++
	t.lookAt = now.Add(min(lookFirst<<min(t.looks, 10), lookMost))
	return false, nil
}
