package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// stage is where a task stands.
type stage int

const (
	todo      stage = iota
	vanishing       // the old object was deleted; when it is gone, the new one is created
	running         // a hook that was created
	cleaning        // a hook that ended and is to be deleted
	leaving         // pruned; it counts as done when the group does not await it
	finished
	broken // with an error
)

// task is one step on its way. Only the goroutine that runs it touches it.
type task struct {
	step    plan.Step
	phase   plan.Phase
	key     string // plan.HookKey
	stage   stage
	err     error // of a broken task
	note    string
	at      time.Time
	uid     string // of the object that vanishes, leaves, or runs
	tries   int
	retryAt time.Time // not before; zero: at any time
	trouble error     // the transient error that is being retried
	looks   int
	lookAt  time.Time // when to look at the API server although no event came
	holding []string  // finalizers that keep it
	started bool      // HookStarted was told by this execution
	outcome HookOutcome
}

func (t *task) isHook() bool { return t.step.Hook != nil || t.step.Action == plan.Hook }

func (t *task) settled() bool { return t.stage == finished || t.stage == broken }

// sent reports whether the tasks of the next rank may run.
func (t *task) sent() bool { return t.stage >= running }

func (t *task) finish(now time.Time) { t.stage, t.at, t.trouble = finished, now, nil }

func (t *task) breakWith(err error, now time.Time) { t.stage, t.err, t.at = broken, err, now }

// ranks groups tasks by rank, lowest first.
func ranks(tasks []*task) [][]*task {
	sorted := slices.Clone(tasks)
	slices.SortStableFunc(sorted, func(a, b *task) int { return cmp.Compare(a.step.Rank, b.step.Rank) })
	var out [][]*task
	for i, t := range sorted {
		if i == 0 || t.step.Rank != sorted[i-1].step.Rank {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], t)
	}
	return out
}

// step takes a task one step further, or several.
func (x *Execution) step(ctx context.Context, t *task, now time.Time) {
	if ctx.Err() != nil {
		return
	}
	err := x.act(ctx, t, now)
	if err == nil || ctx.Err() != nil {
		return
	}
	if x.retries(t, err) {
		t.tries++
		t.trouble = err
		t.retryAt = now.Add(backoff(t.tries, err))
		return
	}
	t.breakWith(err, now)
}

func (x *Execution) act(ctx context.Context, t *task, now time.Time) error {
	switch {
	case t.stage == leaving:
		return x.leave(ctx, t, now)
	case t.isHook():
		return x.hook(ctx, t, now)
	case t.stage == vanishing:
		return x.revive(ctx, t, now)
	}
	switch t.step.Action {
	case plan.Prune:
		return x.prune(ctx, t, now)
	case plan.Orphan:
		return x.orphan(ctx, t, now)
	case plan.Create:
		return x.create(ctx, t, now)
	case plan.Adopt:
		return x.adopt(ctx, t, now)
	case plan.Replace:
		return x.replace(ctx, t, now)
	case plan.Apply, plan.Recreate:
		return x.apply(ctx, t, now)
	default:
		return &fault.Error{Class: fault.Invalid, Reason: fault.Internal, Where: t.step.ID.String(),
			Message: fmt.Sprintf("the plan asks for %q, which nobody knows how to do", t.step.Action)}
	}
}

// retries says whether an error is worth another try.
func (x *Execution) retries(t *task, err error) bool {
	f := fault.Of(err)
	transient := f.Class == fault.Transient
	switch f.Reason {
	case fault.KindUnknown: // its definition came with this plan, and is not served yet
		transient = transient || x.defines[t.step.ID.GroupKind()]
	case fault.NamespaceMissing:
		transient = transient || x.spaces[t.step.ID.Namespace]
	}
	if t.stage == vanishing { // the object is gone: giving up would leave a hole. The group's deadline ends it.
		return transient
	}
	return transient && t.tries+1 < x.d.Tries
}

const (
	backoffFirst = 500 * time.Millisecond
	backoffMost  = 30 * time.Second
)

func backoff(tries int, err error) time.Duration {
	d := min(backoffFirst<<min(tries-1, 10), backoffMost)
	var asked interface{ RetryAfter() time.Duration }
	if errors.As(err, &asked) {
		d = max(d, min(asked.RetryAfter(), backoffMost))
	}
	return d
}

// applied tells the journal and ends the task.
func (x *Execution) applied(t *task, answer *unstructured.Unstructured, now time.Time) {
	x.journal.Lock()
	x.d.Journal.Applied(t.step, answer)
	x.journal.Unlock()
	t.finish(now)
}

// wanted is the desired object of a step.
func (x *Execution) wanted(t *task) (plan.Desired, error) {
	d, ok := x.desired[t.step.ID]
	if !ok || d.Object == nil {
		return plan.Desired{}, &fault.Error{Class: fault.Invalid, Reason: fault.Internal, Where: t.step.ID.String(),
			Message: "the plan applies an object that is not in the desired set"}
	}
	return d, nil
}

func (x *Execution) proof(uid, propagation string) object.Preconditions {
	return object.Preconditions{UID: uid, Owner: x.plan.App, Propagation: propagation}
}
