// Package cptest gives tests a real Kubernetes API server: it starts the binary plumb-controlplane and says how to reach
// it. Tests of one package share a control plane:
//
//	func TestMain(m *testing.M) { cptest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		cp := cptest.Shared(t)
//		namespace := cp.Namespace(t)
//
// A test that stops the control plane, or needs it empty, starts its own with Start.
package cptest

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// ControlPlane is a running control plane.
type ControlPlane struct {
	Server           string // URL
	Kubeconfig       string // file: cluster administrator, whom API Priority and Fairness does not limit
	EngineKubeconfig string // file: the service account plumb-system/plumb, with all rights
	Dir              string // of the control plane; controlplane.log in it is the log of all components
	AuditLog         string // file, if asked for by WithAudit

	settings settings
	process  *process
}

// Option changes what Start starts.
type Option func(*settings)

type settings struct {
	nodes int
	audit bool
}

// WithNodes sets the number of simulated nodes; 3 without it.
func WithNodes(n int) Option { return func(s *settings) { s.nodes = n } }

// WithAudit writes one JSON line for each request to the file AuditLog. The control plane's own requests are left out.
func WithAudit() Option { return func(s *settings) { s.audit = true } }

// Start starts a control plane for this test alone and stops it when the test ends. It takes two to four seconds, so
// prefer Shared.
func Start(t testing.TB, options ...Option) *ControlPlane {
	t.Helper()
	cp, err := start(t.TempDir(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.process.stop(); err != nil {
			t.Error(err)
		}
	})
	return cp
}

// shared is the control plane of the test binary, which is started when the first test asks.
var shared struct {
	mu     sync.Mutex
	inMain bool
	dir    string
	cp     *ControlPlane
	err    error
}

// Tests is *testing.M, or what wraps it to do more before the shared control plane stops.
type Tests interface{ Run() int }

// Main runs the tests of a package whose tests call Shared, and ends the process. Call it from TestMain.
func Main(m Tests) { os.Exit(Run(m)) }

// Run is Main for a TestMain that has more to do: it returns the exit code.
func Run(m Tests) int {
	shared.mu.Lock()
	shared.inMain = true
	shared.mu.Unlock()
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.cp != nil && shared.cp.process != nil {
		if err := shared.cp.process.stop(); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir) // a leftover in the directory for temporary files harms nobody
	}
	return code
}

// Shared returns the control plane of this test binary. Tests keep out of each other's way by using Namespace, and
// unique names for what has no namespace.
func Shared(t testing.TB) *ControlPlane {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.inMain {
		t.Fatal("cptest.Shared: the package needs  func TestMain(m *testing.M) { cptest.Main(m) }")
	}
	if shared.cp == nil && shared.err == nil {
		if shared.dir, shared.err = os.MkdirTemp("", "cptest-"); shared.err == nil {
			shared.cp, shared.err = start(shared.dir, nil)
		}
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cp
}

// Stop stops the control plane in order; Restart brings it back.
func (cp *ControlPlane) Stop(t testing.TB) {
	t.Helper()
	if err := cp.process.stop(); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the control plane at once, as a crash would; Restart brings it back.
func (cp *ControlPlane) Kill(t testing.TB) {
	t.Helper()
	if err := cp.process.kill(); err != nil {
		t.Fatal(err)
	}
}

// Restart starts the control plane again with the state that it had, at the same address.
func (cp *ControlPlane) Restart(t testing.TB) {
	t.Helper()
	if err := cp.process.stop(); err != nil {
		t.Fatal(err)
	}
	if err := cp.launch(); err != nil {
		t.Fatal(err)
	}
}

// Config returns a client configuration of the administrator, without a rate limit.
func (cp *ControlPlane) Config(t testing.TB) *rest.Config { return config(t, cp.Kubeconfig) }

// EngineConfig returns a client configuration of the engine's service account, without a rate limit.
func (cp *ControlPlane) EngineConfig(t testing.TB) *rest.Config {
	return config(t, cp.EngineKubeconfig)
}

func config(t testing.TB, file string) *rest.Config {
	t.Helper()
	c, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	c.QPS = -1
	return c
}

// Client returns a client of the administrator.
func (cp *ControlPlane) Client(t testing.TB) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(cp.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

const namespaceTimeout = 30 * time.Second

// Namespace creates a namespace that no other test has, in which Pods can be created, and returns its name. It is
// deleted when the test ends.
func (cp *ControlPlane) Namespace(t testing.TB) string {
	t.Helper()
	client := cp.Client(t)
	name := Name(t)
	namespaces := client.CoreV1().Namespaces()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := namespaces.Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The context of the test has ended. Nobody waits for the namespace to be gone.
		ctx, cancel := context.WithTimeout(context.Background(), namespaceTimeout)
		defer cancel()
		err := namespaces.Delete(ctx, name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			t.Logf("deleting namespace %s: %v", name, err)
		}
	})
	Eventually(t, namespaceTimeout, "the namespace has a service account", func() bool {
		_, err := client.CoreV1().ServiceAccounts(name).Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	})
	return name
}

var names struct {
	mu   sync.Mutex
	used map[string]int
}

// maxName leaves room for a suffix in the 63 characters of a label.
const maxName = 40

// Name returns a name, fit for a namespace or any other object, that no other call in this process returns. It tells
// the test that asked.
func Name(t testing.TB) string {
	t.Helper()
	clean := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}
	name := "t-" + strings.Map(clean, strings.TrimPrefix(t.Name(), "Test"))
	if len(name) > maxName {
		name = name[:maxName]
	}
	name = strings.Trim(name, "-")
	names.mu.Lock()
	defer names.mu.Unlock()
	if names.used == nil {
		names.used = map[string]int{}
	}
	names.used[name]++
	return name + "-" + strconv.Itoa(names.used[name])
}

const pollEvery = 20 * time.Millisecond

// Eventually polls done and fails the test if it is not true within the time given. what completes "not within 5s: ".
func Eventually(t testing.TB, within time.Duration, what string, done func() bool) {
	t.Helper()
	deadline := time.After(within)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("not within %v: %s", within, what)
		case <-t.Context().Done():
			t.Fatalf("the test ended before: %s", what)
		case <-tick.C:
		}
	}
}
