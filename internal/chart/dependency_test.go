package chart_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/fault"
)

const withDependencies = `apiVersion: v2
name: app
version: 0.1.0
dependencies:
- {name: redis, version: ^17.0.0, repository: "https://charts.example.com/stable"}
- {name: db, version: 1.2.3, repository: "oci://reg.example.com/charts"}
- {name: near, version: "*", repository: "file://../near"}
- {name: own, version: "*", repository: ""}
- {name: alias, version: 1.0.0, repository: "@stable"}
`

func TestMissingDependencies(t *testing.T) {
	lock := func(redis string) string {
		return "dependencies:\n- {name: redis, version: " + redis + ", repository: \"https://charts.example.com/stable/\"}\n" +
			"- {name: db, version: 1.2.3, repository: \"oci://reg.example.com/charts\"}\ndigest: sha256:0\n"
	}
	redis := chart.Reference{Repository: "https://charts.example.com/stable", Name: "redis", Version: "17.4.1"}
	db := chart.Reference{Repository: "oci://reg.example.com/charts", Name: "db", Version: "1.2.3"}
	for _, row := range []struct {
		name  string
		files map[string]string
		want  []chart.Reference
	}{
		{"the lock gives the versions", map[string]string{"Chart.yaml": withDependencies, "Chart.lock": lock("17.4.1")}, []chart.Reference{redis, db}},
		{"without a lock only exact versions", map[string]string{"Chart.yaml": withDependencies}, []chart.Reference{db}},
		{"a vendored directory is there, whatever its name", map[string]string{
			"Chart.yaml": withDependencies, "Chart.lock": lock("17.4.1"), "charts/x/Chart.yaml": "name: redis\nversion: 1.0.0\n"}, []chart.Reference{db}},
		{"a vendored archive is there", map[string]string{
			"Chart.yaml": withDependencies, "Chart.lock": lock("17.4.1"), "charts/x.tgz": string(pack(t, "db", "1.0.0", nil)), "charts/README.md": "text"}, []chart.Reference{redis}},
		{"an old chart has a requirements.yaml", map[string]string{
			"Chart.yaml":        "apiVersion: v1\nname: app\nversion: 0.1.0\n",
			"requirements.yaml": "dependencies: [{name: redis, version: ^17.0.0, repository: \"https://charts.example.com/stable\"}]",
			"requirements.lock": lock("17.4.1")}, []chart.Reference{redis}},
		{"a chart without dependencies", map[string]string{"Chart.yaml": "name: app\n"}, nil},
		{"no chart at all", map[string]string{"kustomization.yaml": "{}"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for n, s := range row.files {
				tree["apps/app/"+n] = &fstest.MapFile{Data: []byte(s)}
			}
			got, err := chart.MissingDependencies(tree, "apps/app")
			if diff := cmp.Diff(row.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	t.Run("a lock that does not fit is refused", func(t *testing.T) {
		_, err := chart.MissingDependencies(fstest.MapFS{
			"Chart.yaml": {Data: []byte(withDependencies)}, "Chart.lock": {Data: []byte(lock("16.0.0"))}}, ".")
		wantReason(t, err, fault.ChartDependency)
	})
	t.Run("a file that is no YAML is named", func(t *testing.T) {
		_, err := chart.MissingDependencies(fstest.MapFS{"Chart.yaml": {Data: []byte("a: [")}}, "")
		wantReason(t, err, fault.SyntaxInvalid)
	})
}
