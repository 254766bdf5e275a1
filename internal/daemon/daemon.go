// Package daemon assembles the parts that plumb run is made of: stores, workers, engine, controllers and the HTTP server.
// It decides nothing; it opens, connects and closes.
package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/controller"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/history/sqlite"
	"plumb.cd/plumb/internal/render/worker"
)

// stores are what the daemon keeps on disk. Losing all of it loses history, and costs time; never correctness.
type stores struct {
	mirrors *git.Store
	bundles *bundle.Store
	history *sqlite.Store
	charts  *chart.Client
	key     []byte
}

func (s *stores) close() error { return errors.Join(s.mirrors.Close(), s.history.Close()) }

func open(ctx context.Context, dir string) (*stores, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	s := &stores{charts: chart.New(filepath.Join(dir, "charts"), chart.Limits{})}
	var err error
	if s.key, err = hashKey(filepath.Join(dir, "fingerprint.key")); err != nil {
		return nil, err
	}
	if s.mirrors, err = git.OpenStore(filepath.Join(dir, "git")); err != nil {
		return nil, err
	}
	if s.bundles, err = bundle.OpenStore(filepath.Join(dir, "bundles"), bundle.StoreOptions{}); err != nil {
		return nil, err
	}
	if s.history, err = sqlite.Open(ctx, filepath.Join(dir, "history.db"), sqlite.Options{}); err != nil {
		return nil, err
	}
	return s, nil
}

// hashKey keys the fingerprints, so that what is on disk tells nothing of the values. A lost key costs one dry-run an
// object.
func hashKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err == nil && len(key) == 32 {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key = make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return key, os.WriteFile(path, key, 0o600)
}

// Run is the daemon. It returns when ctx ends and everything has stopped, or with the error that stopped it.
func Run(ctx context.Context, o cli.DaemonOptions) error {
	log, err := logger(o)
	if err != nil {
		return err
	}
	ctrl.SetLogger(logr.FromSlogHandler(log.With("part", "controllers").Handler()))
	p := &parts{o: o, log: log}
	defer p.close()
	if err := p.assemble(ctx); err != nil {
		return err
	}
	return p.run(ctx)
}

// A replica that stops gives its Lease back at once; one that dies is replaced after leaseDuration. An API server that is
// slow to answer for half a minute, as an overloaded one is, costs nobody the lead.
const (
	leaseDuration = 40 * time.Second
	renewDeadline = 30 * time.Second
	retryPeriod   = 5 * time.Second
)

func managerOf(config *rest.Config, o cli.DaemonOptions) (ctrl.Manager, error) {
	m, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: controller.Scheme(), Cache: controller.Cache(), Metrics: metricsserver.Options{BindAddress: "0"},
		LeaderElection: o.LeaderElection, LeaderElectionID: "plumb." + o.Installation, LeaderElectionNamespace: o.Namespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 new(leaseDuration), RenewDeadline: new(renewDeadline), RetryPeriod: new(retryPeriod),
		Controller: ctrlconfig.Controller{SkipNameValidation: new(true)}, // a process may run it again
	})
	if err != nil {
		return nil, fmt.Errorf("connecting to the hub: %w", err)
	}
	return m, nil
}

// warm starts the one worker that is kept, so that the first commit after a quiet time waits for none. It may fail: the
// first render starts a worker then, and says what is wrong.
func warm(pool *worker.Pool, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := pool.Warm(ctx); err != nil && ctx.Err() == nil {
			log.Warn("no render worker could be started ahead", "err", err)
		}
		return nil
	}
}

// elected runs something once this replica leads.
func elected(ctx context.Context, m ctrl.Manager, run func(context.Context) error) error {
	select {
	case <-ctx.Done():
		return nil
	case <-m.Elected():
	}
	return run(ctx)
}

// build names this program and the libraries in it: what another one rendered is rendered again.
func build(o cli.DaemonOptions) string {
	info, err := os.Stat(o.Self[0])
	if err != nil {
		return o.Version + " " + rand.Text() // never the same
	}
	return fmt.Sprintf("%s %d %d", o.Version, info.Size(), info.ModTime().UnixNano())
}

// home is the engine as the controllers see it: the daemon's own cluster stays known when no Cluster names it.
type home struct{ *engine.Engine }

// ForgetTarget drops a cluster.
func (h home) ForgetTarget(name string) {
	if name == inCluster {
		h.SetTarget(engine.Target{Name: inCluster})
		return
	}
	h.Engine.ForgetTarget(name)
}

// undefined tells a hub without our definitions from other trouble with the controllers.
func undefined(err error) error {
	if meta.IsNoMatchError(err) {
		return &fault.Error{
			Class: fault.Blocked, Reason: fault.KindUnknown, Message: "the hub does not have Plumb's definitions", Err: err,
			Next: "plumb install --image REF --apply, or plumb up for a local control plane",
		}
	}
	return fmt.Errorf("setting up the controllers: %w", err)
}

func logger(o cli.DaemonOptions) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.LogLevel)); err != nil {
		return nil, fmt.Errorf("log level %q: want debug, info, warn or error", o.LogLevel)
	}
	return slog.New(slog.NewJSONHandler(o.Log, &slog.HandlerOptions{Level: level})), nil
}

// restConfig is how the daemon reaches the hub. No throttle of the client's own: the API server has its own back-pressure.
func restConfig(kubeconfig []byte) (*rest.Config, error) {
	var config *rest.Config
	var err error
	if len(kubeconfig) > 0 {
		config, err = clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	} else {
		config, err = rest.InClusterConfig()
	}
	if err != nil {
		return nil, fmt.Errorf("no way to the hub's API server: %w (give --kubeconfig outside of a cluster)", err)
	}
	config.QPS, config.Burst = -1, -1
	return config, nil
}

func connector(own *rest.Config, o cli.DaemonOptions) func(context.Context, engine.Target) (*cluster.Cluster, error) {
	return func(ctx context.Context, t engine.Target) (*cluster.Cluster, error) {
		cfg := cluster.Config{Kubeconfig: t.Kubeconfig, Manager: o.Installation, UserAgent: "plumb/" + o.Version}
		if len(t.Kubeconfig) == 0 {
			cfg.RESTConfig = own
		}
		return cluster.Connect(ctx, cfg)
	}
}

// hubMetrics passes the controllers' own measures on.
type hubMetrics struct{}

func (hubMetrics) Describe(chan<- *prometheus.Desc) {}

func (hubMetrics) Collect(out chan<- prometheus.Metric) {
	if c, ok := ctrlmetrics.Registry.(prometheus.Collector); ok {
		c.Collect(out)
	}
}

// inCluster is the Cluster that always exists: the one that the daemon was started for.
const inCluster = "in-cluster"
