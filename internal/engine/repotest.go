package engine

import (
	"context"
	"time"

	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
)

// RepositoryAnswer is what a repository's server answered.
type RepositoryAnswer struct {
	Took time.Duration
	Refs int          // that are in use, and were found; charts, for a chart repository
	Err  *fault.Error // what stands against using it, in the words of Git or the registry
}

// repositoryTestTimeout bounds one test.
const repositoryTestTimeout = 30 * time.Second

// TestRepository asks the server of a Repository now, with its credentials, about what is in use of it. The outcome is
// told, and changes nothing: the regular checks go on as they were.
func (e *Engine) TestRepository(ctx context.Context, key Key) (RepositoryAnswer, error) {
	e.mu.Lock()
	spec, known := e.specs[key]
	r := e.repos[repoKey{resource: key}]
	e.mu.Unlock()
	if !known || r == nil {
		return RepositoryAnswer{}, ErrNoRepository
	}
	ctx, cancel := context.WithTimeout(ctx, repositoryTestTimeout)
	defer cancel()
	began := e.o.Now()
	n, err := e.askServer(ctx, r, spec)
	return RepositoryAnswer{Took: e.o.Now().Sub(began), Refs: n, Err: fault.Of(err)}, nil
}

// ErrNoRepository says that there is no such Repository.
var ErrNoRepository = &fault.Error{Class: fault.Blocked, Reason: fault.RepositoryUnknown, Message: "there is no such Repository", Next: "plumb get repos"}

func (e *Engine) askServer(ctx context.Context, r *repo, spec Repository) (int, error) {
	if spec.Err != nil {
		return 0, spec.Err
	}
	r.mu.Lock()
	refs := make([]git.Ref, 0, len(r.refs))
	for ref := range r.refs {
		refs = append(refs, ref)
	}
	charts := len(r.charts)
	r.mu.Unlock()
	if charts > 0 || isChartRepository(spec.URL) {
		return e.askCharts(ctx, r, spec)
	}
	if len(refs) == 0 {
		refs = []git.Ref{{}}
	}
	mirror, err := e.o.Mirrors.Mirror(spec.URL)
	if err != nil {
		return 0, err
	}
	results, err := mirror.Update(ctx, spec.remote(), refs)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, res := range results {
		if res.Err != nil {
			err = res.Err
		} else {
			n++
		}
	}
	return n, err
}

func (e *Engine) askCharts(ctx context.Context, r *repo, spec Repository) (int, error) {
	r.mu.Lock()
	asked := make([]chart.Reference, 0, len(r.charts))
	for ref := range r.charts {
		ref.Repository = spec.URL
		asked = append(asked, ref)
	}
	r.mu.Unlock()
	if len(asked) == 0 {
		return 0, &fault.Error{
			Class: fault.Blocked, Reason: fault.ChartNotFound, Message: "no App uses a chart of it yet, and a registry cannot be asked without naming one",
			Next: "make an App that names a chart, then test again",
		}
	}
	n := 0
	var failed error
	for _, ref := range asked {
		if _, err := e.o.Charts.Resolve(ctx, ref, spec.ChartAuth); err != nil {
			failed = err
		} else {
			n++
		}
	}
	return n, failed
}
