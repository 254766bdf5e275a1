package engine

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the engine's own measures; Collectors gives them to a registry.
type Metrics struct {
	renders  *prometheus.HistogramVec
	attempts *prometheus.HistogramVec
	drift    prometheus.Counter
	healed   prometheus.Counter
	dryRuns  prometheus.Counter

	told told
}

func newMetrics() *Metrics {
	return &Metrics{
		renders: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "plumb_render_seconds", Help: "Renders by renderer and outcome.", Buckets: prometheus.ExponentialBuckets(0.001, 3, 10),
		}, []string{"renderer", "outcome"}),
		attempts: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "plumb_deployment_seconds", Help: "Deployment attempts by outcome.", Buckets: prometheus.ExponentialBuckets(0.05, 3, 10),
		}, []string{"outcome"}),
		drift:   prometheus.NewCounter(prometheus.CounterOpts{Name: "plumb_drift_total", Help: "Drift found."}),
		healed:  prometheus.NewCounter(prometheus.CounterOpts{Name: "plumb_healed_total", Help: "Drift undone."}),
		dryRuns: prometheus.NewCounter(prometheus.CounterOpts{Name: "plumb_dry_runs_total", Help: "Dry-runs that rebuilt a lost fingerprint."}),
	}
}

// Collectors lists the measures for registration.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.renders, m.attempts, m.drift, m.healed, m.dryRuns}
}

// Metrics gives the engine's measures.
func (e *Engine) Metrics() *Metrics { return e.metrics }

func (m *Metrics) rendered(renderer string, err error, took time.Duration) {
	if renderer == "" {
		renderer = "unknown"
	}
	m.renders.WithLabelValues(renderer, outcomeLabel(err)).Observe(took.Seconds())
}

func (m *Metrics) attempt(outcome string, took time.Duration) {
	m.attempts.WithLabelValues(outcome).Observe(took.Seconds())
}

func outcomeLabel(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}
