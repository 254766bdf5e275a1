package engine

import (
	"context"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/render"
)

// Renderer renders a request; *worker.Pool is the one in use.
type Renderer interface {
	Render(ctx context.Context, files render.Files, req render.Request) (render.Result, error)
}

// MemoryStore makes an App's Memory durable (in its status). SaveMemory returns when the write is stored; it is called
// where the engine must not go on before. Any other change of the Memory comes with the Snapshot, whose reader stores it.
type MemoryStore interface {
	SaveMemory(ctx context.Context, key Key, m Memory) error
	// SaveUses returns when what m says of the clusters, kinds and namespaces in use is stored, and the App can no longer go
	// away without our knowing. The rest of m may come later: it is not counted as stored.
	SaveUses(ctx context.Context, key Key, m Memory) error
}

// Options are what an Engine works with. History, Owned and Memory may be nil: nothing is kept then (one-shot runs).
type Options struct {
	Installation                     string // names the field manager and the ownership marks; default "plumb"
	Mirrors                          *git.Store
	Charts                           *chart.Client
	Bundles                          *bundle.Store
	Renderer                         Renderer
	History                          history.Store
	Owned                            history.OwnedStore
	Memory                           MemoryStore
	HashKey                          []byte // keys the fingerprints
	Build                            string // names the program and its libraries: another one renders anew
	Connect                          func(ctx context.Context, t Target) (*cluster.Cluster, error)
	Changed                          func(Key) // an App's snapshot changed; must not block
	RepositoryChanged, TargetChanged func(name Key)
	Now                              func() time.Time // required
	Log                              *slog.Logger
}

// Engine holds the Apps and what they run on. All methods may be called at any time from any goroutine.
type Engine struct {
	o   Options
	ctx context.Context // of Run; every step ends with it
	wg  sync.WaitGroup

	moves atomic.Int64 // of refs

	mu         sync.Mutex
	started    bool
	listing    atomic.Bool // what is not known may still come
	apps       map[Key]*app
	repos      map[repoKey]*repo
	specs      map[Key]Repository // Repository resources
	targets    map[string]*target
	dependents map[Key]map[Key]bool // App → Apps that depend on it
	metrics    *Metrics
	renders    renders
	did        did
	book       *logbook
}

// New makes an Engine; nothing happens before Run.
func New(o Options) *Engine {
	if o.Installation == "" {
		o.Installation = "plumb"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		o:          o,
		apps:       map[Key]*app{},
		repos:      map[repoKey]*repo{},
		specs:      map[Key]Repository{},
		targets:    map[string]*target{},
		dependents: map[Key]map[Key]bool{},
		metrics:    newMetrics(),
		book:       newLogbook(),
	}
	if o.Owned != nil {
		e.renders.saved = &batch{e: e, bucket: rendersBucket}
	}
	return e
}

// Run works until ctx ends, and returns when everything that it started has stopped.
func (e *Engine) Run(ctx context.Context) error {
	e.loadRenders(ctx)
	e.mu.Lock()
	e.ctx, e.started = ctx, true
	for _, r := range e.repos {
		e.startRepo(r)
	}
	for _, t := range e.targets {
		e.startTarget(t)
	}
	apps := make([]*app, 0, len(e.apps))
	for _, a := range e.apps {
		apps = append(apps, a)
	}
	e.mu.Unlock()
	for _, a := range apps {
		e.kick(a)
	}
	<-ctx.Done()
	e.wg.Wait()
	return nil
}

// Expect says that Repositories, Clusters and Apps are still being listed: until Listed, one that is not known is waited
// for, and no repository is looked at, so that the first look is for all the Apps on it.
func (e *Engine) Expect() { e.listing.Store(true) }

// Listed says that everything was told.
func (e *Engine) Listed() {
	e.mu.Lock()
	known := slices.Collect(maps.Values(e.apps))
	e.mu.Unlock()
	for _, a := range known { // so that a repository's first look is for all the refs in use
		a.stepping.Lock()
		a.mu.Lock()
		spec := a.spec
		a.mu.Unlock()
		e.rewire(a, spec)
		a.stepping.Unlock()
	}
	e.listing.Store(false)
	e.mu.Lock()
	apps := slices.Collect(maps.Keys(e.apps))
	for _, r := range e.repos {
		r.poke()
	}
	e.mu.Unlock()
	e.kickKeys(apps)
}

// SetApp tells the engine about an App: a new one, or a newer version of one that it knows.
func (e *Engine) SetApp(spec App) {
	e.mu.Lock()
	a := e.apps[spec.Key]
	if a == nil || (a.uid != spec.UID && spec.UID != "") {
		if a != nil { // another App of the same name: the old one is gone
			e.unlink(a)
			a.forget()
		}
		a = newApp(spec)
		e.apps[spec.Key] = a
	}
	e.mu.Unlock()
	a.mu.Lock()
	a.accept(spec, e.o.Now())
	a.mu.Unlock()
	e.kick(a)
}

// links are the parts of a spec that say what an App uses. While they stay the same, what is filed about it stays too.
type links struct {
	sources []Source
	cluster string
	depends []Dependency
}

func linksOf(spec App) links { return links{spec.Sources, spec.Cluster, spec.DependsOn} }

