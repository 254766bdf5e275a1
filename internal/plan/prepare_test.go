package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

func prepare(t *testing.T, manifests string, o PrepareOptions) []Desired {
	t.Helper()
	o.Owner = testApp
	if o.Scope == nil {
		o.Scope = scope
	}
	out, _, err := Prepare(entries(t, []byte(manifests)), o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const exported = `
apiVersion: v1
kind: ConfigMap
metadata:
  name: a
  uid: 1234
  resourceVersion: "7"
  generation: 3
  creationTimestamp: "2020-01-01T00:00:00Z"
  managedFields: [{manager: x}]
  labels: {plumb.cd/app: other.app, gone: null}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{}'
    plumb.cd/owner: main:apps/other:ConfigMap/shop/a
    plumb.cd/applied-wave: "9"
    plumb.cd/wave: "2"
data: {k: v}
status: {phase: Active}
`

func TestPrepareSendsOnlyWhatGitMaySay(t *testing.T) {
	got := prepare(t, exported, PrepareOptions{Namespace: "shop"})[0]
	want := map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"k": "v"},
		"metadata": map[string]any{
			"name": "a", "namespace": "shop",
			"labels": map[string]any{"plumb.cd/app": "apps.shop"},
			"annotations": map[string]any{
				"plumb.cd/owner": "main:apps/shop:ConfigMap/shop/a", "plumb.cd/wave": "2", "plumb.cd/applied-wave": "2",
			},
		},
	}
	if d := cmp.Diff(want, got.Object.Object); d != "" {
		t.Error(d)
	}
	if got.Wave != 2 || got.ID != (object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "a"}) {
		t.Errorf("wave %d, ID %s", got.Wave, got.ID)
	}
}

func TestPrepareOneIsWhatPrepareMakesOfTheWhole(t *testing.T) {
	list := entries(t, []byte(exported+"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"))
	o := PrepareOptions{Owner: testApp, Namespace: "shop", Scope: scope, Policy: Policy{CreateNamespace: true}}
	all, _, err := Prepare(list, o)
	if err != nil {
		t.Fatal(err)
	}
	one, err := PrepareOne(list[0], 2, o)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(all[1], one); d != "" {
		t.Error(d)
	}
}

func TestDigestChangesWithWhatIsSentAndNotWithRandomValues(t *testing.T) {
	digest := func(value, namespace string, random ...string) object.Digest {
		e := entries(t, []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: "+value+"}\n"))
		e[0].Random = random
		out, _, err := Prepare(e, PrepareOptions{Owner: testApp, Namespace: namespace, Scope: scope})
		if err != nil {
			t.Fatal(err)
		}
		return out[0].Digest
	}
	if digest("one", "a", ".stringData.p") != digest("two", "a", ".stringData.p") {
		t.Error("a random value is in the digest")
	}
	if digest("one", "a") == digest("two", "a") {
		t.Error("a fixed value is not in the digest")
	}
	if digest("one", "a") == digest("one", "b") {
		t.Error("the namespace is not in the digest")
	}
}

func TestGeneratedHookNamesBelongToTheAttempt(t *testing.T) {
	const hook = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: migrate-, annotations: {plumb.cd/hook: before}}\n"
	name := func(attempt string) string {
		return prepare(t, hook, PrepareOptions{Namespace: "shop", Attempt: attempt})[0].Object.GetName()
	}
	if name("one") != name("one") {
		t.Error("the same attempt gives another name")
	}
	if name("one") == name("two") {
		t.Error("another attempt gives the same name")
	}
	long := strings.Replace(hook, "migrate-", strings.Repeat("x", 80), 1)
	if got := prepare(t, long, PrepareOptions{Namespace: "shop"})[0].Object.GetName(); len(got) != 63 {
		t.Errorf("a name of %d characters", len(got))
	}
}

