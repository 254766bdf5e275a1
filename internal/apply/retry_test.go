package apply_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/apply"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/plan"
)

// shaky is a cluster whose first writes of some objects fail.
type shaky struct {
	apply.Cluster
	mu   sync.Mutex
	fail map[string][]error // by name; one error a try
}

func (s *shaky) Create(ctx context.Context, u *unstructured.Unstructured, o apply.Options) (*unstructured.Unstructured, error) {
	s.mu.Lock()
	errs := s.fail[u.GetName()]
	if len(errs) > 0 {
		s.fail[u.GetName()] = errs[1:]
		s.mu.Unlock()
		return nil, errs[0]
	}
	s.mu.Unlock()
	return s.Cluster.Create(ctx, u, o)
}

// patient is a cause that says when to come back.
type patient struct{ error }

func (patient) RetryAfter() time.Duration { return 20 * time.Second }

func busy(cause error) error {
	return &fault.Error{Class: fault.Transient, Reason: fault.ClusterUnreachable, Message: "busy", Err: cause}
}

func invalid(message string) error {
	return &fault.Error{Class: fault.Invalid, Reason: fault.SchemaViolation, Where: "x", Message: message}
}

const three = `
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: b}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}`

func TestTransientErrorsAreTriedAgainAfterAPause(t *testing.T) {
	w := newWorld(t)
	d := w.deps()
	d.Cluster = &shaky{Cluster: w.c, fail: map[string][]error{"a": {busy(nil), busy(patient{}), busy(nil)}}}
	p := w.plan(w.group(plan.Main, w.steps(plan.Create, "ConfigMap/a", "ConfigMap/b")...))
	x := apply.New(p, w.set(three), d, nil)
	now := time.Now()
	for i, pause := range []time.Duration{500 * time.Millisecond, 20 * time.Second, 2 * time.Second} {
		s := x.Advance(t.Context(), now)
		if s.Done || len(s.Waiting) == 0 || s.Waiting[0].For != apply.ForRetry || s.Waiting[0].Status.Message != "busy" {
			t.Fatalf("try %d: %+v", i, s)
		}
		if want := now.Add(pause); !s.Next.Equal(want) {
			t.Fatalf("try %d: next in %v, want %v", i, s.Next.Sub(now), pause)
		}
		if w.get("ConfigMap/b") == nil {
			t.Fatal("its sibling waited too")
		}
		if early := x.Advance(t.Context(), s.Next.Add(-time.Millisecond)); !early.Next.Equal(s.Next) {
			t.Fatal("it tried again before the pause was over")
		}
		now = s.Next
	}
	if s := x.Advance(t.Context(), now); !s.Done || s.Failed != nil {
		t.Fatalf("%+v", s)
	}
	w.must("ConfigMap/a")
}

func TestTriesAreBounded(t *testing.T) {
	w := newWorld(t)
	d := w.deps()
	d.Tries = 3
	d.Cluster = &shaky{Cluster: w.c, fail: map[string][]error{"a": {busy(nil), busy(nil), busy(nil)}}}
	x := apply.New(w.plan(w.group(plan.Main, w.steps(plan.Create, "ConfigMap/a")...)), w.set(three), d, nil)
	now, tries := time.Now(), 1
	s := x.Advance(t.Context(), now)
	for ; !s.Done; tries++ {
		now = s.Next
		s = x.Advance(t.Context(), now)
	}
	wantFault(t, s.Failed, fault.ClusterUnreachable, "busy")
	if tries != 3 {
		t.Errorf("%d tries", tries)
	}
}

func TestFailureNamesTheMostTellingErrorAndCountsTheOthers(t *testing.T) {
	w := newWorld(t)
	d := w.deps()
	d.Tries = 1
	d.Cluster = &shaky{Cluster: w.c, fail: map[string][]error{"a": {busy(nil)}, "b": {invalid("no such field")}}}
	steps := w.steps(plan.Create, "ConfigMap/a", "ConfigMap/b", "ConfigMap/c")
	later := w.steps(plan.Create, "ConfigMap/config")
	later[0].Rank = 1
	p := w.plan(w.group(plan.Main, append(steps, later...)...), w.group(plan.Pruning, w.steps(plan.Prune, "ConfigMap/old")...))
	s := apply.New(p, w.set(three+"\n---"+config), d, nil).Advance(t.Context(), time.Now())
	if !s.Done {
		t.Fatalf("%+v", s)
	}
	wantFault(t, s.Failed, fault.SchemaViolation, "no such field", "1 more failed")
	w.must("ConfigMap/c") // a sibling is not stopped
	if w.get("ConfigMap/config") != nil || len(w.pruned) != 0 {
		t.Error("it went on after the failure")
	}
}

func TestARecreatedObjectIsTriedUntilTheDeadline(t *testing.T) {
	w := newWorld(t)
	w.mustRun(w.plan(w.group(plan.Main, w.steps(plan.Create, "Deployment.apps/web")...)), w.set(web))
	step := w.steps(plan.Apply, "Deployment.apps/web")[0]
	step.ForceAllowed = true
	d := w.deps()
	d.Tries = 1
	d.Cluster = &shaky{Cluster: w.c, fail: map[string][]error{"web": {busy(nil), busy(nil)}}}
	p := w.plan(plan.Group{Phase: plan.Main, Steps: []plan.Step{step}})
	if s := w.finish(apply.New(p, w.set(otherSelector), d, nil), p); s.Failed != nil {
		t.Fatal(s.Failed)
	}
	if _, ok, _ := unstructured.NestedString(w.must("Deployment.apps/web").Object, "spec", "selector", "matchLabels", "tier"); !ok {
		t.Error("it was not created again")
	}
}

func TestForeignNamespaceIsNamed(t *testing.T) {
	w := newWorld(t)
	desired := w.set(strings.ReplaceAll(config, "{name: config}", "{name: config, namespace: nowhere}"))
	for id := range desired {
		p := w.plan(plan.Group{Phase: plan.Main, Steps: []plan.Step{{Action: plan.Create, ID: id, Kind: w.kindOf(id)}}})
		s := apply.New(p, desired, w.deps(), nil).Advance(t.Context(), time.Now())
		wantFault(t, s.Failed, fault.NamespaceMissing, "nowhere")
	}
}
