// Command plumb-controlplane runs a Kubernetes control plane with simulated nodes. See the README.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"plumb.cd/plumb/controlplane/internal/plane"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

// stopTimeout is how long a clean stop may take before the process gives up.
const stopTimeout = time.Minute

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 1 && args[0] == "version" {
		printVersion(stdout)
		return 0
	}
	options, parent, err := parse(args, stderr)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "plumb-controlplane:", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if parent != 0 {
		go stopWithout(ctx, parent, stop)
	}
	context.AfterFunc(ctx, func() {
		stop() // a second signal ends the process at once
		time.AfterFunc(stopTimeout, func() {
			fmt.Fprintln(stderr, "plumb-controlplane: not stopped within", stopTimeout)
			os.Exit(exitFailed)
		})
	})
	return serve(ctx, options, stdout, stderr)
}

func serve(ctx context.Context, options plane.Options, stdout, stderr io.Writer) int {
	start := time.Now()
	p, err := plane.Start(ctx, options)
	if err != nil && ctx.Err() != nil {
		return 0 // told to stop while starting
	}
	if err != nil {
		fmt.Fprintln(stderr, "plumb-controlplane:", err)
		return exitFailed
	}
	fmt.Fprintf(stdout, "READY server=%s kubeconfig=%s engine-kubeconfig=%s pid=%d took=%.1fs\n",
		p.Server, field(p.Kubeconfig), field(p.EngineKubeconfig), os.Getpid(), time.Since(start).Seconds())
	<-p.Failed()
	code := 0
	if ctx.Err() == nil {
		fmt.Fprintln(stderr, "plumb-controlplane:", p.Cause())
		code = exitFailed
	}
	p.Stop()
	return code
}

// field returns s as it is, or quoted if it would not be one field of the line.
func field(s string) string {
	if strings.ContainsAny(s, " \t\n\"") {
		return strconv.Quote(s)
	}
	return s
}
