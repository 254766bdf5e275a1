package apply_test

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/apply"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

const config = `
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data: {key: a}`

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}`

func TestWavesRunOneAfterTheOtherAndWaitForHealth(t *testing.T) {
	w := newWorld(t)
	p := w.plan(
		w.group(plan.Main, w.steps(plan.Create, "Deployment.apps/web")...),
		w.group(plan.Main, w.steps(plan.Create, "ConfigMap/config")...),
	)
	x := apply.New(p, w.set(web+"\n---\n"+config), w.deps(), nil)
	s := x.Advance(t.Context(), time.Now())
	if s.Done || s.Group != 0 || len(s.Waiting) != 1 || s.Waiting[0].For != apply.ForHealthy || s.Waiting[0].Deadline.IsZero() {
		t.Fatalf("after the first wave was sent: %+v", s)
	}
	if w.get("ConfigMap/config") != nil {
		t.Error("the second wave did not wait")
	}
	if s := w.finish(x, p); s.Failed != nil || len(s.Results) != 2 {
		t.Fatalf("%+v", s)
	}
	w.must("ConfigMap/config")
}

func TestApplyTakesConflictingFields(t *testing.T) {
	w := newWorld(t)
	w.mustRun(w.plan(w.group(plan.Main, w.steps(plan.Create, "ConfigMap/config")...)), w.set(config))
	client := cptest.Shared(t).Client(t)
	patch := []byte(`{"data":{"key":"edited"}}`)
	if _, err := client.CoreV1().ConfigMaps(w.ns).Patch(t.Context(), "config", "application/merge-patch+json", patch, metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
	w.mustRun(w.plan(w.group(plan.Main, w.steps(plan.Apply, "ConfigMap/config")...)), w.set(config))
	if v, _, _ := unstructured.NestedString(w.must("ConfigMap/config").Object, "data", "key"); v != "a" {
		t.Errorf("key is %q", v)
	}
}

func TestCreateRefusesWhatAppearedMeanwhile(t *testing.T) {
	w := newWorld(t)
	foreign := w.parse(config)
	if _, err := w.c.Apply(t.Context(), foreign, object.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	s := w.run(w.plan(w.group(plan.Main, w.steps(plan.Create, "ConfigMap/config")...)), w.set(config))
	wantFault(t, s.Failed, fault.NotOwned, "ConfigMap/"+w.ns+"/config")

	other := object.Owner{Installation: "main", Namespace: "apps", Name: "other"}
	other.Stamp(foreign)
	if _, err := w.c.Apply(t.Context(), foreign, object.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	s = w.run(w.plan(w.group(plan.Main, w.steps(plan.Create, "ConfigMap/config")...)), w.set(config))
	wantFault(t, s.Failed, fault.OwnedByOther, "apps/other")
}

func TestAdoptRemovesWhatOnlyTheFormerManagerHad(t *testing.T) {
	w := newWorld(t)
	client := cptest.Shared(t).Client(t)
	old := w.parse(web)
	sidecar := map[string]any{"name": "sidecar", "image": "sidecar:1"}
	containers, _, _ := unstructured.NestedSlice(old.Object, "spec", "template", "spec", "containers")
	if err := unstructured.SetNestedSlice(old.Object, append(containers, sidecar), "spec", "template", "spec", "containers"); err != nil {
		t.Fatal(err)
	}
	body, err := old.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	err = client.AppsV1().RESTClient().Post().AbsPath("/apis/apps/v1/namespaces", w.ns, "deployments").
		Param("fieldManager", "kubectl-client-side-apply").Body(body).Do(t.Context()).Error()
	if err != nil {
		t.Fatal(err)
	}
	w.mustRun(w.plan(w.group(plan.Main, w.steps(plan.Adopt, "Deployment.apps/web")...)), w.set(web))
	live := w.must("Deployment.apps/web")
	containers, _, _ = unstructured.NestedSlice(live.Object, "spec", "template", "spec", "containers")
	if len(containers) != 1 {
		t.Errorf("%d containers, want the one in Git", len(containers))
	}
	for _, e := range live.GetManagedFields() {
		if e.Manager == "kubectl-client-side-apply" {
			t.Error("the former manager still owns fields")
		}
	}
}

func TestPruneWaitsUntilTheObjectIsGone(t *testing.T) {
	w := newWorld(t)
	desired := w.set(config)
	w.mustRun(w.plan(w.group(plan.Main, w.steps(plan.Create, "ConfigMap/config")...)), desired)
	step := w.steps(plan.Prune, "ConfigMap/config")[0]
	step.UID = string(w.must("ConfigMap/config").GetUID())
	w.mustRun(w.plan(w.group(plan.Pruning, step)), nil)
	if w.get("ConfigMap/config") != nil || len(w.pruned) != 1 {
		t.Error("it is still there")
	}
	// What is gone already, and what another App took over, is no failure.
	w.mustRun(w.plan(w.group(plan.Pruning, step)), nil)
	other := w.parse(config)
	object.Owner{Installation: "main", Namespace: "apps", Name: "other"}.Stamp(other)
	if _, err := w.c.Apply(t.Context(), other, object.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	s := w.mustRun(w.plan(w.group(plan.Pruning, step)), nil)
	if s.Results[0].Note == "" {
		t.Error("nothing says why the object was left alone")
	}
	w.must("ConfigMap/config")
}

func TestDeadlineNamesTheObjectAndItsOwnReason(t *testing.T) {
	w := newWorld(t)
	broken := w.parse(web)
	if err := unstructured.SetNestedSlice(broken.Object, []any{map[string]any{"name": "web", "image": "web:fail-pull"}}, "spec", "template", "spec", "containers"); err != nil {
		t.Fatal(err)
	}
	shop.Stamp(broken)
	desired := map[object.ID]plan.Desired{object.Of(broken): {ID: object.Of(broken), Object: broken}}
	g := w.group(plan.Main, w.steps(plan.Create, "Deployment.apps/web")...)
	g.Deadline = time.Minute
	p := w.plan(g, w.group(plan.Main, w.steps(plan.Create, "ConfigMap/config")...))
	x := apply.New(p, desired, w.deps(), nil)
	begin := time.Now()
	w.until(x, p, func(s apply.State) bool { return len(s.Waiting) == 1 && s.Waiting[0].For == apply.ForHealthy })
	if s := x.Advance(t.Context(), begin.Add(59*time.Second)); s.Done {
		t.Fatalf("it gave up early: %v", s.Failed)
	}
	s := x.Advance(t.Context(), begin.Add(2*time.Minute))
	if !s.Done {
		t.Fatalf("it did not give up: %+v", s)
	}
	wantFault(t, s.Failed, fault.DeadlineExceeded, "Deployment.apps/"+w.ns+"/web", "not healthy within", "Progressing")
}

func TestStoppedAfterAnyStepItConverges(t *testing.T) {
	w := newWorld(t)
	desired := w.set(config + "\n---\n" + web + `
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}`)
	steps := w.steps(plan.Create, "ConfigMap/config", "Deployment.apps/web", "Service/web")
	for i := range steps {
		steps[i].Rank = i
	}
	p := w.plan(w.group(plan.Main, steps...))
	for stop := range len(steps) {
		ctx, cancel := context.WithCancel(t.Context())
		d := w.deps()
		d.Journal = &stopper{world: w, after: stop + 1, stop: cancel}
		s := apply.New(p, desired, d, nil).Advance(ctx, time.Now())
		if s.Done && s.Failed != nil {
			t.Fatalf("stopped after %d: %v", stop+1, s.Failed)
		}
		cancel()
	}
	w.mustRun(p, desired)
	for _, name := range []string{"ConfigMap/config", "Deployment.apps/web", "Service/web"} {
		w.must(name)
	}
}

// stopper cancels the execution after a number of writes, as a kill would.
type stopper struct {
	*world
	after int
	stop  context.CancelFunc
}

func (s *stopper) Applied(step plan.Step, answer *unstructured.Unstructured) {
	s.world.Applied(step, answer)
	if s.after--; s.after == 0 {
		s.stop()
	}
}

func TestRandomLeavesKeepTheirLiveValues(t *testing.T) {
	w := newWorld(t)
	secret := func(value string) map[object.ID]plan.Desired {
		set := w.set(`
