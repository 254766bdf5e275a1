// Package enginelab runs an Engine in the test's own process, with real stores, real renderers and a real API server, and
// without our custom resources: a test tells it about Apps and repositories directly, and restarts it as it likes.
package enginelab

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/history/sqlite"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/helm"
	"plumb.cd/plumb/internal/render/kustomize"
	"plumb.cd/plumb/internal/render/plain"
)

// Renderer renders in this process, one at a time (Kustomize's library keeps state of the whole process), and counts.
type Renderer struct {
	mu    sync.Mutex
	by    map[render.Kind]render.Renderer
	count int
	paths map[string]int
	out   int

	before func(ctx context.Context, n int)
}

// NewRenderer makes a Renderer of plain YAML, Kustomize and Helm.
func NewRenderer() *Renderer {
	charts := helm.New()
	return &Renderer{
		by:    map[render.Kind]render.Renderer{render.Plain: plain.New(), render.Kustomize: kustomize.New(charts), render.Helm: charts},
		paths: map[string]int{},
	}
}

// Render renders; a kind that the request leaves open is found out.
func (r *Renderer) Render(ctx context.Context, files render.Files, req render.Request) (render.Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	r.paths[req.Path]++
	if wait, n := r.before, r.count; wait != nil {
		r.mu.Unlock()
		wait(ctx, n)
		r.mu.Lock()
	}
	kind, err := render.Resolve(files, req)
	if err != nil {
		return render.Result{}, err
	}
	req.Kind = kind
	res, err := r.by[kind].Render(ctx, files, req)
	r.out += len(res.Objects)
	return res, err
}

// Before has wait called before the n-th render, from now on.
func (r *Renderer) Before(wait func(ctx context.Context, n int)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = wait
}

// Objects is how many objects were rendered so far.
func (r *Renderer) Objects() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out
}

// Count is how often something was rendered so far.
func (r *Renderer) Count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// Paths tells how often each path was rendered so far.
func (r *Renderer) Paths() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.paths)
}

// Cluster is the name of the cluster that a Lab knows from the beginning.
const Cluster = "lab"

// Lab is an Engine that can be ended and started again. The Apps that it was told about, with their Memory, survive that, as
// custom resources would.
type Lab struct {
	*engine.Engine
	Renderer *Renderer
	Dir      string

	kubeconfig []byte
	specs      map[engine.Key]engine.App
	repos      map[engine.Key]engine.Repository
	mu         sync.Mutex
	memories   map[engine.Key]engine.Memory
	stop       func()
	close      func() error
}

// New starts an Engine on a control plane. It ends with the test.
func New(t testing.TB, cp *cptest.ControlPlane) *Lab {
	t.Helper()
	raw, err := os.ReadFile(cp.EngineKubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return Reaching(t, raw)
}

// Reaching is New for a cluster that a kubeconfig says how to reach, such as one behind a proxy.
func Reaching(t testing.TB, kubeconfig []byte) *Lab {
	t.Helper()
	l := &Lab{
		Renderer: NewRenderer(), Dir: t.TempDir(), kubeconfig: kubeconfig,
		specs: map[engine.Key]engine.App{}, repos: map[engine.Key]engine.Repository{}, memories: map[engine.Key]engine.Memory{},
	}
	l.Start(t)
	t.Cleanup(func() { l.Stop(t) })
	return l
}

// SaveMemory keeps what an App must not forget.
func (l *Lab) SaveMemory(_ context.Context, key engine.Key, m engine.Memory) error {
	l.remember(key, m)
	return nil
}

// SaveUses is SaveMemory: here one write is as good as the other.
func (l *Lab) SaveUses(ctx context.Context, key engine.Key, m engine.Memory) error {
	return l.SaveMemory(ctx, key, m)
}

func (l *Lab) remember(key engine.Key, m engine.Memory) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if have, ok := l.memories[key]; !ok || m.Version >= have.Version {
		l.memories[key] = m
	}
}

