// Package harness runs Plumb for the end-to-end tests: a real control plane, the daemon of plumb run on it, Git
// repositories, and what people do to all of them. The tests of a package share one control plane and one daemon:
//
//	func TestMain(m *testing.M) { harness.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		p := harness.Shared(t) // with a namespace of its own
//		repo := p.Repo("shop", gittest.Files{"web/web.yaml": ...})
//		p.App("web", "source: {repository: shop, path: web}")
//		p.WaitSynced("web", repo.Head())
//
// A test that restarts or kills the daemon, or counts requests, starts a Lab of its own.
package harness

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/controller"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/daemon"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/cue"
	"plumb.cd/plumb/internal/render/helm"
	"plumb.cd/plumb/internal/render/jsonnet"
	"plumb.cd/plumb/internal/render/kustomize"
	"plumb.cd/plumb/internal/render/plain"
	"plumb.cd/plumb/internal/render/worker"
)

const (
	argRender = "render-worker" // the test binary as a renderer
	argDaemon = "plumb-daemon"  // the test binary as a daemon; one more argument: processOptions as JSON
	installed = time.Minute
	atOnce    = "8" // tests wait more than they work
)

// Main runs the tests of a package and ends the process. Started by a pool of renderers, or by a Lab, the test binary is
// a render worker or a daemon instead.
func Main(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case argRender:
			os.Exit(exitCode(worker.Main(context.Background(), Renderers(), os.Stdin, os.Stdout)))
		case argDaemon:
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
			err := daemonMain(ctx)
			stop()
			os.Exit(exitCode(err))
		}
	}
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	cptest.Main(stopping{m})
}

// stopping stops the shared daemon before its control plane.
type stopping struct{ m *testing.M }

func (s stopping) Run() int {
	code := s.m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.lab == nil {
		return code
	}
	if err := shared.lab.current.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "the shared daemon:", err)
		code = 1
	}
	if err := os.RemoveAll(shared.lab.Dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// Renderers are all renderers, as cmd/plumb wires them.
func Renderers() map[render.Kind]render.Renderer {
	charts := helm.New()
	return map[render.Kind]render.Renderer{
		render.Plain: plain.New(), render.Kustomize: kustomize.New(charts), render.Helm: charts, render.Jsonnet: jsonnet.New(), render.CUE: cue.New(),
	}
}

// Lab is a control plane with Plumb installed and a daemon.
type Lab struct {
	CP  *cptest.ControlPlane
	Dir string // of the daemon: caches and history

	hub     client.WithWatch // the administrator
	current *run
	process bool
	elected bool
}

var shared struct {
	sync.Mutex
	lab *Lab
	err error
}

// Shared gives a namespace of its own on the control plane and daemon of this test binary. The daemon runs in this
// process, so that the race detector sees it.
func Shared(t testing.TB) *Env {
	t.Helper()
	cp := cptest.Shared(t)
	shared.Lock()
	if shared.lab == nil && shared.err == nil {
		shared.lab, shared.err = startShared(cp)
	}
	lab, err := shared.lab, shared.err
	shared.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	return lab.Env(t)
}

func startShared(cp *cptest.ControlPlane) (*Lab, error) {
	dir, err := os.MkdirTemp("", "plumb-e2e-")
	if err != nil {
		return nil, err
	}
	l := &Lab{CP: cp, Dir: dir}
	if err := l.install(); err != nil {
		return nil, err
	}
	return l, l.Start()
}

// Option changes what NewLab starts.
type Option func(*Lab)

// AsProcess runs the daemon as a process of its own, which Kill can end as a crash would.
func AsProcess() Option { return func(l *Lab) { l.process = true } }

// WithLeaderElection makes the daemon work only while it holds the Lease.
func WithLeaderElection() Option { return func(l *Lab) { l.elected = true } }

// NewLab starts a control plane with an audit log, and a daemon, for this test alone.
func NewLab(t testing.TB, options ...Option) *Lab {
	t.Helper()
	l := &Lab{CP: cptest.Start(t, cptest.WithNodes(1), cptest.WithAudit()), Dir: filepath.Join(t.TempDir(), "daemon")}
	for _, o := range options {
		o(l)
	}
	if err := l.install(); err != nil {
		t.Fatal(err)
	}
	l.begin(t)
	return l
}

// Second starts another daemon on the same control plane, with files of its own.
func (l *Lab) Second(t testing.TB) *Lab {
	t.Helper()
	other := &Lab{CP: l.CP, Dir: filepath.Join(t.TempDir(), "daemon"), hub: l.hub, process: l.process, elected: l.elected}
	other.begin(t)
	return other
}

func (l *Lab) begin(t testing.TB) {
	t.Helper()
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.current.stop(); err != nil {
			t.Errorf("the daemon: %v", err)
		}
		if t.Failed() {
			t.Logf("the end of the daemon's log:\n%s", l.current.log.match(nil, 100))
		}
	})
}

func (l *Lab) install() error {
	admin, err := os.ReadFile(l.CP.Kubeconfig)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), installed)
	defer cancel()
	if err := daemon.Install(ctx, admin, cli.ManifestOptions{Namespace: "plumb-system"}); err != nil {
		return err
	}
	config, err := restConfig(admin)
	if err != nil {
		return err
	}
	l.hub, err = client.NewWithWatch(config, client.Options{Scheme: controller.Scheme()})
	return err
}

// Start starts the daemon with what is in Dir and waits for its API.
func (l *Lab) Start() error {
	engine, err := os.ReadFile(l.CP.EngineKubeconfig)
	if err != nil {
		return err
	}
	o := processOptions{Dir: l.Dir, Kubeconfig: engine, Namespace: "plumb-system", LeaderElection: l.elected}
	if l.process {
		l.current, err = startProcess(o)
	} else {
		l.current, err = startHere(o)
	}
	return err
}

// Stop ends the daemon in order.
func (l *Lab) Stop(t testing.TB) {
	t.Helper()
	if err := l.current.stop(); err != nil {
		t.Fatalf("stopping the daemon: %v", err)
	}
}

// Kill ends the daemon as a crash would. The Lab needs AsProcess.
func (l *Lab) Kill(t testing.TB) {
	t.Helper()
	if err := l.current.kill(); err != nil {
		t.Fatalf("killing the daemon: %v", err)
	}
}

// Restart starts the daemon again, after Stop or Kill.
func (l *Lab) Restart(t testing.TB) {
	t.Helper()
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
}

// LoseFiles removes everything that the daemon, which is not running, has kept on disk.
func (l *Lab) LoseFiles(t testing.TB) {
	t.Helper()
	if err := os.RemoveAll(l.Dir); err != nil {
		t.Fatal(err)
	}
}

// Address of the daemon's API: host and port.
func (l *Lab) Address() string { return l.current.address }

// Token that may do everything at the API.
func (l *Lab) Token() string { return localToken }

// Log gives the lines of the daemon's log that contain all the words.
func (l *Lab) Log(words ...string) string { return l.current.log.match(words, 1<<20) }

func daemonMain(ctx context.Context) error {
	var o processOptions
	if err := json.Unmarshal([]byte(os.Getenv(optionsVariable)), &o); err != nil {
		return err
	}
	return daemon.Run(ctx, o.daemon(os.Stderr, func(address string) { fmt.Printf("READY %s\n", address) }))
}
