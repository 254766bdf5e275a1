package kustomize_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/kustomize"
	"plumb.cd/plumb/internal/rendertest"
)

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"

func TestRemoteEntriesAreRefusedByFileAndLine(t *testing.T) {
	for _, c := range []struct{ name, text, where string }{
		{"a resource by URL", "resources:\n- a.yaml\n- https://example.com/x.yaml\n", "app/kustomization.yaml:3"},
		{"a base in Git", "resources:\n- https://git.example.com/org/repo//base?ref=v1\n", "app/kustomization.yaml:2"},
		{"a base in the short form", "resources: [github.com/org/repo/base]\n", "app/kustomization.yaml:1"},
		{"a base by scp address", "bases:\n- git@git.example.com:org/repo.git//base\n", "app/kustomization.yaml:2"},
		{"a base by ssh", "resources: ['ssh://git@git.example.com/org/repo']\n", "app/kustomization.yaml:1"},
		{"a base in a file URL", "resources: ['file:///srv/repo']\n", "app/kustomization.yaml:1"},
		{"a base with a getter's prefix", "resources: ['git::https://git.example.com/org/repo']\n", "app/kustomization.yaml:1"},
		{"the address of cloud credentials", "resources: ['http://169.254.169.254/latest/meta-data']\n", "app/kustomization.yaml:1"},
		{"a component", "components:\n- https://git.example.com/org/repo//c\n", "app/kustomization.yaml:2"},
		{"a patch", "resources: [a.yaml]\npatches:\n- path: https://example.com/p.yaml\n", "app/kustomization.yaml:3"},
		{"an old patch", "resources: [a.yaml]\npatchesStrategicMerge:\n- https://example.com/p.yaml\n", "app/kustomization.yaml:3"},
		{"a CRD", "crds: ['https://example.com/crd.json']\n", "app/kustomization.yaml:1"},
		{"a transformer", "transformers: ['https://example.com/t.yaml']\n", "app/kustomization.yaml:1"},
		{"a generator", "generators: ['https://example.com/g.yaml']\n", "app/kustomization.yaml:1"},
		{"a validator", "validators: ['https://example.com/v.yaml']\n", "app/kustomization.yaml:1"},
		{"a configuration", "configurations: ['https://example.com/c.yaml']\n", "app/kustomization.yaml:1"},
		{"a replacement", "replacements:\n- path: https://example.com/r.yaml\n", "app/kustomization.yaml:2"},
		{"a schema", "openapi:\n  path: https://example.com/s.json\n", "app/kustomization.yaml:2"},
		{"a generator's file", "configMapGenerator:\n- name: c\n  files:\n  - key=https://example.com/f\n", "app/kustomization.yaml:4"},
		{"a generator's environment", "secretGenerator:\n- name: c\n  envs: ['http://example.com/f']\n", "app/kustomization.yaml:3"},
		{"a chart", "helmCharts:\n- name: web\n  releaseName: r\n  repo: https://charts.example.com\n  version: 1.0.0\n", "app/kustomization.yaml:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := rendertest.Tree("-- app/a.yaml --\n" + configMap + "-- app/kustomization.yaml --\n" + c.text)
			_, err := kustomize.New(noCharts{}).Render(t.Context(), tree, render.Request{Path: "app"})
			if f := fault.Of(err); f == nil || f.Reason != fault.RemoteRefused || f.Where != c.where {
				t.Errorf("want RemoteRefused at %s, got %#v", c.where, f)
			}
		})
	}
}

type noCharts struct{}

func (noCharts) Render(context.Context, render.Files, render.Request) (render.Result, error) {
	return render.Result{}, nil
}

