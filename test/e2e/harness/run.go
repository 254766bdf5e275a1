package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/daemon"
)

const (
	localToken      = "e2e-local-token"
	optionsVariable = "PLUMB_E2E_DAEMON"
	readyTimeout    = time.Minute
	stopTimeout     = 30 * time.Second
)

func restConfig(kubeconfig []byte) (*rest.Config, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err == nil {
		config.QPS = -1
	}
	return config, err
}

// processOptions are what differs between the daemons that tests run.
type processOptions struct {
	Dir            string
	Kubeconfig     []byte
	Namespace      string
	LeaderElection bool
}

func (o processOptions) daemon(log io.Writer, ready func(string)) cli.DaemonOptions {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return cli.DaemonOptions{
		Dir: o.Dir, Kubeconfig: o.Kubeconfig, Namespace: o.Namespace, LeaderElection: o.LeaderElection,
		Listen: "127.0.0.1:0", Installation: "plumb", LocalToken: localToken, Renderers: 2,
		NotifyAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Self:        []string{self, argRender}, Getenv: os.Getenv, Ready: ready, Log: log, LogLevel: "debug", Version: "e2e",
	}
}

// run is one run of a daemon.
type run struct {
	address string
	log     *journal
	end     func() error // asks it to end
	crash   func() error // nil: it runs in this process
	done    chan struct{}
	err     error // when done is closed
}

// startHere runs a daemon in this process.
func startHere(o processOptions) (*run, error) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{log: &journal{}, done: make(chan struct{}), end: func() error { cancel(); return nil }}
	ready := make(chan string, 1)
	go func() {
		defer close(r.done)
		r.err = daemon.Run(ctx, o.daemon(r.log, func(address string) { ready <- address }))
	}()
	return r, r.await(ready)
}

// startProcess runs a daemon in a process of its own: this test binary again.
func startProcess(o processOptions) (*run, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r := &run{log: &journal{}, done: make(chan struct{})}
	cmd := exec.Command(self, argDaemon)
	cmd.Env = append(os.Environ(), optionsVariable+"="+string(raw))
	cmd.Stderr = r.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r.end = func() error { return ignoreDone(cmd.Process.Signal(syscall.SIGTERM)) }
	r.crash = func() error { return ignoreDone(cmd.Process.Kill()) }
	ready := make(chan string, 1)
	go func() {
		defer close(r.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if address, ok := strings.CutPrefix(lines.Text(), "READY "); ok {
				ready <- address
			}
		}
		r.err = cmd.Wait()
	}()
	return r, r.await(ready)
}

func ignoreDone(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

func (r *run) await(ready <-chan string) error {
	select {
	case r.address = <-ready:
		return nil
	case <-r.done:
		return fmt.Errorf("the daemon ended: %w\n%s", r.err, r.log.match(nil, 50))
	case <-time.After(readyTimeout):
		return errors.Join(fmt.Errorf("the daemon was not ready within %v\n%s", readyTimeout, r.log.match(nil, 50)), r.end())
	}
}

// stop ends the daemon in order and gives the error that it ended with.
func (r *run) stop() error {
	if err := r.end(); err != nil {
		return err
	}
	select {
	case <-r.done:
	case <-time.After(stopTimeout):
		return fmt.Errorf("it did not end within %v\n%s", stopTimeout, r.log.match(nil, 50))
	}
	var exit *exec.ExitError
	if errors.As(r.err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return nil // it was killed before
	}
	if r.err != nil {
		return fmt.Errorf("%w\n%s", r.err, r.log.match(nil, 50))
	}
	return nil
}

func (r *run) kill() error {
	if r.crash == nil {
		return errors.New("the daemon runs in this process: start the Lab with AsProcess")
	}
	if err := r.crash(); err != nil {
		return err
	}
	<-r.done
	return nil
}

// journal keeps the end of a daemon's log.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const maxJournal = 8 << 20

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.buf.Len() > maxJournal {
		j.buf.Next(maxJournal / 2)
	}
	return j.buf.Write(p)
}

// match gives the last lines that contain all the words.
func (j *journal) match(words []string, limit int) string {
	j.mu.Lock()
	text := j.buf.String()
	j.mu.Unlock()
	var out []string
	for line := range strings.Lines(text) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			out = append(out, line)
		}
	}
	if len(out) > limit {
		out = out[len(out)-limit:]
	}
	return strings.Join(out, "")
}
