package engine

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"sync"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/tree"
)

// rendersBucket is where the state store keeps what was rendered: one record an App, small, without any object.
const rendersBucket = "renders"

// maxShared bounds the finished renders that other Apps may share. They hold no objects, only what was read and the name
// of the bundle.
const maxShared = 1024

// renders knows what was rendered: by other Apps in this process, and by each App before a restart.
type renders struct {
	saved *batch

	mu     sync.Mutex
	before map[string][]byte // of an earlier run, by App; each is looked at once
	shared map[object.Digest]*share
	order  []object.Digest // of the finished ones, oldest first
}

// share is one render that every App with the same inputs takes part in.
type share struct {
	done  chan struct{}
	out   rendered
	where render.Target
	space string // namespace of the App that renders: its credentials fetched what a chart depends on
	own   bool   // nobody else may use it
}

// savedRender is a render in the state store.
type savedRender struct {
	Build    string        `json:"build"`
	Request  object.Digest `json:"request"`
	Bundle   object.Digest `json:"bundle"`
	Renderer string        `json:"renderer"`
	Count    int           `json:"count"`
	Warnings []string      `json:"warnings,omitempty"`
	Asked    []string      `json:"asked,omitempty"`
	Served   []string      `json:"served,omitempty"`
	Inputs   []savedInput  `json:"inputs,omitempty"`
}

type savedInput struct {
	At    string `json:"at"`              // input.at
	Trace []byte `json:"trace,omitempty"` // none for a chart: its digest says it all
}

// loadRenders reads what an earlier run rendered. Losing it costs one render an App.
func (e *Engine) loadRenders(ctx context.Context) {
	if e.o.Owned == nil {
		return
	}
	found, err := e.o.Owned.LoadOwned(ctx, rendersBucket)
	if err != nil {
		e.o.Log.Warn("what an earlier run rendered could not be read; it is rendered again", "err", err)
		return
	}
	e.renders.mu.Lock()
	e.renders.before = found
	e.renders.mu.Unlock()
}

// renderOnce gives the render of these inputs: what the App itself had before a restart, when nothing that it read has
// changed since; what another App with the same inputs has, or is about to have; or its own.
func (e *Engine) renderOnce(ctx context.Context, key Key, request object.Digest, spec App, where render.Target, inputs []input) rendered {
	if out, ok := e.before(ctx, key, request, where, inputs); ok {
		e.metrics.reuse(reusedSaved)
		return out
	}
	id, ok := inputKey(spec, inputs)
	if !ok {
		return e.render(ctx, spec, where, inputs)
	}
	s, mine := e.renders.join(id, where, key.Namespace)
	if mine {
		s.out = e.render(ctx, spec, where, inputs)
		s.own = s.out.random || (s.out.err != nil && fault.Of(s.out.err).Class != fault.Invalid) || ctx.Err() != nil
		e.renders.finish(id, s)
		return s.out
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		return rendered{err: ctx.Err()}
	}
	if s.own || !s.fits(where, key.Namespace) || (s.out.err == nil && !e.o.Bundles.Has(s.out.bundle)) {
		return e.render(ctx, spec, where, inputs)
	}
	e.metrics.reuse(reusedOther)
	return s.out.of(inputs)
}

// inputKey stands for everything that a render is made of, but for its target. It is false where that cannot be said:
// for the directories of this machine.
func inputKey(spec App, inputs []input) (object.Digest, bool) {
	type part struct {
		Name, URL, At string
		Render        render.Request
		ValuesOnly    bool
		Submodules    bool
		FileBytes     int64
	}
	parts := make([]part, 0, len(inputs))
	for _, in := range inputs {
		if in.source.Dir != "" {
			return "", false
		}
		p := part{Name: in.source.Name, URL: in.revision.URL, At: in.at(), Render: in.source.Render, ValuesOnly: in.source.ValuesOnly}
		if p.Render.Kind = in.kind(); p.Render.Kind != render.Helm {
			p.Render.Helm = render.HelmOptions{} // a release is named after its App
		}
		if in.repo != nil {
			settings := in.repo.settings()
			p.Submodules, p.FileBytes = settings.Submodules, settings.Limits.FileBytes
		}
		parts = append(parts, p)
	}
	id, err := object.DigestValue(map[string]any{
		"parts": parts, "substitute": spec.Substitute, "labels": spec.Labels, "annotations": spec.Annotations,
	})
	return id, err == nil
}

// kind is the renderer of an input, as far as that can be told beforehand.
func (in input) kind() render.Kind {
	req := in.source.Render
	if in.source.Chart != nil {
		return render.Helm
	}
	if req.Kind != render.Detect || in.source.ValuesOnly {
		return req.Kind
	}
	req.Path = path.Clean("./" + req.Path)
	kind, err := render.Resolve(in.files, req)
	if err != nil {
		return render.Detect // the render says why
	}
	return kind
}

