package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	helmcommon "helm.sh/helm/v4/pkg/chart/common"
	helmvalues "helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/helm"
	"plumb.cd/plumb/internal/render/kustomize"
	"plumb.cd/plumb/internal/render/worker"
	"plumb.cd/plumb/internal/rendertest"

	_ "embed"
)

//go:embed testdata/overlay.txtar
var overlay []byte

//go:embed testdata/chart.txtar
var smallChart []byte

// measureRender is a warm render of five objects: the library alone (from files in memory to objects), our renderer in the
// same process (with the objects' origins), and in a worker process behind its pipe.
func measureRender(ctx context.Context, c config, r *report) error {
	pool := worker.NewPool(worker.Options{Command: []string{c.plumb, "render-worker"}, Size: 1})
	defer pool.Close()
	charts := helm.New()
	for _, one := range []struct {
		name    string
		archive []byte
		request render.Request
		inside  render.Renderer
		library func(context.Context, []byte) (func() error, error)
	}{
		{"small overlay", overlay, render.Request{Kind: render.Kustomize, Path: "overlay"}, kustomize.New(charts), overlayAlone},
		{"small chart", smallChart, render.Request{
			Kind: render.Helm, Path: "chart", Target: render.Target{Namespace: "shop", KubeVersion: "v1.36.3"},
			Helm: render.HelmOptions{ReleaseName: "web"},
		}, charts, chartAlone},
	} {
		files := rendertest.Tree(string(one.archive))
		library, err := one.library(ctx, one.archive)
		if err != nil {
			return err
		}
		by := func(x render.Renderer) func() error {
			return func() error {
				res, err := x.Render(ctx, files, one.request)
				if err == nil && len(res.Objects) != 5 {
					return fmt.Errorf("%d objects, not 5", len(res.Objects))
				}
				return err
			}
		}
		alone, err := timed(c, library)
		if err != nil {
			return err
		}
		for _, way := range []struct {
			name string
			run  func() error
		}{{"in process", by(one.inside)}, {"across the worker", by(pool)}} {
			got, err := timed(c, way.run)
			if err != nil {
				return fmt.Errorf("%s %s: %w", one.name, way.name, err)
			}
			note := fmt.Sprintf("allocations %d, of the library %d", got.allocs, alone.allocs)
			if way.name != "in process" {
				note = fmt.Sprintf("allocations %d in the daemon", got.allocs)
			}
			r.ratio("warm render, "+one.name+", "+way.name, micros(got.each), micros(alone.each), "µs", note)
		}
	}
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// cost is what one call takes.
type cost struct {
	each   time.Duration
	allocs int64
}

// timed is the best of several rounds of testing.Benchmark: what disturbs a round makes it slower, never faster.
func timed(c config, f func() error) (cost, error) {
	rounds := 5
	if c.quick {
		rounds = 1
	}
	if err := f(); err != nil {
		return cost{}, err
	}
	best, failed := cost{}, error(nil)
	for range rounds {
		res := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					failed = err
					b.FailNow()
				}
			}
		})
		if failed != nil {
			return cost{}, failed
		}
		each := time.Duration(float64(res.T) / float64(res.N))
		if best.each == 0 || each < best.each {
			best = cost{each: each, allocs: res.AllocsPerOp()}
		}
	}
	return best, nil
}

func overlayAlone(_ context.Context, text []byte) (func() error, error) {
	files := filesys.MakeFsInMemory()
	for _, f := range txtar.Parse(text).Files {
		if err := files.WriteFile("/"+f.Name, f.Data); err != nil {
			return nil, err
		}
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	return func() error {
		built, err := krusty.MakeKustomizer(options).Run(files, "/overlay")
		if err != nil {
			return err
		}
		for _, one := range built.Resources() {
			if _, err := one.Map(); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func chartAlone(ctx context.Context, text []byte) (func() error, error) {
	var files []*archive.BufferedFile
	for _, f := range txtar.Parse(text).Files {
		files = append(files, &archive.BufferedFile{Name: f.Name[len("chart/"):], Data: f.Data})
	}
	return func() error {
		chart, err := loader.LoadFiles(files)
		if err != nil {
			return err
		}
		release := helmcommon.ReleaseOptions{Name: "web", Namespace: "shop"}
		values, err := helmvalues.ToRenderValues(chart, nil, release, nil)
		if err != nil {
			return err
		}
		rendered, err := engine.Engine{}.RenderWithContext(ctx, chart, values)
		if err != nil {
			return err
		}
		_, documents, err := releaseutil.SortManifests(rendered, nil, releaseutil.InstallOrder)
		if err != nil {
			return err
		}
		for _, one := range documents {
			var object map[string]any
			if err := yaml.Unmarshal([]byte(one.Content), &object); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
