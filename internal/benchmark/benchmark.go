// Package benchmark measures Plumb on somebody's own cluster, beside the limit of that cluster: a client-go loop that applies
// the same objects. Everything happens in namespaces of its own, which are removed again, whatever happens.
package benchmark

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/engine"
)

// Installation is the name under which the bench applies, so that no daemon takes its objects for its own.
const Installation = "plumb-bench"

// Engine is what the Apps are handed to; *engine.Engine in the command.
type Engine interface {
	SetTarget(engine.Target)
	SetApp(engine.App)
	Snapshot(engine.Key) (engine.Snapshot, bool)
}

// Connect reaches the cluster as an engine wants it, with its requests counted.
type Connect func(context.Context, engine.Target) (*cluster.Cluster, error)

// Options of a run. All fields but Keep, Say and Dir are required.
type Options struct {
	Kubeconfig []byte // of the cluster
	Run        string // names this run: a label value
	Prefix     string // of the namespaces' names
	Apps       int
	Objects    int // of each App
	Trials     int // of drift
	Keep       bool
	Dir        string // an empty directory for the manifests
	// Start starts an engine of one run, that is told to connect by connect and tells of news by changed. stop ends it.
	Start func(ctx context.Context, connect Connect, changed func(engine.Key)) (e Engine, stop func(), err error)
	Now   func() time.Time
	Say   func(format string, args ...any)
}

// Report is what a run found.
type Report struct {
	Cluster string `json:"cluster"` // version of its API server
	Apps    int    `json:"apps"`
	Objects int    `json:"objects"` // of each App
	Rows    []Row  `json:"rows"`
}

// Row is one figure. Raw is that of the client-go loop, zero when there is none.
type Row struct {
	What  string  `json:"what"`
	Unit  string  `json:"unit,omitempty"`
	Plumb float64 `json:"plumb"`
	Raw   float64 `json:"raw,omitempty"`
	Note  string  `json:"note,omitempty"`
}

// Run measures. Its namespaces are gone when it returns, also when ctx has ended, unless Keep is set or the error says so.
func Run(ctx context.Context, o Options) (report Report, err error) {
	r, err := newRun(o)
	if err != nil {
		return Report{}, err
	}
	if err := r.mayAll(ctx); err != nil {
		return Report{}, err
	}
	if !o.Keep {
		defer func() { err = errors.Join(err, r.clean(context.WithoutCancel(ctx))) }()
	}
	if err := r.makeNamespaces(ctx); err != nil {
		return Report{}, err
	}
	report = Report{Apps: o.Apps, Objects: o.Objects}
	if report.Cluster, err = r.version(ctx); err != nil {
		return report, err
	}
	if r.world, err = r.watch(ctx); err != nil {
		return report, err
	}
	defer r.world.stop()
	err = r.measure(ctx, &report)
	return report, err
}

// measure runs the raw loop, Plumb, and the raw loop again, so that a cluster whose load changes shows it.
func (r *run) measure(ctx context.Context, report *Report) error {
	r.o.Say("the raw loop applies %d × %d objects", r.o.Apps, r.o.Objects)
	before, err := r.rawLoop(ctx, sideBefore)
	if err != nil {
		return fmt.Errorf("the raw loop: %w", err)
	}
	r.o.Say("Plumb applies the same")
	p, err := r.plumb(ctx)
	if err != nil {
		return fmt.Errorf("Plumb: %w", err)
	}
	r.o.Say("the raw loop applies them once more")
	after, err := r.rawLoop(ctx, sideAfter)
	if err != nil {
		return fmt.Errorf("the raw loop: %w", err)
	}
	what := fmt.Sprintf("first sync, %d apps × %d objects", r.o.Apps, r.o.Objects)
	both := func(f func(phase) float64) float64 { return (f(before) + f(after)) / 2 }
	report.add(what+": all objects healthy", "s", p.sync.took.Seconds(), both(func(p phase) float64 { return p.took.Seconds() }),
		fmt.Sprintf("raw %.2f before, %.2f after", before.took.Seconds(), after.took.Seconds()))
	report.add(what+": every App is Synced", "s", p.synced.Seconds(), both(func(p phase) float64 { return p.took.Seconds() }), "")
	report.add(what+": CPU", "s", p.sync.cpu.Seconds(), both(func(p phase) float64 { return p.cpu.Seconds() }), "of this process, without the workers that render")
	report.add(what+": requests", "", float64(p.sync.meter.total()), both(func(p phase) float64 { return float64(p.meter.total()) }), p.sync.meter.byVerb())
	report.add(what+": bytes", "KiB", float64(p.sync.meter.bytes)/1024, both(func(p phase) float64 { return float64(p.meter.bytes) / 1024 }),
		"bodies of requests and answers, watches among them")
	report.add(what+": heap", "KiB", max(0, p.heap)/1024, 0, "what the engine keeps when all is Synced")
	report.add("nothing changes: requests in "+idle.String(), "", float64(p.idle.total()), 0, p.idle.byVerb())
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		report.add("drift: edit → undone, "+q.name, "ms", float64(quantile(p.drift, q.at).Microseconds())/1000, 0, fmt.Sprintf("%d trials", len(p.drift)))
	}
	return nil
}

func (r *Report) add(what, unit string, plumb, raw float64, note string) {
	r.Rows = append(r.Rows, Row{What: what, Unit: unit, Plumb: plumb, Raw: raw, Note: note})
}

// quantile is the smallest duration that at least the share q does not exceed.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	i := int(q * float64(len(sorted)))
	if float64(i) == q*float64(len(sorted)) {
		i--
	}
	return sorted[max(0, min(i, len(sorted)-1))]
}

func heapInUse() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func makeDir(path string) error { return os.MkdirAll(path, 0o755) }
