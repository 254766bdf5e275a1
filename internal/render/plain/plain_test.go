package plain_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/plain"
	"plumb.cd/plumb/internal/rendertest"
)

const tree = `
-- app/b.yaml --
# two
apiVersion: v1
kind: ConfigMap
metadata: {name: b1}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: b2}
-- app/a.json --
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
-- app/readme.md --
not rendered
-- app/sub/c.yml --
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
-- app/sub/test/d.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: d}
-- app/.hidden/e.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: e}
-- twice/x.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
-- twice/y.yaml --

apiVersion: v1
kind: ConfigMap
metadata: {name: x}
-- bad/syntax.yaml --
a: 1
b: c: d
-- bad/root.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: fine}
---
- a list
-- bad/scalar.yaml --
just text
-- empty/x.yaml --
---
# nothing
---
{}
`

func TestPlain(t *testing.T) {
	at := func(path string, o render.PlainOptions) render.Request { return render.Request{Path: path, Plain: o} }
	a, b1, b2 := "ConfigMap/a at app/a.json:1", "ConfigMap/b1 at app/b.yaml:2", "ConfigMap/b2 at app/b.yaml:6"
	c, d := "ConfigMap/c at app/sub/c.yml:1", "ConfigMap/d at app/sub/test/d.yaml:1"
	rendertest.Run(t, plain.New(), []rendertest.Case{
		{Name: "one directory", Tree: tree, Request: at("app", render.PlainOptions{}), Want: []string{a, b1, b2}},
		{Name: "and what is below", Tree: tree, Request: at("app/", render.PlainOptions{Recurse: true}), Want: []string{a, b1, b2, c, d}},
		{Name: "all but some", Tree: tree, Request: at("app", render.PlainOptions{Recurse: true, Exclude: []string{"sub/test/**", "*.json"}}), Want: []string{b1, b2, c}},
		{Name: "a whole directory left out", Tree: tree, Request: at("app", render.PlainOptions{Recurse: true, Exclude: []string{"sub"}}), Want: []string{a, b1, b2}},
		{Name: "only some", Tree: tree, Request: at("app", render.PlainOptions{Recurse: true, Include: []string{"sub/*.yml"}}), Want: []string{c}},
		{Name: "one file", Tree: tree, Request: at("app/sub/c.yml", render.PlainOptions{}), Want: []string{c}},
		{Name: "files without objects", Tree: tree, Request: at("empty", render.PlainOptions{}), Want: nil},
		{Name: "an object in two files", Tree: tree, Request: at("twice", render.PlainOptions{}), Reason: fault.DuplicateObject, Where: "twice/y.yaml:2", Message: "first at twice/x.yaml:1"},
		{Name: "bad syntax", Tree: tree, Request: at("bad/syntax.yaml", render.PlainOptions{}), Reason: fault.SyntaxInvalid, Where: "bad/syntax.yaml:2"},
		{Name: "a root that is a list", Tree: tree, Request: at("bad/root.yaml", render.PlainOptions{}), Reason: fault.ObjectInvalid, Where: "bad/root.yaml:5", Message: "a list"},
		{Name: "a root that is text", Tree: tree, Request: at("bad/scalar.yaml", render.PlainOptions{}), Reason: fault.ObjectInvalid, Where: "bad/scalar.yaml:1"},
		{Name: "no such path", Tree: tree, Request: at("nowhere", render.PlainOptions{}), Reason: fault.PathNotFound, Where: "nowhere"},
		{Name: "a path out of the tree", Tree: tree, Request: at("../..", render.PlainOptions{}), Reason: fault.PathOutside},
		{Name: "a malformed glob", Tree: tree, Request: at("app", render.PlainOptions{Include: []string{"["}}), Reason: fault.InvalidSpec},
	})
}

func TestEachFileRendersByItself(t *testing.T) {
	files := rendertest.Tree(tree)
	req := render.Request{Path: "app", Plain: render.PlainOptions{Recurse: true}}
	whole, err := plain.New().Render(t.Context(), files, req)
	if err != nil {
		t.Fatal(err)
	}
	names, err := render.PlainFiles(t.Context(), files, req)
	if err != nil {
		t.Fatal(err)
	}
	var parts []render.Object
	for _, name := range names {
		req.Plain.Only = []string{name}
		part, err := plain.New().Render(t.Context(), files, req)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part.Objects...)
	}
	if d := cmp.Diff(whole.Objects, parts); d != "" || len(names) < 3 {
		t.Error(names, d)
	}
}
