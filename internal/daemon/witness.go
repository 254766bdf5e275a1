package daemon

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/controller/events"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/links"
	"plumb.cd/plumb/internal/render/worker"
	"plumb.cd/plumb/internal/telemetry"
)

// witness tells the outside what the engine does: Kubernetes Events, and traces where the environment asks for them.
type witness struct {
	*events.Recorder
	traces *telemetry.Traces
	links  *links.Matcher
}

// openWitness makes a witness. cached knows our resources; nothing is told before see and Run.
func openWitness(ctx context.Context, o cli.DaemonOptions, cached client.Reader, direct client.Writer, log *slog.Logger) (*witness, error) {
	matcher, err := links.New(o.Links, o.Forges)
	if err != nil {
		return nil, err
	}
	getenv := o.Getenv
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	traces, err := telemetry.Start(ctx, getenv, o.Version, time.Now, log)
	if err != nil {
		return nil, err
	}
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "plumb"
	}
	return &witness{
		Recorder: events.New(events.Options{Hub: cached, Writer: direct, Instance: name, Now: time.Now, Log: log}),
		traces:   traces, links: matcher,
	}, nil
}

// see gives the witness its eyes.
func (w *witness) see(ctx context.Context, e *engine.Engine) {
	w.See(e)
	if w.traces != nil {
		e.OnTrace(func(t engine.Trace) { w.traces.Deployment(ctx, t) })
	}
}

// of is a history whose records the witness hears of.
func (w *witness) of(s history.Store) history.Store { return heard{s, w} }

type heard struct {
	history.Store
	w *witness
}

// Append writes a record and tells of it. What could not be written happened all the same.
func (h heard) Append(ctx context.Context, ev history.Event) (history.Event, error) {
	out, err := h.Store.Append(ctx, ev)
	h.w.Recorded(ev)
	return out, err
}

// close sends what is left.
func (w *witness) close(ctx context.Context, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdown)
	defer cancel()
	if err := w.traces.Close(ctx); err != nil {
		log.Warn("the last traces could not be sent", "err", err)
	}
}

// registry has every measure of the daemon.
func registry(e *engine.Engine, pool *worker.Pool, n *notifier, w *witness) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(e.Metrics().Collectors()...)
	r.MustRegister(n.Collectors()...)
	r.MustRegister(w.Collectors()...)
	r.MustRegister(e.Gauges(), hubMetrics{}, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "plumb_render_workers_started_total", Help: "Worker processes that were started: new ones, and those that replace one that ended or was ended.",
	}, func() float64 { return float64(pool.Started()) }))
	return r
}
