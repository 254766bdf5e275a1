// Package up runs plumb up as a child process, and the command line against it: what the demo and the programs below test
// stand on.
package up

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options say what to start. Binary and Dir are required.
type Options struct {
	Binary       string // plumb
	ControlPlane string // plumb-controlplane; empty: beside Binary
	Dir          string // state; an absolute path
	Listen       string // address of the API; empty: a free port on loopback
}

// Plumb is a running plumb up, and the command line that speaks to it.
type Plumb struct {
	Binary     string // absolute
	Config     string // directory of the sign-in: the caller's own is left alone
	API        string
	Kubeconfig string        // of an administrator
	Done       chan struct{} // closed when the process has ended
	process    *os.Process
	exit       error // of the process, once Done is closed
	stderr     lockedBuffer
}

const (
	startWithin = 2 * time.Minute
	stopWithin  = 40 * time.Second
)

// Start starts plumb up and waits until it is ready.
func Start(ctx context.Context, o Options) (*Plumb, error) {
	binary, err := filepath.Abs(o.Binary)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	args := []string{"up", "--dir", o.Dir, "--listen", cmp.Or(o.Listen, "127.0.0.1:0")}
	if o.ControlPlane != "" {
		args = append(args, "--controlplane", o.ControlPlane)
	}
	p := &Plumb{Binary: binary, Config: filepath.Join(o.Dir, "sign-in"), Done: make(chan struct{})}
	cmd := exec.Command(binary, args...)
	cmd.Env = p.env()
	cmd.Stderr = &p.stderr
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout = in
	if err := errors.Join(cmd.Start(), in.Close()); err != nil {
		return nil, err
	}
	p.process = cmd.Process
	go func() {
		p.exit = cmd.Wait()
		close(p.Done)
	}()
	ready := make(chan map[string]string, 1)
	go func() { ready <- readyLine(out) }()
	select {
	case fields := <-ready:
		if p.API, p.Kubeconfig = fields["api"], fields["kubeconfig"]; p.API != "" {
			return p, nil
		}
		err = errors.New("plumb up did not start")
	case <-time.After(startWithin):
		err = fmt.Errorf("plumb up was not ready within %s", startWithin)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return nil, errors.Join(err, p.Stop(), errors.New(p.LastWords()))
}

// readyLine gives the fields of "READY key=value key=value"; none when the stream ends without it.
func readyLine(r io.Reader) map[string]string {
	fields := map[string]string{}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), "READY ")
		if !ok {
			continue
		}
		for _, f := range strings.Fields(rest) {
			k, v, _ := strings.Cut(f, "=")
			fields[k] = v
		}
		return fields
	}
	return fields
}

// Stop ends plumb up, and with it the control plane. It may be called when it has ended already.
func (p *Plumb) Stop() error {
	_ = p.process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.Done:
	case <-time.After(stopWithin):
		return errors.Join(fmt.Errorf("plumb up did not end within %s", stopWithin), p.process.Kill())
	}
	var exit *exec.ExitError
	if errors.As(p.exit, &exit) && exit.ExitCode() == 130 { // the terminal's interrupt reached it too
		return nil
	}
	return p.exit
}

// LastWords are the newest lines of what plumb up said of itself, on lines of their own.
func (p *Plumb) LastWords() string {
	lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
	return "\n\nplumb up said last:\n  " + strings.Join(lines[max(0, len(lines)-8):], "\n  ")
}

// env is our environment with the sign-in and the kubeconfig of this installation.
func (p *Plumb) env() []string {
	return append(os.Environ(), "PLUMB_CONFIG_DIR="+p.Config, "PLUMB_SERVER=", "PLUMB_TOKEN=", "KUBECONFIG="+p.Kubeconfig, "NO_COLOR=1")
}

// Run runs plumb with args and gives all that it printed, and its exit code.
func (p *Plumb) Run(ctx context.Context, args ...string) (output string, code int, err error) {
	cmd := exec.CommandContext(ctx, p.Binary, args...)
	cmd.Env = p.env()
	raw, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(raw), exit.ExitCode(), nil
	}
	return string(raw), 0, err
}

// lockedBuffer is a bytes.Buffer that is written to and read from at the same time.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
