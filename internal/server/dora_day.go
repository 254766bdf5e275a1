package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"plumb.cd/plumb/internal/dora"
	"plumb.cd/plumb/internal/httpapi"
)

// dayKept is how long the newest day is kept: it is on everybody's first page.
const dayKept = 10 * time.Second

// lastDay is what happened to all Apps in the last 24 hours.
type lastDay struct {
	mu sync.Mutex
	at time.Time
	m  measured
}

// of gives the day up to now, or to a moment ago.
func (d *lastDay) of(ctx context.Context, s *Server, now time.Time) (measured, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if age := now.Sub(d.at); age >= 0 && age < dayKept {
		return d.m, nil
	}
	if s.o.DORA.History == nil {
		return measured{}, nil
	}
	m := measured{period: dora.Period{From: now.Add(-24 * time.Hour), To: now}}
	deployments, drift, err := s.readWindow(ctx, m.period, "")
	if err != nil {
		return measured{}, err
	}
	m.deployments, m.drift = dora.In(m.period, deployments), drift
	d.at, d.m = now, m
	return m, nil
}

// daySummary is what happened in the last 24 hours to the Apps that the reader may list.
func (s *Server) daySummary(c *call) (httpapi.DaySummary, error) {
	m, err := s.day.of(c.Context(), s, s.o.Now().UTC())
	if err != nil {
		return httpapi.DaySummary{}, err
	}
	in, err := s.chosen(c, doraQuery{})
	if err != nil {
		return httpapi.DaySummary{}, err
	}
	let := choice{in: in}
	deployments := slices.DeleteFunc(slices.Clone(m.deployments), func(d dora.Deployment) bool { return !let.through(d.App) })
	drift := slices.DeleteFunc(slices.Clone(m.drift), func(d dora.Drift) bool { return !let.through(d.App) })
	if let.err != nil {
		return httpapi.DaySummary{}, let.err
	}
	r := dora.Measure(m.period, deployments, drift)
	return httpapi.DaySummary{
		Deployments: r.Deployments, Failed: r.Failures, RolledBack: r.Rollbacks, Drift: r.Drift, LeadTime: r.LeadTime.P50.Seconds(),
	}, nil
}
