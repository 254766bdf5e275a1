package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/rendertest"
)

// result reads each file of an archive as plain YAML.
func result(t *testing.T, archive string) render.Result {
	t.Helper()
	var res render.Result
	tree := rendertest.Tree(archive)
	for _, name := range []string{"a.yaml", "b.yaml"} {
		f, ok := tree[name]
		if !ok {
			continue
		}
		docs, err := render.Decode(name, f.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			body, _ := d.Value.(map[string]any)
			res.Objects = append(res.Objects, render.Object{Body: body, Origin: render.Origin{File: name, Line: d.Line, Document: d.Index}})
		}
	}
	return res
}

func TestFinishUnwrapsListsAndIsTheSameAgain(t *testing.T) {
	res := result(t, `
-- a.yaml --
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: one}}
- apiVersion: v1
  kind: ConfigMapList
  items:
  - metadata: {name: two}
  - null
- {apiVersion: v1, kind: List, items: null}
---
apiVersion: example.com/v1
kind: AllowList
metadata: {name: not-a-list}
spec: {items: [1]}
---
apiVersion: batch/v1
kind: Job
metadata: {generateName: hook-}
---
apiVersion: batch/v1
kind: Job
metadata: {generateName: hook-}
`)
	got, err := render.Finish(res, render.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ConfigMap/one at a.yaml:1", "ConfigMap/two at a.yaml:1", "AllowList/not-a-list at a.yaml:12", "Job at a.yaml:17", "Job at a.yaml:21",
	}
	if diff := cmp.Diff(want, rendertest.Summary(got)); diff != "" {
		t.Error(diff)
	}
	again, err := render.Finish(got, render.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("finishing again changes the result:\n%s", diff)
	}
}

