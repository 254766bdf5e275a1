package engine

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/object"
)

// RowFacts are what a list shows of an App besides its Snapshot.
type RowFacts struct {
	Cluster  string
	Labels   map[string]string // of the App resource; not to be changed
	Images   []string          // of what was applied last, as they are written there; sorted, each once
	Commit   *CommitView       // that last changed the App; nil: there is none; before it is read, it has only the SHA that Git is at
	URL      string            // of the first source: a repository or where charts come from
	Path     string            // in it, or the name of the chart
	Deployed time.Time         // when the newest bundle was in place
}

// Rows knows the RowFacts. What takes reading a bundle or a commit is read in the background, one at a time, once for each
// bundle and commit, and only for Apps that somebody asked about: asking never waits for it.
type Rows struct {
	e      *Engine
	notify func(Key) // must not block

	mu      sync.Mutex
	told    map[Key]toldFacts
	images  map[object.Digest][]string
	commits map[changed]*CommitView
	shown   map[Key]RowFacts // as they were told last when nothing was missing
	queue   map[Key]bool
	settled chan struct{} // closed when nothing is to be read any more; nil: nothing is
	wake    chan struct{}

	// Of Run alone.
}

// changed is an App's bundle at a commit: what the commit that last changed it is remembered for.
type changed struct {
	app Key
	at  commitAt
}

type toldFacts struct {
	labels  map[string]string
	cluster string
}

type commitAt struct{ url, sha string }

// maxRowFacts bounds what is remembered of bundles, and of commits: more than an installation has in use.
const maxRowFacts = 50_000

// maxRowImages is how many images of one App are told.
const maxRowImages = 50

// NewRows makes the Rows of an engine. notify is called when the facts of an App are others than before.
func NewRows(e *Engine, notify func(Key)) *Rows {
	return &Rows{
		e: e, notify: notify, told: map[Key]toldFacts{}, images: map[object.Digest][]string{}, commits: map[changed]*CommitView{},
		shown: map[Key]RowFacts{}, queue: map[Key]bool{}, wake: make(chan struct{}, 1),
	}
}

// Told notes the spec that the engine was told.
func (r *Rows) Told(spec App) {
	now := toldFacts{labels: spec.Own, cluster: spec.Cluster}
	r.mu.Lock()
	before, known := r.told[spec.Key]
	r.told[spec.Key] = now
	r.mu.Unlock()
	if !known || !reflect.DeepEqual(before, now) {
		r.notify(spec.Key)
	}
}

// Forget drops what was told of an App.
func (r *Rows) Forget(key Key) {
	r.mu.Lock()
	delete(r.told, key)
	delete(r.queue, key)
	delete(r.shown, key)
	r.mu.Unlock()
	r.notify(key)
}

// RowFacts tells what is known of an App now. What is missing is read later, and notify says when it is there; until then,
// images and commit are those of before.
func (r *Rows) RowFacts(key Key) (RowFacts, bool) {
	a := r.e.app(key)
	if a == nil {
		return RowFacts{}, false
	}
	spec, want, have := r.look(a)
	out := RowFacts{Cluster: spec.Cluster, Labels: spec.Own}
	if have != nil {
		out.Deployed = have.At
	}
	out.URL, out.Path = r.e.origin(spec, cmp.Or(want, have))
	r.mu.Lock()
	defer r.mu.Unlock()
	complete := true
	if d := cmp.Or(have, want); d != nil && d.Bundle != "" {
		out.Images, complete = r.images[d.Bundle], has(r.images, d.Bundle)
	}
	if at, ok := gitRevision(cmp.Or(want, have)); ok {
		commit, known := r.commits[changed{key, at}]
		if out.Commit = commit; !known {
			out.Commit, complete = &CommitView{SHA: at.sha}, false
		}
	}
	if complete {
		r.shown[key] = out
		return out, true
	}
	if before, ok := r.shown[key]; ok {
		out.Images, out.Commit = before.Images, before.Commit
	}
	r.ask(key)
	return out, true
}

