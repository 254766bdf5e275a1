package engine

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/transform"
	"plumb.cd/plumb/internal/tree"
)

// input is one source of an App at one revision, ready to be read.
type input struct {
	source    Source
	files     *tree.FS
	revision  bundle.Revision
	repo      *repo  // nil for a chart or a directory
	namespace string // of the App
	ref       git.Ref
	former    object.Digest // the App's bundle before, whose objects may be kept; empty: there is none
}

// desire brings the App's bundle up to date with its sources: it renders when something that the last render read has
// changed, and only then. errPending means that a repository has not answered yet.
func (e *Engine) desire(ctx context.Context, a *app, spec App, where render.Target) (rendered, error) {
	request, err := requestKey(spec, where)
	if err != nil {
		return rendered{}, err
	}
	a.mu.Lock()
	have := a.rendered
	a.mu.Unlock()
	if have.valid && have.request == request && slices.Equal(have.served, served(have.asked, where.APIVersions)) {
		if err := a.lostSource(spec); err != nil {
			return have, err
		}
		return have, have.err
	}
	inputs, err := e.gather(ctx, a, spec)
	if err != nil {
		return have, err
	}
	for {
		// Marked valid before the work: an invalidation that arrives meanwhile must not be overwritten.
		a.mu.Lock()
		a.rendered.valid, a.rendered.number = true, 0
		a.renders++
		number := a.renders
		a.mu.Unlock()
		for i := range inputs {
			inputs[i].former = have.bundle
		}
		next := e.renderOnce(ctx, a.key, request, spec, where, inputs)
		if ctx.Err() != nil {
			a.invalidate()
			return have, ctx.Err()
		}
		stale := false
		for _, t := range next.traces {
			stale = t.repo.settle(ctx, a.key, t) || stale
		}
		a.mu.Lock()
		next.valid, next.number = a.rendered.valid && !stale, number
		next.request, next.served = request, served(next.asked, where.APIVersions)
		again := !next.valid
		next.tried = next.revs
		if next.err != nil && next.bundle == "" {
			next.bundle, next.revs, next.seen = have.bundle, have.revs, have.seen
		}
		a.rendered = next
		a.mu.Unlock()
		if !again {
			e.rememberRender(a.key, next, inputs)
			return next, next.err
		}
		if inputs, err = e.gather(ctx, a, spec); err != nil {
			return next, err
		}
	}
}

// served are the API versions, of those that a chart asked for, that the cluster has: when they change, the chart may
// render otherwise. A chart that read the whole list ("*") depends on all of it.
func served(asked, versions []string) []string {
	if slices.Contains(asked, "*") {
		return versions
	}
	var out []string
	for _, v := range asked {
		if _, ok := slices.BinarySearch(versions, v); ok {
			out = append(out, v)
		}
	}
	return out
}

// lostSource says which source is gone for good: its branch was deleted, or its repository lets nobody in any more. A server
// that is merely away changes nothing about what Git said.
func (a *app) lostSource(spec App) error {
	for _, sr := range a.repos {
		if s := spec.Sources[sr.index]; s.Chart == nil {
			_, _, err := sr.repo.at(s.Ref)
			if err != nil && !isPending(err) && fault.Of(err).Class != fault.Transient {
				return err
			}
		}
	}
	return nil
}

// requestKey is all of an App and its target that decides how its sources render.
func requestKey(spec App, where render.Target) (object.Digest, error) {
	return object.DigestValue(map[string]any{
		"sources": spec.Sources, "substitute": spec.Substitute, "labels": spec.Labels, "annotations": spec.Annotations,
		"namespace": where.Namespace, "version": where.KubeVersion,
	})
}

// gather opens every source of the App at the revision that it should stand at.
func (e *Engine) gather(ctx context.Context, a *app, spec App) ([]input, error) {
	var out []input
	for i, s := range spec.Sources {
		in, err := e.open(ctx, a, i, s)
		if err != nil {
			return nil, err
		}
		in.namespace = spec.Key.Namespace
		out = append(out, in)
	}
	return out, nil
}

func (e *Engine) open(ctx context.Context, a *app, index int, s Source) (input, error) {
	if s.Dir != "" {
		files, err := tree.FromDir(s.Dir, tree.Limits{})
		return input{source: s, files: files, revision: bundle.Revision{Source: s.Name, URL: s.Dir, Commit: "working tree"}}, err
	}
	var r *repo
	for _, sr := range a.repos {
		if sr.index == index {
			r = sr.repo
		}
	}
	if r == nil {
		return input{}, errPending
	}
	if s.Chart != nil {
		return e.openChart(ctx, r, s)
	}
	at, spec, err := r.at(s.Ref)
	if err != nil {
		return input{}, err
	}
	mirror, err := e.o.Mirrors.Mirror(spec.URL)
	if err != nil {
		return input{}, err
	}
	return input{
		source: s, repo: r, ref: s.Ref,
		files: spec.tree(ctx, mirror, at.Tree),
		revision: bundle.Revision{
			Source: s.Name, URL: spec.URL, Path: s.Render.Path, Commit: at.Commit, Ref: s.Ref.String(), Tree: at.Tree,
		},
	}, nil
}