func TestFinishRefuses(t *testing.T) {
	long := strings.Repeat("x", 254)
	for _, c := range []struct {
		name, text string
		limits     render.Limits
		reason     fault.Reason
		where      string
		message    string
	}{
		{name: "no kind", text: "a: 1\n---\napiVersion: v1\nmetadata: {name: x}\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: "no apiVersion"},
		{name: "an empty kind", text: "apiVersion: v1\nkind: ''\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: "no kind"},
		{name: "a kind that is a number", text: "apiVersion: v1\nkind: 5\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: "kind is not a string"},
		{name: "no metadata", text: "apiVersion: v1\nkind: Pod\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: "no metadata"},
		{name: "no name", text: "apiVersion: v1\nkind: Pod\nmetadata: {}\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: "no metadata.name"},
		{name: "a name that is a number", text: "apiVersion: v1\nkind: Pod\nmetadata: {name: 5}\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: "quote it"},
		{name: "an over-long name", text: "---\n\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + long + "}\n", reason: fault.ObjectInvalid, where: "a.yaml:3", message: "254 characters; the API allows 253"},
		{name: "an over-long name of a Service", text: "apiVersion: v1\nkind: Service\nmetadata: {name: " + long[:64] + "}\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: "allows 63"},
		{name: "an over-long name of a CronJob", text: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: " + long[:53] + "}\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: "allows 52"},
		{name: "an over-long namespace", text: "apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: " + long[:64] + "}\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: "namespace"},
		{name: "a slash in a name", text: "apiVersion: v1\nkind: Pod\nmetadata: {name: a/b}\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: "characters"},
		{name: "a label that is a number", text: "apiVersion: v1\nkind: Pod\nmetadata: {name: x, labels: {v: 1}}\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: `value of "v" is not a string`},
		{name: "an over-long label", text: "apiVersion: v1\nkind: Pod\nmetadata: {name: x, labels: {v: " + long[:64] + "}}\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: "64 characters"},
		{name: "annotations that are a list", text: "apiVersion: v1\nkind: Pod\nmetadata: {name: x, annotations: [a]}\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: "not a mapping"},
		{name: "a list of strings", text: "apiVersion: v1\nkind: List\nitems: [a]\n", reason: fault.ObjectInvalid, where: "a.yaml:1", message: "item 0"},
		{
			name: "an object defined in two files", reason: fault.DuplicateObject, where: "b.yaml:2", message: "Deployment.apps/ns/web is defined twice: first at a.yaml:1",
			text: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: ns}\n-- b.yaml --\n# again\napiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: web, namespace: ns}\n",
		},
		{name: "too many objects", text: "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: y}\n", limits: render.Limits{Objects: 1}, reason: fault.LimitExceeded, message: "more than 1 objects"},
		{name: "too many bytes", text: "apiVersion: v1\nkind: Pod\nmetadata: {name: x, annotations: {a: " + long + "}}\n", limits: render.Limits{OutputBytes: 200}, reason: fault.LimitExceeded, message: "200 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := render.Finish(result(t, "-- a.yaml --\n"+c.text), c.limits)
			f := fault.Of(err)
			if f == nil || f.Reason != c.reason || f.Class != fault.Invalid || f.Where != c.where || !strings.Contains(f.Message, c.message) {
				t.Errorf("want %s %q at %s, got %#v", c.reason, c.message, c.where, f)
			}
		})
	}
}

func TestDetectKind(t *testing.T) {
	tree := rendertest.Tree(`
-- k1/kustomization.yaml --
-- k2/Kustomization --
-- k2/Chart.yaml --
-- h/Chart.yaml --
-- h/values.yaml --
-- j/main.jsonnet --
-- j/notes.yaml --
-- c/app.cue --
-- c/data.yaml --
-- m/cue.mod/module.cue --
-- p/x.yml --
-- p/readme.md --
-- n/readme.md --
-- deep/sub/x.yaml --
-- charts/web-1.0.tgz --
`)
	for name, want := range map[string]render.Kind{
		"k1": render.Kustomize, "k2": render.Kustomize, "h": render.Helm, "j": render.Jsonnet, "c": render.CUE, "m": render.CUE, "p": render.Plain, "./p/": render.Plain,
		"k2/Kustomization": render.Kustomize, "h/values.yaml": render.Plain, "j/main.jsonnet": render.Jsonnet, "c/app.cue": render.CUE,
		"charts/web-1.0.tgz": render.Helm,
	} {
		if got, err := render.DetectKind(tree, name); err != nil || got != want {
			t.Errorf("%s: want %s, got %s, %v", name, want, got, err)
		}
	}
	for name, want := range map[string]fault.Reason{
		"n": fault.RendererUnknown, "deep": fault.RendererUnknown, "p/readme.md": fault.RendererUnknown, "nowhere": fault.PathNotFound,
		"../x": fault.PathOutside, "p/../../x": fault.PathOutside, "/etc": fault.PathOutside, `p\x`: fault.PathOutside,
	} {
		if got, err := render.DetectKind(tree, name); !fault.Is(err, want) {
			t.Errorf("%s: want %s, got %s, %v", name, want, got, err)
		}
	}
}

func TestResolve(t *testing.T) {
	tree := rendertest.Tree("-- deep/sub/x.yaml --\n-- k/kustomization.yaml --\n")
	for _, c := range []struct {
		name    string
		request render.Request
		want    render.Kind
		reason  fault.Reason
	}{
		{"a kind that is named stays", render.Request{Kind: render.Helm, Path: "k"}, render.Helm, ""},
		{"files decide", render.Request{Path: "k"}, render.Kustomize, ""},
		{"directories alone say nothing", render.Request{Path: "deep"}, "", fault.RendererUnknown},
		{"unless they are recursed into", render.Request{Path: "deep", Plain: render.PlainOptions{Recurse: true}}, render.Plain, ""},
		{"which makes no path out of none", render.Request{Path: "no", Plain: render.PlainOptions{Recurse: true}}, "", fault.PathNotFound},
	} {
		got, err := render.Resolve(tree, c.request)
		if got != c.want || (c.reason != "" && !fault.Is(err, c.reason)) || (c.reason == "" && err != nil) {
			t.Errorf("%s: got %q, %v", c.name, got, err)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*.yaml", "a/b/x.yaml", true}, {"*.yaml", "x.yml", false}, {"sub/*.yaml", "sub/x.yaml", true}, {"sub/*.yaml", "sub/a/x.yaml", false},
		{"sub/**", "sub/a/b", true}, {"**/x.yaml", "x.yaml", true}, {"**/x.yaml", "a/b/x.yaml", true}, {"a/**/x", "a/x", true}, {"**", "a/b", true},
		{"./sub/x", "sub/x", true},
	} {
		if got, err := render.Match(c.pattern, c.name); err != nil || got != c.want {
			t.Errorf("%s on %s: %v, %v", c.pattern, c.name, got, err)
		}
	}
	if _, err := render.Match("[", "x"); err == nil {
		t.Error("a malformed glob was taken")
	}
}