// ask has an App read. r.mu is held.
func (r *Rows) ask(key Key) {
	r.queue[key] = true
	if r.settled == nil {
		r.settled = make(chan struct{})
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Settle waits until everything that was asked for is read, or ctx ends.
func (r *Rows) Settle(ctx context.Context) {
	r.mu.Lock()
	settled := r.settled
	r.mu.Unlock()
	if settled == nil {
		return
	}
	select {
	case <-settled:
	case <-ctx.Done():
	}
}

func has[K comparable, V any](m map[K]V, k K) bool {
	_, ok := m[k]
	return ok
}

// look is what facts are made of: the spec, what Git says, and what was applied last.
func (r *Rows) look(a *app) (spec App, want, have *Deployed) {
	a.mu.Lock()
	spec, want, have = a.spec, a.snapshot.Desired, a.snapshot.Memory.Applied
	a.mu.Unlock()
	if want == nil {
		want = r.e.standsAt(a, spec)
	}
	return spec, want, have
}

// standsAt is what Git says of an App that cannot be rendered; nil when that is not known.
func (e *Engine) standsAt(a *app, spec App) *Deployed {
	repos, _ := e.wires(a)
	for _, sr := range repos {
		if sr.index >= len(spec.Sources) || spec.Sources[sr.index].Chart != nil {
			continue
		}
		s := spec.Sources[sr.index]
		at, where, err := sr.repo.at(s.Ref)
		if err != nil {
			return nil
		}
		return &Deployed{Revisions: []bundle.Revision{{
			Source: s.Name, URL: where.URL, Path: s.Render.Path, Commit: at.Commit, Ref: s.Ref.String(), Tree: at.Tree,
		}}}
	}
	return nil
}

// Run reads what was asked for until ctx ends.
func (r *Rows) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		}
		for ctx.Err() == nil {
			key, ok := r.next()
			if !ok {
				break
			}
			if r.read(ctx, key) {
				r.notify(key)
			}
		}
	}
}

func (r *Rows) next() (Key, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range r.queue {
		delete(r.queue, k)
		return k, true
	}
	if r.settled != nil {
		close(r.settled)
		r.settled = nil
	}
	return Key{}, false
}

// read fills in what is missing for an App, and says whether there was anything. What cannot be read counts as empty: the
// bundle was evicted, or the mirror is damaged, and a list is no place to tell that.
func (r *Rows) read(ctx context.Context, key Key) bool {
	a := r.e.app(key)
	if a == nil {
		return false
	}
	_, want, have := r.look(a)
	found := false
	if d := cmp.Or(have, want); d != nil && d.Bundle != "" && !r.knowsImages(d.Bundle) {
		b, err := r.e.o.Bundles.Get(d.Bundle)
		var images []string
		if err == nil {
			images = Images(b)
		}
		r.mu.Lock()
		keep(r.images, d.Bundle, images[:min(len(images), maxRowImages)])
		r.mu.Unlock()
		found = true
	}
	source := cmp.Or(want, have)
	if at, ok := gitRevision(source); ok && !r.knowsCommit(changed{key, at}) {
		commit := r.e.changer(ctx, a, *source, at)
		r.mu.Lock()
		keep(r.commits, changed{key, at}, commit)
		r.mu.Unlock()
		found = true
	}
	return found
}

func (r *Rows) knowsImages(d object.Digest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return has(r.images, d)
}

func (r *Rows) knowsCommit(at changed) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return has(r.commits, at)
}

// keep remembers within the limit; beyond it, everything is forgotten and read again when asked for.
func keep[K comparable, V any](m map[K]V, k K, v V) {
	if len(m) >= maxRowFacts {
		clear(m)
	}
	m[k] = v
}

// gitRevision is the first revision that is a commit.
func gitRevision(d *Deployed) (commitAt, bool) {
	if d != nil {
		for _, rev := range d.Revisions {
			if rev.Tree != "" {
				return commitAt{rev.URL, rev.Commit}, true
			}
		}
	}
	return commitAt{}, false
}

// origin is where an App comes from: by what was rendered, else by its spec.
func (e *Engine) origin(spec App, d *Deployed) (url, path string) {
	if d != nil && len(d.Revisions) > 0 {
		return d.Revisions[0].URL, d.Revisions[0].Path
	}
	for _, s := range spec.Sources {
		if s.ValuesOnly {
			continue
		}
		path = s.Render.Path
		if s.Chart != nil {
			path = s.Chart.Name
		}
		if s.URL != "" {
			return s.URL, path
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.specs[Key{Namespace: spec.Key.Namespace, Name: s.Repository}].URL, path
	}
	return "", ""
}

// Images are the images of a bundle's workloads: of Pods, of what has a Pod template, and of CronJobs; sorted, each once.
func Images(b bundle.Bundle) []string {
	set := map[string]bool{}
	for _, entry := range b.Objects {
		spec := within(entry.Body, "spec")
		for _, pod := range []map[string]any{
			spec, within(spec, "template", "spec"), within(spec, "jobTemplate", "spec", "template", "spec"),
		} {
			for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
				addImages(set, pod[list])
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func addImages(set map[string]bool, containers any) {
	list, _ := containers.([]any)
	for _, c := range list {
		container, _ := c.(map[string]any)
		if image, _ := container["image"].(string); strings.TrimSpace(image) != "" {
			set[image] = true
		}
	}
}

// within walks down maps; what is not there is an empty map.
func within(m map[string]any, path ...string) map[string]any {
	for _, p := range path {
		m, _ = m[p].(map[string]any)
	}
	return m
}
