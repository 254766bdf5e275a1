package helm_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io/fs"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/helm"
)

// pack makes the archive of a chart out of pairs of path and content.
func pack(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	for i := 0; i < len(files); i += 2 {
		if err := tw.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func configMap(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata: {v: {{ .Values.v | quote }}}\n"
}

func mustRender(t *testing.T, files render.Files, req render.Request) render.Result {
	t.Helper()
	res, err := helm.New().Render(t.Context(), files, req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestChartInAnArchive(t *testing.T) {
	tree := fstest.MapFS{
		"vendor/web-1.0.0.tgz": {Data: pack(t, "web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n",
			"web/values-prod.yaml", "v: inside\n", "web/templates/cm.yaml", configMap("web"))},
		"vendor/values-prod.yaml": {Data: []byte("v: beside\n")},
		"vendor/values-dev.yaml":  {Data: []byte("v: beside\n")},
	}
	for file, want := range map[string]string{"values-prod.yaml": "inside", "values-dev.yaml": "beside", "/vendor/values-prod.yaml": "beside"} {
		res := mustRender(t, tree, render.Request{Path: "apps", Helm: render.HelmOptions{
			Chart: "/vendor/web-1.0.0.tgz", ReleaseName: "r", ValuesFiles: []string{file}}})
		o := res.Objects[0]
		if got := o.Body["data"].(map[string]any)["v"]; got != want || o.Origin.File != "web/templates/cm.yaml" || o.Origin.Line != 1 {
			t.Errorf("%s: value %v, origin %+v", file, got, o.Origin)
		}
	}
}

func TestSubchartInAnArchiveIsNamedAsHelmNamesIt(t *testing.T) {
	tree := fstest.MapFS{
		"app/Chart.yaml":        {Data: []byte("apiVersion: v2\nname: app\nversion: 1.0.0\n")},
		"app/templates/cm.yaml": {Data: []byte(configMap("app"))},
		"app/charts/sub-1.0.0.tgz": {Data: pack(t, "sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
			"sub/templates/cm.yaml", configMap("sub"))},
	}
	res := mustRender(t, tree, render.Request{Path: "app", Helm: render.HelmOptions{ReleaseName: "r"}})
	var files []string
	for _, o := range res.Objects {
		files = append(files, o.Origin.File)
	}
	slices.Sort(files)
	if want := []string{"app/charts/sub/templates/cm.yaml", "app/templates/cm.yaml"}; !slices.Equal(files, want) {
		t.Errorf("origins %v", files)
	}
}

func TestArchiveThatIsNone(t *testing.T) {
	tree := fstest.MapFS{"a.tgz": {Data: []byte("text")}, "b.txt": {Data: []byte("text")}}
	for p, want := range map[string]fault.Reason{"a.tgz": fault.RenderFailed, "b.txt": fault.PathNotFound, "nowhere": fault.PathNotFound, "../x": fault.PathOutside} {
		_, err := helm.New().Render(t.Context(), tree, render.Request{Path: p, Helm: render.HelmOptions{ReleaseName: "r"}})
		if !fault.Is(err, want) {
			t.Errorf("%s: want %s, got %v", p, want, err)
		}
	}
}

func TestLinkedSubchartIsFollowed(t *testing.T) {
	tree := linkedFS{fstest.MapFS{
		"app/Chart.yaml":           {Data: []byte("apiVersion: v2\nname: app\nversion: 1.0.0\n")},
		"app/charts/lib":           {Mode: fs.ModeSymlink, Data: []byte("../../lib")},
		"lib/Chart.yaml":           {Data: []byte("apiVersion: v2\nname: lib\nversion: 1.0.0\n")},
		"lib/templates/cm.yaml":    {Data: []byte(configMap("lib"))},
		"app/templates/.keep.yaml": {Data: []byte("ignored: as Helm does")},
	}}
	res := mustRender(t, tree, render.Request{Path: "app", Helm: render.HelmOptions{ReleaseName: "r"}})
	if len(res.Objects) != 1 || res.Objects[0].Origin.File != "app/charts/lib/templates/cm.yaml" {
		t.Errorf("objects %+v", res.Objects)
	}
}

// linkedFS follows the symbolic links of a map, as a tree does.
type linkedFS struct{ fstest.MapFS }

func (f linkedFS) Stat(name string) (fs.FileInfo, error) { return fs.Stat(f.MapFS, name) }

func TestSameRequestSameResultAlsoInParallel(t *testing.T) {
	files, err := txtar.ParseFile("testdata/subcharts_alias_condition_tags_imports.txtar")
	if err != nil {
		t.Fatal(err)
	}
	tree, req := treeOf(t, files)
	first := mustRender(t, tree, req)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if res, err := helm.New().Render(t.Context(), tree, req); err != nil || !reflect.DeepEqual(first, res) {
					t.Errorf("another result: %v %+v", err, res)
				}
			}
		})
	}
	wg.Wait()
}

func TestRenderLeavesTheRequestAlone(t *testing.T) {
	tree := fstest.MapFS{
		"Chart.yaml":        {Data: []byte("apiVersion: v2\nname: app\nversion: 1.0.0\n")},
		"templates/cm.yaml": {Data: []byte("{{ $_ := set .Values.a \"b\" 2 }}{{ $_ := set .Values \"new\" 1 }}" + configMap("x"))},
	}
	values := map[string]any{"a": map[string]any{"b": int64(1)}}
	mustRender(t, tree, render.Request{Path: ".", Helm: render.HelmOptions{ReleaseName: "r", Values: values, Set: []string{"a.c=3"}}})
	if want := map[string]any{"a": map[string]any{"b": int64(1)}}; !reflect.DeepEqual(values, want) {
		t.Errorf("values are now %v", values)
	}
}

func TestRandomNumberOfObjectsIsSaid(t *testing.T) {
	tree := fstest.MapFS{
		"Chart.yaml": {Data: []byte("apiVersion: v2\nname: app\nversion: 1.0.0\n")},
		"templates/cm.yaml": {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: always}\n" +
			"{{- if eq (now | date \"2006\") (now | date \"2006\") }}{{ range until (randInt 1 3) }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c{{ . }}}\n{{ end }}{{ end }}")},
	}
	res := mustRender(t, tree, render.Request{Path: ".", Helm: render.HelmOptions{ReleaseName: "r"}})
	if !slices.Contains(res.Warnings, "the number of objects that the chart renders to is random") {
		t.Errorf("warnings %v", res.Warnings)
	}
}