// effective is the spec as a hold at a revision makes it: the sources of the first source's repository stand at that
// commit until the hold ends.
func (s App) effective(now time.Time) App {
	if s.Hold == nil || s.Hold.Revision == "" || !s.Hold.active(now) || len(s.Sources) == 0 {
		return s
	}
	first := s.Sources[0]
	s.Sources = slices.Clone(s.Sources)
	for i, src := range s.Sources {
		if src.Chart == nil && src.Repository == first.Repository && src.URL == first.URL {
			s.Sources[i].Ref = git.Ref{Commit: s.Hold.Revision}
		}
	}
	return s
}

func (h Hold) active(now time.Time) bool { return h.Until.IsZero() || now.Before(h.Until) }

// ForgetApp drops an App without touching its objects: its resource is gone.
func (e *Engine) ForgetApp(key Key) {
	e.mu.Lock()
	a := e.apps[key]
	delete(e.apps, key)
	var repos []sourceRepo
	if a != nil {
		repos = a.repos
		e.unlink(a)
		a.forget()
	}
	waiting := keysOf(e.dependents[key])
	e.mu.Unlock()
	if e.renders.saved != nil && a != nil {
		e.renders.saved.put(key.String(), nil)
	}
	for _, sr := range repos {
		waiting = append(waiting, sr.repo.awaited()...)
	}
	e.kickKeys(waiting)
}

// Snapshot tells where an App stands.
func (e *Engine) Snapshot(key Key) (Snapshot, bool) {
	a := e.app(key)
	if a == nil {
		return Snapshot{}, false
	}
	return e.read(a), true
}

// read gives an App's snapshot with what is filled in on reading.
func (e *Engine) read(a *app) Snapshot {
	repos, _ := e.wires(a)
	a.mu.Lock()
	s, spec, valid := a.snapshot, a.spec, a.rendered.valid && a.rendered.number != 0 && a.rendered.number == a.shown
	a.mu.Unlock()
	if valid {
		s.Head = headOf(repos, spec)
	}
	return s
}

// headOf is the commit that the first Git source of an App stands at.
func headOf(repos []sourceRepo, spec App) string {
	for _, sr := range repos {
		if s := spec.Sources[min(sr.index, len(spec.Sources)-1)]; s.Chart == nil {
			at, _, err := sr.repo.at(s.Ref)
			if err == nil {
				return at.Commit
			}
		}
	}
	return ""
}

func (e *Engine) app(key Key) *app {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.apps[key]
}

// rewire makes what the App uses (repositories, a target, other Apps) follow its spec. a.stepping is held: within a
// step the App's wires stay the same.
func (e *Engine) rewire(a *app, spec App) {
	next := linksOf(spec)
	if a.target != nil && reflect.DeepEqual(a.links, next) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.apps[a.key] != a {
		return // it was forgotten meanwhile
	}
	e.unlink(a)
	a.links, a.repos = next, nil
	for i, s := range spec.Sources {
		if s.Dir != "" {
			continue
		}
		r := e.repoFor(spec.Key.Namespace, s)
		r.use(a.key, s)
		a.repos = append(a.repos, sourceRepo{index: i, repo: r})
	}
	a.target = e.targetFor(spec.Cluster)
	a.target.use(a.key)
	for _, d := range spec.DependsOn {
		if d.App == nil {
			continue
		}
		if e.dependents[*d.App] == nil {
			e.dependents[*d.App] = map[Key]bool{}
		}
		e.dependents[*d.App][a.key] = true
	}
}

// unlink releases what the App used. e.mu is held.
func (e *Engine) unlink(a *app) {
	for _, sr := range a.repos {
		sr.repo.release(a.key)
	}
	if a.target != nil {
		a.target.release(a.key)
	}
	for _, set := range e.dependents {
		delete(set, a.key)
	}
}

// wires tells, from outside of the App's steps, what it uses; the target is nil before its first step.
func (e *Engine) wires(a *app) ([]sourceRepo, *target) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return a.repos, a.target
}

// kick lets an App take a step as soon as it can; kicks while it works are remembered as one.
func (e *Engine) kick(a *app) {
	a.mu.Lock()
	a.dirty = true
	start := !a.running && !a.gone
	if start {
		a.running = true
	}
	a.mu.Unlock()
	if !start {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.started || e.ctx.Err() != nil {
		a.mu.Lock()
		a.running = false
		a.mu.Unlock()
		return
	}
	e.wg.Add(1)
	go func() {
		defer e.wg.Done()
		e.work(a)
	}()
}

func (e *Engine) kickKeys(keys []Key) {
	for _, k := range keys {
		if a := e.app(k); a != nil {
			e.kick(a)
		}
	}
}

// work takes steps until nothing is left to do. Waiting is not work: an App that waits has no goroutine, an event or
// its timer kicks it again.
func (e *Engine) work(a *app) {
	for {
		a.mu.Lock()
		if !a.dirty || a.gone || e.ctx.Err() != nil {
			a.running = false
			a.mu.Unlock()
			return
		}
		a.dirty = false
		a.mu.Unlock()
		wake := e.step(e.ctx, a)
		e.wakeAt(a, wake)
	}
}

// wakeAt kicks the App at a time; the zero time never does.
func (e *Engine) wakeAt(a *app, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
	if at.IsZero() || a.gone {
		return
	}
	a.timer = time.AfterFunc(max(at.Sub(e.o.Now()), 0), func() { e.kick(a) })
}

func keysOf(set map[Key]bool) []Key {
	out := make([]Key, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	return out
}
