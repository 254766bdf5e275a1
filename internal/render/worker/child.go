package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// restAfter is how long after the start of its last render a child gives memory back.
const restAfter = 3 * time.Second

// tainter is a renderer whose process must not render again (Kustomize, after it met a custom OpenAPI schema).
type tainter interface{ Tainted() bool }

// warmer is a renderer whose first render in a process costs more than the next (Kustomize reads its OpenAPI schema).
type warmer interface{ Warm() }

// Main is the life of a worker process: it drops its rights, says what it dropped, and answers renders until its input
// ends. It returns nil at the end of input and after a render that taints the process. Nothing else may use out.
func Main(ctx context.Context, registry map[render.Kind]render.Renderer, in io.Reader, out io.Writer) error {
	if out == io.Writer(os.Stdout) {
		os.Stdout = os.Stderr // a library that prints must not break the protocol
	}
	p := newPipe(in, out)
	var h hello
	if err := p.receiveJSON(frameHello, &h); err != nil {
		return atEnd(err)
	}
	tune(h)
	isolation, err := isolate()
	if err != nil {
		return fmt.Errorf("dropping rights: %w", err)
	}
	if err := p.sendJSON(frameReady, ready{Isolation: isolation}); err != nil {
		return err
	}
	stop := dieWithParent()
	defer stop()
	if h.Warm {
		warm(registry)
	}
	rest := time.AfterFunc(restAfter, debug.FreeOSMemory)
	defer rest.Stop()
	for {
		req, ahead, err := p.receiveRender()
		if err != nil {
			return atEnd(err)
		}
		rest.Reset(restAfter)
		files := newRemote(p)
		if err := files.told(ahead); err != nil {
			return err
		}
		tainted, err := serve(ctx, files, registry, req)
		if err != nil || tainted {
			return err
		}
	}
}

func warm(registry map[render.Kind]render.Renderer) {
	for _, r := range registry {
		if w, ok := r.(warmer); ok {
			w.Warm()
		}
	}
}

func atEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// tune sets the runtime's limits: a garbage collector that lets the few megabytes of a small render pass in one piece,
// a soft limit below the one that the parent kills at, and a stack that a runaway recursion exhausts quickly.
func tune(h hello) {
	const (
		gcPercent = 400
		maxStack  = 128 << 20
		maxProcs  = 2
	)
	debug.SetGCPercent(gcPercent)
	if h.MemoryBytes > 0 {
		debug.SetMemoryLimit(h.MemoryBytes / 10 * 8)
	}
	debug.SetMaxStack(maxStack)
	runtime.GOMAXPROCS(min(maxProcs, runtime.NumCPU()))
}

// dieWithParent ends the process when its parent is gone, also out of a render that never ends.
func dieWithParent() (stop func()) {
	parent, done := os.Getppid(), make(chan struct{})
	go func() {
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if os.Getppid() != parent {
					os.Exit(1)
				}
			}
		}
	}()
	return func() { close(done) }
}

// serve does one render and sends its result or fault.
func serve(ctx context.Context, files *remote, registry map[render.Kind]render.Renderer, req render.Request) (tainted bool, err error) {
	p := files.pipe
	var res render.Result
	failed := render.Guard(req.Path, func() (err error) {
		res, err = render.Run(ctx, registry, files, req)
		return err
	})
	if files.dead != nil {
		return false, files.dead
	}
	tainted = anyTainted(registry)
	if failed == nil {
		failed = sendResult(p, res, tainted)
	}
	if failed == nil {
		return tainted, nil
	}
	f := failureOf(failed)
	f.Tainted = tainted
	return tainted, p.sendJSON(frameFailed, f)
}

func sendResult(p *pipe, res render.Result, tainted bool) error {
	frame := p.begin(frameResult)
	flag := tagFalse
	if tainted {
		flag = tagTrue
	}
	frame, err := appendResult(append(frame, flag), res)
	if err != nil {
		return err
	}
	err = p.end(frame)
	if errors.Is(err, errTooLarge) {
		return &fault.Error{Class: fault.Invalid, Reason: fault.LimitExceeded, Message: "the rendered output is too large", Err: err}
	}
	return err
}

func anyTainted(registry map[render.Kind]render.Renderer) bool {
	for _, r := range registry {
		if t, ok := r.(tainter); ok && t.Tainted() {
			return true
		}
	}
	return false
}
