package engine

import (
	"context"
	"strings"
	"sync"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/history"
)

// told is what the engine remembers of what it has told others: histories, traces, measures.
type told struct {
	commits commitCache
	traced  func(Trace) // nil: nobody traces

	mu     sync.Mutex
	loaded bool
	sick   map[Key]bool // Apps whose last record of health says that they are not well
}

// Outcomes of a history.Health.
const (
	healthDegraded = "Degraded"
	healthHealthy  = "Healthy"
)

// sickSince bounds how far back the first look goes for Apps that were unwell when the last process ended.
const sickSince = 30 * 24 * time.Hour

// transition records that an App is unwell, and that it is well again: once each, also over a restart. An attempt that
// failed makes it unwell too, so that its end shows where no other attempt was needed. It is called within a step.
func (e *Engine) transition(a *app, next Snapshot) {
	if e.o.History == nil || e.ctx == nil {
		return
	}
	outcome := e.turned(a.key, next)
	if outcome == "" {
		return
	}
	ev := history.Event{Kind: history.Health, App: a.key.String(), Outcome: outcome, Reason: string(next.Reason), Message: next.Message}
	if d := next.Memory.Applied; d != nil {
		ev.Commit, ev.Bundle = commitOf(*d), string(d.Bundle)
	}
	e.record(e.ctx, ev)
}

// turned files how an App stands, and gives what is to be recorded of it; empty: nothing.
func (e *Engine) turned(key Key, next Snapshot) string {
	t := &e.metrics.told
	t.mu.Lock()
	defer t.mu.Unlock()
	e.loadSick(e.ctx)
	attempt := next.Memory.Attempt
	switch {
	case next.Deleted:
		delete(t.sick, key)
	case next.State == StateDegraded && !t.sick[key]:
		t.sick[key] = true
		return healthDegraded
	case next.State == StateFailed && attempt != nil && attempt.Outcome == outcomeFailed:
		t.sick[key] = true
	case t.sick[key] && well(next):
		delete(t.sick, key)
		return healthHealthy
	}
	return ""
}

// well reports whether all objects of an App are healthy and nothing is on its way: also of one that is held, rolled back
// or waits.
func well(s Snapshot) bool {
	switch s.State {
	case StateSynced:
		return true
	case StatePaused, StateWaiting, StateDrifted:
		return s.Reason != fault.Suspended && s.Health.Status.Level == health.Healthy
	case StateUnknown, StateFailed, StateDegraded, StateDeploying:
	}
	return false
}

// loadSick reads once which Apps were unwell when the last process ended. What cannot be read is told once more.
func (e *Engine) loadSick(ctx context.Context) {
	t := &e.metrics.told
	if t.loaded {
		return
	}
	t.loaded, t.sick = true, map[Key]bool{}
	records, err := e.o.History.List(ctx, history.Query{Kinds: []history.Kind{history.Health}, Since: e.o.Now().Add(-sickSince), Limit: 10_000})
	if err != nil {
		e.o.Log.Warn("the history of health could not be read", "err", err)
		return
	}
	seen := map[string]bool{}
	for _, r := range records { // newest first
		namespace, name, _ := strings.Cut(r.App, "/")
		if !seen[r.App] && r.Outcome == healthDegraded {
			t.sick[Key{Namespace: namespace, Name: name}] = true
		}
		seen[r.App] = true
	}
}
