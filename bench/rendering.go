package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
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
		costs, err := timed(ctx, c, library, by(one.inside), by(pool))
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		alone, inside, across := costs[0], costs[1], costs[2]
		r.ratio("warm render, "+one.name+", in process", micros(inside.each), micros(alone.each), "µs",
			fmt.Sprintf("allocations %d, of the library %d", inside.allocs, alone.allocs))
		r.ratio("warm render, "+one.name+", across the worker", micros(across.each), micros(alone.each), "µs",
			fmt.Sprintf("allocations %d in the daemon", across.allocs))
	}
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// cost is what one call takes.
type cost struct {
	each   time.Duration
	allocs int64
}

// timed measures several ways to do the same in turns, so that what else the machine does disturbs all of them alike, and
// takes of each the best turn: what disturbs a turn makes it slower, never faster.
func timed(ctx context.Context, c config, ways ...func() error) ([]cost, error) {
	turns, each := 25, 200*time.Millisecond
	if c.quick {
		turns, each = 3, 50*time.Millisecond
	}
	best := make([]cost, len(ways))
	for turn := range turns + 1 {
		for i, way := range ways {
			got, err := repeated(way, each)
			if err != nil || ctx.Err() != nil {
				return nil, cmp.Or(err, ctx.Err())
			}
			if turn > 0 && (best[i].each == 0 || got.each < best[i].each) { // the first turn warms up
				best[i] = got
			}
		}
	}
	return best, nil
}

// repeated calls f for a while, and begins with an empty garbage collector.
func repeated(f func() error, atLeast time.Duration) (cost, error) {
	runtime.GC()
	var from, to runtime.MemStats
	runtime.ReadMemStats(&from)
	begin, n := time.Now(), 0
	for ; time.Since(begin) < atLeast; n++ {
		if err := f(); err != nil {
			return cost{}, err
		}
	}
	took := time.Since(begin)
	runtime.ReadMemStats(&to)
	return cost{each: took / time.Duration(n), allocs: int64(to.Mallocs-from.Mallocs) / int64(n)}, nil
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
