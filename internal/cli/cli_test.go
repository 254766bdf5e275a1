package cli_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/daemon"
	"plumb.cd/plumb/internal/install"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/cue"
	"plumb.cd/plumb/internal/render/helm"
	"plumb.cd/plumb/internal/render/jsonnet"
	"plumb.cd/plumb/internal/render/kustomize"
	"plumb.cd/plumb/internal/render/plain"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"plumb": func() { os.Exit(plumb()) }})
}

// tests are those of this package, which share a control plane.
type tests struct{ m *testing.M }

func (t tests) Run() int { return cptest.Run(t.m) }

// plumb is the program, wired as cmd/plumb wires it.
func plumb() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	self, err := exec.LookPath(os.Args[0])
	if err != nil {
		self = os.Args[0]
	}
	charts := helm.New()
	root := cli.New(cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Now: time.Now}, cli.Deps{
		Version: "test", Self: []string{self, "render-worker"}, Daemon: daemon.Run, Install: daemon.Install,
		Manifest: func(o cli.ManifestOptions) ([]byte, error) {
			return install.Manifest(install.Options{Image: o.Image, Namespace: o.Namespace})
		},
		Renderers: map[render.Kind]render.Renderer{
			render.Plain: plain.New(), render.Kustomize: kustomize.New(charts), render.Helm: charts, render.Jsonnet: jsonnet.New(), render.CUE: cue.New(),
		},
	})
	err = root.ExecuteContext(ctx)
	return cli.Exit(ctx, os.Stderr, err, slices.Contains(os.Args, "-v"))
}

// TestWithoutDaemon runs what needs no daemon; some of it needs a cluster.
func TestWithoutDaemon(t *testing.T) {
	testscript.Run(t, params(newLab(t), "testdata/local"))
}

// TestWithDaemon runs what speaks to a daemon.
func TestWithDaemon(t *testing.T) {
	l := newLab(t)
	l.startDaemon()
	testscript.Run(t, params(l, "testdata/daemon"))
}

// params are those of every script. Beside testscript's own commands there are those of the lab.
func params(l *lab, dir string) testscript.Params {
	return testscript.Params{
		Dir: dir, RequireExplicitExec: true, RequireUniqueNames: true, UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", env.Getenv("PATH")+string(os.PathListSeparator)+l.binaries)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("PLUMB_CONFIG_DIR", filepath.Join(env.WorkDir, ".config"))
			env.Setenv("PLUMB_STATE_DIR", filepath.Join(env.WorkDir, ".state"))
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			if l.address == "" {
				return nil
			}
			return l.signIn(filepath.Join(env.WorkDir, ".config"))
		},
		Cmds: l.commands(),
	}
}
