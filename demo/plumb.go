package main

import (
	"bufio"
	"bytes"
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

// installation is a running plumb up, and the command line that speaks to it.
type installation struct {
	binary     string // absolute
	config     string // directory of the sign-in: the spectator's own is left alone
	api        string
	kubeconfig string
	process    *os.Process
	done       chan struct{} // closed when the process has ended
	exit       error         // of the process, once done is closed
	stderr     lockedBuffer
}

const (
	startWithin = 2 * time.Minute
	stopWithin  = 40 * time.Second
)

// startPlumb starts plumb up on dir and waits until it is ready.
func startPlumb(ctx context.Context, binary, dir, listen string) (*installation, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	p := &installation{binary: binary, config: filepath.Join(dir, "sign-in"), done: make(chan struct{})}
	cmd := exec.Command(binary, "up", "--dir", dir, "--listen", listen)
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
		close(p.done)
	}()
	ready := make(chan map[string]string, 1)
	go func() { ready <- readyLine(out) }()
	select {
	case fields := <-ready:
		if p.api, p.kubeconfig = fields["api"], fields["kubeconfig"]; p.api != "" {
			return p, nil
		}
		err = errors.New("plumb up did not start")
	case <-time.After(startWithin):
		err = fmt.Errorf("plumb up was not ready within %s", startWithin)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return nil, errors.Join(err, p.stop(), errors.New(p.lastWords()))
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

// stop ends plumb up, and with it the control plane. It may be called when it has ended already.
func (p *installation) stop() error {
	_ = p.process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.done:
	case <-time.After(stopWithin):
		return errors.Join(fmt.Errorf("plumb up did not end within %s", stopWithin), p.process.Kill())
	}
	var exit *exec.ExitError
	if errors.As(p.exit, &exit) && exit.ExitCode() == 130 { // the terminal's interrupt reached it too
		return nil
	}
	return p.exit
}

// lastWords are the newest lines of what plumb up said of itself, on lines of their own.
func (p *installation) lastWords() string {
	lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
	return "\n\nplumb up said last:\n  " + strings.Join(lines[max(0, len(lines)-8):], "\n  ")
}

// env is our environment with the sign-in and the kubeconfig of this installation.
func (p *installation) env() []string {
	return append(os.Environ(), "PLUMB_CONFIG_DIR="+p.config, "PLUMB_SERVER=", "PLUMB_TOKEN=", "KUBECONFIG="+p.kubeconfig, "NO_COLOR=1")
}

// run runs plumb with args and gives all that it printed, and its exit code.
func (p *installation) run(ctx context.Context, args ...string) (output string, code int, err error) {
	cmd := exec.CommandContext(ctx, p.binary, args...)
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