func TestTheDestinationNamespaceIsMadeOnlyWhereItMakesSense(t *testing.T) {
	const cm = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	const ns = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
	tests := map[string]struct {
		manifests, namespace string
		policy               Policy
		want                 bool
	}{
		"asked for":                  {cm, "shop", Policy{CreateNamespace: true}, true},
		"not asked for":              {cm, "shop", Policy{}, false},
		"the bundle brings it":       {cm + ns, "shop", Policy{CreateNamespace: true}, false},
		"every cluster has it":       {cm, "default", Policy{CreateNamespace: true}, false},
		"there is no destination":    {ns[4:], "", Policy{CreateNamespace: true}, false},
		"even for nothing to put in": {"", "shop", Policy{CreateNamespace: true}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var made *Desired
			for _, d := range prepare(t, tt.manifests, PrepareOptions{Namespace: tt.namespace, Policy: tt.policy}) {
				if d.Options.Ensure {
					made = &d
				}
			}
			if (made != nil) != tt.want {
				t.Fatalf("made %v", made)
			}
			if made == nil {
				return
			}
			if made.Options.Prune != Off || made.Options.Delete != Off {
				t.Errorf("it may be deleted: %+v", made.Options)
			}
			if _, owned := object.OwnerOf(made.ID, made.Object.GetAnnotations()); owned {
				t.Error("it is owned by the App, and would be refused to the next one")
			}
		})
	}
}

func TestSeveralFaultsAreOneErrorThatTellsThemAll(t *testing.T) {
	var docs []string
	docs = append(docs, "apiVersion: nope.example.com/v1\nkind: Gadget\nmetadata: {name: g}\n")
	for _, n := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		docs = append(docs, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "+n+"}\n")
	}
	_, _, err := Prepare(entries(t, []byte(strings.Join(docs, "---\n"))), PrepareOptions{Owner: testApp, Scope: scope})
	if f := fault.Of(err); f.Class != fault.Invalid || f.Reason != fault.NamespaceRequired || f.Where != "desired.yaml:5" || f.Next == "" {
		t.Errorf("the lasting fault must come first: %+v", f)
	}
	if !strings.Contains(err.Error(), "8 more") || !strings.Contains(err.Error(), "3 others") || !strings.Contains(err.Error(), "Gadget") {
		t.Errorf("got %s", err)
	}
	if got := Faults(err); len(got) != 9 || got[0].Reason != fault.KindUnknown {
		t.Errorf("Faults gave %d", len(got))
	}
	if got := Faults(nil); got != nil {
		t.Errorf("Faults(nil) = %v", got)
	}
}

func TestPrepareLeavesTheBundleAlone(t *testing.T) {
	list := entries(t, []byte(exported))
	before, err := bundle.Copy(list[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	prepared, _, err := Prepare(list, PrepareOptions{Owner: testApp, Namespace: "shop", Scope: scope})
	if err != nil {
		t.Fatal(err)
	}
	prepared[0].Object.SetName("changed")
	if d := cmp.Diff(before, list[0].Body); d != "" {
		t.Error(d)
	}
}

func TestCollapse(t *testing.T) {
	tests := map[string]struct {
		manifest string
		path     []string
		want     string // names of what is left
		warns    int
	}{
		"volumes and pull secrets of a CronJob": {
			"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {spec: {volumes: [{name: x}, {name: z}, {name: x}], imagePullSecrets: [{name: r}, {name: r}]}}}}}\n",
			[]string{"spec", "jobTemplate", "spec", "template", "spec", "volumes"}, "z x", 2,
		},
		"ports of a Service": {
			"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{name: p, port: 53, protocol: UDP}, {name: q, port: 53, protocol: TCP}, {name: r, port: 53}]}\n",
			[]string{"spec", "ports"}, "p r", 1,
		},
		"elements without their key are the API server's business": {
			"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: x}, {image: x}]}\n",
			[]string{"spec", "containers"}, "<nil> <nil>", 0,
		},
		"unknown kinds stay as they are": {
			"apiVersion: x/v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: x}, {name: x}]}\n",
			[]string{"spec", "containers"}, "x x", 0,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := entries(t, []byte(tt.manifest))[0].Body
			warnings := collapse(body)
			var at any = body
			for _, f := range tt.path {
				at = at.(map[string]any)[f]
			}
			if got := namesOf(at); got != tt.want || len(warnings) != tt.warns {
				t.Errorf("left %q, want %q; warnings %q", got, tt.want, warnings)
			}
		})
	}
}
