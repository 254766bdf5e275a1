package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/benchmark"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/engine"
)

// benchDefault bounds plumb bench without --timeout; its clean-up comes on top.
const benchDefault = 15 * time.Minute

type benchFlags struct {
	apps, objects int
	prefix        string
	keep, clean   bool
}

// benchmark is plumb bench.
func (e *env) benchmark() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use: "bench", Args: noArgs,
		Short: "Measure Plumb on your cluster beside a loop that applies the same objects, and clean up",
		Long: `Creates namespaces of its own (PREFIX-RUN-*), in which nothing runs: a Deployment of no replicas, a Service, a
ServiceAccount and ConfigMaps for each App. A client-go loop applies them, then Plumb does, then the loop again; then
values are edited, and Plumb undoes it. The engine runs in this process, under a name of its own: it touches nothing of
a Plumb that runs on the cluster. The namespaces are removed at the end, also after an error or an interrupt. What a
run that was killed has left, plumb bench --clean removes.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := e.withTimeout(cmd.Context(), benchDefault)
			defer cancel()
			if err := f.check(); err != nil {
				return err
			}
			t, err := e.target()
			if err != nil {
				return err
			}
			if f.clean {
				removed, err := benchmark.Clean(ctx, t.Kubeconfig, f.prefix, e.say)
				return errors.Join(err, e.line("removed "+counted(len(removed), "namespace")))
			}
			return cause(ctx, e.runBench(ctx, f, t))
		},
	}
	fs := cmd.Flags()
	fs.IntVar(&f.apps, "apps", 50, "Apps")
	fs.IntVar(&f.objects, "objects", 10, "objects of each App")
	fs.StringVar(&f.prefix, "namespace-prefix", "plumb-bench", "first part of the names of the namespaces")
	fs.BoolVar(&f.keep, "keep", false, "keep the namespaces, to look at them; plumb bench --clean removes them")
	fs.BoolVar(&f.clean, "clean", false, "measure nothing: remove the namespaces that earlier runs left")
	return e.outputFlag(cmd)
}

// prefixes are what may begin the name of a namespace, with room for the rest.
var prefixes = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$`)

func (f benchFlags) check() error {
	switch {
	case f.apps < 1 || f.objects < 1:
		return usageError{errors.New("--apps and --objects: at least one")}
	case !prefixes.MatchString(f.prefix):
		return usageError{fmt.Errorf("--namespace-prefix %q: want at most 32 small letters, digits and dashes", f.prefix)}
	case f.keep && f.clean:
		return usageError{errors.New("--keep and --clean: want one of them")}
	}
	return nil
}

// benchTrials of drift.
const benchTrials = 20

func (e *env) runBench(ctx context.Context, f benchFlags, t engine.Target) error {
	dir, err := os.MkdirTemp("", "plumb-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	report, err := benchmark.Run(ctx, benchmark.Options{
		Kubeconfig: t.Kubeconfig, Run: strconv.FormatInt(e.Now().UnixMilli(), 36), Prefix: f.prefix, Apps: f.apps, Objects: f.objects, Trials: benchTrials,
		Keep: f.keep, Dir: dir, Start: e.startBench, Now: e.Now, Say: e.say,
	})
	if err != nil {
		return err
	}
	return e.print(report, func() error { return e.benchTable(report) })
}

// startBench starts an engine for plumb bench: that of one-shot runs, under another name.
func (e *env) startBench(ctx context.Context, connect benchmark.Connect, changed func(engine.Key)) (benchmark.Engine, func(), error) {
	b, err := e.newBenchWith(ctx, func(o *engine.Options) {
		o.Installation, o.Changed = benchmark.Installation, changed
		o.Connect = func(ctx context.Context, t engine.Target) (*cluster.Cluster, error) { return connect(ctx, t) }
	})
	if err != nil {
		return nil, nil, err
	}
	return b, b.close, nil
}

func (e *env) benchTable(r benchmark.Report) error {
	number := func(v float64) string {
		if v >= 100 || v == float64(int64(v)) {
			return strconv.FormatFloat(v, 'f', 0, 64)
		}
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	var rows [][]string
	for _, w := range r.Rows {
		raw, ratio := "", ""
		if w.Raw > 0 {
			raw, ratio = number(w.Raw), strconv.FormatFloat(w.Plumb/w.Raw, 'f', 2, 64)
		}
		rows = append(rows, []string{w.What, w.Unit, number(w.Plumb), raw, ratio, w.Note})
	}
	return e.rows([]string{"WHAT", "UNIT", "PLUMB", "RAW", "RATIO", ""}, rows)
}