// tree opens a tree of the repository: with its submodules, where it opted in, and within its limits.
func (s Repository) tree(ctx context.Context, m *git.Mirror, oid string) *tree.FS {
	lim := tree.Limits{FileBytes: s.Limits.FileBytes}
	if s.Submodules {
		return tree.New(ctx, m.Nested(), oid, lim)
	}
	return tree.New(ctx, m, oid, lim)
}

func (e *Engine) openChart(ctx context.Context, r *repo, s Source) (input, error) {
	locked, spec, err := r.chartAt(*s.Chart)
	if err != nil {
		return input{}, err
	}
	ref := *s.Chart
	ref.Repository = spec.URL
	content, err := e.o.Charts.Fetch(ctx, ref, locked, spec.ChartAuth)
	if err != nil {
		return input{}, err
	}
	return input{
		source: s, files: tree.FromMap(content),
		revision: bundle.Revision{
			Source: s.Name, URL: spec.URL, Path: locked.Name, Commit: locked.Version + "@" + locked.Digest, Ref: s.Chart.Version,
		},
	}, nil
}

// render runs every source through its renderer and seals the outcome. Errors are in the result: a failed render is an
// outcome like any other, it holds until an input changes.
func (e *Engine) render(ctx context.Context, spec App, where render.Target, inputs []input) rendered {
	began := e.o.Now()
	out := rendered{seen: began}
	mounts := map[string]*tree.FS{}
	for _, in := range inputs {
		if in.source.Name != "" {
			mounts["$"+in.source.Name] = in.files
		}
	}
	draft, err := e.draft(ctx, spec, where, inputs, mounts, &out)
	for _, in := range inputs {
		if in.repo != nil {
			out.traces = append(out.traces, sourceTrace{repo: in.repo, ref: in.ref, tree: in.revision.Tree, trace: in.files.Trace()})
		}
	}
	if err == nil {
		err = e.add(draft, began, &out)
	}
	if out.err = err; err != nil && draft.From != nil { // what was to be kept is no longer there
		return e.render(ctx, spec, where, anew(inputs))
	}
	out.took = e.o.Now().Sub(began)
	e.metrics.rendered(out.renderer, out.err, out.took)
	return out
}

// anew are the inputs of a render that keeps nothing.
func anew(inputs []input) []input {
	inputs = slices.Clone(inputs)
	for i := range inputs {
		inputs[i].former = ""
	}
	return inputs
}

// draft renders every source. What of a former bundle is sure to be the same is kept, not rendered.
func (e *Engine) draft(ctx context.Context, spec App, where render.Target, inputs []input, mounts map[string]*tree.FS, out *rendered) (bundle.Draft, error) {
	for _, in := range inputs {
		out.revs = append(out.revs, in.revision)
	}
	var objects []transform.Object
	for _, in := range inputs {
		if in.source.ValuesOnly {
			continue
		}
		files, req, err := e.renderable(ctx, in, where, mounts)
		if err != nil {
			return bundle.Draft{}, inSource(in.source, err)
		}
		p := e.partial(ctx, spec, inputs, files, req)
		if p != nil {
			if d, ok := e.kept(ctx, spec, p, out); ok {
				return d, nil
			}
			files = p.files
		}
		res, err := e.o.Renderer.Render(ctx, files, req)
		if err != nil {
			return bundle.Draft{}, inSource(in.source, err)
		}
		out.note(res)
		if d, ok := e.whole(ctx, spec, p, res.Objects, res.Warnings); ok {
			return d, nil
		}
		for _, o := range res.Objects {
			o.Origin.Source = in.source.Name
			if in.source.Chart != nil {
				o.Origin.File = path.Join(in.revision.Path, o.Origin.File)
			}
			out.random = out.random || len(o.Random) > 0
			objects = append(objects, transform.Object{Body: o.Body, Origin: o.Origin, Random: o.Random})
		}
	}
	objects, err := transform.Run(ctx, objects, spec.transforms())
	if err != nil {
		return bundle.Draft{}, err
	}
	entries := make([]bundle.Entry, 0, len(objects))
	for _, o := range objects {
		entries = append(entries, bundle.Entry{Body: o.Body, Origin: o.Origin, Random: o.Random})
	}
	return bundle.Draft{Pieces: []bundle.Piece{{Entries: entries}}}, nil
}

// note takes what a renderer said besides the objects.
func (r *rendered) note(res render.Result) {
	r.renderer = string(res.Kind)
	r.targeted = r.targeted || res.Kind == render.Helm
	r.asked = append(r.asked, res.AskedAPIs...)
	r.warnings = append(r.warnings, res.Warnings...)
}

func inSource(s Source, err error) error {
	if s.Name == "" {
		return err
	}
	return fmt.Errorf("source %s: %w", s.Name, err)
}

