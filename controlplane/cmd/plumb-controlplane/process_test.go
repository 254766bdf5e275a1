package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// asProgram makes the test binary behave as the program: one process holds one control plane, so tests need others.
const asProgram = "PLUMB_CONTROLPLANE_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	code := m.Run()
	if shared.run != nil {
		if c := shared.run.end(syscall.SIGTERM); c != 0 {
			fmt.Fprintln(os.Stderr, "the shared control plane ended with code", c)
			code = 1
		}
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

const (
	startTimeout = 2 * time.Minute
	waitTimeout  = 30 * time.Second
)

// program is a run of the program.
type program struct {
	cmd    *exec.Cmd
	ready  map[string]string // the fields of the READY line
	stderr bytes.Buffer      // to be read after the end only
	exited chan struct{}
}

// launch starts the program and waits until it is ready.
func launch(args ...string) (*program, error) {
	p := &program{exited: make(chan struct{}), ready: map[string]string{}}
	// In front: a test may name another parent.
	p.cmd = exec.Command(os.Args[0], append([]string{"--parent-pid", strconv.Itoa(os.Getpid())}, args...)...)
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stderr = &p.stderr
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout = in
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	_ = in.Close()
	line := make(chan string, 1)
	go func() {
		defer out.Close()
		r := bufio.NewReader(out)
		first, _ := r.ReadString('\n')
		line <- first
		_, _ = io.Copy(io.Discard, r)
	}()
	go func() {
		_ = p.cmd.Wait() // the exit code is asked for later
		close(p.exited)
	}()
	select {
	case first := <-line:
		fields := strings.Fields(first)
		if len(fields) == 0 || fields[0] != "READY" {
			<-p.exited
			return nil, fmt.Errorf("it said %q and ended with %v: %s", first, p.cmd.ProcessState, p.stderr.String())
		}
		for _, f := range fields[1:] {
			key, value, _ := strings.Cut(f, "=")
			p.ready[key] = value
		}
		return p, nil
	case <-time.After(startTimeout):
		p.end(syscall.SIGKILL)
		return nil, fmt.Errorf("not ready within %v", startTimeout)
	}
}

// end sends the signal and returns the exit code; -1: ended by a signal.
func (p *program) end(s syscall.Signal) int {
	_ = p.cmd.Process.Signal(s) // it may have ended
	select {
	case <-p.exited:
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	return p.cmd.ProcessState.ExitCode()
}

// start is launch for one test.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	p, err := launch(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.end(syscall.SIGTERM) })
	return p
}

// shared is the control plane of all tests that do not stop it.
var shared struct {
	once sync.Once
	dir  string
	run  *program
	err  error
}

func sharedProgram(t *testing.T) *program {
	t.Helper()
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "controlplane-test-"); shared.err == nil {
			shared.run, shared.err = launch("--dir", shared.dir, "--nodes", "2")
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.run
}

func config(t *testing.T, kubeconfig string) *rest.Config {
	t.Helper()
	c, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	c.QPS = -1
	return c
}

func client(t *testing.T, c *rest.Config) *kubernetes.Clientset {
	t.Helper()
	set, err := kubernetes.NewForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// admin returns a client of the shared control plane.
func admin(t *testing.T) *kubernetes.Clientset {
	t.Helper()
	return client(t, config(t, sharedProgram(t).ready["kubeconfig"]))
}

// eventually polls done; what it returns otherwise says what is missing.
func eventually(t *testing.T, done func(context.Context) (ok bool, otherwise string)) {
	t.Helper()
	deadline := time.After(waitTimeout)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, otherwise := done(t.Context())
		if ok {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("not within %v: %s", waitTimeout, otherwise)
		case <-tick.C:
		}
	}
}
