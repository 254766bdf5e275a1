package plan

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/object"
)

var update = flag.Bool("update", false, "rewrite the expected output of the golden files")

var testApp = object.Owner{Installation: "main", Namespace: "apps", Name: "shop"}

// TestGolden reads testdata/*.txtar: desired.yaml (manifests), live.yaml (what the cluster has, see liveCase),
// input.yaml (see inputCase; may be absent) and plan.txt, which is what comes out.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := map[string][]byte{}
			for _, f := range ar.Files {
				in[f.Name] = f.Data
			}
			got := []byte(runGolden(t, in))
			if bytes.Equal(got, in["plan.txt"]) {
				return
			}
			if !*update {
				t.Errorf("plan.txt differs; got:\n%s\nwant:\n%s", got, in["plan.txt"])
				return
			}
			var kept []txtar.File
			for _, f := range ar.Files {
				if f.Name != "plan.txt" {
					kept = append(kept, f)
				}
			}
			ar.Files = append(kept, txtar.File{Name: "plan.txt", Data: got})
			if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// inputCase is input.yaml.
type inputCase struct {
	Mode      Mode              `json:"mode"`
	Namespace *string           `json:"namespace"` // destination, default "shop"
	Policy    *Policy           `json:"policy"`    // default: prune
	Only      []string          `json:"only"`
	RunHooks  bool              `json:"runHooks"`
	HooksDone []string          `json:"hooksDone"`
	HoldPrune string            `json:"holdPrune"`
	Orphan    bool              `json:"orphan"`
	Moving    map[string]string `json:"moving"`
	Attempt   string            `json:"attempt"`
}

// liveCase is one element of live.yaml.
type liveCase struct {
	ID      string `json:"id"`
	Owner   string `json:"owner"`   // "ns/name" or "installation:ns/name", default the App itself; "none"
	Applied string `json:"applied"` // "same" (default), "old" or "unknown"
	Drifted bool   `json:"drifted"`
	Wave    int    `json:"wave"`
	// Annotations of the live object.
	Annotations map[string]string `json:"annotations"`
	Deleting    bool              `json:"deleting"`
}

func runGolden(t *testing.T, files map[string][]byte) string {
	c := inputCase{Mode: Sync}
	unmarshal(t, files["input.yaml"], &c)
	opts := prepareOptions(c)
	desired, warnings, err := Prepare(entries(t, files["desired.yaml"]), opts)
	if err != nil {
		var b strings.Builder
		for _, f := range Faults(err) {
			fmt.Fprintf(&b, "%s %s at %s: %s\n", f.Class, f.Reason, f.Where, f.Message)
		}
		return b.String()
	}
	var live []liveCase
	unmarshal(t, files["live.yaml"], &live)
	in := input(t, c, desired, live)
	in.Policy = opts.Policy
	p := Compute(in)
	p.Warnings = append(warnings, p.Warnings...)
	return strings.Join(p.Lines(), "\n") + "\n"
}

func prepareOptions(c inputCase) PrepareOptions {
	o := PrepareOptions{Owner: testApp, Namespace: "shop", Scope: scope, Policy: Policy{Prune: true}, Attempt: c.Attempt}
	if c.Namespace != nil {
		o.Namespace = *c.Namespace
	}
	if c.Policy != nil {
		o.Policy = *c.Policy
	}
	return o
}

func input(t *testing.T, c inputCase, desired []Desired, live []liveCase) Input {
	in := Input{
		Mode: c.Mode, App: testApp, Bundle: "sha256:test", Desired: desired, Live: map[object.ID]Live{},
		RunHooks: c.RunHooks, HooksDone: map[string]bool{}, HoldPrune: c.HoldPrune, Orphan: c.Orphan, Moving: map[object.ID]object.Owner{},
	}
	for _, s := range c.Only {
		in.Only = append(in.Only, parseID(t, s))
	}
	for _, s := range c.HooksDone {
		in.HooksDone[s] = true
	}
	for s, owner := range c.Moving {
		in.Moving[parseID(t, s)] = parseOwner(owner)
	}
	digests := map[object.ID]object.Digest{}
	for _, d := range desired {
		digests[d.ID] = d.Digest
	}
	for i, l := range live {
		in.Live[parseID(t, l.ID)] = l.live(t, i, digests)
	}
	return in
}

func (l liveCase) live(t *testing.T, i int, digests map[object.ID]object.Digest) Live {
	id := parseID(t, l.ID)
	u := &unstructured.Unstructured{Object: map[string]any{"kind": id.Kind, "apiVersion": "v1"}}
	u.SetAnnotations(l.Annotations)
	options, hook, wave, warnings := ParseAnnotations(u)
	if len(warnings) > 0 {
		t.Fatal(warnings)
	}
	out := Live{
		ID: id, Kind: schema.GroupVersionKind{Group: id.Group, Version: "v1", Kind: id.Kind}, UID: "uid-" + strconv.Itoa(i),
		InSync: !l.Drifted, Wave: wave + l.Wave, Options: options, Hook: hook != nil, Deleting: l.Deleting,
	}
	switch l.Owner {
	case "none":
	case "":
		out.Owner = &testApp
	default:
		o := parseOwner(l.Owner)
		out.Owner = &o
	}
	switch l.Applied {
	case "", "same":
		out.Applied = digests[id]
		if out.Applied == "" {
			out.Applied = "sha256:gone"
		}
	case "old":
		out.Applied = "sha256:old"
	}
	return out
}

// scope knows the kinds that the cases use.
func scope(k schema.GroupVersionKind) (namespaced, known bool) {
	cluster := map[string]bool{"Namespace": true, "CustomResourceDefinition": true, "ClusterRole": true, "ClusterRoleBinding": true, "PersistentVolume": true}
	if strings.HasSuffix(k.Group, "example.com") {
		return false, false
	}
	return !cluster[k.Kind], true
}

func parseOwner(s string) object.Owner {
	installation, app, elsewhere := strings.Cut(s, ":")
	if !elsewhere {
		installation, app = testApp.Installation, s
	}
	ns, name, _ := strings.Cut(app, "/")
	return object.Owner{Installation: installation, Namespace: ns, Name: name}
}

func parseID(t *testing.T, s string) object.ID {
	t.Helper()
	id, err := object.ParseID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func unmarshal(t *testing.T, data []byte, into any) {
	t.Helper()
	raw, err := yaml.YAMLToJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		t.Fatal(err)
	}
}

// entries reads manifests as a renderer would.
func entries(t testing.TB, manifests []byte) []bundle.Entry {
	t.Helper()
	var out []bundle.Entry
	line := 1
	for i, doc := range strings.Split(string(manifests), "---\n") {
		var body map[string]any
		if err := yaml.Unmarshal([]byte(doc), &body); err != nil {
			t.Fatal(err)
		}
		if body != nil {
			out = append(out, bundle.Entry{Body: body, Origin: object.Origin{File: "desired.yaml", Line: line, Document: i}})
		}
		line += strings.Count(doc, "\n") + 1
	}
	b, err := bundle.Seal("Plain", out, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.Objects
}
