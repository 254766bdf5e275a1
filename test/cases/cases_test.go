package main

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestFindsWhatARepositoryHas(t *testing.T) {
	file := func(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }
	files := fstest.MapFS{
		"README.md":                         file("nothing to render"),
		"chart/Chart.yaml":                  file("name: chart"),
		"chart/templates/a.yaml":            file("a: {{ .Values.a }}"),
		"jsonnet/main.jsonnet":              file("{}"),
		"k/base/kustomization.yaml":         file("kind: Kustomization"),
		"k/components/x/kustomization.yaml": file("kind: Component"),
		"overlay/kustomization.yaml":        file("resources: [parts]"),
		"overlay/parts/a.yaml":              file("a: 1"),
		"plain/a.yaml":                      file("a: 1"),
		"deep/b/b.yaml":                     file("b: 1"),
		"plugins/p/Chart.yaml":              file("name: p"),
		"scripts/run.sh":                    file("exit 0"),
	}
	all, err := find("r", files)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range all {
		line := f.label()
		if f.plugin {
			line += " plugin"
		}
		got = append(got, line)
	}
	want := []string{
		"r/chart", "r/deep", "r/jsonnet", "r/k/base", "r/k/base (with x)", "r/overlay", "r/plain", "r/plugins/p plugin",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnAppEndsWellWhenSyncedOrRefusedAsExpected(t *testing.T) {
	dependency := found{repo: "argocd-example-apps", path: "helm-dependency"}
	for name, c := range map[string]struct {
		row row
		ok  bool
	}{
		"synced":                              {row{found: found{repo: "r"}, state: "Synced"}, true},
		"refused as expected":                 {row{found: dependency, state: "Failed", reason: "ChartDependency"}, true},
		"refused until a server answers":      {row{found: dependency, state: "Unknown", reason: "ChartDependency"}, true},
		"refused for another reason":          {row{found: dependency, state: "Failed", reason: "RenderFailed"}, false},
		"refused where that is not expected":  {row{found: found{repo: "r"}, state: "Failed", reason: "ChartDependency"}, false},
		"failed without any reason":           {row{found: found{repo: "r"}, state: "Failed"}, false},
		"never done":                          {row{found: found{repo: "r"}, state: "Deploying", reason: "Progressing"}, false},
		"left out because it needs a plug-in": {row{found: found{repo: "r", plugin: true}, state: leftOut}, true},
	} {
		if state, ok := verdict(c.row); ok != c.ok {
			t.Errorf("%s: %q is %v", name, state, ok)
		}
	}
}

func TestNamesFitAndEndWell(t *testing.T) {
	f := found{repo: "online-boutique", path: "kustomize/tests/a-path-that-is-so-long-that-it-has-to-be-cut-somewhere"}
	if n := f.name(); len(n) > 53 || strings.HasSuffix(n, "-") || !strings.HasPrefix(n, "boutique-test-") {
		t.Errorf("%q", n)
	}
}
