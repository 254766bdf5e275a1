package apply

import (
	"cmp"
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// Deps are what an execution works with. Cluster, Observer, Journal and Attempt are required.
type Deps struct {
	Cluster  Cluster
	Observer Observer
	Journal  Journal
	// Attempt names the deployment attempt. Hooks carry it, so that a hook that runs already is recognised.
	Attempt string
	// Started are the keys (plan.HookKey) that HookStarted was told of in this attempt, before this execution.
	Started  map[string]bool
	Preparer Preparer // nil: objects are sent as they are
	Parallel int      // steps at a time; 16 when zero
	Tries    int      // of a step that meets transient errors; 5 when zero
}

// Preparer changes what is sent by what is live: ignored fields, for example.
type Preparer interface {
	// NeedsLive reports whether Prepare has to see the live object of d.
	NeedsLive(d plan.Desired) bool
	// Prepare gives what to send for d over live, without changing either.
	Prepare(d plan.Desired, live *unstructured.Unstructured) *unstructured.Unstructured
}

const (
	defaultParallel = 16
	defaultTries    = 5
	defaultDeadline = 10 * time.Minute // of a group that has none
)

// Execution is a plan on its way. Its methods may be called at the same time; they run one after the other.
type Execution struct {
	plan    plan.Plan
	desired map[object.ID]plan.Desired
	d       Deps
	done    map[string]HookOutcome
	defines map[schema.GroupKind]bool // kinds whose definition is in the desired set
	spaces  map[string]bool           // namespaces in the desired set

	journal sync.Mutex // one call at a time

	mu      sync.Mutex
	groups  []plan.Group
	index   int
	tasks   []*task   // of the current group
	begun   time.Time // when the current group began
	past    []*task   // of earlier groups
	failure error
	ended   bool
}

// New prepares the execution of p. desired has every object that p applies; done are the hooks of this attempt that
// ended, by plan.HookKey.
func New(p plan.Plan, desired map[object.ID]plan.Desired, d Deps, done map[string]HookOutcome) *Execution {
	d.Parallel = cmp.Or(d.Parallel, defaultParallel)
	d.Tries = cmp.Or(d.Tries, defaultTries)
	x := &Execution{plan: p, desired: desired, d: d, done: done, groups: p.Groups,
		defines: map[schema.GroupKind]bool{}, spaces: map[string]bool{}}
	for id, o := range desired {
		switch id.GroupKind() {
		case schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}:
			group, _, _ := unstructured.NestedString(o.Object.Object, "spec", "group")
			kind, _, _ := unstructured.NestedString(o.Object.Object, "spec", "names", "kind")
			x.defines[schema.GroupKind{Group: group, Kind: kind}] = true
		case schema.GroupKind{Kind: "Namespace"}:
			x.spaces[id.Name] = true
		}
	}
	return x
}

// Advance does everything that can be done now and says what it waits for. Call it again at an event of one of the
// plan's objects, and at State.Next. It never sleeps. When ctx ends, it stops between two requests; what is left undone
// is done by the next call, or by nobody.
func (x *Execution) Advance(ctx context.Context, now time.Time) State {
	x.mu.Lock()
	defer x.mu.Unlock()
	for !x.ended && ctx.Err() == nil {
		if x.index >= len(x.groups) {
			x.ended = true
			break
		}
		if !x.advanceGroup(ctx, now) {
			break
		}
	}
	return x.state(now)
}

// advanceGroup works on the current group and reports whether the execution moved on to another.
func (x *Execution) advanceGroup(ctx context.Context, now time.Time) bool {
	if x.tasks == nil {
		x.begin(now)
	}
	late := !now.Before(x.deadline())
	sent := x.work(ctx, now)
	if late && ctx.Err() == nil && x.failed() == nil {
		sent = x.lastLook(ctx, now)
	}
	if ctx.Err() != nil {
		return false
	}
	err := x.failed()
	if err == nil && sent {
		err = x.hopeless()
	}
	switch {
	case err != nil && x.unsettled() && !late:
		return false // siblings are still being tried
	case err != nil:
		x.fail(err)
	case sent && len(x.waits()) == 0:
		x.next()
	case late:
		x.fail(x.giveUp(ctx, now))
	default:
		return false
	}
	return true
}

func (x *Execution) begin(now time.Time) {
	g := x.groups[x.index]
	x.begun = now
	x.tasks = make([]*task, 0, len(g.Steps))
	for _, s := range g.Steps {
		x.tasks = append(x.tasks, &task{step: s, key: plan.HookKey(g.Phase, s.ID), phase: g.Phase})
	}
}

func (x *Execution) deadline() time.Time {
	return x.begun.Add(cmp.Or(x.groups[x.index].Deadline, defaultDeadline))
}

func (x *Execution) next() {
	x.past = append(x.past, x.tasks...)
	x.tasks = nil
	x.index++
}

// fail ends the attempt: the groups for failures run, then it is over. A failure among those changes nothing more.
func (x *Execution) fail(err error) {
	x.past = append(x.past, x.tasks...)
	x.tasks = nil
	if x.failure != nil {
		x.index++
		return
	}
	x.failure = err
	x.groups, x.index = x.plan.OnFailure, 0
}

// work runs the tasks of the group, rank by rank, as far as it gets. It reports whether all of them were sent.
func (x *Execution) work(ctx context.Context, now time.Time) (sent bool) {
	for _, rank := range ranks(x.tasks) {
		x.each(rank, func(t *task) {
			if !t.settled() && !now.Before(t.retryAt) {
				x.step(ctx, t, now)
			}
		})
		if ctx.Err() != nil {
			return false
		}
		for _, t := range rank {
			if !t.sent() || t.stage == broken {
				return false
			}
		}
	}
	return true
}

// each runs do for the tasks in parallel and waits for all.
func (x *Execution) each(tasks []*task, do func(*task)) {
	var g errgroup.Group
	g.SetLimit(x.d.Parallel)
	for _, t := range tasks {
		g.Go(func() error {
			do(t)
			return nil
		})
	}
	_ = g.Wait() // the tasks hold their errors
}

// state tells where the execution stands.
func (x *Execution) state(now time.Time) State {
	s := State{Done: x.ended, Groups: len(x.groups), Group: min(x.index, max(len(x.groups)-1, 0))}
	for _, t := range append(x.past[:len(x.past):len(x.past)], x.tasks...) {
		if t.settled() {
			s.Results = append(s.Results, Result{Step: t.step, Err: t.err, Note: t.note, At: t.at})
		}
	}
	if len(x.groups) > 0 {
		g := x.groups[s.Group]
		s.Phase, s.Wave = g.Phase, g.Wave
	}
	if x.ended {
		s.Failed = x.failure
		return s
	}
	if x.tasks == nil { // stopped between two groups
		s.Next = now
		return s
	}
	s.Waiting = x.waits()
	s.Next = x.deadline()
	for _, t := range x.tasks {
		for _, at := range []time.Time{t.retryAt, t.lookAt} {
			if !t.settled() && at.After(now) && at.Before(s.Next) {
				s.Next = at
			}
		}
	}
	return s
}
