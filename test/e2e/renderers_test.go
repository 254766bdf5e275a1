package e2e

import (
	"testing"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestAnAppOfEveryRendererIsSynced(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{
		"plain/web.yaml":                 deployment("plain", "web:1"),
		"kustomize/kustomization.yaml":   "resources: [web.yaml]\nnamePrefix: kustomize-\n",
		"kustomize/web.yaml":             deployment("web", "web:1"),
		"helm/Chart.yaml":                "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"helm/values.yaml":               "image: web:1\n",
		"helm/templates/deployment.yaml": deployment("{{ .Release.Name }}", "{{ .Values.image }}"),
		"jsonnet/main.jsonnet":           `{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "jsonnet"}, data: {value: std.toString(1 + 1)}}`,
		"cue/web.cue":                    "package web\n\nweb: {apiVersion: \"v1\", kind: \"ConfigMap\", metadata: name: \"cue\", data: value: \"\\(1 + 1)\"}\n",
	})
	for _, renderer := range []string{"plain", "kustomize", "helm", "jsonnet", "cue"} {
		p.App(renderer, "source: {repository: shop, path: "+renderer+"}")
	}
	for _, renderer := range []string{"plain", "kustomize", "helm", "jsonnet", "cue"} {
		p.WaitSynced(renderer, repo.Head())
	}
	for _, name := range []string{"plain", "kustomize-web", "helm"} {
		if n := harness.Field(p.Must("apps/v1", "Deployment", name), "status", "availableReplicas"); n != int64(1) {
			t.Errorf("Deployment %s has %v available replicas, and its App is Synced", name, n)
		}
	}
	for _, name := range []string{"jsonnet", "cue"} {
		if v := harness.Field(p.Must("v1", "ConfigMap", name), "data", "value"); v != "2" {
			t.Errorf("ConfigMap %s has the value %v, want 2", name, v)
		}
	}
}
