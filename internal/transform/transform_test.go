package transform

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

func parse(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return whole(m).(map[string]any)
}

func TestSubstituteExpressions(t *testing.T) {
	vars := map[string]string{
		"name": "shop", "n": "3", "yes": "true", "empty": "", "host": "a.example.com", "path": "/srv/www/index.html",
		"list": "[1, two]", "lines": "a\nb", "quote": `it's "so"`, "version": "1.10", "colon": "a: b",
	}
	tests := map[string]struct {
		in   string
		want any
	}{
		"a variable in a text":                            {"app-${name}-x", "app-shop-x"},
		"a number stands as a number":                     {"${n}", int64(3)},
		"a truth value stands as one":                     {"${yes}", true},
		"a flow list becomes a list":                      {"${list}", []any{int64(1), "two"}},
		"a text that YAML quotes stays a text":            {"${n}: ", "3: "},
		"a value that is no YAML stays a text":            {"${colon}: x${n}", "a: b: x3"},
		"line ends in values go":                          {"${lines}", "ab"},
		"quotes in values are safe":                       {"x: ${quote}", `x: it's "so"`},
		"a default for the undefined":                     {"${none:-d}", "d"},
		"a default for the empty":                         {"${empty:=d}", "d"},
		"without the colon the empty stays":               {"x${empty-d}", "x"},
		"a default may hold expressions":                  {"${none:-${name:-x}-y}", "shop-y"},
		"an empty default gives nothing":                  {"a${none:=}b", "ab"},
		"defined is asked for, and it is":                 {"${name:?must be}", "shop"},
		"an alternative":                                  {"${name:+set}${none:+no}", "set"},
		"two dollars are a literal":                       {"$${name} ${name}", "${name} shop"},
		"a shell variable without braces is none of ours": {"echo $HOME $$ ${name}", "echo $HOME $$ shop"},
		"length":                               {"l${#name}", "l4"},
		"upper case":                           {"${name^^}${name^}", "SHOPShop"},
		"lower case":                           {"${name,,}", "shop"},
		"prefix off":                           {"${host#a.}", "example.com"},
		"longest prefix off":                   {"${path##*/}", "index.html"},
		"shortest suffix off":                  {"${path%/*}", "/srv/www"},
		"longest suffix off":                   {"${host%%.*}", "a"},
		"one replaced":                         {"${path/w/W}", "/srv/Www/index.html"},
		"all replaced":                         {"${path//w/W}", "/srv/WWW/index.html"},
		"substring":                            {"${name:1:2}", "ho"},
		"a minus after the colon is a default": {"${name:-2}", "shop"},
		"more than there is":                   {"${name:2:99}", "op"},
		"no expression, no change":             {"1.0", "1.0"},
		"a version is a YAML number":           {"${version}", 1.1},
		"two variables in one text":            {"${name}/${n}", "shop/3"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := []Object{{Body: map[string]any{"kind": "X", "v": tt.in}}}
			out, err := Run(t.Context(), in, []Step{Substitute(vars)})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, out[0].Body["v"]); d != "" {
				t.Error(d)
			}
			if in[0].Body["v"] != tt.in {
				t.Error("the input was changed")
			}
		})
	}
}

func TestSubstituteErrorsNamePlaceObjectAndField(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"an undefined variable":   {"${nope}", `variable "nope" is not defined`},
		"a required one is empty": {"${empty:?say it}", `variable "empty" is not defined or empty: say it`},
		"no end":                  {"a ${name", "no closing brace"},
		"no variable":             {"${.Values.x}", "is no variable"},
		"unknown operator":        {"${name@Q}", "not supported"},
		"bad position":            {"${name:x}", "no position"},
		"nested too deep":         {strings.Repeat("${a:-", 30) + "x" + strings.Repeat("}", 30), "nested deeper"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := parse(t, `{kind: Deployment, metadata: {name: web}, spec: {list: [{}]}}`)
			body["spec"].(map[string]any)["list"].([]any)[0].(map[string]any)["a.b"] = tt.in
			o := Object{Body: body, Origin: object.Origin{File: "apps/web.yaml", Line: 12}}
			_, err := Run(t.Context(), []Object{o}, []Step{Substitute(map[string]string{"name": "x", "empty": ""})})
			f := fault.Of(err)
			if err == nil || f.Reason != fault.SubstitutionError || f.Class != fault.Invalid || f.Where != "apps/web.yaml:12" {
				t.Fatalf("got %v", err)
			}
			for _, part := range []string{"Deployment/web", `.spec.list[0]["a.b"]`, tt.want} {
				if !strings.Contains(f.Message, part) {
					t.Errorf("message %q lacks %q", f.Message, part)
				}
			}
		})
	}
}

