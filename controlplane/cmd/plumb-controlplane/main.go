// Command plumb-controlplane runs a Kubernetes control plane with simulated nodes. See the README.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	kubernetes "k8s.io/component-base/version"

	"plumb.cd/plumb/controlplane/internal/etcd"
	"plumb.cd/plumb/controlplane/internal/nodes"
	"plumb.cd/plumb/controlplane/internal/plane"
)

// version is set by the build.
var version = "devel"

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

func parse(args []string, stderr io.Writer) (o plane.Options, parent int, err error) {
	flags := pflag.NewFlagSet("plumb-controlplane", pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.SortFlags = false
	flags.StringVar(&o.Dir, "dir", "", "directory for everything that is written; its state survives a restart (required)")
	flags.IPVar(&o.Address, "address", net.IPv4(127, 0, 0, 1), "address to listen on")
	flags.IntVar(&o.Port, "port", 0, "port of the API server; 0: the one used last with --dir if it is free, else any")
	flags.IntVar(&o.Nodes, "nodes", 3, fmt.Sprintf("number of simulated nodes, at most %d", nodes.Max))
	fsync := flags.Bool("fsync", false, "let etcd write to the disk before it answers")
	flags.StringVar(&o.AuditLog, "audit-log", "", "file for the audit log: one line for each request, without bodies")
	flags.IntVar(&parent, "parent-pid", 0, "stop when the process with this id has ended")
	flags.IntVarP(&o.Log.Verbosity, "verbosity", "v", 0, "verbosity of controlplane.log in --dir")
	if err := flags.Parse(args); err != nil {
		return o, 0, err
	}
	switch {
	case flags.NArg() > 0:
		return o, 0, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.Dir == "":
		return o, 0, errors.New("--dir is required")
	case o.Nodes < 0 || o.Nodes > nodes.Max:
		return o, 0, fmt.Errorf("--nodes must be between 0 and %d", nodes.Max)
	case o.Port < 0 || o.Port > 65535:
		return o, 0, errors.New("--port must be between 0 and 65535")
	}
	if *fsync {
		o.Fsync = etcd.AlwaysFsync
	}
	return o, parent, nil
}

// stopWithout calls stop when the process pid is gone. An ended process that nobody has waited for still answers to
// signals, but its children have a new parent by then.
func stopWithout(ctx context.Context, pid int, stop func()) {
	child := os.Getppid() == pid
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if child && os.Getppid() != pid || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			stop()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func printVersion(w io.Writer) {
	fmt.Fprintln(w, "plumb-controlplane", version)
	fmt.Fprintln(w, "kubernetes", kubernetes.Get().GitVersion)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	for _, d := range info.Deps {
		switch d.Path {
		case "go.etcd.io/etcd/server/v3":
			fmt.Fprintln(w, "etcd", d.Version)
		case "sigs.k8s.io/kwok":
			fmt.Fprintln(w, "kwok", d.Version)
		}
	}
	fmt.Fprintln(w, "go", info.GoVersion)
}
