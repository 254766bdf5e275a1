package daemon

import (
	"context"
	"runtime/debug"
	"time"
)

// restsFor is how long nothing may happen until the daemon gives the memory back that only work needed.
const restsFor = 10 * time.Second

// tidy gives memory back to the machine once after each time of work. busy is told of work and never blocks; while
// nothing happens, no timer runs.
type tidy struct{ work chan struct{} }

func newTidy() *tidy { return &tidy{work: make(chan struct{}, 1)} }

func (t *tidy) busy() {
	select {
	case t.work <- struct{}{}:
	default:
	}
}

func (t *tidy) run(ctx context.Context) error {
	rest := time.NewTimer(restsFor) // the start is work
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.work:
			rest.Reset(restsFor)
		case <-rest.C:
			debug.FreeOSMemory()
		}
	}
}
