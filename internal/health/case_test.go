package health

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/object"
)

type healthCase struct {
	Case string
	Now  time.Time
	Want struct {
		Level           Level
		Reason, Message string
		Recheck         string
	}
	Object json.RawMessage
}

// readCases gives the cases by file, each file named for its kind and group.
func readCases(t *testing.T) map[string][]healthCase {
	t.Helper()
	files, err := filepath.Glob("testdata/cases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	out := map[string][]healthCase{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		raw, err = yaml.YAMLToJSON(raw)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		var cases []healthCase
		strict := json.NewDecoder(bytes.NewReader(raw))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&cases); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out[filepath.Base(f)] = cases
	}
	return out
}

func (c healthCase) object(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(c.Object); err != nil {
		t.Fatalf("%s: %v", c.Case, err)
	}
	return u
}

func TestCases(t *testing.T) {
	for file, cases := range readCases(t) {
		for _, c := range cases {
			t.Run(file+"/"+c.Case, func(t *testing.T) {
				u := c.object(t)
				before := u.DeepCopy()
				got := Compute(u, c.Now, nil)
				if got.Level != c.Want.Level || got.Reason != c.Want.Reason && c.Want.Reason != "" || got.Message != c.Want.Message && c.Want.Message != "" {
					t.Errorf("got %s %s %q, want %s %s %q", got.Level, got.Reason, got.Message, c.Want.Level, c.Want.Reason, c.Want.Message)
				}
				want, _ := time.ParseDuration(c.Want.Recheck)
				if got.RecheckAfter != want {
					t.Errorf("recheck after %v, want %v", got.RecheckAfter, want)
				}
				if got.Level != Healthy && (got.Reason == "" || got.Message == "") && file != "Application.argoproj.io.yaml" {
					t.Errorf("%s without reason or message: %q %q", got.Level, got.Reason, got.Message)
				}
				if !object.Equal(before.Object, u.Object) {
					t.Error("the object was changed")
				}
			})
		}
	}
}

func TestEveryBuiltinHasACaseForEachOfItsLevels(t *testing.T) {
	seen := map[schema.GroupKind]map[Level]bool{}
	for file, cases := range readCases(t) {
		for _, c := range cases {
			gk := object.Of(c.object(t)).GroupKind()
			if want := fileOf(gk); file != "any.yaml" && file != want {
				t.Errorf("%s holds a case of %s", file, gk)
			}
			if seen[gk] == nil {
				seen[gk] = map[Level]bool{}
			}
			seen[gk][c.Want.Level] = true
		}
	}
	for gk, b := range builtins {
		for _, l := range b.levels {
			if !seen[gk][l] {
				t.Errorf("%s has no case that is %s", gk, l)
			}
			delete(seen[gk], l)
		}
		for l := range seen[gk] {
			t.Errorf("%s has a case that is %s, which its rule does not declare", gk, l)
		}
	}
}

func fileOf(gk schema.GroupKind) string {
	if gk.Group == "" {
		return gk.Kind + ".yaml"
	}
	return gk.Kind + "." + gk.Group + ".yaml"
}

func TestNoObjectIsMissing(t *testing.T) {
	if got := Compute(nil, time.Time{}, nil); got.Level != Missing {
		t.Fatalf("got %v", got)
	}
}

func TestNonsenseDoesNotPanic(t *testing.T) {
	for gk := range builtins {
		for _, junk := range []any{nil, "x", int64(3), []any{"x", nil}, map[string]any{"conditions": "x", "containerStatuses": []any{nil, "a"}}} {
			u := &unstructured.Unstructured{Object: map[string]any{"spec": junk, "status": junk, "metadata": map[string]any{"generation": "x"}}}
			u.SetGroupVersionKind(gk.WithVersion("v1"))
			Compute(u, time.Time{}, nil)
		}
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	u := widget(map[string]any{"conditions": []any{map[string]any{"type": "Stalled", "status": "True", "message": strings.Repeat("\u00e4", 5000)}}})
	got := Compute(u, time.Time{}, nil).Message
	if len(got) > maxMessage+4 || !utf8.ValidString(got) {
		t.Fatalf("%d bytes", len(got))
	}
}

func BenchmarkDeployment(b *testing.B) {
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "web", "generation": int64(1)},
		"spec":   map[string]any{"replicas": int64(3)},
		"status": map[string]any{"observedGeneration": int64(1), "replicas": int64(3), "updatedReplicas": int64(3), "availableReplicas": int64(3)},
	}}
	b.ReportAllocs()
	for b.Loop() {
		if Compute(u, time.Time{}, nil).Level != Healthy {
			b.Fatal("not healthy")
		}
	}
}