func TestBadKustomizations(t *testing.T) {
	bad := func(name, files string, reason fault.Reason, where, message string) rendertest.Case {
		return rendertest.Case{
			Name: name, Tree: "-- app/a.yaml --\n" + configMap + files, Request: render.Request{Kind: render.Kustomize, Path: "app"},
			Reason: reason, Where: where, Message: message,
		}
	}
	rendertest.Run(t, kustomize.New(nil), []rendertest.Case{
		bad("a missing resource", "-- app/kustomization.yaml --\nresources:\n- a.yaml\n- gone.yaml\n", fault.RenderFailed, "app/kustomization.yaml:3", "app/gone.yaml does not exist"),
		bad("a missing patch", "-- app/kustomization.yaml --\nresources: [a.yaml]\npatches:\n- path: p.yaml\n", fault.RenderFailed, "app/kustomization.yaml:3", "does not exist"),
		bad("a missing base", "-- app/kustomization.yaml --\nresources: [../base]\n", fault.RenderFailed, "app/kustomization.yaml:1", "base does not exist"),
		bad("bad syntax in a resource", "-- app/b.yaml --\na: 1\nb: c: d\n-- app/kustomization.yaml --\nresources: [a.yaml, b.yaml]\n", fault.SyntaxInvalid, "app/b.yaml:2", "mapping values"),
		bad("bad syntax in a kustomization", "-- app/kustomization.yaml --\nresources:\n- a.yaml\nimages: [\n", fault.SyntaxInvalid, "app/kustomization.yaml:", "invalid YAML"),
		bad("an unknown field", "-- app/kustomization.yaml --\nresources: [a.yaml]\nresorces: []\n", fault.RenderFailed, "app/kustomization.yaml", "resorces"),
		bad("a field of the wrong type", "-- app/kustomization.yaml --\nresources: [gone.yaml]\npatches: [a.yaml]\n", fault.RenderFailed, "app/kustomization.yaml", "patches"),
		bad("an object in two resources", "-- app/b.yaml --\n# again\n"+configMap+"-- app/kustomization.yaml --\nresources: [a.yaml, b.yaml]\n", fault.DuplicateObject, "app/b.yaml:2", "first at app/a.yaml:1"),
		bad("a path out of the repository", "-- app/kustomization.yaml --\nresources: [../../x]\n", fault.PathOutside, "", "outside the repository"),
		bad("an absolute path", "-- app/kustomization.yaml --\nresources: [/etc/passwd]\n", fault.PathOutside, "", "outside the repository"),
		bad("a file above the kustomization", "-- secret.yaml --\n"+configMap+"-- app/kustomization.yaml --\nresources: [../secret.yaml]\n", fault.RenderFailed, "app/kustomization.yaml", "is not in or below"),
		bad("a base that comes back", "-- app/kustomization.yaml --\nresources: [../b]\n-- b/kustomization.yaml --\nresources: [../app]\n", fault.RenderFailed, "app/kustomization.yaml", "cycle"),
		bad("a base that is itself", "-- app/kustomization.yaml --\nresources: ['.']\n", fault.RenderFailed, "app/kustomization.yaml", "cycle"),
		bad("components that come back", "-- app/kustomization.yaml --\nresources: [a.yaml]\ncomponents: [../c]\n-- c/kustomization.yaml --\nkind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\ncomponents: [../app]\n", fault.RenderFailed, "app/kustomization.yaml", "cycle"),
		bad("two kustomization files", "-- app/kustomization.yaml --\nresources: [a.yaml]\n-- app/Kustomization --\nresources: [a.yaml]\n", fault.RenderFailed, "app/", "multiple"),
		bad("no kustomization file", "", fault.RendererUnknown, "app", "no kustomization.yaml"),
		bad("an empty kustomization file", "-- app/kustomization.yaml --\n", fault.RenderFailed, "app/kustomization.yaml", "empty"),
		bad("a patch without a target", "-- app/kustomization.yaml --\nresources: [a.yaml]\npatches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: no}\n", fault.RenderFailed, "app/kustomization.yaml", "no matches"),
		bad("a program as a generator", "-- app/g.yaml --\napiVersion: example.com/v1\nkind: Gen\nmetadata: {name: g}\n-- app/kustomization.yaml --\ngenerators: [g.yaml]\n", fault.RenderFailed, "app/kustomization.yaml", "program or a container"),
		bad("a container as a transformer", "-- app/t.yaml --\napiVersion: example.com/v1\nkind: T\nmetadata:\n  name: t\n  annotations:\n    config.kubernetes.io/function: |\n      container: {image: example.com/fn}\n-- app/kustomization.yaml --\nresources: [a.yaml]\ntransformers: [t.yaml]\n", fault.RenderFailed, "app/kustomization.yaml", "program or a container"),
		bad("a command as a transformer", "-- app/t.yaml --\napiVersion: example.com/v1\nkind: T\nmetadata:\n  name: t\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./run}\n-- app/kustomization.yaml --\nresources: [a.yaml]\ntransformers: [t.yaml]\n", fault.RenderFailed, "app/kustomization.yaml", "program or a container"),
		bad("an old chart generator", "-- app/kustomization.yaml --\nhelmChartInflationGenerator:\n- chartName: x\n", fault.RenderFailed, "app/kustomization.yaml:2", "no longer"),
		bad("a chart without a renderer of charts", "-- app/charts/web/Chart.yaml --\nname: web\n-- app/kustomization.yaml --\nhelmCharts:\n- name: web\n  releaseName: r\n", fault.RenderFailed, "app/kustomization.yaml:2", "no Helm renderer"),
		bad("a chart that is nowhere", "-- app/kustomization.yaml --\nhelmCharts:\n- name: web\n  releaseName: r\n", fault.ChartNotFound, "app/kustomization.yaml:2", "app/charts/web"),
		bad("an alias bomb", "-- app/b.yaml --\n"+configMap+"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n-- app/kustomization.yaml --\nresources: [b.yaml]\n", fault.SyntaxInvalid, "app/b.yaml", ""),
		bad("a NUL byte", "-- app/b.yaml --\n"+configMap+"a: \x00\n-- app/kustomization.yaml --\nresources: [b.yaml]\n", fault.SyntaxInvalid, "app/b.yaml:4", "NUL"),
		bad("a resource that is a list", "-- app/b.yaml --\n- a\n-- app/kustomization.yaml --\nresources: [b.yaml]\n", fault.RenderFailed, "app/", ""),
		bad("an over-long name", "-- app/kustomization.yaml --\nresources: [a.yaml]\nnamePrefix: "+strings.Repeat("p", 260)+"\n", fault.ObjectInvalid, "app/a.yaml:1", "261 characters"),
	})
}

