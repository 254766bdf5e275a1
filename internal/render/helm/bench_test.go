package helm_test

import (
	"io/fs"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/helm"
)

// The chart of the benchmarks: five objects, helpers, a values file.
func benchTree(b *testing.B) (render.Files, render.Request) {
	b.Helper()
	ar, err := txtar.ParseFile("testdata/bench/small.txtar")
	if err != nil {
		b.Fatal(err)
	}
	m := newMemFiles(ar)
	return m, render.Request{Path: "chart", Target: render.Target{Namespace: "shop", KubeVersion: "v1.36.3"},
		Helm: render.HelmOptions{ReleaseName: "web"}}
}

func BenchmarkRender(b *testing.B) {
	files, req := benchTree(b)
	r := helm.New()
	b.ReportAllocs()
	for b.Loop() {
		res, err := r.Render(b.Context(), files, req)
		if err != nil || len(res.Objects) != 5 {
			b.Fatal(err, len(res.Objects))
		}
	}
}

// BenchmarkLibraryEngine is Helm's loader and engine alone: text comes out.
func BenchmarkLibraryEngine(b *testing.B) {
	files, _ := benchTree(b)
	b.ReportAllocs()
	for b.Loop() {
		libraryRender(b, files)
	}
}

// BenchmarkLibraryToObjects adds what Helm does to the text, and reading the documents.
func BenchmarkLibraryToObjects(b *testing.B) {
	files, _ := benchTree(b)
	b.ReportAllocs()
	for b.Loop() {
		_, manifests, err := releaseutil.SortManifests(libraryRender(b, files), nil, releaseutil.InstallOrder)
		if err != nil || len(manifests) != 5 {
			b.Fatal(err, len(manifests))
		}
		for _, m := range manifests {
			var body map[string]any
			if err := yaml.Unmarshal([]byte(m.Content), &body); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func libraryRender(b *testing.B, files render.Files) map[string]string {
	var buf []*archive.BufferedFile
	err := fs.WalkDir(files, "chart", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(p)
		buf = append(buf, &archive.BufferedFile{Name: p[len("chart/"):], Data: data})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	ch, err := loader.LoadFiles(buf)
	if err != nil {
		b.Fatal(err)
	}
	if err := chartutil.ProcessDependencies(ch, nil); err != nil {
		b.Fatal(err)
	}
	vals, err := commonutil.ToRenderValues(ch, nil, common.ReleaseOptions{Name: "web", Namespace: "shop"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	out, err := engine.Engine{}.RenderWithContext(b.Context(), ch, vals)
	if err != nil {
		b.Fatal(err)
	}
	return out
}
