package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/cue"
	"plumb.cd/plumb/internal/render/helm"
	"plumb.cd/plumb/internal/render/jsonnet"
	"plumb.cd/plumb/internal/render/kustomize"
	"plumb.cd/plumb/internal/render/plain"
	"plumb.cd/plumb/internal/render/worker"
	"plumb.cd/plumb/internal/rendertest"
)

// TestMain makes the test binary its own worker.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "render-worker" {
		registry := map[render.Kind]render.Renderer{
			render.Plain: plain.New(), render.Kustomize: kustomize.New(helm.New()), render.Helm: helm.New(),
			render.Jsonnet: jsonnet.New(), render.CUE: cue.New(), bad: badRenderer{},
		}
		if err := worker.Main(context.Background(), registry, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func pool(t testing.TB, o worker.Options) *worker.Pool {
	t.Helper()
	o.Command = []string{"/proc/self/exe", "render-worker"}
	if exe, err := os.Executable(); err == nil {
		o.Command[0] = exe
	}
	p := worker.NewPool(o)
	t.Cleanup(p.Close)
	return p
}

// bad is the kind of a renderer that does what its path says.
const bad render.Kind = "Bad"

type badRenderer struct{}

func (badRenderer) Render(ctx context.Context, files render.Files, req render.Request) (render.Result, error) {
	switch deed := path.Base(req.Path); deed {
	case "nothing":
	case "ask-ten":
		for i := range 10 {
			_, _ = files.Stat(fmt.Sprintf("file-%d", i))
		}
	case "panic":
		panic("a bug")
	case "panic-elsewhere":
		go func() { panic("a bug elsewhere") }()
		<-ctx.Done()
	case "loop":
		for i := 0; ; i++ {
			_ = i
		}
	case "recursion":
		return render.Result{}, fmt.Errorf("%d", forEver(0))
	case "memory":
		hoard()
	case "exit":
		os.Exit(0)
	case "print":
		fmt.Println("noise on stdout")
	default:
		return attempt(deed)
	}
	return render.Result{}, nil
}

func forEver(n int) int { return forEver(n+1) + 1 }

func hoard() {
	var keep [][]byte
	for {
		b := make([]byte, 16<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		keep = append(keep, b)
		if len(keep) > 1<<20 {
			return
		}
	}
}

// attempt tries to get out of the sandbox and tells how it went in an object's name.
func attempt(deed string) (render.Result, error) {
	var err error
	switch deed {
	case "read-file":
		_, err = os.ReadFile("/etc/passwd")
	case "read-proc":
		_, err = os.ReadFile("/proc/self/environ")
	case "list-root":
		_, err = os.ReadDir("/")
	case "write-file":
		err = os.WriteFile("/tmp/plumb-worker-was-here", nil, 0o600)
	case "stat-file":
		_, err = os.Stat("/etc/passwd")
	case "dial":
		_, err = net.DialTimeout("tcp", "127.0.0.1:1", time.Second)
	case "unix-socket":
		_, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	case "listen":
		_, err = net.Listen("tcp", "127.0.0.1:0")
	case "exec":
		err = exec.Command("/bin/true").Run()
	case "fork":
		_, err = syscall.ForkExec("/bin/true", []string{"true"}, nil)
	case "kill-parent":
		err = syscall.Kill(os.Getppid(), 0)
	case "ptrace":
		err = syscall.PtraceAttach(os.Getppid())
	case "environment":
		err = fs.ErrPermission
		if env := os.Environ(); len(env) > 0 {
			err = nil
		}
	}
	outcome := "done"
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, fs.ErrPermission) {
		outcome = "refused"
	} else if err != nil {
		outcome = err.Error()
	}
	return render.Result{Objects: []render.Object{object(outcome)}}, nil
}

func object(name string) render.Object {
	return render.Object{
		Body:   map[string]any{"apiVersion": "v1", "kind": "Outcome", "metadata": map[string]any{"name": name}},
		Origin: render.Origin{File: "x"},
	}
}

func TestEveryWayOutOfTheSandboxIsRefused(t *testing.T) {
	p := pool(t, worker.Options{Size: 1})
	for _, deed := range []string{
		"read-file", "read-proc", "list-root", "write-file", "stat-file", "dial", "unix-socket", "listen", "exec", "fork",
		"kill-parent", "ptrace", "environment",
	} {
		t.Run(deed, func(t *testing.T) {
			res, err := p.Render(t.Context(), fstest.MapFS{}, render.Request{Kind: bad, Path: deed})
			if err != nil {
				t.Fatal(err)
			}
			if got := render.IDOf(res.Objects[0].Body).Name; got != "refused" {
				t.Errorf("want refused, got %s (isolation: %v)", got, p.Isolation())
			}
		})
	}
	if p.Started() != 1 {
		t.Errorf("%d workers were started for refusals that should not hurt", p.Started())
	}
}

const goodTree = `
-- app/a.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {x: "1"}
`

var good = render.Request{Path: "app"}

func TestABadRenderHarmsNoOther(t *testing.T) {
	for _, c := range []struct {
		deed    string
		options worker.Options
		reason  fault.Reason
		message string
		keeps   bool // the worker survives
	}{
		{deed: "panic", reason: fault.RenderCrashed, message: "a bug", keeps: true},
		{deed: "panic-elsewhere", reason: fault.RenderCrashed, message: "a bug elsewhere"},
		{deed: "loop", options: worker.Options{Timeout: time.Second}, reason: fault.RenderTimeout, message: "longer than 1s"},
		{deed: "recursion", reason: fault.RenderCrashed, message: "stack"},
		{deed: "memory", options: worker.Options{MemoryBytes: 128 << 20}, reason: fault.LimitExceeded, message: "128 MiB"},
		{deed: "exit", reason: fault.RenderCrashed, message: "crashed"},
	} {
		t.Run(c.deed, func(t *testing.T) {
			c.options.Size = 2
			p := pool(t, c.options)
			var others sync.WaitGroup
			others.Go(func() {
				for range 20 {
					if _, err := p.Render(t.Context(), rendertest.Tree(goodTree), good); err != nil {
						t.Errorf("another render: %v", err)
					}
				}
			})
			_, err := p.Render(t.Context(), fstest.MapFS{}, render.Request{Kind: bad, Path: "apps/" + c.deed})
			others.Wait()
			f := fault.Of(err)
			if f == nil || f.Reason != c.reason || f.Where != "apps/"+c.deed || !strings.Contains(f.Message, c.message) {
				t.Errorf("want %s with %q, got %#v", c.reason, c.message, f)
			}
			if _, err := p.Render(t.Context(), rendertest.Tree(goodTree), good); err != nil {
				t.Errorf("the next render: %v", err)
			}
			if c.keeps && p.Started() > 2 {
				t.Errorf("%d workers were started; a panic should not cost one", p.Started())
			}
		})
	}
}

func TestEveryRendererWorksInTheSandbox(t *testing.T) {
	tree := rendertest.Tree(`
-- plain/x.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
-- kustomize/kustomization.yaml --
resources: [x.yaml]
helmCharts: [{name: web, releaseName: rel}]
-- kustomize/x.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
-- kustomize/charts/web/Chart.yaml --
apiVersion: v2
name: web
version: 1.0.0
-- kustomize/charts/web/templates/cm.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-cm"}
data: {at: "{{ now | date "2006" | len }}", name: "{{ randAlpha 3 | len }}", host: "{{ getHostByName "example.com" }}"}
-- jsonnet/main.jsonnet --
{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'x'}}
-- cue/x.cue --
package x
import "strings"
x: {apiVersion: "v1", kind: "ConfigMap", metadata: name: strings.ToLower("X")}
`)
	p := pool(t, worker.Options{Size: 1})
	for _, c := range []struct {
		request render.Request
		kind    render.Kind
		want    []string
	}{
		{render.Request{Path: "plain"}, render.Plain, []string{"ConfigMap/x"}},
		{render.Request{Path: "kustomize"}, render.Kustomize, []string{"ConfigMap/rel-cm", "ConfigMap/x"}},
		{render.Request{Path: "kustomize/charts/web", Helm: render.HelmOptions{ReleaseName: "r"}}, render.Helm, []string{"ConfigMap/r-cm"}},
		{render.Request{Path: "jsonnet"}, render.Jsonnet, []string{"ConfigMap/x"}},
		{render.Request{Path: "cue"}, render.CUE, []string{"ConfigMap/x"}},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			res, err := p.Render(t.Context(), tree, c.request)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range res.Objects {
				got = append(got, rendertest.Name(o.Body))
			}
			if diff := cmp.Diff(c.want, got); diff != "" || res.Kind != c.kind {
				t.Errorf("%s: (-want +got):\n%s", res.Kind, diff)
			}
		})
	}
	if p.Started() != 1 {
		t.Errorf("%d workers were started", p.Started())
	}
}

