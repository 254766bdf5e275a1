package apply_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/apply"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/plan"
)

const otherSelector = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web, tier: front}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec: {containers: [{name: web, image: "web:1"}]}`

func TestImmutableField(t *testing.T) {
	invalid := strings.ReplaceAll(otherSelector, "labels: {app: web, tier: front}", "labels: {app: other}")
	tests := map[string]struct {
		object    string
		allowed   bool
		reason    fault.Reason // empty: applied
		words     []string
		recreated bool
	}{
		"is refused without force, and the field is named":         {otherSelector, false, fault.ImmutableField, []string{"spec.selector"}, false},
		"leads to a new object with force":                         {otherSelector, true, "", nil, true},
		"with force and an invalid new object leaves the live one": {invalid, true, fault.SchemaViolation, []string{"spec.template.metadata.labels", "Deployment.apps/"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mustRun(w.plan(w.group(plan.Main, w.steps(plan.Create, "Deployment.apps/web")...)), w.set(web))
			before := w.must("Deployment.apps/web").GetUID()
			step := w.steps(plan.Apply, "Deployment.apps/web")[0]
			step.ForceAllowed, step.UID = tt.allowed, string(before)
			s := w.run(w.plan(w.group(plan.Main, step)), w.set(tt.object))
			if tt.reason != "" {
				wantFault(t, s.Failed, tt.reason, tt.words...)
			} else if s.Failed != nil {
				t.Fatal(s.Failed)
			}
			live := w.must("Deployment.apps/web")
			if (live.GetUID() != before) != tt.recreated {
				t.Errorf("recreated: %v, want %v", live.GetUID() != before, tt.recreated)
			}
			if live.GetDeletionTimestamp() != nil {
				t.Error("the live object is being deleted")
			}
			if _, got, _ := unstructured.NestedString(live.Object, "spec", "selector", "matchLabels", "tier"); got != tt.recreated {
				t.Errorf("the new selector is there: %v", got)
			}
		})
	}
}

func TestForceNeverDeletesWhatHoldsData(t *testing.T) {
	w := newWorld(t)
	claim := `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}`
	create := w.plan(plan.Group{Phase: plan.Main, Steps: w.steps(plan.Create, "PersistentVolumeClaim/data")})
	w.mustRun(create, w.set(claim))
	before := w.must("PersistentVolumeClaim/data").GetUID()
	step := w.steps(plan.Apply, "PersistentVolumeClaim/data")[0]
	step.ForceAllowed = true
	s := w.run(w.plan(plan.Group{Phase: plan.Main, Steps: []plan.Step{step}}), w.set(strings.ReplaceAll(claim, "ReadWriteOnce", "ReadWriteMany")))
	wantFault(t, s.Failed, fault.ImmutableField, "destroy what it holds")
	if live := w.must("PersistentVolumeClaim/data"); live.GetUID() != before || live.GetDeletionTimestamp() != nil {
		t.Error("the claim was deleted")
	}
}

func TestAServiceThatIsRecreatedMayKeepItsAddress(t *testing.T) {
	w := newWorld(t)
	service := `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, type: NodePort, ports: [{port: 80}]}`
	group := func(a plan.Action) plan.Plan {
		s := w.steps(a, "Service/web")
		s[0].ForceAllowed = true
		return w.plan(plan.Group{Phase: plan.Main, Steps: s})
	}
	w.mustRun(group(plan.Create), w.set(service))
	before := w.must("Service/web")
	ports, _, _ := unstructured.NestedSlice(before.Object, "spec", "ports")
	headless := strings.ReplaceAll(strings.ReplaceAll(service, "type: NodePort", "clusterIP: None"), ", type: ClusterIP", "")
	w.mustRun(group(plan.Apply), w.set(headless))
	after := w.must("Service/web")
	if v, _, _ := unstructured.NestedString(after.Object, "spec", "clusterIP"); v != "None" || after.GetUID() == before.GetUID() {
		t.Errorf("clusterIP %q after ports %v", v, ports)
	}
}

func TestPruneThatAFinalizerHoldsSaysSoAtItsDeadline(t *testing.T) {
	w := newWorld(t)
	held := strings.ReplaceAll(config, "{name: config}", "{name: config, finalizers: [example.com/guard]}")
	w.mustRun(w.plan(w.group(plan.Main, w.steps(plan.Create, "ConfigMap/config")...)), w.set(held))
	step := w.steps(plan.Prune, "ConfigMap/config")[0]
	g := w.group(plan.Pruning, step)
	g.Deadline = time.Minute
	p := w.plan(g)
	x := apply.New(p, nil, w.deps(), nil)
	begin := time.Now()
	w.until(x, p, func(s apply.State) bool { return len(s.Waiting) == 1 && s.Waiting[0].For == apply.ForGone })
	s := x.Advance(t.Context(), begin.Add(2*time.Minute))
	wantFault(t, s.Failed, fault.DeadlineExceeded, "not gone within", "example.com/guard")
	client := cptest.Shared(t).Client(t)
	if _, err := client.CoreV1().ConfigMaps(w.ns).Patch(t.Context(), "config", "application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	w.mustRun(p, nil)
}

func TestDefinitionAndItsResourcesInOnePlan(t *testing.T) {
	w := newWorld(t)
	group := strings.ReplaceAll(w.ns, "t-", "") + ".example.com"
	crd := `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.` + group + `}
spec:
  group: ` + group + `
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}`
	widget := `
apiVersion: ` + group + `/v1
kind: Widget
metadata: {name: one}
spec: {size: 1}`
	desired := w.set(crd + "\n---\n" + widget)
	var p plan.Plan
	for id, d := range desired {
		step := plan.Step{Action: plan.Create, ID: id, Kind: d.Object.GroupVersionKind()}
		if id.Kind == "Widget" {
			p.Groups = append(p.Groups, w.group(plan.Main, step))
			p.Groups[len(p.Groups)-1].Await = nil
		} else {
			p.Groups = append([]plan.Group{w.group(plan.Foundation, step)}, p.Groups...)
		}
	}
	p.App = shop
	w.mustRun(p, desired)
	id := w.id("Widget." + group + "/one")
	if _, err := w.c.Get(t.Context(), desired[id].Object.GroupVersionKind(), id); err != nil {
		t.Error(err)
	}
	if got := w.c.Schema(desired[id].Object.GroupVersionKind()); got != group+"/v1@1" {
		t.Errorf("schema %q", got)
	}
}
