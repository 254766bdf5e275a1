package cli

import (
	"context"
	"slices"
	"sync"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/render"
)

// leaving is a renderer that can be told to leave out what stands at some places, so that the rest can be tried.
type leaving struct {
	engine.Renderer

	mu     sync.Mutex
	places map[string]bool // as bundle.Where writes them
}

// Render renders, and leaves out what it was told to.
func (l *leaving) Render(ctx context.Context, files render.Files, req render.Request) (render.Result, error) {
	res, err := l.Renderer.Render(ctx, files, req)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && len(l.places) > 0 {
		res.Objects = slices.DeleteFunc(slices.Clone(res.Objects), func(o render.Object) bool { return l.places[bundle.Where(o.Origin)] })
	}
	return res, err
}

func (l *leaving) leaveOut(places map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.places = places
}

// trial tries Apps, one at a time.
type trial struct {
	*bench
	renderer *leaving
	try      func(ctx context.Context, k engine.Key) (engine.Preview, error)
}

func (e *env) newTrial(ctx context.Context) (*trial, error) {
	t := &trial{renderer: &leaving{}}
	var err error
	t.bench, err = e.newBenchWith(ctx, func(o *engine.Options) { t.renderer.Renderer, o.Renderer = o.Renderer, t.renderer })
	return t, err
}

// once tries an App as it is.
func (t *trial) once(ctx context.Context, spec engine.App) (engine.Preview, error) {
	t.SetApp(spec)
	if err := t.until(ctx, spec.Key, known); err != nil {
		return engine.Preview{}, err
	}
	return patiently(ctx, func() (engine.Preview, error) { return t.try(ctx, spec.Key) })
}

// all tries an App; when objects of it cannot even be sent, such as those of kinds that the cluster does not have, the
// others are tried without them. refused is what is wrong with those; the error, that nothing could be tried.
func (t *trial) all(ctx context.Context, spec engine.App) (p engine.Preview, refused []Problem, err error) {
	p, err = t.once(ctx, spec)
	places := map[string]bool{}
	for _, f := range plan.Faults(err) {
		if f.Where != "" {
			places[f.Where] = true
		}
	}
	if err == nil || len(places) == 0 {
		return p, nil, err
	}
	t.renderer.leaveOut(places)
	defer t.renderer.leaveOut(nil)
	t.ForgetApp(spec.Key)
	rest, again := t.once(ctx, spec)
	if again != nil {
		return p, nil, err
	}
	return rest, problemsOf(err), nil
}