// TestFaultsKeepTheirPlaceThroughThePipe renders bad input of each kind; the worker survives all of it.
func TestFaultsKeepTheirPlaceThroughThePipe(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 12 {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 10))
	}
	tree := rendertest.Tree("-- bomb/x.yaml --\n" + bomb.String() + `
-- kbomb/x.yaml --
` + bomb.String() + `
-- kbomb/kustomization.yaml --
resources: [x.yaml]
-- remote/kustomization.yaml --
resources:
- https://example.com/x
-- jsonnet/x.jsonnet --
local f(x) = f(x) + 1; f(1)
-- twice/x.yaml --
{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}
`)
	p := pool(t, worker.Options{Size: 1})
	for path, want := range map[string]struct {
		reason fault.Reason
		where  string
	}{
		"bomb": {fault.SyntaxInvalid, "bomb/x.yaml:"}, "kbomb": {fault.SyntaxInvalid, "kbomb/x.yaml:"},
		"remote": {fault.RemoteRefused, "remote/kustomization.yaml:2"}, "jsonnet": {fault.RenderFailed, "jsonnet/x.jsonnet:1"},
		"twice": {fault.DuplicateObject, "twice/x.yaml:3"}, "nowhere": {fault.PathNotFound, "nowhere"},
		"../..": {fault.PathOutside, ""},
	} {
		_, err := p.Render(t.Context(), tree, render.Request{Path: path})
		if f := fault.Of(err); f == nil || f.Reason != want.reason || f.Class != fault.Invalid || !strings.HasPrefix(f.Where, want.where) {
			t.Errorf("%s: want %s at %s, got %#v", path, want.reason, want.where, f)
		}
	}
	if p.Started() != 1 {
		t.Errorf("%d workers were started", p.Started())
	}
}

