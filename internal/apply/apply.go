// Package apply carries a plan out, step by step, and can be resumed. It decides nothing: what, in which order and
// whether at all is the plan's. It holds no worker while it waits: Advance does all that can be done now and returns.
package apply

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// Cluster is what a step needs of the API server. Errors are *fault.Error; an absent object is ErrNotFound in the chain.
type Cluster interface {
	// Apply is a server-side apply under the installation's field manager.
	Apply(ctx context.Context, obj *unstructured.Unstructured, o Options) (*unstructured.Unstructured, error)
	// Create is a server-side apply that succeeds only where no object of that name is; otherwise object.ErrExists is in
	// the chain of its error.
	Create(ctx context.Context, obj *unstructured.Unstructured, o Options) (*unstructured.Unstructured, error)
	// Replace is a PUT; obj carries the resourceVersion that it replaces.
	Replace(ctx context.Context, obj *unstructured.Unstructured, o Options) (*unstructured.Unstructured, error)
	Get(ctx context.Context, kind schema.GroupVersionKind, id object.ID) (*unstructured.Unstructured, error)
	Delete(ctx context.Context, kind schema.GroupVersionKind, id object.ID, p Preconditions) error
	// TakeOver moves the fields of the named managers (all but controllers, when empty) to ours, so that the next Apply
	// removes what Git does not have.
	TakeOver(ctx context.Context, live *unstructured.Unstructured, managers []string) error
	// Disown removes our marks and our field ownership and leaves the object.
	Disown(ctx context.Context, kind schema.GroupVersionKind, id object.ID, p Preconditions) error
}

// ErrNotFound is in the chain of a Cluster's error when the object is absent.
var ErrNotFound = object.ErrNotFound

// Options of one write.
type Options = object.WriteOptions

// Preconditions make a delete refuse another object than the one that was planned.
type Preconditions = object.Preconditions

// Observer tells what the watch knows.
type Observer interface {
	// Health is the latest verdict on an object; seen is false when the watch has not delivered it yet.
	Health(id object.ID) (status health.Status, seen bool)
	// Gone reports that an object was deleted (the delete was observed).
	Gone(id object.ID) bool
}

// Journal is told what happens, as it happens, one call at a time. An error of HookStarted stops the hook: it must be durable before the
// hook exists, so that it never runs twice for one attempt.
type Journal interface {
	HookStarted(ctx context.Context, key string) error
	HookEnded(ctx context.Context, key string, o HookOutcome) error
	// Applied delivers the API server's answer to a write, before any later event of the object matters.
	Applied(step plan.Step, answer *unstructured.Unstructured)
	Pruned(step plan.Step)
}

// HookOutcome is how a hook ended.
type HookOutcome struct {
	Succeeded bool
	Message   string
}

// State is where an execution stands.
type State struct {
	Done    bool
	Failed  error // *fault.Error; set with Done
	Group   int   // index of the current group, of Groups
	Groups  int
	Phase   plan.Phase
	Wave    int
	Waiting []Wait // why it is not done: every wait has a deadline
	Results []Result
	// Next is when to call Advance again though no event came; zero when Done.
	Next time.Time
}

// Wait is one thing that an execution waits for.
type Wait struct {
	ID       object.ID
	For      string        // ForHealthy, ForComplete, ForGone or ForRetry
	Status   health.Status // as last seen; for a retry, Message is the error
	Deadline time.Time
}

// What an execution waits for.
const (
	ForHealthy  = "healthy"
	ForComplete = "complete"
	ForGone     = "gone"
	ForRetry    = "retry"
)

// Result is the outcome of one step.
type Result struct {
	Step plan.Step
	Err  error  // why it failed
	Note string // why nothing was done although it did not fail: the object to prune belongs to another App now, ...
	At   time.Time
}