// renderable gives the files and the request of a source as its renderer gets them.
func (e *Engine) renderable(ctx context.Context, in input, where render.Target, mounts map[string]*tree.FS) (render.Files, render.Request, error) {
	req := in.source.Render
	req.Path = path.Clean("./" + req.Path)
	req.Target = where
	if in.source.Chart != nil {
		req.Kind, req.Path = render.Helm, "."
	}
	files := in.files
	if len(mounts) > 1 || (len(mounts) == 1 && mounts["$"+in.source.Name] == nil) {
		files = tree.Mount(in.files, mounts)
	}
	if req.Kind == render.Detect {
		kind, err := render.Resolve(files, req)
		if err != nil {
			return nil, req, err
		}
		req.Kind = kind
	}
	if req.Kind == render.Helm {
		vendored, err := e.dependencies(ctx, in.namespace, files, path.Join(req.Path, req.Helm.Chart))
		if err != nil {
			return nil, req, err
		}
		if vendored != nil {
			files = tree.Mount(files, vendored)
		}
	}
	return files, req, nil
}

// dependencies fetches what a chart in Git names in its lock and does not vendor, to be mounted where it belongs.
func (e *Engine) dependencies(ctx context.Context, namespace string, files render.Files, at string) (map[string]*tree.FS, error) {
	if e.o.Charts == nil {
		return nil, nil
	}
	missing, err := chart.MissingDependencies(files, at)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	out := map[string]*tree.FS{}
	for _, ref := range missing {
		auth := e.chartAuth(namespace, ref.Repository)
		locked, err := e.o.Charts.Resolve(ctx, ref, auth)
		if err != nil {
			return nil, dependencyFault(at, ref, err)
		}
		got, err := e.o.Charts.Fetch(ctx, ref, locked, auth)
		if err != nil {
			return nil, dependencyFault(at, ref, err)
		}
		out[path.Join(at, "charts", ref.Name)] = tree.FromMap(got)
	}
	return out, nil
}

// chartAuth gives the credentials for a chart repository that a dependency names: those of the Repository with this
// address in the App's namespace, if there is one.
func (e *Engine) chartAuth(namespace, url string) chart.Auth {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, spec := range e.specs {
		if k.Namespace == namespace && strings.TrimSuffix(spec.URL, "/") == strings.TrimSuffix(url, "/") {
			return spec.ChartAuth
		}
	}
	return chart.Auth{}
}

func dependencyFault(at string, ref chart.Reference, err error) error {
	f := fault.Of(err)
	return &fault.Error{
		Class: f.Class, Reason: fault.ChartDependency, Where: path.Join(at, "Chart.yaml"),
		Message: fmt.Sprintf("the dependency %s %s is not vendored and cannot be fetched from %s: %s", ref.Name, ref.Version, ref.Repository, f.Message),
		Next:    "run `helm dependency build` and commit charts/, or make the chart repository reachable",
		Err:     err,
	}
}

func (s App) transforms() []transform.Step {
	var steps []transform.Step
	if len(s.Substitute) > 0 {
		steps = append(steps, transform.Substitute(s.Substitute))
	}
	if len(s.Labels)+len(s.Annotations) > 0 {
		steps = append(steps, transform.Metadata(s.Labels, s.Annotations))
	}
	return steps
}

// recall gives an earlier bundle: from the store, or rendered again from the revisions that it was made of.
func (e *Engine) recall(ctx context.Context, a *app, spec App, where render.Target, d Deployed) (bundle.Bundle, error) {
	b, err := e.o.Bundles.Get(d.Bundle)
	if err == nil {
		return b, nil
	}
	if len(d.Revisions) == 0 {
		return bundle.Bundle{}, err
	}
	var inputs []input
	for i, s := range spec.Sources {
		in, openErr := e.open(ctx, a, i, s)
		if openErr != nil {
			return bundle.Bundle{}, openErr
		}
		if in.repo != nil && i < len(d.Revisions) && d.Revisions[i].Tree != "" {
			mirror, mirrorErr := e.o.Mirrors.Mirror(d.Revisions[i].URL)
			if mirrorErr != nil {
				return bundle.Bundle{}, mirrorErr
			}
			in.files, in.revision = in.repo.settings().tree(ctx, mirror, d.Revisions[i].Tree), d.Revisions[i]
		}
		inputs = append(inputs, in)
	}
	out := e.render(ctx, spec, where, inputs)
	if out.err != nil {
		return bundle.Bundle{}, out.err
	}
	if out.bundle != d.Bundle {
		return bundle.Bundle{}, &fault.Error{
			Class: fault.Invalid, Reason: fault.RenderFailed,
			Message: fmt.Sprintf("the bundle %s is no longer stored, and rendering its revision again gives another one", d.Bundle.Short()),
		}
	}
	return e.o.Bundles.Get(d.Bundle)
}

func isPending(err error) bool { return errors.Is(err, errPending) }