func TestALargeTreeAndALargeResultPassThePipe(t *testing.T) {
	files := fstest.MapFS{}
	for i := range 500 {
		name := fmt.Sprintf("app/%03d.yaml", i)
		files[name] = &fstest.MapFile{Data: fmt.Appendf(nil, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\ndata: {big: %q}\n", i, strings.Repeat("x", 20_000))}
	}
	res, err := pool(t, worker.Options{Size: 1}).Render(t.Context(), files, render.Request{Path: "app"})
	if err != nil || len(res.Objects) != 500 {
		t.Fatalf("%d objects, %v", len(res.Objects), err)
	}
}

func TestNoiseOnStdoutDoesNotBreakTheProtocol(t *testing.T) {
	p := pool(t, worker.Options{Size: 1})
	for range 3 {
		if _, err := p.Render(t.Context(), fstest.MapFS{}, render.Request{Kind: bad, Path: "print"}); err != nil {
			t.Fatal(err)
		}
	}
	if p.Started() != 1 {
		t.Errorf("%d workers", p.Started())
	}
}

func TestCancelKillsTheWorkerAtOnce(t *testing.T) {
	p := pool(t, worker.Options{Size: 1, Timeout: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := p.Render(ctx, fstest.MapFS{}, render.Request{Kind: bad, Path: "loop"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("want the context's error, got %v", err)
	}
	if _, err := p.Render(t.Context(), rendertest.Tree(goodTree), good); err != nil {
		t.Fatal(err)
	}
}

func TestAWaiterForASlotGivesUpWithItsContext(t *testing.T) {
	p := pool(t, worker.Options{Size: 1, Timeout: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	var hog sync.WaitGroup
	hog.Go(func() { _, _ = p.Render(ctx, fstest.MapFS{}, render.Request{Kind: bad, Path: "loop"}) })
	waiting, stop := context.WithCancel(t.Context())
	stop()
	if _, err := p.Render(waiting, rendertest.Tree(goodTree), good); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	cancel()
	hog.Wait()
}

// TestPollutorAndVictim renders a kustomization that brings its own OpenAPI schema and then one that patches a list by
// its merge key, which the schema of the first would break.
func TestPollutorAndVictim(t *testing.T) {
	pollutor := rendertest.Tree(`
-- kustomization.yaml --
resources: [d.yaml]
openapi: {path: schema.json}
patches: [{path: p.yaml}]
-- schema.json --
{"definitions": {"io.k8s.api.apps.v1.Deployment": {"type": "object", "x-kubernetes-group-version-kind":
 [{"group": "apps", "kind": "Deployment", "version": "v1"}], "properties": {"spec": {"type": "object"}}}}}
-- d.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec: {template: {spec: {containers: [{name: a, image: a}, {name: b, image: b}]}}}
-- p.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec: {template: {spec: {containers: [{name: a, env: [{name: X, value: "1"}]}]}}}
`)
	victim := fstest.MapFS{}
	for name, f := range pollutor {
		victim[name] = f
	}
	victim["kustomization.yaml"] = &fstest.MapFile{Data: []byte("resources: [d.yaml]\npatches: [{path: p.yaml}]\n")}
	request := render.Request{Kind: render.Kustomize, Path: "."}

	p := pool(t, worker.Options{Size: 1})
	before, err := p.Render(t.Context(), victim, request)
	if err != nil {
		t.Fatal(err)
	}
	if n := containers(before); n != 2 {
		t.Fatalf("%d containers before", n)
	}
	polluted, err := p.Render(t.Context(), pollutor, request)
	if err != nil {
		t.Fatal(err)
	}
	if n := containers(polluted); n != 1 {
		t.Errorf("the custom schema had no effect: %d containers", n)
	}
	after, err := p.Render(t.Context(), victim, request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("a render with a custom schema changed a later one:\n%s", diff)
	}
	if p.Started() != 2 {
		t.Errorf("%d workers were started; the polluted one should have been replaced once", p.Started())
	}
}

func containers(res render.Result) int {
	var v any = res.Objects[0].Body
	for _, key := range []string{"spec", "template", "spec", "containers"} {
		v = v.(map[string]any)[key]
	}
	return len(v.([]any))
}

func TestSixteenAtOnce(t *testing.T) {
	p := pool(t, worker.Options{Size: 4})
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			name := fmt.Sprintf("app-%d", i)
			files := fstest.MapFS{name + "/x.yaml": {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n")}}
			for range 10 {
				res, err := p.Render(t.Context(), files, render.Request{Path: name})
				if err != nil {
					t.Error(err)
					return
				}
				if got := rendertest.Name(res.Objects[0].Body); got != "ConfigMap/"+name {
					t.Errorf("got %s for %s", got, name)
				}
			}
		})
	}
	all.Wait()
	if p.Started() > 4 {
		t.Errorf("%d workers were started for a pool of 4", p.Started())
	}
}

// refusing is Files whose link leads out of the tree.
type refusing struct{ fstest.MapFS }

var outside = &fault.Error{
	Class: fault.Invalid, Reason: fault.PathOutside, Where: "app/link.yaml", Message: "leads out of the repository",
}

func (r refusing) ReadFile(name string) ([]byte, error) {
	if name == "app/link.yaml" {
		return nil, outside
	}
	return r.MapFS.ReadFile(name)
}

func TestALinkOutOfTheTreeIsRefusedThroughThePipe(t *testing.T) {
	files := refusing{rendertest.Tree(goodTree)}
	files.MapFS["app/link.yaml"] = &fstest.MapFile{}
	for _, kind := range []render.Kind{render.Plain, render.Kustomize} {
		files.MapFS["app/kustomization.yaml"] = &fstest.MapFile{Data: []byte("resources: [a.yaml, link.yaml]\n")}
		_, err := pool(t, worker.Options{Size: 1}).Render(t.Context(), files, render.Request{
			Kind: kind, Path: "app", Plain: render.PlainOptions{Exclude: []string{"kustomization.yaml"}},
		})
		if f := fault.Of(err); f == nil || f.Reason != fault.PathOutside || f.Where != outside.Where {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestTheTraceOfAWorkerHoldsWhatTheRendererReads(t *testing.T) {
	tree := rendertest.Tree(overlayTree)
	request := render.Request{Kind: render.Kustomize, Path: "overlay"}
	direct := &rendertest.Traced{Files: tree}
	if _, err := kustomize.New(nil).Render(t.Context(), direct, request); err != nil {
		t.Fatal(err)
	}
	remote := &rendertest.Traced{Files: tree}
	if _, err := pool(t, worker.Options{Size: 1}).Render(t.Context(), remote, request); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(set(direct.Names()), set(remote.Names())); diff != "" {
		t.Errorf("paths read (-in process +in a worker):\n%s", diff)
	}
}

func set(names []string) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		out[n] = true
	}
	return out
}

func TestIdleWorkersEnd(t *testing.T) {
	p := pool(t, worker.Options{Size: 1, IdleTimeout: time.Millisecond})
	deadline := time.Now().Add(20 * time.Second)
	for p.Started() < 2 {
		if time.Now().After(deadline) {
			t.Fatal("an idle worker was never ended")
		}
		if _, err := p.Render(t.Context(), rendertest.Tree(goodTree), good); err != nil {
			t.Fatal(err)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestAKeptWorkerIsStartedAheadAndDoesNotEndForBeingIdle(t *testing.T) {
	p := pool(t, worker.Options{Size: 2, IdleTimeout: time.Millisecond, Kept: 1})
	for range 2 { // a worker that is there counts
		if err := p.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		if p.Started() != 1 {
			t.Fatalf("%d workers were started, want the one that is kept", p.Started())
		}
		<-time.After(5 * time.Millisecond)
		if _, err := p.Render(t.Context(), rendertest.Tree(goodTree), good); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAClosedPoolIsNotWarmed(t *testing.T) {
	p := pool(t, worker.Options{Kept: 1})
	p.Close()
	if err := p.Warm(t.Context()); err == nil {
		t.Error("a closed pool started a worker")
	}
}

func TestAWorkerIsReplacedAfterItsRenders(t *testing.T) {
	p := pool(t, worker.Options{Size: 1, MaxRenders: 2})
	for range 4 {
		if _, err := p.Render(t.Context(), rendertest.Tree(goodTree), good); err != nil {
			t.Fatal(err)
		}
	}
	if p.Started() != 2 {
		t.Errorf("%d workers for 4 renders of at most 2 each", p.Started())
	}
}

func TestAfterCloseNothingRenders(t *testing.T) {
	p := pool(t, worker.Options{Size: 1})
	p.Close()
	if _, err := p.Render(t.Context(), rendertest.Tree(goodTree), good); err == nil {
		t.Error("a closed pool rendered")
	}
}

// TestTheParentsShareOfARenderIsSmall gates the allocations of the daemon for a warm render of five objects; the library
// alone makes 16,000 for the overlay.
func TestTheParentsShareOfARenderIsSmall(t *testing.T) {
	const most = 300
	p, files := pool(t, worker.Options{Size: 1}), rendertest.Tree(overlayTree)
	got := testing.AllocsPerRun(50, func() {
		if _, err := p.Render(t.Context(), files, overlayRequest); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%.0f allocations", got)
	if got > most {
		t.Errorf("%.0f allocations in the parent, more than %d", got, most)
	}
}
