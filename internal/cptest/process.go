package cptest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Variable is the environment variable that names the binary.
const Variable = "PLUMB_CONTROLPLANE"

const (
	// startTimeout is generous: many packages may start one at the same time.
	startTimeout = 3 * time.Minute
	stopTimeout  = time.Minute
)

// Binary returns the path of plumb-controlplane: what the environment variable says, or bin/plumb-controlplane of the
// repository that the working directory is in.
func Binary() (string, error) {
	if path := os.Getenv(Variable); path != "" {
		return path, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "controlplane", "go.mod")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("set %s: the working directory is not in the repository", Variable)
		}
		dir = parent
	}
	path := filepath.Join(dir, "bin", "plumb-controlplane")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("no control plane to test against: run make build, or set %s: %w", Variable, err)
	}
	return path, nil
}

// process is one run of the binary.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when err is set
	err    error         // of Wait
	stderr tail
}

// start starts a control plane in dir.
func start(dir string, options []Option) (*ControlPlane, error) {
	cp := &ControlPlane{
		Dir:              dir,
		Kubeconfig:       filepath.Join(dir, "admin.kubeconfig"),
		EngineKubeconfig: filepath.Join(dir, "engine.kubeconfig"),
		settings:         settings{nodes: 3},
	}
	for _, option := range options {
		option(&cp.settings)
	}
	if cp.settings.audit {
		cp.AuditLog = filepath.Join(dir, "audit.log")
	}
	return cp, cp.launch()
}

// launch runs the binary until it says that it is ready.
func (cp *ControlPlane) launch() error {
	path, err := Binary()
	if err != nil {
		return err
	}
	args := []string{
		"--dir", cp.Dir,
		"--nodes", strconv.Itoa(cp.settings.nodes),
		"--parent-pid", strconv.Itoa(os.Getpid()),
	}
	if cp.AuditLog != "" {
		args = append(args, "--audit-log", cp.AuditLog)
	}
	p := &process{cmd: exec.Command(path, args...), exited: make(chan struct{})}
	p.cmd.Stderr = &p.stderr
	// Its own group: an interrupt at the terminal is for the test, which then stops it in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	p.cmd.Stdout = in
	if err := p.cmd.Start(); err != nil {
		return errors.Join(err, in.Close(), out.Close())
	}
	_ = in.Close() // ours; the process has its own
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	ready := make(chan string, 1)
	go func() {
		defer out.Close()
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if server, ok := readyServer(lines.Text()); ok {
				ready <- server
			}
		}
		_, _ = io.Copy(io.Discard, out) // after a line too long for the scanner
	}()
	select {
	case cp.Server = <-ready:
		cp.process = p
		return nil
	case <-p.exited:
		return p.failure("ended before it was ready", cp.Dir)
	case <-time.After(startTimeout):
		return errors.Join(p.failure(fmt.Sprintf("not ready within %v", startTimeout), cp.Dir), p.kill())
	}
}

// readyServer reads the URL out of the line that starts with READY.
func readyServer(line string) (string, bool) {
	fields := strings.Fields(line)
	if len(fields) == 0 || fields[0] != "READY" {
		return "", false
	}
	for _, field := range fields[1:] {
		if server, ok := strings.CutPrefix(field, "server="); ok {
			return server, true
		}
	}
	return "", false
}

func (p *process) failure(what, dir string) error {
	log, err := os.ReadFile(filepath.Join(dir, "controlplane.log"))
	if err != nil {
		log = []byte(err.Error())
	}
	const kept = 4000
	if len(log) > kept {
		log = log[len(log)-kept:]
	}
	return fmt.Errorf("%s %s\nits messages:\n%s\nthe end of its log:\n%s", p.cmd.Path, what, p.stderr.String(), log)
}

// stop ends the process in order; nothing happens when it has ended.
func (p *process) stop() error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
		if p.err != nil {
			return fmt.Errorf("%s: %w\n%s", p.cmd.Path, p.err, p.stderr.String())
		}
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("%s did not stop within %v", p.cmd.Path, stopTimeout), p.kill())
	}
}

func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.exited
	return nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const maxTail = 64 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p)
	if extra := t.buf.Len() - maxTail; extra > 0 {
		t.buf.Next(extra)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