func TestOptionsAreAppliedOnTop(t *testing.T) {
	tree := rendertest.Tree(`
-- kustomization.yaml --
resources: [d.yaml]
namePrefix: in-
sortOptions: {order: fifo}
images: [{name: app, newName: app, newTag: "1"}]
-- d.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: app}, {name: b, image: "other:1"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cm}
-- extra/kustomization.yaml --
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: [more.yaml]
-- extra/more.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: more}
`)
	res, err := kustomize.New(nil).Render(t.Context(), tree, render.Request{Path: ".", Kustomize: render.KustomizeOptions{
		NamePrefix: "out-", NameSuffix: "-s", Namespace: "ns", CommonLabels: map[string]string{"team": "x"},
		CommonAnnotations: map[string]string{"note": "y"}, Images: []string{"app=mirror/app:2", "other@sha256:" + strings.Repeat("0", 64)},
		Replicas: map[string]int64{"in-web": 4}, Components: []string{"extra"},
		Patches: []render.KustomizePatch{
			{Patch: "- {op: add, path: /spec/paused, value: true}\n", Target: "apps/v1/Deployment:/in-web"},
			{Patch: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: in-cm}\ndata: {k: v}\n"},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Deployment/ns/out-in-web-s at d.yaml:1", "ConfigMap/ns/out-in-cm-s at d.yaml:10", "ConfigMap/ns/out-more-s at extra/more.yaml:1",
	}
	if diff := cmp.Diff(want, rendertest.Summary(res)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	labels := map[string]any{"app": "web", "team": "x"}
	wantSpec := map[string]any{
		"paused": true, "replicas": int64(4), "selector": map[string]any{"matchLabels": labels},
		"template": map[string]any{
			"metadata": map[string]any{"labels": labels, "annotations": map[string]any{"note": "y"}},
			"spec": map[string]any{"containers": []any{
				map[string]any{"name": "a", "image": "mirror/app:2"},
				map[string]any{"name": "b", "image": "other@sha256:" + strings.Repeat("0", 64)},
			}},
		},
	}
	if diff := cmp.Diff(wantSpec, res.Objects[0].Body["spec"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"k": "v"}, res.Objects[1].Body["data"]); diff != "" {
		t.Error(diff)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	tree := rendertest.Tree("-- a.yaml --\n" + configMap + "-- kustomization.yaml --\nresources: [a.yaml]\n")
	for _, o := range []render.KustomizeOptions{
		{Images: []string{"app"}}, {Images: []string{"=x:1"}}, {Images: []string{"app="}},
		{Patches: []render.KustomizePatch{{Patch: "[]", Target: "a/b/c/d:x"}}},
	} {
		if _, err := kustomize.New(nil).Render(t.Context(), tree, render.Request{Path: ".", Kustomize: o}); !fault.Is(err, fault.InvalidSpec) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// helm stands for the Helm renderer: it gives one object of a chart and remembers what it was asked.
type helm struct {
	asked  render.Request
	values string
}

func (h *helm) Render(_ context.Context, files render.Files, req render.Request) (render.Result, error) {
	h.asked = req
	for _, name := range req.Helm.ValuesFiles {
		data, err := files.ReadFile(strings.TrimPrefix(name, "/"))
		if err != nil {
			return render.Result{}, err
		}
		h.values += string(data)
	}
	body := func(kind, name string, notes map[string]any) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": kind, "metadata": map[string]any{"name": name, "annotations": notes}}
	}
	return render.Result{Objects: []render.Object{
		{Body: body("ConfigMap", "chart-cm", map[string]any{"a": "b"}), Origin: render.Origin{File: "app/charts/web/templates/cm.yaml", Line: 1}, Random: []string{".data.x"}},
		{Body: body("Pod", "test", map[string]any{"helm.sh/hook": "test"}), Origin: render.Origin{File: "app/charts/web/templates/t.yaml", Line: 1}},
	}}, nil
}

func TestALocalChartIsRenderedThroughTheInflater(t *testing.T) {
	tree := rendertest.Tree(`
-- app/kustomization.yaml --
namespace: shop
namePrefix: p-
resources: [a.yaml]
helmCharts:
- name: web
  releaseName: rel
  valuesFile: v.yaml
  valuesInline: {inline: 1}
  skipTests: true
-- app/a.yaml --
` + configMap + `
-- app/v.yaml --
file: 1
-- app/charts/web/Chart.yaml --
name: web
`)
	h := &helm{}
	res, err := kustomize.New(h).Render(t.Context(), tree, render.Request{Path: "app"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ConfigMap/shop/p-x at app/a.yaml:1", "ConfigMap/p-chart-cm at app/charts/web/templates/cm.yaml:1"}
	got := rendertest.Summary(res)
	if len(got) == 2 && strings.HasPrefix(got[0], "ConfigMap/shop/p-chart") || len(got) == 2 && strings.HasPrefix(got[0], "ConfigMap/p-chart") {
		got[0], got[1] = got[1], got[0]
		res.Objects[0], res.Objects[1] = res.Objects[1], res.Objects[0]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"a": "b"}, res.Objects[1].Body["metadata"].(map[string]any)["annotations"]); diff != "" {
		t.Errorf("annotations: %s", diff)
	}
	if len(res.Objects[1].Random) != 1 {
		t.Error("the random leaves of the chart's object are lost")
	}
	if h.asked.Helm.Chart != "app/charts/web" || h.asked.Helm.ReleaseName != "rel" || h.asked.Target.Namespace != "shop" || !h.asked.Helm.SkipCRDs {
		t.Errorf("asked %+v", h.asked)
	}
	if h.values != "file: 1\ninline: 1\n" {
		t.Errorf("values %q", h.values)
	}
}
