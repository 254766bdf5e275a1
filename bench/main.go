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
	quick, full bool
	apps        int // in the monorepo that most measures are about
	trials      int // of a commit
	drifts      int
	size        map[string]int // of the other shapes, by measure
	steady      time.Duration
	only        []string
	out         string
	plumb       string
	plane       string
	profile     string
	keep        bool
	log         string
}

// sizes are the flags for how much: normal ends within some twelve minutes on a quiet machine with two cores, quick is a
// smoke test, full is what the targets are about.
var sizes = []struct {
	name                string
	normal, quick, full int
	what                string
}{
	{"apps", 200, 20, 1000, "apps in the monorepo, and of clocks"},
	{"drifts", 100, 10, 1000, "drift trials"},
	{"commits", 30, 5, 30, "commit trials"},
	{"flux", 1000, 10, 1000, "apps of the shape of Flux's benchmark"},
	{"many", 1500, 20, 15000, "apps of one object"},
	{"wide", 200, 5, 10000, "apps of ten objects"},
	{"big", 2000, 150, 10000, "objects of the one big app"},
	{"mono", 500, 20, 10000, "apps in the one repository of many files"},
	{"fleet", 25, 3, 100, "clusters of the fleet"},
	{"neighbours", 100, 10, 1000, "apps that have bad neighbours"},
	{"storm", 10000, 1000, 10000, "status updates a second that are tried"},
}

func main() {
	c := config{size: map[string]int{}}
	only := flag.String("only", "", "comma-separated measures: "+strings.Join(measures(), ", "))
	flag.BoolVar(&c.quick, "quick", false, "small numbers: a smoke test of the bench, not a result")
	flag.BoolVar(&c.full, "full", false, "the sizes that the targets name: takes more than an hour on two cores")
	given := map[string]*int{}
	for _, one := range sizes {
		given[one.name] = flag.Int(one.name, 0, fmt.Sprintf("%s (default %d; %d with -quick, %d with -full)", one.what, one.normal, one.quick, one.full))
	}
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
	c.complete(given)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (c *config) complete(given map[string]*int) {
	for _, one := range sizes {
		switch n := *given[one.name]; {
		case n != 0:
			c.size[one.name] = n
		case c.quick:
			c.size[one.name] = one.quick
		case c.full:
			c.size[one.name] = one.full
		default:
			c.size[one.name] = one.normal
		}
	}
	c.apps, c.drifts, c.trials = c.size["apps"], c.size["drifts"], c.size["commits"]
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

func (c config) wantsAct(a act) bool { return c.wants(a.name) || a.with != "" && c.wants(a.with) }

func (c config) check() error {
	for _, name := range c.only {
		if !slices.Contains(measures(), name) {
			return fmt.Errorf("there is no measure %q; there are %s", name, strings.Join(measures(), ", "))
		}
	}
	for name, n := range c.size {
		if n < 2 {
			return fmt.Errorf("-%s %d: at least two are needed", name, n)
		}
	}
	for _, path := range []string{c.plumb, c.plane} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w (run make build)", err)
		}
	}
	return nil
}

// run takes the measures. One that fails keeps no other from being taken, and the table has what was measured.
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
	var failed []error
	if c.wants("render") {
		step("render")
		if err := measureRender(ctx, c, r); err != nil {
			failed = append(failed, fmt.Errorf("render: %w", err))
		}
	}
	for _, sc := range scenes {
		if !slices.ContainsFunc(sc.acts, func(a act) bool { return c.wantsAct(a) }) || ctx.Err() != nil {
			continue
		}
		if err := sc.play(ctx, c, r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			failed = append(failed, err)
		}
	}
	return errors.Join(append(failed, ctx.Err(), r.write(c.out))...)
}

func step(name string) { fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), name) }
