package health

import (
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/fault"
)

func widget(status map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "example.com/v1", "kind": "Widget",
		"metadata": map[string]any{"name": "w", "namespace": "shop", "generation": int64(2), "labels": map[string]any{"a": "b"}},
		"spec":     map[string]any{"size": int64(3), "ratio": 0.5, "list": []any{"x", "y"}},
	}}
	if status != nil {
		u.Object["status"] = status
	}
	return u
}

func compileOne(t testing.TB, r Rule) *Rules {
	t.Helper()
	if r.Kind == "" {
		r.Group, r.Kind = "example.com", "Widget"
	}
	rules, err := CompileRules([]Rule{r})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestCELRules(t *testing.T) {
	byState := &CELRule{
		Current: `self.status.state == "up"`, InProgress: `self.status.state == "moving"`,
		Failed: `self.status.state == "down"`, Suspended: `has(self.status.idle)`, Message: `"state " + self.status.state`,
	}
	tests := map[string]struct {
		rule    *CELRule
		status  map[string]any
		want    Level
		message string
	}{
		"current is Healthy":                        {byState, map[string]any{"state": "up"}, Healthy, "state up"},
		"inProgress is Progressing":                 {byState, map[string]any{"state": "moving"}, Progressing, "state moving"},
		"failed is Degraded":                        {byState, map[string]any{"state": "down"}, Degraded, "state down"},
		"suspended comes before current":            {byState, map[string]any{"state": "up", "idle": true}, Suspended, "state up"},
		"when none is true it is Progressing":       {byState, map[string]any{"state": "?"}, Progressing, "state ?"},
		"a status that is not there is no error":    {byState, nil, Progressing, ""},
		"level names a level":                       {&CELRule{Level: `self.spec.size > 2 ? "Degraded" : "Healthy"`}, nil, Degraded, ""},
		"a level that is none is a fault":           {&CELRule{Level: `"Fine"`}, nil, Unknown, `the health rule failed: "Fine" is no health; it is one of Healthy, Progressing, Degraded, Suspended, Missing, Unknown`},
		"an old generation does not pre-empt rules": {&CELRule{Current: `self.metadata.generation == 2`}, map[string]any{"observedGeneration": int64(1)}, Healthy, ""},
		"a type error is a fault, not a verdict":    {&CELRule{Current: `self.spec.size == 3 && self.spec.list > 1`}, nil, Unknown, "*no such overload*"},
		"macros over lists work":                    {&CELRule{Current: `self.spec.list.exists(e, e == "y")`}, nil, Healthy, ""},
		"endless work is stopped":                   {&CELRule{Current: nested}, nil, Unknown, "*cost*"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := Compute(widget(tt.status), time.Time{}, compileOne(t, Rule{CEL: tt.rule}))
			if got.Level != tt.want || !like(got.Message, tt.message) {
				t.Fatalf("got %s %q, want %s %q", got.Level, got.Message, tt.want, tt.message)
			}
		})
	}
}

// nested walks a list of ten to the power of seven combinations.
const nested = `[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2,3,4,5,6,7,8,9].all(c,
  [0,1,2,3,4,5,6,7,8,9].all(d, [0,1,2,3,4,5,6,7,8,9].all(e, [0,1,2,3,4,5,6,7,8,9].all(f,
  [0,1,2,3,4,5,6,7,8,9].all(g, a+b+c+d+e+f+g >= 0)))))))`

func like(got, want string) bool {
	if inner, ok := strings.CutPrefix(want, "*"); ok {
		return strings.Contains(got, strings.TrimSuffix(inner, "*"))
	}
	return got == want
}

func TestRulesAreTriedInOrderAndBeforeTheBuiltins(t *testing.T) {
	rules, err := CompileRules([]Rule{
		{Group: "apps", Kind: "Deployment", Lua: `return {status = "Suspended"}`},
		{Group: "*", Kind: "Widget", Lua: `return {status = "Degraded"}`},
		{Group: "*", Kind: "*", Lua: `return {status = "Missing"}`},
	})
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]Level{"Deployment.apps": Suspended, "Widget.example.com": Degraded, "Deployment.other.com": Missing} {
		k, g, _ := strings.Cut(kind, ".")
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": g + "/v1", "kind": k}}
		if got := Compute(u, time.Time{}, rules); got.Level != want {
			t.Errorf("%s: got %s, want %s", kind, got.Level, want)
		}
	}
}

func TestRulesThatCannotBeCompiledAreNamed(t *testing.T) {
	tests := map[string]struct {
		rule Rule
		want []string
	}{
		"no kind":               {Rule{Lua: "return {}"}, []string{"kind is missing"}},
		"neither language":      {Rule{Kind: "A"}, []string{"either cel or lua"}},
		"both languages":        {Rule{Kind: "A", Lua: "x", CEL: &CELRule{Level: `"Healthy"`}}, []string{"either cel or lua"}},
		"CEL without a verdict": {Rule{Kind: "A", CEL: &CELRule{Message: `"x"`}}, []string{"give either level"}},
		"CEL syntax":            {Rule{Kind: "A", CEL: &CELRule{Current: "self.a ==="}}, []string{"current", "1:"}},
		"CEL of another type":   {Rule{Kind: "A", CEL: &CELRule{Current: "1 + 1"}}, []string{"current", "int", "bool"}},
		"unknown CEL variable":  {Rule{Kind: "A", CEL: &CELRule{Failed: "obj.status"}}, []string{"failed", "obj"}},
		"Lua syntax":            {Rule{Kind: "A", Lua: "hs = {}\nif then"}, []string{"lua", "line:2"}},
		"a giant script":        {Rule{Kind: "A", Lua: strings.Repeat("-", 70_000)}, []string{"70000 bytes"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := CompileRules([]Rule{{Kind: "Good", CEL: &CELRule{Level: `"Healthy"`}}, tt.rule})
			var f *fault.Error
			if !errors.As(err, &f) || f.Class != fault.Invalid || !strings.HasPrefix(f.Where, "health rule 2") {
				t.Fatalf("err = %#v", err)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
		})
	}
}
