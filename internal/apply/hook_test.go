package apply_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/apply"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

const migrate = `
apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec:
  backoffLimit: 0
  template:
    spec: {restartPolicy: Never, containers: [{name: migrate, image: "migrate:1"}]}`

// hookStep is a step that runs the Job migrate.
func (w *world) hookStep(spec plan.HookSpec) plan.Step {
	s := w.steps(plan.Hook, "Job.batch/migrate")[0]
	s.Hook = &spec
	return s
}

func failing(job string) string { return strings.ReplaceAll(job, "migrate:1", "migrate:crash") }

func TestHookRunsOnceAndIsAwaited(t *testing.T) {
	w := newWorld(t)
	p := w.plan(
		w.group(plan.Before, w.hookStep(plan.HookSpec{DeleteBefore: true})),
		w.group(plan.Main, w.steps(plan.Create, "ConfigMap/config")...),
	)
	desired := w.set(migrate + "\n---\n" + config)
	w.mustRun(p, desired)
	key := plan.HookKey(plan.Before, w.id("Job.batch/migrate"))
	if !w.started[key] || !w.ended[key].Succeeded {
		t.Errorf("the journal says started %v, ended %v", w.started, w.ended)
	}
	first := w.must("Job.batch/migrate").GetUID()

	// The same attempt again: the outcome is known.
	w.mustRun(p, desired)
	if uid := w.must("Job.batch/migrate").GetUID(); uid != first {
		t.Error("the hook ran twice in one attempt")
	}
	// A new attempt runs it again, after deleting the old one.
	w.attempt, w.started, w.ended = "two", map[string]bool{}, map[string]apply.HookOutcome{}
	w.mustRun(p, desired)
	if uid := w.must("Job.batch/migrate").GetUID(); uid == first {
		t.Error("the hook did not run in a new attempt")
	}
}

func TestFailedHookFailsTheAttemptAndRunsTheFailureHooks(t *testing.T) {
	w := newWorld(t)
	cleanup := strings.ReplaceAll(migrate, "name: migrate", "name: cleanup")
	desired := w.set(failing(migrate) + "\n---\n" + cleanup + "\n---\n" + config)
	p := w.plan(
		w.group(plan.Before, w.hookStep(plan.HookSpec{DeleteBefore: true})),
		w.group(plan.Main, w.steps(plan.Create, "ConfigMap/config")...),
	)
	onFailure := w.steps(plan.Hook, "Job.batch/cleanup")[0]
	onFailure.Hook = &plan.HookSpec{DeleteOnSuccess: true}
	p.OnFailure = []plan.Group{w.group(plan.OnFailure, onFailure)}
	s := w.run(p, desired)
	wantFault(t, s.Failed, fault.HookFailed, "Job.batch/"+w.ns+"/migrate", "BackoffLimitExceeded")
	if w.get("ConfigMap/config") != nil {
		t.Error("the attempt went on after its hook failed")
	}
	if !w.ended[plan.HookKey(plan.OnFailure, w.id("Job.batch/cleanup"))].Succeeded {
		t.Error("the hook for failures did not run")
	}
	w.must("Job.batch/migrate")
}

func TestHookDeletePolicies(t *testing.T) {
	tests := map[string]struct {
		job  string
		spec plan.HookSpec
		kept bool
	}{
		"a success is deleted when told so":           {migrate, plan.HookSpec{DeleteOnSuccess: true}, false},
		"a failure outlives the policy for successes": {failing(migrate), plan.HookSpec{DeleteOnSuccess: true}, true},
		"a failure is deleted when told so":           {failing(migrate), plan.HookSpec{DeleteOnFailure: true}, false},
		"a success outlives the policy for failures":  {migrate, plan.HookSpec{DeleteOnFailure: true}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.run(w.plan(w.group(plan.After, w.hookStep(tt.spec))), w.set(tt.job))
			if tt.kept {
				w.must("Job.batch/migrate")
				return
			}
			cptest.Eventually(t, patience, "the hook is gone", func() bool {
				j := w.get("Job.batch/migrate")
				return j == nil || j.GetDeletionTimestamp() != nil
			})
		})
	}
}

func TestResumedHookIsAwaitedAndNotCreatedAgain(t *testing.T) {
	w := newWorld(t)
	desired := w.set(migrate)
	p := w.plan(w.group(plan.Before, w.hookStep(plan.HookSpec{DeleteBefore: true})))
	s := apply.New(p, desired, w.deps(), nil).Advance(t.Context(), time.Now())
	if s.Done && s.Failed != nil {
		t.Fatal(s.Failed)
	}
	first := w.must("Job.batch/migrate").GetUID()
	w.mustRun(p, desired) // another process, with what the journal holds
	if uid := w.must("Job.batch/migrate").GetUID(); uid != first {
		t.Error("the hook was created again")
	}
}

func TestHookThatWasStartedAndIsNowhereIsNotRunAgain(t *testing.T) {
	w := newWorld(t)
	p := w.plan(w.group(plan.Before, w.hookStep(plan.HookSpec{DeleteBefore: true})))
	w.started[plan.HookKey(plan.Before, w.id("Job.batch/migrate"))] = true
	s := w.run(p, w.set(migrate))
	wantFault(t, s.Failed, fault.HookFailed, "outcome is not known")
	if w.get("Job.batch/migrate") != nil {
		t.Error("it was created")
	}
}

func TestHookDoesNotExistBeforeItIsRecorded(t *testing.T) {
	w := newWorld(t)
	p := w.plan(w.group(plan.Before, w.hookStep(plan.HookSpec{})))
	d := w.deps()
	d.Journal, d.Tries = unwritable{w}, 1
	s := w.finish(apply.New(p, w.set(migrate), d, nil), p)
	wantFault(t, s.Failed, fault.Internal, "cannot be recorded")
	if w.get("Job.batch/migrate") != nil {
		t.Error("it was created")
	}
}

type unwritable struct{ *world }

func (unwritable) HookStarted(_ context.Context, _ string) error { return errors.New("disk full") }

func TestHookOfAStrangerStaysInTheWay(t *testing.T) {
	w := newWorld(t)
	if _, err := w.c.Apply(t.Context(), w.parse(migrate), object.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	s := w.run(w.plan(w.group(plan.Before, w.hookStep(plan.HookSpec{DeleteBefore: true}))), w.set(migrate))
	wantFault(t, s.Failed, fault.NotOwned)
	w.must("Job.batch/migrate")
}

func TestHookThatNeverEndsFailsAtItsDeadline(t *testing.T) {
	w := newWorld(t)
	suspended := strings.ReplaceAll(migrate, "backoffLimit: 0", "suspend: true")
	g := w.group(plan.Before, w.hookStep(plan.HookSpec{DeleteOnFailure: true}))
	g.Deadline = time.Minute
	p := w.plan(g)
	x := apply.New(p, w.set(suspended), w.deps(), nil)
	w.until(x, p, func(s apply.State) bool { return len(s.Waiting) == 1 && s.Waiting[0].For == apply.ForComplete })
	s := x.Advance(t.Context(), time.Now().Add(2*time.Minute))
	wantFault(t, s.Failed, fault.DeadlineExceeded, "not complete within", "migrate")
	if o, ended := w.ended[plan.HookKey(plan.Before, w.id("Job.batch/migrate"))]; !ended || o.Succeeded {
		t.Errorf("the journal says %v %v", o, ended)
	}
}