func TestSubstituteLeavesObjectsThatOptOut(t *testing.T) {
	for _, meta := range []string{
		`{annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}}`,
		`{labels: {kustomize.toolkit.fluxcd.io/substitute: disabled}}`,
		`{annotations: {plumb.cd/substitute: disabled}}`,
	} {
		body := parse(t, `{kind: ConfigMap, metadata: `+meta+`, data: {script: "${undefined}"}}`)
		out, err := Run(t.Context(), []Object{{Body: body}}, []Step{Substitute(nil)})
		if err != nil || !cmp.Equal(out[0].Body, body) {
			t.Errorf("with %s: %v, %v", meta, out, err)
		}
	}
}

func TestSubstituteKeys(t *testing.T) {
	body := parse(t, `{kind: ConfigMap, data: {"${k}": v}}`)
	out, err := Run(t.Context(), []Object{{Body: body}}, []Step{Substitute(map[string]string{"k": "key"})})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]any{"key": "v"}, out[0].Body["data"]); d != "" {
		t.Error(d)
	}
	body = parse(t, `{kind: ConfigMap, data: {"${k}": v, key: w}}`)
	if _, err := Run(t.Context(), []Object{{Body: body}}, []Step{Substitute(map[string]string{"k": "key"})}); err == nil {
		t.Error("two keys that became one were accepted")
	}
}

func TestMetadataIsLaidOverAndNothingElseChanges(t *testing.T) {
	in := parse(t, `{kind: Deployment, metadata: {name: web, labels: {a: "1", b: "2"}}, spec: {selector: {a: "1"}}}`)
	before := parse(t, `{kind: Deployment, metadata: {name: web, labels: {a: "1", b: "2"}}, spec: {selector: {a: "1"}}}`)
	out, err := Run(t.Context(), []Object{{Body: in, Random: []string{".x"}}}, []Step{Metadata(map[string]string{"b": "3"}, map[string]string{"note": "4"})})
	if err != nil {
		t.Fatal(err)
	}
	want := parse(t, `{kind: Deployment, metadata: {name: web, labels: {a: "1", b: "3"}, annotations: {note: "4"}}, spec: {selector: {a: "1"}}}`)
	if d := cmp.Diff(want, out[0].Body); d != "" {
		t.Error(d)
	}
	if !cmp.Equal(in, before) || len(out[0].Random) != 1 {
		t.Error("the input was changed, or the random leaves were lost")
	}
}

func TestStripNamespace(t *testing.T) {
	in := parse(t, `{kind: ConfigMap, metadata: {name: a, namespace: x}}`)
	out, err := Run(t.Context(), []Object{{Body: in}}, []Step{StripNamespace()})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(parse(t, `{kind: ConfigMap, metadata: {name: a}}`), out[0].Body); d != "" {
		t.Error(d)
	}
}

func FuzzExpand(f *testing.F) {
	for _, s := range []string{"${a}", "$${a}", "${a:-${b}}", "${a##*x}", "${a/b/c}", "${a:1:-1}", "${#a}"} {
		f.Add(s)
	}
	e := expander{vars: map[string]string{"a": "some/text", "b": ""}}
	f.Fuzz(func(t *testing.T, s string) {
		out, err := e.expand(s)
		if err == nil && !strings.Contains(s, "${") && out != s {
			t.Fatalf("%q became %q", s, out)
		}
	})
}
