// Command demo shows Plumb at work on a small sample: it starts a control plane with Plumb on it, makes a Git repository,
// and lets four things happen. Every claim that it prints it has asked the API server about. It then stays up until it
// is interrupted; with --check it ends, with exit code 1 if anything was not as it should be.
//
// It needs the binaries that make build makes, and git. It needs neither a network nor kubectl.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"plumb.cd/plumb/demo/up"
)

// limit is how long the scenes may take together; a machine that is busy takes longer than the few seconds they need.
const limit = 4 * time.Minute

func main() {
	check := flag.Bool("check", false, "end after the last scene; exit 1 if anything is not as it should be")
	dir := flag.String("dir", "", "where everything is kept, and stays (default: a temporary directory, removed at the end)")
	plumb := flag.String("plumb", filepath.Join("bin", "plumb"), "the plumb binary; plumb-controlplane is beside it")
	listen := flag.String("listen", "127.0.0.1:0", "address of Plumb's API")
	flag.Parse()
	// A reader of our output that goes away is an interrupt too: nothing that we started may stay behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	err := run(ctx, options{check: *check, dir: *dir, plumb: *plumb, listen: *listen})
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case interrupted && !*check:
	case err != nil:
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

type options struct {
	check              bool
	dir, plumb, listen string
}

func run(ctx context.Context, o options) (err error) {
	dir, remove, err := place(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	d := &demo{
		stage: &stage{out: os.Stdout, colour: term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("NO_COLOR") == ""},
		dir:   dir,
	}
	began := time.Now()
	if d.plumb, err = up.Start(ctx, up.Options{Binary: o.plumb, Dir: filepath.Join(dir, "plumb"), Listen: o.listen}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.plumb.Stop()) }()
	limited, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the demo was not done within %s", limit))
	defer cancel()
	if err := d.play(limited, time.Since(began)); err != nil {
		return fmt.Errorf("%w%s", err, d.plumb.LastWords())
	}
	if d.stage.failed > 0 {
		return fmt.Errorf("%d of %d facts are not as they should be", d.stage.failed, d.stage.facts)
	}
	if o.check {
		d.stage.say("%d facts hold, in %.0f s.", d.stage.facts, time.Since(began).Seconds())
		return nil
	}
	d.yours()
	select {
	case <-ctx.Done():
		d.stage.say("Stopping.")
		return nil
	case <-d.plumb.Done:
		return errors.New("plumb up ended" + d.plumb.LastWords())
	}
}

// place gives the directory for everything, and what to do with it at the end.
func place(given string) (dir string, remove func() error, err error) {
	if given == "" {
		dir, err = os.MkdirTemp("", "plumb-demo-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	dir, err = filepath.Abs(given)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return "", nil, err
	}
	if found, err := os.ReadDir(dir); err != nil || len(found) > 0 {
		return "", nil, errors.Join(err, fmt.Errorf("--dir %s is not empty", dir))
	}
	return dir, func() error { return nil }, nil
}
