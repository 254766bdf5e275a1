package daemon

import (
	"cmp"
	"context"
	"log/slog"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/controller"
	appctrl "plumb.cd/plumb/internal/controller/app"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/render/worker"
	"plumb.cd/plumb/internal/server"
)

// parts are what a daemon is made of. Each step makes some of them out of those before it; close goes the other way round.
type parts struct {
	o   cli.DaemonOptions
	log *slog.Logger

	// opened: the disk, the workers, the hub, and who is told.
	config  *rest.Config
	stores  *stores
	pool    *worker.Pool
	manager ctrl.Manager
	hub     *cluster.Cluster
	direct  client.Client
	notify  *notifier
	witness *witness

	// assembled: the engine, and what hears of it.
	ledger  *appctrl.Ledger
	changes *server.Changes
	wakers  *controller.Wakers
	rest    *tidy
	engine  *engine.Engine
	rows    *engine.Rows

	api *server.Server

	closers []func()
}

// assemble makes all parts. close frees what there is, also after an error.
func (p *parts) assemble(ctx context.Context) error {
	for _, step := range []func(context.Context) error{p.openDisk, p.openHub, p.openEars, p.makeEngine, p.makeAPI} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p *parts) later(f func()) { p.closers = append(p.closers, f) }

// close closes everything, the last first.
func (p *parts) close() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		p.closers[i]()
	}
}

// openDisk opens the stores and makes the pool of workers, which starts none yet.
func (p *parts) openDisk(ctx context.Context) (err error) {
	if p.config, err = restConfig(p.o.Kubeconfig); err != nil {
		return err
	}
	if p.stores, err = open(ctx, p.o.Dir); err != nil {
		return err
	}
	p.later(func() {
		if err := p.stores.close(); err != nil {
			p.log.Warn("the state was not closed cleanly", "dir", p.o.Dir, "err", err)
		}
	})
	p.pool = worker.NewPool(worker.Options{Command: p.o.Self, Size: cmp.Or(max(p.o.Renderers, 0), runtime.GOMAXPROCS(0)), Kept: 1})
	p.later(p.pool.Close)
	return nil
}

// openHub connects to the hub: with the controllers' cache, as a cluster, and directly.
func (p *parts) openHub(ctx context.Context) (err error) {
	if p.manager, err = managerOf(p.config, p.o); err != nil {
		return err
	}
	p.hub, err = cluster.Connect(ctx, cluster.Config{RESTConfig: p.config, Manager: p.o.Installation, UserAgent: "plumb/" + p.o.Version})
	if err != nil {
		return err
	}
	p.later(p.hub.Close)
	p.direct, err = client.New(p.config, client.Options{Scheme: controller.Scheme()})
	return err
}

// openEars makes those who hear what happens. They see nothing before the engine is made.
func (p *parts) openEars(ctx context.Context) (err error) {
	if p.notify, err = openNotifier(ctx, p.o, p.stores.mirrors, p.part("notifications")); err != nil {
		return err
	}
	p.later(func() { p.notify.close(p.log) })
	if p.witness, err = openWitness(ctx, p.o, p.manager.GetClient(), p.direct, p.part("events")); err != nil {
		return err
	}
	p.later(func() { p.witness.close(ctx, p.log) })
	return nil
}

func (p *parts) part(name string) *slog.Logger { return p.log.With("part", name) }

// makeEngine makes the engine and the controllers that tell it what people want.
func (p *parts) makeEngine(ctx context.Context) error {
	p.ledger, p.changes, p.wakers, p.rest = appctrl.NewLedger(p.direct, client.ObjectKey{Namespace: p.o.Namespace, Name: "plumb-uses." + p.o.Installation}), server.NewChanges(), &controller.Wakers{}, newTidy()
	p.engine = engine.New(p.engineOptions())
	p.witness.see(ctx, p.engine)
	p.rows = engine.NewRows(p.engine, func(k engine.Key) { p.changes.Changed(k); p.notify.app(k) })
	p.engine.SetTarget(engine.Target{Name: inCluster})
	if err := controller.Add(ctx, p.manager, shown{home{p.engine}, p.rows}, p.ledger, p.wakers, time.Now); err != nil {
		return undefined(err)
	}
	return nil
}

func (p *parts) engineOptions() engine.Options {
	st, n, w := p.stores, p.notify, p.witness
	return engine.Options{
		Installation: p.o.Installation, Mirrors: st.mirrors, Charts: st.charts, Bundles: st.bundles, Renderer: p.pool,
		History: recorder{w.of(st.history), n}, Owned: st.history, Memory: p.ledger, HashKey: st.key,
		Build: build(p.o), Now: time.Now, Log: p.part("engine"), Connect: connector(p.config, p.o),
		Changed: func(k engine.Key) {
			p.changes.Changed(k)
			p.wakers.App(k)
			n.app(k)
			w.AppChanged(k)
			p.rest.busy()
		},
		RepositoryChanged: func(k engine.Key) { p.wakers.Repository(k); n.repository(k); w.RepositoryChanged(k) },
		TargetChanged:     func(k engine.Key) { p.wakers.Cluster(k); n.cluster(k) },
	}
}

// makeAPI makes the API and the channels that tell people.
func (p *parts) makeAPI(ctx context.Context) error {
	who := newAccess(p.hub, p.o.LocalToken, time.Now)
	browsers, err := security(p.o, who, p.direct, p.part("sign-in"))
	if err != nil {
		return err
	}
	p.notify.see(p.engine, p.rows, browsers.SignIn.Front().Public)
	if err := controller.AddChannels(ctx, p.manager, p.notify, p.notify.waker, p.o.Namespace, time.Now); err != nil {
		return undefined(err)
	}
	p.api = server.New(server.Options{
		Engine: p.engine, Access: who, Security: browsers, Intents: intents{p.direct}, History: p.stores.history,
		Registry: registry(p.engine, p.pool, p.notify, p.witness), Changes: p.changes,
		Ready: func() error { return p.hub.Alive(ctx) }, Version: p.o.Version, Now: time.Now, Log: p.part("api"),
		List:     server.ListOptions{Facts: p.rows.RowFacts, Settle: p.rows.Settle, Links: p.witness.links, FacetLabels: p.o.FacetLabels},
		Channels: server.ChannelOptions{Channels: p.notify}, View: server.ViewOptions{Views: views{p.direct, p.o.Namespace}},
		DORA: server.DORAOptions{History: p.stores.history}, Detail: server.DetailOptions{Resources: resources{p.direct}},
	})
	return nil
}

// run runs everything until ctx ends, or something does that should not.
func (p *parts) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serve(ctx, p.o, p.api) })
	if p.o.DebugListen != "" {
		g.Go(func() error { return serveDebug(ctx, p.o.DebugListen) })
	}
	for _, led := range []func(context.Context) error{p.engine.Run, p.notify.Run, warm(p.pool, p.log)} { // only who leads tells people
		g.Go(func() error { return elected(ctx, p.manager, led) })
	}
	for _, run := range []func(context.Context) error{p.witness.Run, p.rows.Run, p.rest.run, p.manager.Start} {
		g.Go(func() error { return run(ctx) })
	}
	p.log.Info("started", "version", p.o.Version, "dir", p.o.Dir)
	return g.Wait()
}
