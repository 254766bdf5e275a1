// Command plumb is Plumb: daemon and command line in one.
package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/term"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/daemon"
	"plumb.cd/plumb/internal/install"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/cue"
	"plumb.cd/plumb/internal/render/helm"
	"plumb.cd/plumb/internal/render/jsonnet"
	"plumb.cd/plumb/internal/render/kustomize"
	"plumb.cd/plumb/internal/render/plain"
)

// version is set by the build.
var version = "dev"

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	self := program()
	charts := helm.New()
	root := cli.New(cli.Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Terminal: term.IsTerminal(int(os.Stderr.Fd())), Getenv: os.Getenv, Now: time.Now,
	}, cli.Deps{
		Version: version, Self: []string{self, "render-worker"}, Daemon: daemon.Run, Install: daemon.Install,
		Manifest: func(o cli.ManifestOptions) ([]byte, error) {
			return install.Manifest(install.Options{Image: o.Image, Namespace: o.Namespace})
		},
		Renderers: map[render.Kind]render.Renderer{
			render.Plain: plain.New(), render.Kustomize: kustomize.New(charts), render.Helm: charts, render.Jsonnet: jsonnet.New(), render.CUE: cue.New(),
		},
	})
	err := root.ExecuteContext(ctx)
	return cli.Exit(ctx, os.Stderr, err, slices.Contains(os.Args, "-v") || slices.Contains(os.Args, "--verbose"))
}

// program is what starts this very program once more: on Linux also after a new one was put in its place, whose workers
// may speak another language.
func program() string {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		return self
	}
	if path, err := os.Executable(); err == nil {
		return path
	}
	return os.Args[0]
}
