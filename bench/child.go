package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child is a process that says READY and key=value fields on its standard output.
type child struct {
	cmd    *exec.Cmd
	ready  map[string]string
	log    string // file of its standard error
	exited chan struct{}
}

const (
	readyWithin = 2 * time.Minute
	stopWithin  = time.Minute
)

// startChild returns when the process is ready.
func startChild(ctx context.Context, log, program string, args ...string) (*child, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own
	c := &child{cmd: exec.Command(program, args...), ready: map[string]string{}, log: log, exited: make(chan struct{})}
	c.cmd.Stderr = out
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	line := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), "READY "); ok {
				line <- rest
				break
			}
		}
		_, _ = io.Copy(io.Discard, stdout)
		_ = c.cmd.Wait() // that it ended is what counts here
		close(c.exited)
	}()
	select {
	case text := <-line:
		for _, field := range strings.Fields(text) {
			if key, value, ok := strings.Cut(field, "="); ok {
				c.ready[key] = value
			}
		}
		return c, nil
	case <-c.exited:
		return nil, fmt.Errorf("%s ended before it was ready:\n%s", filepath.Base(program), c.tail())
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(readyWithin):
		err = errors.New(filepath.Base(program) + " is not ready")
	}
	c.stop()
	return nil, err
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop asks the process to end, and makes it.
func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-c.exited:
	case <-time.After(stopWithin):
		_ = c.cmd.Process.Kill()
		<-c.exited
	}
}

func (c *child) tail() string {
	const kept = 3000
	b, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-kept):])
}

// renders is how often the daemon has rendered, as it says itself.
func (s *stage) renders(ctx context.Context) (int, error) {
	total := 0.0
	err := s.metric(ctx, "plumb_render_seconds_count", func(v float64) { total += v })
	return int(total), err
}

func (s *stage) metric(ctx context.Context, name string, found func(float64)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.daemon.ready["api"]+"/metrics", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := lines.Text()
		if !strings.HasPrefix(text, name) {
			continue
		}
		v, err := strconv.ParseFloat(text[strings.LastIndexByte(text, ' ')+1:], 64)
		if err != nil {
			return err
		}
		found(v)
	}
	return lines.Err()
}
