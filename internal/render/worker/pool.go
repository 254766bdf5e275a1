package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"plumb.cd/plumb/internal/render"
)

// Options of a Pool. Only Command is required.
type Options struct {
	Command     []string      // argv of the child, which calls Main; the program by an absolute path
	Size        int           // children at once; default: the number of processors
	MemoryBytes int64         // private memory of a child; default 512 MiB
	Timeout     time.Duration // of one render; default 60 s
	MaxRenders  int           // by one child before it is replaced; default 10,000
	IdleTimeout time.Duration // until an idle child is ended; default 5 min
	Kept        int           // children that are not ended for being idle, and that Warm starts; default none
}

func (o Options) withDefaults() Options {
	if o.Size <= 0 {
		o.Size = runtime.NumCPU()
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 512 << 20
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.MaxRenders <= 0 {
		o.MaxRenders = 10_000
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 5 * time.Minute
	}
	return o
}

// Pool renders in child processes. It is safe for concurrent use; renders beyond Size wait for their turn.
type Pool struct {
	options Options
	slots   chan struct{}

	mu        sync.Mutex
	closed    bool
	idle      []*child // the last used one last
	all       map[*child]bool
	isolation []string
	started   int
}

var _ render.Renderer = (*Pool)(nil)

// errClosed is what Render gives after Close.
var errClosed = errors.New("the pool of render workers is closed")

// NewPool makes a pool. Children start when they are needed.
func NewPool(options Options) *Pool {
	options = options.withDefaults()
	return &Pool{options: options, slots: make(chan struct{}, options.Size), all: map[*child]bool{}}
}

// Render renders in a child. The faults of the renderers pass unchanged; of its own it adds RenderTimeout,
// RenderCrashed and LimitExceeded, which name the path of the App. When ctx ends, the child is killed and the error is
// that of ctx.
func (p *Pool) Render(ctx context.Context, files render.Files, req render.Request) (render.Result, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return render.Result{}, context.Cause(ctx)
	}
	defer func() { <-p.slots }()
	c, err := p.take(ctx)
	if err != nil {
		return render.Result{}, err
	}
	res, err := c.render(ctx, files, req)
	p.release(c)
	return res, err
}

// Isolation lists what the kernel took from the last started child: "limits", "landlock", "seccomp". Empty before the
// first render.
func (p *Pool) Isolation() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.isolation...)
}

// Started counts the children that were ever started.
func (p *Pool) Started() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.started
}

// Close kills every child and waits for it. Renders that run fail.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.idle = nil
	var children []*child
	for c := range p.all {
		children = append(children, c)
	}
	p.mu.Unlock()
	for _, c := range children {
		c.kill(errClosed)
		<-c.exited
	}
}

// take gives an idle child that lives, or starts one.
func (p *Pool) take(ctx context.Context) (*child, error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, errClosed
		}
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return p.start(ctx, hello{MemoryBytes: p.options.MemoryBytes})
		}
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if c.wake() {
			return c, nil
		}
		p.forget(c)
	}
}

// Warm starts the children that are kept, ahead of the first render, and has their renderers make ready what a first
// render would wait for. Children that are there already count. It returns when they take requests.
func (p *Pool) Warm(ctx context.Context) error {
	for p.children() < p.options.Kept {
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		c, err := p.start(ctx, hello{MemoryBytes: p.options.MemoryBytes, Warm: true})
		if err == nil {
			p.release(c)
		}
		<-p.slots
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Pool) children() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

func (p *Pool) start(ctx context.Context, h hello) (*child, error) {
	c, err := startChild(p.options)
	if err != nil {
		return nil, fmt.Errorf("starting a render worker: %w", err)
	}
	p.mu.Lock()
	closed := p.closed
	p.all[c] = true
	p.started++
	p.mu.Unlock()
	if closed {
		c.kill(errClosed)
	}
	isolation, err := c.greet(ctx, h)
	if err != nil {
		p.retire(c)
		return nil, err
	}
	p.mu.Lock()
	p.isolation = isolation
	p.mu.Unlock()
	return c, nil
}

// release keeps a sound child for the next render and ends any other.
func (p *Pool) release(c *child) {
	if !c.sound() {
		p.retire(c)
		return
	}
	c.sleep(p.options.IdleTimeout, func() { p.expire(c) })
	p.mu.Lock()
	if !p.closed {
		p.idle = append(p.idle, c)
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	p.retire(c)
}

// expire ends a child that has been idle for too long, unless it was taken meanwhile or is one that is kept.
func (p *Pool) expire(c *child) {
	p.mu.Lock()
	if len(p.idle) <= p.options.Kept {
		p.mu.Unlock()
		return
	}
	found := false
	for i, other := range p.idle {
		if other == c {
			p.idle = append(p.idle[:i:i], p.idle[i+1:]...)
			found = true
			break
		}
	}
	p.mu.Unlock()
	if found {
		p.retire(c)
	}
}

func (p *Pool) retire(c *child) {
	c.kill(nil)
	p.forget(c)
}

func (p *Pool) forget(c *child) {
	<-c.exited
	_ = c.stdout.Close()
	p.mu.Lock()
	delete(p.all, c)
	p.mu.Unlock()
}
