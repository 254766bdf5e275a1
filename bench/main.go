// Command bench measures Plumb beside the limits of what it stands on, in one run on one control plane: the libraries
// alone, a client-go loop that applies the same objects, a bare git fetch. It prints a table and stores it:
//
//	go run ./bench -out bench/results
//
// The daemon is a process of its own, so that its CPU time and memory are not those of the bench. Both the daemon and
// the raw loop are the same service account, so that the API server treats them alike.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// config is what the flags say.
type config struct {
	quick   bool
	apps    int
	trials  int // of a commit
	drifts  int
	steady  time.Duration
	only    []string
	out     string
	plumb   string
	plane   string
	profile string
	keep    bool
	log     string
}

// measures are the names for -only, in the order in which they run.
var measures = []string{"render", "sync", "commit", "drift", "steady", "restart"}

func main() {
	c := config{}
	only := flag.String("only", "", "comma-separated measures: "+strings.Join(measures, ", "))
	flag.BoolVar(&c.quick, "quick", false, "small numbers: a smoke test of the bench, not a result")
	flag.IntVar(&c.apps, "apps", 0, "apps in the monorepo (default 200; 20 with -quick)")
	flag.IntVar(&c.drifts, "drifts", 0, "drift trials (default 100; 10 with -quick)")
	flag.IntVar(&c.trials, "commits", 0, "commit trials (default 30; 5 with -quick)")
	flag.DurationVar(&c.steady, "steady", 0, "how long to look at the steady state (default 60s; 5s with -quick)")
	flag.StringVar(&c.out, "out", "bench/results", "directory for the table and the figures as JSON")
	flag.StringVar(&c.plumb, "plumb", "bin/plumb", "the program to measure")
	flag.StringVar(&c.plane, "controlplane", "bin/plumb-controlplane", "the control plane to measure on")
	flag.StringVar(&c.profile, "profile", "", "directory for CPU and heap profiles of the daemon, one a measure")
	flag.BoolVar(&c.keep, "keep", false, "keep the directory with the daemon's log and the audit log")
	flag.StringVar(&c.log, "log-level", "warn", "log level of the daemon")
	flag.Parse()
	if *only != "" {
		c.only = strings.Split(*only, ",")
	}
	c.complete()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (c *config) complete() {
	def := func(v *int, normal, quick int) {
		if *v == 0 {
			*v = normal
			if c.quick {
				*v = quick
			}
		}
	}
	def(&c.apps, 200, 20)
	def(&c.drifts, 100, 10)
	def(&c.trials, 30, 5)
	if c.steady == 0 {
		c.steady = time.Minute
		if c.quick {
			c.steady = 5 * time.Second
		}
	}
}

func (c config) wants(measure string) bool {
	return len(c.only) == 0 || slices.Contains(c.only, measure)
}

func (c config) check() error {
	for _, name := range c.only {
		if !slices.Contains(measures, name) {
			return fmt.Errorf("there is no measure %q; there are %s", name, strings.Join(measures, ", "))
		}
	}
	if c.apps < 2 {
		return errors.New("at least two apps are needed")
	}
	for _, path := range []*string{&c.plumb, &c.plane} {
		if _, err := os.Stat(*path); err != nil {
			return fmt.Errorf("%w (run make build)", err)
		}
	}
	return nil
}

func run(ctx context.Context, c config) error {
	if err := c.check(); err != nil {
		return err
	}
	for _, path := range []*string{&c.plumb, &c.plane} {
		abs, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = abs
	}
	r := newReport(c)
	if c.wants("render") {
		step("render")
		if err := measureRender(ctx, c, r); err != nil {
			return fmt.Errorf("render: %w", err)
		}
	}
	if c.wants("sync") || c.wants("commit") || c.wants("drift") || c.wants("steady") || c.wants("restart") {
		if err := measureCluster(ctx, c, r); err != nil {
			return err
		}
	}
	return r.write(c.out)
}

// measureCluster runs what needs a control plane. The first sync always runs: the others stand on its outcome.
func measureCluster(ctx context.Context, c config, r *report) (err error) {
	dir, err := os.MkdirTemp("", "plumb-bench-")
	if err != nil {
		return err
	}
	defer func() {
		if c.keep {
			fmt.Fprintln(os.Stderr, "kept", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	s, err := setUp(ctx, c, dir)
	if err != nil {
		return err
	}
	defer s.close()
	for _, m := range []struct {
		name string
		run  func(context.Context, *stage, *report) error
	}{
		{"sync", measureSync}, {"commit", measureCommit}, {"drift", measureDrift}, {"steady", measureSteady}, {"restart", measureRestart},
	} {
		if m.name != "sync" && !c.wants(m.name) {
			continue
		}
		step(m.name)
		stop := s.profiled(m.name)
		err := m.run(ctx, s, r)
		stop()
		if err != nil {
			return fmt.Errorf("%s: %w\nwhat there is:\n%s\nthe end of the daemon's log:\n%s", m.name, err, s.world.summary(), s.daemon.tail())
		}
	}
	return nil
}

func step(name string) { fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), name) }
