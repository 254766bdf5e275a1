// Package supervise runs the long-lived parts of one control plane and stops them in reverse order.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// stopTimeout is how long one part may take to return after its context ends.
const stopTimeout = 15 * time.Second

// Group holds the parts that run. The zero value is not usable; see New.
type Group struct {
	base context.Context
	fail context.CancelCauseFunc

	failing sync.Once
	failed  chan struct{}

	mu    sync.Mutex
	stops []func()
}

// New returns an empty group. Parts keep the values of ctx but not its end: they run until Stop. fail, which ends
// ctx, is called with the error of the first part that ends by itself.
func New(ctx context.Context, fail context.CancelCauseFunc) *Group {
	return &Group{base: context.WithoutCancel(ctx), failed: make(chan struct{}), fail: fail}
}

// Go starts run. It must return when its context ends; returning earlier is a failure of the whole group.
func (g *Group) Go(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(g.base)
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("ended by itself")
		}
		g.Fail(fmt.Errorf("%s: %w", name, err))
	}()
	g.OnStop(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(stopTimeout):
			klog.Errorf("%s did not stop within %v", name, stopTimeout)
		}
	})
}

// OnStop registers f to be called by Stop, before everything that was registered earlier.
func (g *Group) OnStop(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stops = append(g.stops, f)
}

// Fail reports the failure of a part. Only the first counts.
func (g *Group) Fail(err error) {
	g.failing.Do(func() {
		g.fail(err)
		close(g.failed)
	})
}

// Failed is closed when a part has failed, but not when the context of New has merely ended.
func (g *Group) Failed() <-chan struct{} { return g.failed }

// Stop ends all parts, the last started first, and returns when they have ended. It may be called again.
func (g *Group) Stop() {
	g.mu.Lock()
	stops := g.stops
	g.stops = nil
	g.mu.Unlock()
	for i := len(stops) - 1; i >= 0; i-- {
		stops[i]()
	}
}
