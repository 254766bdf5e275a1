package drift

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// captured is what a real API server (1.36) answered to our apply, and the object after somebody touched it.
type captured struct {
	Want          map[string]any
	Answer, Event *unstructured.Unstructured
}

func capturedCase(t testing.TB, name string) captured {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "captured", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Want, Answer, Event json.RawMessage }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	return captured{Want: decode(t, file.Want).Object, Answer: decode(t, file.Answer), Event: decode(t, file.Event)}
}

func decode(t testing.TB, raw []byte) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(raw); err != nil {
		t.Fatalf("%v in %.80s", err, raw)
	}
	return u
}

func TestAdoptingTakesOverFromOtherEnginesToo(t *testing.T) {
	f := New(testKey, "plumb", Rules{})
	want := []string{"argocd-controller", "helm", "kubectl-client-side-apply"}
	if d := cmp.Diff(want, f.Adoptable(capturedCase(t, "adopt").Event)); d != "" {
		t.Error(d)
	}
}

var testKey = []byte("thirty-two bytes of a test's key")

func TestWhatPeopleAndControllersDo(t *testing.T) {
	tests := map[string]struct {
		changed  bool
		culprits []string // manager/operation/subresource path from>to
		foreign  []string
		allowed  bool // by an autoscaler
	}{
		"settled":         {},
		"restart":         {},
		"controller-adds": {},
		"coapply":         {foreign: []string{"kubectl"}},
		"set-image": {changed: true, foreign: []string{"kubectl-set"}, culprits: []string{
			"kubectl-set/Update/ .spec.template.spec.containers[name=web].image registry.example.com/shop/web:1.4.2>registry.example.com/shop/web:hacked"}},
		"scale": {changed: true, foreign: []string{"kubectl"}, culprits: []string{"kubectl/Update/scale .spec.replicas 3>5"}},
		"label": {changed: true, foreign: []string{"kubectl-label"}, culprits: []string{"kubectl-label/Update/ .metadata.labels.team <nil>>people"}},
		"annotate": {changed: true, foreign: []string{"kubectl-annotate", "kubectl-label"}, culprits: []string{
			"kubectl-annotate/Update/ .metadata.annotations.team payments>people",
			"kubectl-label/Update/ .metadata.labels.team <nil>>people"}},
		"sidecar": {changed: true, foreign: []string{"kubectl-patch"}, culprits: []string{
			"kubectl-patch/Update/ .spec.template.spec.containers[name=sidecar] <nil>>map[image:registry.example.com/debug:1 imagePullPolicy:IfNotPresent name:sidecar resources:map[] terminationMessagePath:/dev/termination-log terminationMessagePolicy:File]"}},
		"edit": {changed: true, foreign: []string{"kubectl-edit"}, culprits: []string{
			"kubectl-edit/Update/ .spec.template.spec.containers[name=web].env[name=LOG_LEVEL].value info>debug"}},
		"edit-delete": {changed: true, culprits: []string{
			`unknown// .spec.template.metadata.annotations["checksum/config"] abc123><nil>`}},
		"client-apply": {changed: true, foreign: []string{"kubectl-client-side-apply"}, culprits: []string{
			"kubectl-client-side-apply/Update/ .spec.replicas 3>4"}},
		"set-env": {changed: true, foreign: []string{"kubectl-client-side-apply", "kubectl-set"}, culprits: []string{
			"kubectl-client-side-apply/Update/ .spec.replicas 3>4",
			"kubectl-set/Update/ .spec.template.spec.containers[name=web].env[name=EXTRA] <nil>>map[name:EXTRA value:1]"}},
		"autoscale": {changed: true, allowed: true, culprits: []string{"kube-controller-manager/Update/scale .spec.replicas 3>7"}},
		"patch-configmap": {changed: true, foreign: []string{"kubectl-patch"}, culprits: []string{
			"kubectl-patch/Update/ .data.LOG info><nil>", "kubectl-patch/Update/ .data.NEW <nil>>x"}},
		"patch-secret": {changed: true, foreign: []string{"kubectl-patch"}, culprits: []string{
			"kubectl-patch/Update/ .data.password [redacted]>[redacted]"}},
		"widget-people": {changed: true, foreign: []string{"kubectl-patch"}, culprits: []string{
			"kubectl-patch/Update/ .metadata.finalizers[1] <nil>>example.com/theirs",
			"kubectl-patch/Update/ .spec.free.more <nil>>1",
			"kubectl-patch/Update/ .spec.hosts[2] <nil>>evil.example.com",
			"kubectl-patch/Update/ .spec.rules[port=443].to tls>other",
			"kubectl-patch/Update/ .spec.weights [10 20]>[20]"}},
		"widget-steps": {changed: true, foreign: []string{"kubectl-patch"}, culprits: []string{
			"kubectl-patch/Update/ .spec.steps[0].run one>zero"}},
		"widget-controller": {},
		"adopt":             {foreign: []string{"helm", "kubectl-client-side-apply"}},
		"patch-service": {changed: true, foreign: []string{"kubectl-patch"}, culprits: []string{
			"kubectl-patch/Update/ .spec.ports[name=debug] <nil>>map[name:debug port:6060 protocol:TCP targetPort:6060]",
			"kubectl-patch/Update/ .spec.ports[name=web].targetPort http>8081"}},
	}
	files, _ := filepath.Glob("testdata/captured/*.json")
	if len(files) != len(tests) {
		t.Errorf("%d captured files, %d rows", len(files), len(tests))
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := capturedCase(t, name)
			f := New(testKey, "plumb", Rules{})
			rec, err := f.Fingerprint(c.Answer)
			if err != nil {
				t.Fatal(err)
			}
			if same(f, rec, c.Event) == tt.changed {
				t.Errorf("changed is %v, want %v", !tt.changed, tt.changed)
			}
			if tt.changed {
				culprits := f.Attribute(c.Want, c.Event, nil)
				if d := cmp.Diff(tt.culprits, lines(culprits)); d != "" {
					t.Error(d)
				}
				if got := slices.ContainsFunc(culprits, AutoscalerOwns); got != tt.allowed {
					t.Errorf("an autoscaler owns it: %v, want %v", got, tt.allowed)
				}
			}
			if d := cmp.Diff(tt.foreign, f.Foreign(c.Event)); d != "" {
				t.Error(d)
			}
		})
	}
}

