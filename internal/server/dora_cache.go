package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"plumb.cd/plumb/internal/dora"
	"plumb.cd/plumb/internal/history"
)

// Limits of what is kept of the measures.
const (
	windowsKept     = 8
	windowsRead     = 2       // at the same time
	deploymentsKept = 200_000 // of all windows together
)

// doraWindow is what was read of the history: of one App or all, from a time up to another, or, with the zero time, up to now.
type doraWindow struct {
	app      string
	from, to time.Time
}

// doraCache keeps what happened in the windows that people look at, of all Apps whoever looks, as long as the history has
// nothing new. Rights and filters are applied to what comes out.
type doraCache struct {
	mu      sync.Mutex
	windows map[doraWindow]*keptWindow
	used    int64 // counts uses
	turns   chan struct{}
}

// reading has a place for each window that is being read: a long one takes a while, and memory.
func (k *doraCache) reading() chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.turns == nil {
		k.turns = make(chan struct{}, windowsRead)
	}
	return k.turns
}

// keptWindow is one window. Its mutex lets several readers of one window wait for one reading of the history.
type keptWindow struct {
	mu          sync.Mutex
	revision    int64 // of the history; zero: nothing was read
	deployments []dora.Deployment
	drift       []dora.Drift

	size int   // of deployments, as the cache knows it
	last int64 // use
}

func (k *doraCache) window(w doraWindow) *keptWindow {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.windows == nil {
		k.windows = map[doraWindow]*keptWindow{}
	}
	kept := k.windows[w]
	if kept == nil {
		kept = &keptWindow{}
		k.windows[w] = kept
	}
	k.used++
	kept.last = k.used
	k.trim()
	return kept
}

// sized notes how much a window holds.
func (k *doraCache) sized(w *keptWindow, size int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w.size = size
	k.trim()
}

// trim lets the windows go that nobody has looked at for the longest time.
func (k *doraCache) trim() {
	total := 0
	for _, w := range k.windows {
		total += w.size
	}
	for len(k.windows) > windowsKept || total > deploymentsKept && len(k.windows) > 0 {
		var oldest doraWindow
		var found *keptWindow
		for key, w := range k.windows {
			if found == nil || w.last < found.last {
				oldest, found = key, w
			}
		}
		total -= found.size
		delete(k.windows, oldest)
	}
}

// happened gives what happened in a period, of the Apps that in lets through.
func (s *Server) happened(ctx context.Context, p dora.Period, w doraWindow, in func(app string) (bool, error)) (measured, error) {
	m := measured{period: p}
	if s.o.DORA.History == nil {
		return m, nil
	}
	all, err := s.inWindow(ctx, p, w)
	if err != nil {
		return m, err
	}
	let := choice{in: in}
	m.deployments = slices.DeleteFunc(dora.In(p, all.deployments), func(d dora.Deployment) bool { return !let.through(d.App) })
	m.drift = slices.DeleteFunc(slices.Clone(all.drift), func(d dora.Drift) bool { return !let.through(d.App) })
	return m, let.err
}

// choice asks about each App once, and about none any more after an error.
type choice struct {
	in  func(app string) (bool, error)
	may map[string]bool
	err error
}

func (c *choice) through(app string) bool {
	if ok, known := c.may[app]; known || c.err != nil {
		return ok
	}
	var ok bool
	ok, c.err = c.in(app)
	if c.may == nil {
		c.may = map[string]bool{}
	}
	c.may[app] = ok
	return ok
}

// inWindow reads a window, unless what is kept of it is what the history still says. What it gives is not to be changed.
func (s *Server) inWindow(ctx context.Context, p dora.Period, w doraWindow) (measured, error) {
	kept := s.windows.window(w)
	kept.mu.Lock()
	defer kept.mu.Unlock()
	revision, err := s.revision(ctx)
	if err != nil {
		return measured{}, err
	}
	if revision == 0 || revision != kept.revision {
		select {
		case s.windows.reading() <- struct{}{}:
			defer func() { <-s.windows.reading() }()
		case <-ctx.Done():
			return measured{}, ctx.Err()
		}
		deployments, drift, err := s.readWindow(ctx, p, w.app)
		if err != nil {
			return measured{}, err
		}
		kept.revision, kept.deployments, kept.drift = revision, deployments, drift
		s.windows.sized(kept, len(deployments))
	}
	return measured{deployments: kept.deployments, drift: kept.drift}, nil
}

// revision is the newest record of the history; zero: it cannot be told.
func (s *Server) revision(ctx context.Context) (int64, error) {
	if s.o.History == nil {
		return 0, nil
	}
	newest, err := s.o.History.List(ctx, history.Query{Limit: 1})
	if err != nil || len(newest) == 0 {
		return 0, err
	}
	return newest[0].Seq, nil
}

// readWindow reads what happened in a period, and around it what it takes to judge that.
func (s *Server) readWindow(ctx context.Context, p dora.Period, app string) ([]dora.Deployment, []dora.Drift, error) {
	records, err := s.records(ctx, history.Span{App: app, From: p.From.Add(-dora.Margin), To: p.To.Add(dora.Margin)})
	if err != nil {
		return nil, nil, err
	}
	days, err := s.o.DORA.History.DriftDays(ctx, history.Span{App: app, From: p.From, To: p.To})
	if err != nil {
		return nil, nil, err
	}
	drift := make([]dora.Drift, 0, len(days))
	for _, d := range days {
		drift = append(drift, dora.Drift{App: d.App, Day: d.Day, Count: d.Count})
	}
	return dora.Fold(records), drift, nil
}
