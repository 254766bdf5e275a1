package e2e

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestEveryFieldNamesThePlaceAndTheCommitThatSetIt(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	base := strings.Replace(deployment("web", "web:1"), "replicas: 1", "replicas: 2", 1)
	repo := p.Repo("shop", gittest.Files{
		"base/kustomization.yaml":  "resources: [web.yaml]\n",
		"base/web.yaml":            base,
		"prod/kustomization.yaml":  "resources: [../base]\nnamePrefix: prod-\nimages:\n- name: web\n  newTag: \"2\"\npatches:\n- path: patch-replicas.yaml\n",
		"prod/patch-replicas.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 2\n",
		"chart/Chart.yaml":         "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"chart/values.yaml":        "color: blue\n# sizes\nsize: 4\n",
		"chart/templates/c.yaml":   "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: chart\ndata:\n  color: {{ .Values.color }}\n  size: \"{{ .Values.size }}\"\n  shape: round\n  sum: \"{{ add .Values.size 1 }}\"\n",
		"secret/s.yaml":            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  password: hunter2hunter2\n",
	})
	start := repo.Head()
	tagged := repo.Push("web 3", gittest.Files{"prod/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\nimages:\n- name: web\n  newTag: \"3\"\npatches:\n- path: patch-replicas.yaml\n"})
	painted := repo.Push("paint it green", gittest.Files{"chart/values.yaml": "color: green\n# sizes\nsize: 4\n"})
	for _, app := range []string{"prod", "chart", "secret"} {
		spec := "source: {repository: shop, path: " + app + "}"
		if app == "chart" {
			spec = "source: {repository: shop, path: chart, helm: {values: {size: 5}}}"
		}
		p.App(app, spec)
		p.WaitState(app, "Synced")
		enough := map[string][]string{"prod": {tagged, painted}, "chart": {painted}, "secret": {start, tagged, painted}}[app]
		p.Eventually(app+" is synced with all that touches it", func() bool { // a later commit that does not is no news
			v := p.View(app)
			return v.State == "Synced" && slices.Contains(enough, v.Applied)
		})
	}
	ask := func(app, object, field string) httpapi.Blame {
		t.Helper()
		var b httpapi.Blame
		p.MustCall("GET", "/api/v1/apps/"+p.Namespace+"/"+app+"/blame?object="+url.QueryEscape(object)+"&field="+url.QueryEscape(field), nil, &b)
		if !b.Complete || len(b.Fields) == 0 {
			t.Fatalf("%s %s: %+v", object, field, b)
		}
		return b
	}
	web, chart := "Deployment.apps/"+p.Namespace+"/prod-web", "ConfigMap/"+p.Namespace+"/chart"
	for _, tt := range []struct{ app, object, field, file, by, commit string }{
		{"prod", web, ".spec.replicas", "prod/patch-replicas.yaml:6", "patch", start},
		{"prod", web, ".spec.template.spec.containers[name=main].image", "prod/kustomization.yaml:5", "overlay", tagged},
		{"prod", web, ".metadata.name", "prod/kustomization.yaml:2", "overlay", start},
		{"chart", chart, ".data.color", "chart/values.yaml:1", "values", painted},
		{"chart", chart, ".data.shape", "chart/templates/c.yaml:8", "template", start},
		{"chart", chart, ".data.size", "App " + p.Namespace + "/chart", "app", start},
	} {
		got := ask(tt.app, tt.object, tt.field).Fields[0]
		if !strings.HasPrefix(got.File, tt.file) || got.By != tt.by || !got.Exact {
			t.Errorf("%s %s is set in %s by %s (exact %v, %s), want %s by %s", tt.object, tt.field, got.File, got.By, got.Exact, got.Note, tt.file, tt.by)
		}
		if got.Commit == nil || got.Commit.SHA != tt.commit {
			t.Errorf("%s %s was changed by %+v, want %s", tt.object, tt.field, got.Commit, tt.commit)
		}
	}
	if got := ask("chart", chart, ".data.sum").Fields[0]; got.Exact || got.Note == "" || !strings.HasPrefix(got.File, "chart/templates/c.yaml") {
		t.Errorf("what is computed is said to be set in %+v", got)
	}
	for _, l := range ask("secret", "Secret/"+p.Namespace+"/s", "").Fields {
		if strings.Contains(l.Note, "hunter2") || l.Value == "hunter2hunter2" {
			t.Errorf("a secret is told: %+v", l)
		}
		if l.Path == ".stringData.password" && l.File != "secret/s.yaml:6" {
			t.Errorf("the password is set in %s", l.File)
		}
	}
	var none httpapi.Blame
	if err := p.Call("GET", "/api/v1/apps/"+p.Namespace+"/prod/blame?object="+url.QueryEscape(web)+"&field=.spec.nothing", nil, &none); err == nil {
		t.Error("a field that Git does not set has an origin")
	}
}