func lines(culprits []Culprit) []string {
	var out []string
	for _, c := range culprits {
		for _, f := range c.Fields {
			out = append(out, fmt.Sprintf("%s/%s/%s %s %v>%v", c.Manager, c.Operation, c.Sub, f.Path, f.From, f.To))
		}
	}
	return out
}

func TestRestartsCanBeDriftByRule(t *testing.T) {
	c := capturedCase(t, "restart")
	f := New(testKey, "plumb", Rules{Restarts: RestartsDrift})
	rec, _ := f.Fingerprint(c.Answer)
	if same(f, rec, c.Event) {
		t.Fatal("it is taken for the same")
	}
	got := lines(f.Attribute(c.Want, c.Event, nil))
	if len(got) != 1 || !strings.HasPrefix(got[0], "kubectl-rollout/Update/ ") {
		t.Fatalf("culprits %q", got)
	}
}

func TestWithoutPeopleOnlyOurOwnFieldsCount(t *testing.T) {
	c := capturedCase(t, "sidecar")
	f := New(testKey, "plumb", Rules{People: []string{}})
	rec, _ := f.Fingerprint(c.Answer)
	if !same(f, rec, c.Event) {
		t.Fatal("it is taken for changed")
	}
	if got := f.Attribute(c.Want, c.Event, nil); len(got) != 0 {
		t.Fatalf("culprits %v", got)
	}
}

func TestIgnoredFieldCountsInNeitherHashNorAttribution(t *testing.T) {
	tests := map[string]struct {
		file string
		rule Ignore
	}{
		"by pointer":            {"scale", Ignore{Kind: "Deployment", Group: "apps", Pointers: []string{"/spec/replicas"}}},
		"by path with a key":    {"set-image", Ignore{Paths: []string{".spec.template.spec.containers[name=web].image"}}},
		"by jq select":          {"set-image", Ignore{Paths: []string{`.spec.template.spec.containers[] | select(.name == "web") | .image`}}},
		"by pointer wildcard":   {"set-image", Ignore{Pointers: []string{"/spec/template/spec/containers/*/image"}}},
		"by pointer index":      {"set-image", Ignore{Pointers: []string{"/spec/template/spec/containers/0/image"}}},
		"a whole element":       {"sidecar", Ignore{Paths: []string{`.spec.template.spec.containers[]|select(.name=="sidecar")`}}},
		"a deleted annotation":  {"edit-delete", Ignore{Pointers: []string{"/spec/template/metadata/annotations/checksum~1config"}}},
		"a whole map":           {"label", Ignore{Paths: []string{".metadata.labels"}}},
		"by name and namespace": {"scale", Ignore{Namespace: "def*", Name: "shop", Paths: []string{".spec.replicas"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := capturedCase(t, tt.file)
			ignores, err := CompileIgnores([]Ignore{tt.rule})
			if err != nil {
				t.Fatal(err)
			}
			f := New(testKey, "plumb", Rules{Ignores: ignores})
			rec, _ := f.Fingerprint(c.Answer)
			if !same(f, rec, c.Event) {
				t.Error("it is taken for changed")
			}
			if got := f.Attribute(c.Want, c.Event, nil); len(got) != 0 {
				t.Errorf("culprits %v", lines(got))
			}
		})
	}
}

func TestIgnoredManagerIsNeverACulprit(t *testing.T) {
	c := capturedCase(t, "scale")
	ignores, _ := CompileIgnores([]Ignore{{Managers: []string{"kubectl"}}})
	f := New(testKey, "plumb", Rules{Ignores: ignores})
	if got := f.Attribute(c.Want, c.Event, nil); len(got) != 0 {
		t.Fatalf("culprits %v", lines(got))
	}
	if got := f.Foreign(c.Event); len(got) != 0 {
		t.Fatalf("foreign %v", got)
	}
}

// same is what the engine asks of each event: whether a fingerprint of now is the one that was kept.
func same(f *Fingerprinter, rec Record, obj *unstructured.Unstructured) bool {
	now, err := f.Fingerprint(obj)
	return err == nil && now.Hash == rec.Hash
}

func TestWhatIsNotTheObjectThatWasAppliedIsNeverTheSame(t *testing.T) {
	c := capturedCase(t, "settled")
	f := New(testKey, "plumb", Rules{})
	rec, _ := f.Fingerprint(c.Answer)
	if !same(f, rec, c.Event) {
		t.Fatal("the event itself differs")
	}
	for name, change := range map[string]func(*unstructured.Unstructured){
		"another object of the same name":  func(u *unstructured.Unstructured) { u.SetUID("other") },
		"another version than was applied": func(u *unstructured.Unstructured) { u.SetAPIVersion("apps/v2") },
		"an object that nobody owns":       func(u *unstructured.Unstructured) { u.SetManagedFields(nil) },
	} {
		u := c.Event.DeepCopy()
		change(u)
		if same(f, rec, u) {
			t.Errorf("%s is the same", name)
		}
	}
}
