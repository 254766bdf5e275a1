// Command cases puts other people's repositories through Plumb: every App in them that needs no plug-in is rendered and
// synced on a control plane that it starts, and a table tells how each ended. An App ends well when it is Synced, or when
// it is refused for the reason that expected names; anything else is exit code 1.
//
//	go run ./test/cases DIR
//
// DIR has one directory a repository. Nothing in it is changed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"plumb.cd/plumb/demo/up"
)

type options struct {
	cases, crds         string
	plumb, controlplane string
	keep                string
	parallel            int
}

func main() {
	var o options
	flag.StringVar(&o.cases, "cases", "", "directory with one directory a repository; may be given as the argument")
	flag.StringVar(&o.crds, "crds", filepath.Join("test", "cases", "crds"), "definitions of other products' kinds, applied beforehand")
	flag.StringVar(&o.plumb, "plumb", filepath.Join("bin", "plumb"), "the plumb binary")
	flag.StringVar(&o.controlplane, "controlplane", "", "the control plane's binary (default: beside plumb)")
	flag.StringVar(&o.keep, "dir", "", "state directory, which stays (default: a temporary one)")
	flag.IntVar(&o.parallel, "parallel", 4, "cases at a time")
	flag.Parse()
	if o.cases == "" {
		o.cases = flag.Arg(0)
	}
	// A reader of our output that goes away is an interrupt too: nothing that we started may stay behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cases:", err)
		os.Exit(1)
	}
}

// limit is how long all cases may take together.
const limit = 15 * time.Minute

func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.cases == "" {
		return errors.New("which directory? give it as the argument")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the cases were not done within %s", limit))
	defer cancel()
	dir, remove, err := place(o.keep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	plumb, err := up.Start(ctx, up.Options{Binary: o.plumb, ControlPlane: o.controlplane, Dir: filepath.Join(dir, "plumb")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plumb.Stop()) }()
	l, err := newLab(plumb)
	if err != nil {
		return err
	}
	if err := l.define(ctx, o.crds); err != nil {
		return err
	}
	metrics, err := l.startMetrics(ctx)
	defer metrics()
	if err != nil {
		return err
	}
	defer l.startStandIns(ctx)()
	found, err := l.load(ctx, o.cases, filepath.Join(dir, "git"))
	if err != nil {
		return err
	}
	rows, err := l.tryAll(ctx, found, o.parallel)
	if err != nil {
		return fmt.Errorf("%w%s", err, plumb.LastWords())
	}
	if err := l.settled(ctx, rows); err != nil {
		return err
	}
	return report(out, rows)
}

func place(given string) (dir string, remove func() error, err error) {
	if given == "" {
		dir, err = os.MkdirTemp("", "plumb-cases-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	dir, err = filepath.Abs(given)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	return dir, func() error { return nil }, err
}
