package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// child is one worker process, used by one render at a time.
type child struct {
	cmd     *exec.Cmd
	stdout  io.Closer
	pipe    *pipe
	stderr  *head
	options Options
	exited  chan struct{} // closed once the process is gone and waited for

	mu      sync.Mutex
	killed  bool
	why     error // why we killed it; nil for no particular reason
	broken  bool
	renders int
	timer   *time.Timer
}

// startChild starts the process with nothing but three pipes.
func startChild(options Options) (*child, error) {
	if len(options.Command) == 0 {
		return nil, errors.New("no command given")
	}
	cmd := exec.Command(options.Command[0], options.Command[1:]...) // its life is the pool's, not a context's
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.SysProcAttr = attributes()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, theirs, err := os.Pipe() // ours, so that waiting for the process cannot close it before it is read
	if err != nil {
		return nil, err
	}
	errs := &head{}
	cmd.Stdout, cmd.Stderr = theirs, errs
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		_ = stdout.Close()
		return nil, err
	}
	c := &child{
		cmd: cmd, stdout: stdout, pipe: newPipe(stdout, stdin), stderr: errs, options: options,
		exited: make(chan struct{}),
	}
	go c.reap()
	return c, nil
}

func (c *child) reap() {
	defer close(c.exited)
	_ = c.cmd.Wait() // how it ended is told by what it last said
}

// kill ends the process; why is told to the render that runs in it.
func (c *child) kill(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.killed {
		return
	}
	c.killed, c.why = true, why
	_ = c.cmd.Process.Kill()
}

func (c *child) sound() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.killed && !c.broken && c.renders < c.options.MaxRenders
}

func (c *child) spoil() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = true
}

// sleep has expire called after a time, unless wake comes first.
func (c *child) sleep(d time.Duration, expire func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer = time.AfterFunc(d, expire)
}

// wake reports whether the child lives still.
func (c *child) wake() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	select {
	case <-c.exited:
		return false
	default:
		return !c.killed
	}
}

// greet tells the child its limits and waits until it has dropped its rights.
func (c *child) greet(ctx context.Context, h hello) ([]string, error) {
	stop := c.killOn(ctx, c.options.Timeout)
	defer stop()
	err := c.pipe.sendJSON(frameHello, h)
	var r ready
	if err == nil {
		err = c.pipe.receiveJSON(frameReady, &r)
	}
	if err != nil {
		c.spoil()
		return nil, c.fate(ctx, "", err)
	}
	return r.Isolation, nil
}

var (
	errTimeout = errors.New("too slow")
	errMemory  = errors.New("too much memory")
)

// killOn kills the child when ctx ends, when the time is over, or when it grows beyond its memory.
func (c *child) killOn(ctx context.Context, timeout time.Duration) (stop func()) {
	timer := time.AfterFunc(timeout, func() { c.kill(errTimeout) })
	unhook := context.AfterFunc(ctx, func() { c.kill(context.Cause(ctx)) })
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		c.watchMemory(done)
	}()
	return func() {
		if !timer.Stop() { // a killer that is on its way must not meet the next render
			c.kill(errTimeout)
		}
		if !unhook() {
			c.kill(context.Cause(ctx))
		}
		close(done)
		<-watched
	}
}

// memoryInterval is short, because a bomb fills gigabytes in a second.
const memoryInterval = 20 * time.Millisecond

func (c *child) watchMemory(done <-chan struct{}) {
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-c.exited:
			return
		case <-tick.C:
			switch n := privateBytes(c.cmd.Process.Pid); {
			case n > c.options.MemoryBytes:
				c.kill(errMemory)
				return
			case n > c.options.MemoryBytes/2:
				c.spoil() // this render may end, but the memory is not kept for the next
			}
		}
	}
}

// render does one render in the child.
func (c *child) render(ctx context.Context, files render.Files, req render.Request) (render.Result, error) {
	c.mu.Lock()
	c.renders++
	c.mu.Unlock()
	c.stderr.reset()
	stop := c.killOn(ctx, c.options.Timeout)
	defer stop()
	if err := c.pipe.sendRender(files, req); err != nil {
		return render.Result{}, c.fate(ctx, req.Path, err)
	}
	for {
		kind, body, err := c.pipe.receive()
		if err != nil {
			return render.Result{}, c.fate(ctx, req.Path, err)
		}
		switch kind {
		case frameWants:
			err = answer(c.pipe, files, string(body))
		case frameResult:
			return c.result(ctx, req.Path, string(body))
		case frameFailed:
			return render.Result{}, c.failed(ctx, req.Path, body)
		default:
			err = errMalformed
		}
		if err != nil {
			return render.Result{}, c.fate(ctx, req.Path, err)
		}
	}
}

func (c *child) result(ctx context.Context, where, body string) (render.Result, error) {
	d := &decoder{s: body}
	if d.byte() == tagTrue {
		c.spoil()
	}
	res, err := d.result()
	if err != nil {
		return render.Result{}, c.fate(ctx, where, err)
	}
	return res, nil
}

// fate says why the conversation ended: we killed the child, it died, or it talked nonsense. It is no use after that.
func (c *child) fate(ctx context.Context, where string, cause error) error {
	c.spoil()
	c.kill(nil)
	<-c.exited
	c.mu.Lock()
	why := c.why
	c.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f := &fault.Error{Class: fault.Invalid, Where: where, Err: cause}
	switch {
	case errors.Is(why, errTimeout):
		f.Reason = fault.RenderTimeout
		f.Message = fmt.Sprintf("rendering took longer than %s and was stopped", c.options.Timeout)
		f.Next = "look for an endless loop in its templates"
	case errors.Is(why, errMemory):
		f.Reason = fault.LimitExceeded
		f.Message = fmt.Sprintf("rendering took more than %d MiB of memory and was stopped", c.options.MemoryBytes>>20)
	case errors.Is(why, errClosed):
		return errClosed
	default:
		f.Reason = fault.RenderCrashed
		f.Message = "the renderer crashed"
		if line := c.stderr.cause(); line != "" {
			f.Message += ": " + line
		} else {
			f.Class = fault.Transient // it left no word, so that somebody else ended it
		}
	}
	return f
}

// head keeps the first bytes of what a child writes to stderr in a render: of a crash, the reason.
type head struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (h *head) Write(b []byte) (int, error) {
	const keep = 16 << 10
	h.mu.Lock()
	defer h.mu.Unlock()
	if room := keep - h.buf.Len(); room > 0 {
		h.buf.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

func (h *head) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf.Reset()
}

// cause is the line in which the runtime says why it gave up.
func (h *head) cause() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for line := range strings.Lines(h.buf.String()) {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") || strings.HasPrefix(line, "runtime: out of memory") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
