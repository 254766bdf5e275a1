// Package kustomize renders overlays with Kustomize's own library, in memory, over a tree.
//
// What comes out equals "kustomize build" of the same files. What the library would do beyond its files is refused
// before it gets there: remote bases and files, plug-ins that are programs or containers, charts that are not in the
// tree. The library keeps OpenAPI schemas for the whole process; a build that brings its own runs with nothing beside
// it, and the process is marked as tainted.
package kustomize

import (
	"context"
	"errors"
	"path"
	"slices"
	"sync"
	"sync/atomic"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/openapi"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// ChartInflater renders a chart that a kustomization's helmCharts names. render.Renderer is one.
type ChartInflater interface {
	Render(ctx context.Context, files render.Files, req render.Request) (render.Result, error)
}

// New gives the renderer. Without an inflater (nil), helmCharts are refused.
func New(inflater ChartInflater) *Renderer { return &Renderer{inflater: inflater} }

// Renderer renders kustomizations.
type Renderer struct {
	inflater ChartInflater
	tainted  atomic.Bool
}

// Tainted reports whether this process has met a custom OpenAPI schema and should render no more.
func (r *Renderer) Tainted() bool { return r.tainted.Load() }

// Warm reads the library's built-in OpenAPI schema, which the first build with a patch in a process would do: some 25 ms.
func (r *Renderer) Warm() {
	schemas.RLock()
	defer schemas.RUnlock()
	openapi.Schema()
}

// schemas guards the library's process-wide OpenAPI state: shared for builds that use the built-in schema, exclusive
// for those that replace it.
var schemas sync.RWMutex

// Render builds the kustomization at req.Path.
func (r *Renderer) Render(ctx context.Context, files render.Files, req render.Request) (render.Result, error) {
	dir, err := directory(files, req.Path)
	if err != nil {
		return render.Result{}, err
	}
	b := &build{ctx: ctx, files: files, dir: dir, req: req, inflater: r.inflater}
	res, err := b.shared()
	if errors.Is(err, errNeedsAlone) {
		r.tainted.Store(true)
		res, err = b.exclusive()
	}
	if err != nil {
		return render.Result{}, err
	}
	return render.Finish(res, req.Limits)
}

// directory gives the kustomization's directory; req.Path may name the file too.
func directory(files render.Files, name string) (string, error) {
	dir, err := render.Clean(name)
	if err != nil {
		return "", err
	}
	if slices.Contains(render.KustomizationNames, path.Base(dir)) {
		dir = path.Dir(dir)
	}
	render.Prefetch(files, render.First(render.Request{Kind: render.Kustomize, Path: dir}))
	if _, err := files.Stat(dir); err != nil {
		return "", render.ReadFault(dir, err)
	}
	return dir, nil
}

// build is one Render.
type build struct {
	ctx      context.Context
	files    render.Files
	dir      string
	req      render.Request
	inflater ChartInflater
}

func (b *build) shared() (render.Result, error) {
	schemas.RLock()
	defer schemas.RUnlock()
	return b.objects(false)
}

func (b *build) exclusive() (render.Result, error) {
	schemas.Lock()
	defer schemas.Unlock()
	openapi.ResetOpenAPI()
	defer openapi.ResetOpenAPI()
	return b.objects(true)
}

// objects runs the library and finds out where each object came from. Kustomize can note origins itself, but that
// doubles the time of a build and changes what patches see, so that only objects that the names do not place are
// looked up in a second build with origins.
func (b *build) objects(alone bool) (render.Result, error) {
	src := b.source(alone)
	built, err := b.run(src)
	if err != nil {
		return render.Result{}, err
	}
	res := render.Result{Kind: render.Kustomize, Warnings: src.warnings()}
	if res.Objects, err = values(built, src.top(b.dir)); err != nil {
		return render.Result{}, err
	}
	if newPlaces(src, b.dir).place(res.Objects) {
		return res, nil
	}
	second := b.source(alone)
	second.annotate = b.dir
	annotated, err := b.run(second)
	if err != nil {
		return render.Result{}, err
	}
	newPlaces(src, b.dir).placeFrom(res.Objects, annotated)
	return res, nil
}

func (b *build) source(alone bool) *source {
	return &source{
		files: b.files, alone: alone, options: b.req.Kustomize, annotate: noAnnotations, charts: &charts{build: b},
		overlays: map[string]*overlay{}, read: map[string][]byte{}, virtual: map[string][]byte{},
		above: map[string]string{b.dir: b.req.Kustomize.Namespace},
	}
}

// run builds once. Errors are classified.
func (b *build) run(src *source) (resmap.ResMap, error) {
	start := path.Join(treeMount, b.dir)
	if hasOptions(b.req.Kustomize) {
		if err := b.wrap(src); err != nil {
			return nil, err
		}
		start = optionsMount
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified // what the command line says when not told otherwise
	var built resmap.ResMap
	err := render.Guard(b.dir, func() (err error) {
		built, err = krusty.MakeKustomizer(options).Run(src, start)
		return err
	})
	if src.refused != nil {
		return nil, src.refused
	}
	if err == nil {
		err = b.ctx.Err()
	}
	if err != nil {
		return nil, explain(src, b.dir, err)
	}
	return built, nil
}

// wrap puts the kustomization of our options on top.
func (b *build) wrap(src *source) error {
	under := &overlay{}
	for _, name := range render.KustomizationNames {
		data, err := b.files.ReadFile(path.Join(b.dir, name))
		if err != nil {
			continue
		}
		if under, err = scan(path.Join(b.dir, name), data); err != nil {
			return err
		}
		break
	}
	var err error
	src.wrapper, err = wrap(b.req.Kustomize, b.dir, under, src.annotate != noAnnotations)
	return err
}

func values(built resmap.ResMap, top string) ([]render.Object, error) {
	objects := make([]render.Object, 0, built.Size())
	for _, r := range built.Resources() {
		v, err := render.NodeValue(r.YNode(), render.Kustomized)
		if err != nil {
			var placed *render.PlacedError
			if errors.As(err, &placed) {
				err = &fault.Error{
					Class: fault.Invalid, Reason: fault.SyntaxInvalid, Where: top,
					Message: r.GetKind() + " " + r.GetName() + ": " + placed.Message,
				}
			}
			return nil, err
		}
		body, ok := v.(map[string]any)
		if !ok {
			return nil, render.NotAnObject(render.Origin{File: top}, v)
		}
		objects = append(objects, render.Object{Body: body})
	}
	return objects, nil
}
