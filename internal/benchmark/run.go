package benchmark

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/render"
)

const (
	parallel = 16 // Apps that the raw loop applies at the same time
	idle     = 5 * time.Second
)

type run struct {
	o      Options
	config *rest.Config
	own    *dynamic.DynamicClient // for the namespaces, the watches and the edits
	world  *world
}

func newRun(o Options) (*run, error) {
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(o.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig: %w", err)
	}
	config = unthrottled(config)
	own, err := dynamic.NewForConfig(config)
	return &run{o: o, config: config, own: own}, err
}

func unthrottled(c *rest.Config) *rest.Config {
	c = rest.CopyConfig(c)
	c.QPS, c.Burst, c.RateLimiter = -1, -1, nil
	c.WarningHandler = rest.NoWarnings{}
	return c
}

// phase is what one side took.
type phase struct {
	took, cpu time.Duration
	meter     counts
}

// rawLoop applies everything with client-go alone and waits until it is healthy.
func (r *run) rawLoop(ctx context.Context, side string) (phase, error) {
	config, m := metered(r.config)
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return phase{}, err
	}
	healthy := r.world.healthy(side, r.o.Apps*r.o.Objects)
	cpu, began := ownCPU(), r.o.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range r.o.Apps {
		g.Go(func() error {
			for _, u := range objects(i, r.o.Objects, r.namespace(side, i), r.o.Run, side) {
				_, err := client.Resource(resources[u.GetKind()]).Namespace(u.GetNamespace()).
					Apply(gctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: Installation, Force: true})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return phase{}, err
	}
	last, err := healthy(ctx)
	return phase{took: last.Sub(began), cpu: ownCPU() - cpu, meter: m.counts()}, err
}

// plumbed is what Plumb took.
type plumbed struct {
	sync   phase
	synced time.Duration
	heap   float64
	idle   counts
	drift  []time.Duration
}

func (r *run) plumb(ctx context.Context) (plumbed, error) {
	var p plumbed
	if err := r.writeFiles(); err != nil {
		return p, err
	}
	config, m := metered(r.config)
	changed := make(chan struct{}, 1)
	e, stop, err := r.o.Start(ctx, func(ctx context.Context, _ engine.Target) (*cluster.Cluster, error) {
		return cluster.Connect(ctx, cluster.Config{RESTConfig: config, Manager: Installation, UserAgent: Installation})
	}, func(engine.Key) {
		select {
		case changed <- struct{}{}:
		default: // who waits looks at everything anyway
		}
	})
	if err != nil {
		return p, err
	}
	defer stop()
	heap := heapInUse()
	healthy := r.world.healthy(sidePlumb, r.o.Apps*r.o.Objects)
	cpu, began := ownCPU(), r.o.Now()
	e.SetTarget(engine.Target{Generation: 1})
	for i := range r.o.Apps {
		e.SetApp(r.app(i))
	}
	last, err := healthy(ctx)
	if err != nil {
		return p, r.blame(e, err)
	}
	p.sync.took = last.Sub(began)
	if err := r.allSynced(ctx, e, changed); err != nil {
		return p, r.blame(e, err)
	}
	p.synced, p.sync.cpu, p.sync.meter = r.o.Now().Sub(began), ownCPU()-cpu, m.counts()
	p.heap = heapInUse() - heap
	if err := pause(ctx, idle); err != nil {
		return p, err
	}
	before := m.counts()
	if err := pause(ctx, idle); err != nil {
		return p, err
	}
	p.idle = m.counts().minus(before)
	for i := range r.o.Trials {
		took, err := r.drift(ctx, i)
		if err != nil {
			return p, fmt.Errorf("drift: %w", err)
		}
		p.drift = append(p.drift, took)
	}
	return p, nil
}

// pause waits; the bench has nothing else to wait for.
func pause(ctx context.Context, long time.Duration) error {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func appName(i int) string { return fmt.Sprintf("app-%05d", i) }

func (r *run) app(i int) engine.App {
	return engine.App{
		Key: engine.Key{Namespace: Installation, Name: appName(i)}, UID: r.o.Run + "-" + appName(i), Generation: 1, Namespace: r.namespace(sidePlumb, i),
		Mode: engine.Auto, Heal: true, Policy: plan.Policy{},
		Sources: []engine.Source{{Dir: r.o.Dir, Render: render.Request{Kind: render.Plain, Path: appName(i)}}},
	}
}

// writeFiles writes what the Apps render: one file each.
func (r *run) writeFiles() error {
	for i := range r.o.Apps {
		dir := filepath.Join(r.o.Dir, appName(i))
		if err := makeDir(dir); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "app.yaml"), []byte(documents(i, r.o.Objects, r.o.Run, sidePlumb)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) allSynced(ctx context.Context, e Engine, changed <-chan struct{}) error {
	for next := 0; next < r.o.Apps; {
		s, ok := e.Snapshot(r.app(next).Key)
		switch {
		case ok && s.State == engine.StateSynced:
			next++
			continue
		case ok && s.State == engine.StateFailed:
			return fmt.Errorf("%s is Failed: %s", s.Key.Name, s.Message)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
	return nil
}

// blame adds what the first App that is not Synced says.
func (r *run) blame(e Engine, err error) error {
	for i := range r.o.Apps {
		if s, ok := e.Snapshot(r.app(i).Key); ok && s.State != engine.StateSynced && s.Message != "" {
			return errors.Join(err, fmt.Errorf("%s is %s: %s", s.Key.Name, s.State, s.Message))
		}
	}
	return err
}

// drift edits a value that Plumb applied, as a person would, and waits until it is undone.
func (r *run) drift(ctx context.Context, i int) (time.Duration, error) {
	app := i % r.o.Apps
	field := fields[i/r.o.Apps%len(fields)]
	name, namespace := objectName(app, 0), r.namespace(sidePlumb, app)
	undone := r.world.undone(namespace, name, field)
	_, err := r.own.Resource(resources["ConfigMap"]).Namespace(namespace).Patch(ctx, name, types.MergePatchType,
		fmt.Appendf(nil, `{"data":{%q:"drift-%d"}}`, field, i), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	began := r.o.Now()
	if err != nil {
		return 0, err
	}
	at, err := undone(ctx)
	return max(0, at.Sub(began)), err
}

// namespace of an App on one side.
func (r *run) namespace(side string, app int) string {
	return strings.Join([]string{r.o.Prefix, r.o.Run, side, fmt.Sprint(app % namespacesEach)}, "-")
}
