package server

import (
	"time"

	"plumb.cd/plumb/internal/dora"
	"plumb.cd/plumb/internal/httpapi"
)

// daySummary is what happened in the last 24 hours to the Apps that the reader may list.
func (s *Server) daySummary(c *call) (httpapi.DaySummary, error) {
	now := s.o.Now().UTC()
	in, err := s.chosen(c, doraQuery{})
	if err != nil {
		return httpapi.DaySummary{}, err
	}
	m, err := s.measure(c.Context(), dora.Period{From: now.Add(-24 * time.Hour), To: now}, "", in)
	if err != nil {
		return httpapi.DaySummary{}, err
	}
	r := dora.Measure(m.period, m.deployments, m.drift)
	return httpapi.DaySummary{
		Deployments: r.Deployments, Failed: r.Failures, RolledBack: r.Rollbacks, Drift: r.Drift, LeadTime: r.LeadTime.P50.Seconds(),
	}, nil
}