apiVersion: v1
kind: Secret
metadata: {name: password}
stringData: {password: ` + value + `, user: admin}`)
		for id, d := range set {
			d.Random = []string{".stringData.password"}
			set[id] = d
		}
		return set
	}
	w.mustRun(w.plan(w.group(plan.Main, w.steps(plan.Create, "Secret/password")...)), secret("first"))
	w.mustRun(w.plan(w.group(plan.Main, w.steps(plan.Apply, "Secret/password")...)), secret("second"))
	v, _, _ := unstructured.NestedString(w.must("Secret/password").Object, "data", "password")
	if v != "Zmlyc3Q=" {
		t.Errorf("password is %q", v)
	}
}

func TestPruneThatCannotProveItsHoldIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.mustRun(w.plan(w.group(plan.Main, w.steps(plan.Create, "ConfigMap/config")...)), w.set(config))
	d := w.deps()
	d.Cluster = &restless{Cluster: w.c, conflicts: 1}
	p := w.plan(w.group(plan.Pruning, w.steps(plan.Prune, "ConfigMap/config")...))
	if s := w.finish(apply.New(p, nil, d, nil), p); s.Failed != nil {
		t.Fatal(s.Failed)
	}
	if w.get("ConfigMap/config") != nil {
		t.Error("it is still there")
	}
}

// restless is a cluster in which an object changes too often to be deleted at once.
type restless struct {
	apply.Cluster
	conflicts int
}

func (r *restless) Delete(ctx context.Context, kind schema.GroupVersionKind, id object.ID, p apply.Preconditions) error {
	if r.conflicts--; r.conflicts >= 0 {
		return &fault.Error{Class: fault.Transient, Reason: fault.Conflict, Message: "it changed in the meantime"}
	}
	return r.Cluster.Delete(ctx, kind, id, p)
}
