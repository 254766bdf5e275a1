package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// setting is one git configuration value for one child process.
type setting struct{ key, value string }

// command describes one child process. The program is git unless said otherwise.
type command struct {
	program  string // absolute path; empty means git
	args     []string
	dir      string // GIT_DIR, empty for none
	env      []string
	settings []setting
	stdin    io.Reader
	maxOut   int64 // bytes of stdout; 0 means 64 MiB
}

// settings that every git child gets.
var baseSettings = []setting{
	{"core.hooksPath", "/dev/null"},
	{"credential.helper", ""},
	{"core.askPass", ""},
	{"core.fsmonitor", "false"},
	{"core.bigFileThreshold", "8m"},
	{"gc.auto", "0"},
	{"maintenance.auto", "false"},
	{"fetch.unpackLimit", "1"},
	{"fetch.writeCommitGraph", "false"},
	{"fetch.recurseSubmodules", "false"},
	{"submodule.recurse", "false"},
	{"protocol.version", "2"},
	{"transfer.advertiseSID", "false"},
	{"http.lowSpeedLimit", "1"},
	{"http.lowSpeedTime", "60"},
	{"advice.pushUpdateRejected", "false"},
}

// environ is the whole environment of a child: nothing leaks in from ours but the path and the proxies.
func (s *Store) environ(c command) []string {
	env := append([]string{}, s.env...)
	env = append(env,
		"HOME="+s.session, "LC_ALL=C", "LANGUAGE=", "TZ=UTC",
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS=", "SSH_ASKPASS_REQUIRE=never",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1",
		"GIT_LITERAL_PATHSPECS=1", "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0", "GIT_ADVICE=0",
	)
	if c.dir != "" {
		env = append(env, "GIT_DIR="+c.dir)
	}
	all := append(append([]setting{}, baseSettings...), c.settings...)
	env = append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(len(all)))
	for i, set := range all {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, set.key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, set.value))
	}
	return append(env, c.env...)
}

// exitError says that a child failed. Its text has no secrets: stderr is foreign and is classified before it is shown.
type exitError struct {
	program string
	code    int
	stderr  string
}

func (e *exitError) Error() string {
	return fmt.Sprintf("%s: exit %d: %s", e.program, e.code, lastLine(e.stderr))
}

// errOutput says that a child wrote more than it may.
var errOutput = errors.New("output too large")

// prepare builds the process in a group of its own, which dies as a whole when ctx ends.
func (s *Store) prepare(ctx context.Context, c command) *exec.Cmd {
	program := c.program
	if program == "" {
		program = s.git
	}
	cmd := exec.CommandContext(ctx, program, c.args...)
	cmd.Env = s.environ(c)
	cmd.Dir = s.session
	cmd.Stdin = c.stdin
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// run waits for the child and returns its standard output. The error is ctx's when ctx ended, else *exitError.
func (s *Store) run(ctx context.Context, c command) ([]byte, error) {
	cmd := s.prepare(ctx, c)
	limit := c.maxOut
	if limit == 0 {
		limit = 64 << 20
	}
	out := &cappedBuffer{left: limit}
	errs := &tailBuffer{}
	cmd.Stdout, cmd.Stderr = out, errs
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return out.Bytes(), context.Cause(ctx)
	case out.full:
		return nil, errOutput
	case err == nil:
		return out.Bytes(), nil
	}
	return out.Bytes(), exitFailure(c, err, errs.String())
}

func exitFailure(c command, err error, stderr string) error {
	name := "git"
	if c.program != "" {
		name = "ssh"
	}
	if c.program == "" && len(c.args) > 0 {
		name += " " + c.args[0]
	}
	var ee *exec.ExitError
	if errors.As(err, &ee) {
		return &exitError{program: name, code: ee.ExitCode(), stderr: stderr}
	}
	return fmt.Errorf("running %s: %w", name, err)
}

// cappedBuffer keeps up to left bytes, then fails its writer.
type cappedBuffer struct {
	bytes.Buffer
	left int64
	full bool
}

func (b *cappedBuffer) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		b.full = true
		return 0, errOutput
	}
	return b.Buffer.Write(p)
}

// tailBuffer keeps about the last 16 kB of what is written.
type tailBuffer struct{ b []byte }

const tailBytes = 16 << 10

func (t *tailBuffer) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > 2*tailBytes {
		t.b = append([]byte{}, t.b[len(t.b)-tailBytes:]...)
	}
	return len(p), nil
}

func (t *tailBuffer) String() string { return string(t.b) }

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