// Start starts the Engine with what is in Dir, and tells it what the one before knew.
func (l *Lab) Start(t testing.TB) {
	t.Helper()
	mirrors, err := git.OpenStore(filepath.Join(l.Dir, "git"))
	if err != nil {
		t.Fatal(err)
	}
	bundles, err := bundle.OpenStore(filepath.Join(l.Dir, "bundles"), bundle.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	history, err := sqlite.Open(ctx, filepath.Join(l.Dir, "history.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	changed := make(chan engine.Key, 1<<16)
	e := engine.New(engine.Options{
		Mirrors: mirrors, Bundles: bundles, Renderer: l.Renderer, History: history, Owned: history, Memory: l, HashKey: []byte("lab"), Now: time.Now,
		Connect: func(ctx context.Context, t engine.Target) (*cluster.Cluster, error) {
			return cluster.Connect(ctx, cluster.Config{Kubeconfig: t.Kubeconfig, Manager: "plumb", UserAgent: "plumb-lab"})
		},
		Changed: func(k engine.Key) { changed <- k },
	})
	l.Engine = e
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.Run(ctx) }) // it ends with ctx, and by nothing else
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case k := <-changed:
				if s, ok := e.Snapshot(k); ok {
					l.remember(k, s.Memory)
				}
			}
		}
	})
	l.stop = func() { cancel(); wg.Wait() }
	l.close = func() error {
		if err := mirrors.Close(); err != nil {
			return err
		}
		return history.Close()
	}
	l.tell()
}

func (l *Lab) tell() {
	l.SetTarget(engine.Target{Name: Cluster, Generation: 1, Kubeconfig: l.kubeconfig})
	for _, r := range l.repos {
		l.Engine.SetRepository(r)
	}
	for _, a := range l.specs {
		l.tellApp(a)
	}
}

func (l *Lab) tellApp(a engine.App) {
	l.mu.Lock()
	a.Memory = l.memories[a.Key]
	l.mu.Unlock()
	l.Engine.SetApp(a)
}

// Stop ends the Engine and closes its stores.
func (l *Lab) Stop(t testing.TB) {
	t.Helper()
	if l.stop == nil {
		return
	}
	l.stop()
	l.stop = nil
	if err := l.close(); err != nil {
		t.Error(err)
	}
}

// Restart ends the Engine and starts it again.
func (l *Lab) Restart(t testing.TB) {
	t.Helper()
	l.Stop(t)
	l.Start(t)
}

// LoseFiles is Restart with nothing left on disk.
func (l *Lab) LoseFiles(t testing.TB) {
	t.Helper()
	l.Stop(t)
	if err := os.RemoveAll(l.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.Start(t)
}

// Repository tells about a Git repository that is looked at when Pushed says so.
func (l *Lab) Repository(name, url string) {
	r := engine.Repository{Key: engine.Key{Namespace: "lab", Name: name}, Generation: 1, URL: url, Interval: time.Hour}
	l.repos[r.Key] = r
	l.Engine.SetRepository(r)
}

// Look has all repositories looked at now.
func (l *Lab) Look() { l.Pushed(func(engine.Repository) bool { return true }) }

// Put tells about an App. Its key, UID, generation and cluster are filled in.
func (l *Lab) Put(name string, a engine.App) {
	a.Key = engine.Key{Namespace: "lab", Name: name}
	a.UID, a.Generation = name, l.specs[a.Key].Generation+1
	if a.Cluster == "" {
		a.Cluster = Cluster
	}
	l.specs[a.Key] = a
	l.tellApp(a)
}

// Key is the key of an App that was Put.
func Key(name string) engine.Key { return engine.Key{Namespace: "lab", Name: name} }

const within = 90 * time.Second

// Until waits for a snapshot of each App that fits.
func (l *Lab) Until(t testing.TB, what string, fits func(engine.Snapshot) bool, names ...string) {
	t.Helper()
	var last engine.Snapshot
	cptest.Eventually(t, within, what, func() bool {
		for _, name := range names {
			s, ok := l.Snapshot(Key(name))
			if !ok || !fits(s) {
				if s.State != last.State || s.Message != last.Message {
					t.Logf("%s is %s: %s", name, s.State, s.Message)
				}
				last = s
				return false
			}
		}
		return true
	})
}

// UntilSynced waits until the Apps are Synced at a commit.
func (l *Lab) UntilSynced(t testing.TB, commit string, names ...string) {
	t.Helper()
	l.Until(t, "the Apps are Synced", func(s engine.Snapshot) bool { return s.State == engine.StateSynced && s.Head == commit }, names...)
}
