package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// planeName is the binary of the embedded control plane.
const planeName = "plumb-controlplane"

// findPlane looks for the control plane: where --controlplane says, beside this program, on PATH.
func (e *env) findPlane(given string) (string, error) {
	if given != "" {
		if _, err := os.Stat(given); err != nil {
			return "", exitError{code: exitNotFound, message: "--controlplane: " + err.Error(), err: err}
		}
		return given, nil
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), planeName)
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	if path, err := exec.LookPath(planeName); err == nil {
		return path, nil
	}
	return "", exitError{
		code: exitNotFound, message: planeName + " is neither beside this program nor on PATH", next: "make build, or give --controlplane PATH",
	}
}

// startPlane starts a control plane on dir and waits until it is ready. It ends with this process.
func (e *env) startPlane(ctx context.Context, binary, dir string, port, nodes int) (*child, error) {
	cmd := exec.Command(binary, "--dir", dir, "--port", strconv.Itoa(port), "--nodes", strconv.Itoa(nodes), "--parent-pid", strconv.Itoa(os.Getpid()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C reaches us first, so that the daemon stops before its API server
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var problems tail
	cmd.Stderr = &problems
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", binary, err)
	}
	done := make(chan struct{})
	ready := make(chan map[string]string, 1)
	var exit error
	go func() {
		defer close(done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), "READY "); ok {
				ready <- fields(rest)
			}
		}
		exit = cmd.Wait()
	}()
	stop := func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		select {
		case <-done:
			return exit
		case <-time.After(20 * time.Second):
			return cmd.Process.Kill()
		}
	}
	select {
	case f := <-ready:
		return &child{Kubeconfig: f["kubeconfig"], EngineKubeconfig: f["engine-kubeconfig"], stop: stop, done: done}, nil
	case <-done:
		return nil, exitError{code: exitUnreachable, message: "the control plane did not start: " + strings.TrimSpace(problems.String()), err: exit}
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), stop())
	}
}

// fields reads "key=value key=value".
func fields(s string) map[string]string {
	out := map[string]string{}
	for _, f := range strings.Fields(s) {
		if k, v, ok := strings.Cut(f, "="); ok {
			out[k] = v
		}
	}
	return out
}

// tail keeps the end of what is written to it.
type tail struct{ buf []byte }

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	const limit = 4 << 10
	t.buf = append(t.buf, p...)
	if n := len(t.buf) - limit; n > 0 {
		t.buf = t.buf[n:]
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.buf) }
