package compare

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/object"
)

// captured is what a real API server answered to our apply, and the object after somebody touched it. Package drift
// keeps these.
type captured struct {
	Want, Answer, Event map[string]any
}

func load(t *testing.T, name string) captured {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "drift", "testdata", "captured", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var c captured
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func idOf(body map[string]any) object.ID {
	meta, _ := body["metadata"].(map[string]any)
	version, _ := body["apiVersion"].(string)
	group, _, ok := strings.Cut(version, "/")
	if !ok {
		group = ""
	}
	text := func(v any) string { s, _ := v.(string); return s }
	return object.ID{Group: group, Kind: text(body["kind"]), Namespace: text(meta["namespace"]), Name: text(meta["name"])}
}

var ourRules = Rules{Manager: "plumb", Person: drift.New(nil, "plumb", drift.Rules{}).Person}

func lines(r Result, classes ...Class) []string {
	var out []string
	for _, f := range r.Fields {
		if len(classes) == 0 || slices.Contains(classes, f.Class) {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Class, f.Path, f.Owner)))
		}
	}
	return out
}

func TestWhoChangedWhatIsToldFromDefaultsAndFromControllers(t *testing.T) {
	const revision = `other .metadata.annotations["deployment.kubernetes.io/revision"] kube-controller-manager`
	const lastApplied = `other .metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"] kubectl-client-side-apply`
	tests := map[string][]string{ // all but what is defaulted
		"settled":      {revision},
		"coapply":      {revision},
		"set-image":    {"drift .spec.template.spec.containers[name=web].image kubectl-set", revision},
		"scale":        {"drift .spec.replicas kubectl", revision},
		"autoscale":    {"drift .spec.replicas kube-controller-manager", revision},
		"edit":         {"drift .spec.template.spec.containers[name=web].env[name=LOG_LEVEL].value kubectl-edit", revision},
		"edit-delete":  {`drift .spec.template.metadata.annotations["checksum/config"]`, revision},
		"sidecar":      {"drift .spec.template.spec.containers[name=sidecar] kubectl-patch", revision},
		"client-apply": {"drift .spec.replicas kubectl-client-side-apply", revision, lastApplied},
		"label":        {"drift .metadata.labels.team kubectl-label", revision},
		"restart":      {revision, `other .spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"] kubectl-rollout`},
		"controller-adds": {revision, `other .spec.template.metadata.annotations["sidecar/status"] istio-injector`,
			"other .spec.template.spec.securityContext.fsGroup istio-injector"},
		"patch-configmap": {"drift .data.LOG kubectl-patch", "drift .data.NEW kubectl-patch"},
		"patch-secret":    {"drift .data.password kubectl-patch"},
		"patch-service":   {"drift .spec.ports[port=80].targetPort kubectl-patch", "drift .spec.ports[port=6060] kubectl-patch"},
		"widget-controller": {"other .metadata.finalizers widget-operator", "other .spec.extra[name=auto] widget-operator",
			"other .spec.free.op.a widget-operator", "other .spec.hosts widget-operator"},
		"widget-people": {"drift .metadata.finalizers kubectl-patch", "drift .spec.free.more kubectl-patch", "drift .spec.hosts kubectl-patch",
			"drift .spec.rules[port=443].to kubectl-patch", "drift .spec.weights kubectl-patch"},
		"widget-steps": {"drift .spec.steps[0].run kubectl-patch"},
	}
	for name, want := range tests {
		for _, side := range []Which{LeftSide, RightSide} {
			t.Run(fmt.Sprint(name, side), func(t *testing.T) {
				c := load(t, name)
				o := Object{ID: idOf(c.Event), Left: c.Want, Right: c.Event, Sent: c.Want, Live: side}
				if side == LeftSide {
					o.Left, o.Right = o.Right, o.Left
				}
				r, _ := Compare(o, ourRules)
				got := lines(r, Ours, Drift, Mutated, Other, Ignored)
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
				if quiet := !strings.HasPrefix(strings.Join(got, "\n"), "drift"); r.Quiet() != quiet {
					t.Errorf("Quiet is %v", r.Quiet())
				}
			})
		}
	}
}

func TestWhatGitChangesIsOursWhateverIsLive(t *testing.T) {
	c := load(t, "set-image") // somebody set another image
	git := clone(t, c.Want)
	set(t, git, "registry.example.com/shop/web:2.0", "spec", "template", "spec", "containers", 0, "image")
	set(t, git, 7.0, "spec", "replicas")
	delete(git["metadata"].(map[string]any)["annotations"].(map[string]any), "team")
	r, ok := Compare(Object{ID: idOf(c.Event), Left: c.Event, Right: git, Sent: c.Want, Live: LeftSide}, ourRules)
	if !ok {
		t.Fatal("nothing differs")
	}
	want := []string{
		"ours .metadata.annotations.team",
		"ours .spec.replicas",
		"ours .spec.template.spec.containers[name=web].image kubectl-set",
	}
	if d := cmp.Diff(want, lines(r, Ours, Drift, Mutated)); d != "" {
		t.Error(d)
	}
}

func clone(t *testing.T, v map[string]any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// set puts a value at a path of field names and indexes.
func set(t *testing.T, v any, value any, path ...any) {
	t.Helper()
	for i, p := range path {
		last := i == len(path)-1
		switch p := p.(type) {
		case string:
			m := v.(map[string]any)
			if last {
				m[p] = value
			}
			v = m[p]
		case int:
			l := v.([]any)
			if last {
				l[p] = value
			}
			v = l[p]
		}
	}
}