// at is what an input stands at: a tree, or a chart by its digest.
func (in input) at() string {
	if in.revision.Tree != "" {
		return in.revision.Tree
	}
	return in.revision.Path + "@" + in.revision.Commit
}

// join gives the render of id that runs or ran; mine: there is none, and the caller makes it.
func (r *renders) join(id object.Digest, where render.Target, space string) (s *share, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.shared[id]; s != nil {
		return s, false
	}
	if r.shared == nil {
		r.shared = map[object.Digest]*share{}
	}
	s = &share{done: make(chan struct{}), where: where, space: space}
	r.shared[id] = s
	return s, true
}

// finish tells who waits, and keeps what others may use.
func (r *renders) finish(id object.Digest, s *share) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(s.done)
	if s.own || s.out.err != nil {
		delete(r.shared, id)
		return
	}
	r.order = append(r.order, id)
	if len(r.order) > maxShared {
		delete(r.shared, r.order[0])
		r.order = r.order[1:]
	}
}

// fits reports whether the render holds for another target and another App's credentials as well. Only charts are told
// where they go.
func (s *share) fits(where render.Target, space string) bool {
	if !s.out.targeted {
		return true
	}
	return s.space == space && s.where.Namespace == where.Namespace && s.where.KubeVersion == where.KubeVersion &&
		slices.Equal(served(s.out.asked, s.where.APIVersions), served(s.out.asked, where.APIVersions))
}

// of is the same render for an App that reads the same trees by its own repositories.
func (r rendered) of(inputs []input) rendered {
	r.revs, r.traces = nil, slices.Clone(r.traces)
	n := 0
	for _, in := range inputs {
		r.revs = append(r.revs, in.revision)
		if in.repo != nil {
			r.traces[n].repo, r.traces[n].ref = in.repo, in.ref
			n++
		}
	}
	return r
}

// before gives what the App had before a restart, if nothing that it read has changed since. It is looked at once.
func (e *Engine) before(ctx context.Context, key Key, request object.Digest, where render.Target, inputs []input) (rendered, bool) {
	e.renders.mu.Lock()
	raw := e.renders.before[key.String()]
	delete(e.renders.before, key.String())
	e.renders.mu.Unlock()
	var s savedRender
	if raw == nil || json.Unmarshal(raw, &s) != nil {
		return rendered{}, false
	}
	if s.Build != e.o.Build || s.Request != request || len(s.Inputs) != len(inputs) || !e.o.Bundles.Has(s.Bundle) ||
		!slices.Equal(s.Served, served(s.Asked, where.APIVersions)) {
		return rendered{}, false
	}
	out := rendered{bundle: s.Bundle, renderer: s.Renderer, count: s.Count, warnings: s.Warnings, asked: s.Asked, seen: e.o.Now()}
	for i, in := range inputs {
		out.revs = append(out.revs, in.revision)
		if in.repo == nil {
			if in.at() != s.Inputs[i].At {
				return rendered{}, false
			}
			continue
		}
		trace, err := tree.Unmarshal(s.Inputs[i].Trace)
		if err != nil || !e.unchanged(ctx, in, s.Inputs[i].At, trace) {
			return rendered{}, false
		}
		out.traces = append(out.traces, sourceTrace{repo: in.repo, ref: in.ref, tree: in.revision.Tree, trace: trace})
	}
	return out, true
}

// unchanged reports whether what was read at one tree is the same at the input's.
func (e *Engine) unchanged(ctx context.Context, in input, at string, trace tree.Trace) bool {
	if in.at() == at {
		return true
	}
	mirror, err := e.o.Mirrors.Mirror(in.revision.URL)
	if err != nil {
		return false
	}
	changes, err := mirror.Diff(ctx, at, in.revision.Tree)
	return err == nil && !trace.Touches(changes)
}

// rememberRender puts what was rendered into the state store, soon. Renders that failed, and those of directories, are not kept.
func (e *Engine) rememberRender(key Key, out rendered, inputs []input) {
	if e.renders.saved == nil || out.err != nil {
		return
	}
	s := savedRender{
		Build: e.o.Build, Request: out.request, Bundle: out.bundle, Renderer: out.renderer, Count: out.count,
		Warnings: out.warnings, Asked: out.asked, Served: out.served,
	}
	n := 0
	for _, in := range inputs {
		next := savedInput{At: in.at()}
		if in.repo != nil {
			next.Trace = out.traces[n].trace.Marshal()
			n++
		}
		s.Inputs = append(s.Inputs, next)
	}
	if raw, err := json.Marshal(s); err == nil {
		e.renders.saved.put(key.String(), raw)
	}
}
