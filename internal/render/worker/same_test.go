package worker_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/worker"
	"plumb.cd/plumb/internal/rendertest"
)

// sameTree has, for each renderer, what goes through maps on its way: labels, values, generators, comprehensions.
func sameTree() string {
	var data, values, fields, patches bytes.Buffer
	for i := range 20 {
		fmt.Fprintf(&data, "  key-%02d: value-%02d\n", i, i)
		fmt.Fprintf(&values, "  v%02d: %d\n", i, i)
		fmt.Fprintf(&fields, "    'f%02d': '%d',\n", i, i)
		fmt.Fprintf(&patches, "- target: {kind: ConfigMap}\n  patch: |-\n    - {op: add, path: /metadata/annotations/p%02d, value: \"%d\"}\n", i, i)
	}
	return `
-- plain/x.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
data:
` + data.String() + `
-- kustomize/kustomization.yaml --
resources: [x.yaml, deploy.yaml]
namePrefix: pre-
labels: [{pairs: {a: "1", b: "2", c: "3", d: "4"}, includeSelectors: true}]
commonAnnotations: {z: "1", y: "2", x: "3"}
configMapGenerator: [{name: gen, literals: [a=1, b=2, c=3, d=4]}, {name: more, literals: [a=1]}]
patches:
` + patches.String() + `
-- kustomize/x.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: x, annotations: {a: b}}
data:
` + data.String() + `
-- kustomize/deploy.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, envFrom: [{configMapRef: {name: gen}}, {configMapRef: {name: more}}]}]}
-- chart/Chart.yaml --
apiVersion: v2
name: chart
version: 1.0.0
-- chart/values.yaml --
all:
` + values.String() + `
-- chart/templates/a.yaml --
{{- range $k, $v := .Values.all }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ $k }}}
data: {v: {{ $v | quote }}, files: {{ ($.Files.Glob "conf/*").AsConfig | quote }}, all: {{ toJson $.Values.all | quote }}}
{{- end }}
-- chart/conf/a.txt --
a
-- chart/conf/b.txt --
b
-- jsonnet/main.jsonnet --
local all = {
` + fields.String() + `
};
[{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: k}, data: all} for k in std.objectFields(all)]
-- cue/x.cue --
package x
{for i, _ in [1, 2, 3, 4, 5, 6, 7, 8] {
	"cm\(i)": {apiVersion: "v1", kind: "ConfigMap", metadata: name: "cm\(i)", data: {a: "\(i)", b: "2", c: "3"}}
}}
`
}

// TestEveryRendererGivesTheSameBytesInEveryProcess renders the same in several processes, several times and side by side.
func TestEveryRendererGivesTheSameBytesInEveryProcess(t *testing.T) {
	const processes, rounds = 3, 6
	tree := rendertest.Tree(sameTree())
	requests := []render.Request{
		{Path: "plain", Kind: render.Plain}, {Path: "kustomize", Kind: render.Kustomize}, {Path: "jsonnet", Kind: render.Jsonnet}, {Path: "cue", Kind: render.CUE},
		{Path: "chart", Kind: render.Helm, Helm: render.HelmOptions{ReleaseName: "r", Values: map[string]any{"all": map[string]any{"own": 1, "other": "x"}}}},
	}
	var mu sync.Mutex
	seen := map[string]map[string]int{} // by path
	note := func(path, outcome string) {
		mu.Lock()
		defer mu.Unlock()
		if seen[path] == nil {
			seen[path] = map[string]int{}
		}
		seen[path][outcome]++
	}
	var all sync.WaitGroup
	for range processes {
		p := pool(t, worker.Options{Size: 1})
		all.Go(func() {
			for i := range rounds * len(requests) {
				req := requests[i*7%len(requests)] // one kind after another
				res, err := p.Render(t.Context(), tree, req)
				if err != nil {
					t.Errorf("%s: %v", req.Path, err)
					return
				}
				raw, err := json.Marshal(res)
				if err != nil {
					t.Error(err)
				}
				note(req.Path, string(raw))
			}
		})
	}
	all.Wait()
	for _, req := range requests {
		outcomes := seen[req.Path]
		if len(outcomes) != 1 {
			t.Errorf("%s gave %d different results", req.Path, len(outcomes))
			for raw, n := range outcomes {
				t.Logf("%d times: %.600s", n, raw)
			}
		}
		for raw, n := range outcomes {
			if n != processes*rounds {
				t.Errorf("%s was rendered %d times: %.80s", req.Path, n, raw)
			}
		}
	}
}
