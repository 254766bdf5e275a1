package engine

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/fault"
)

// Metrics are the engine's own measures; Collectors gives them to a registry.
type Metrics struct {
	renders  *prometheus.HistogramVec
	attempts *prometheus.HistogramVec
	drift    prometheus.Counter
	healed   prometheus.Counter
	dryRuns  prometheus.Counter

	applied prometheus.Histogram
	healthy prometheus.Histogram
	looks   *prometheus.HistogramVec

	steps  prometheus.Counter
	reused *prometheus.CounterVec
	faults *prometheus.CounterVec
	fights prometheus.Counter

	told told
}

// leadBuckets reach from a second to a week.
var leadBuckets = []float64{1, 2, 5, 10, 30, 60, 120, 300, 900, 3600, 14400, 86400, 604800}

func newMetrics() *Metrics {
	return &Metrics{
		renders: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "plumb_render_seconds", Help: "Renders by renderer and outcome.", Buckets: prometheus.ExponentialBuckets(0.001, 3, 10),
		}, []string{"renderer", "outcome"}),
		attempts: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "plumb_deployment_seconds", Help: "Deployment attempts by outcome.", Buckets: prometheus.ExponentialBuckets(0.05, 3, 10),
		}, []string{"outcome"}),
		drift:  prometheus.NewCounter(prometheus.CounterOpts{Name: "plumb_drift_total", Help: "Drift found."}),
		healed: prometheus.NewCounter(prometheus.CounterOpts{Name: "plumb_healed_total", Help: "Drift undone."}),
		applied: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plumb_commit_to_applied_seconds", Help: "Time from the commit to its last object sent, of deployments that brought a new commit.", Buckets: leadBuckets,
		}),
		healthy: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plumb_commit_to_healthy_seconds", Help: "Time from the commit to healthy, of deployments that brought a new commit.", Buckets: leadBuckets,
		}),
		looks: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "plumb_repository_check_seconds", Help: "Looks at repositories, with what they fetched.", Buckets: prometheus.ExponentialBuckets(0.005, 3, 9),
		}, []string{"kind", "outcome"}),
		steps: prometheus.NewCounter(prometheus.CounterOpts{Name: "plumb_steps_total", Help: "Steps that Apps took: one looks at what happened and does what is due."}),
		reused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumb_renders_reused_total", Help: "Renders that were not needed, by where the outcome came from.",
		}, []string{"source"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumb_render_failures_total", Help: "Renders that failed, by reason.",
		}, []string{"reason"}),
		fights:  prometheus.NewCounter(prometheus.CounterOpts{Name: "plumb_fights_total", Help: "Fields that were left to a manager that keeps taking them."}),
		dryRuns: prometheus.NewCounter(prometheus.CounterOpts{Name: "plumb_dry_runs_total", Help: "Dry-runs that rebuilt a lost fingerprint."}),
	}
}

// Collectors lists the measures for registration.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.renders, m.attempts, m.drift, m.healed, m.dryRuns, m.applied, m.healthy, m.looks, m.steps, m.reused, m.faults, m.fights}
}

// Metrics gives the engine's measures.
func (e *Engine) Metrics() *Metrics { return e.metrics }

func (m *Metrics) rendered(renderer string, err error, took time.Duration) {
	if renderer == "" {
		renderer = "unknown"
	}
	m.renders.WithLabelValues(renderer, outcomeLabel(err)).Observe(took.Seconds())
	if err != nil {
		m.faults.WithLabelValues(string(fault.Of(err).Reason)).Inc()
	}
}

// Where the outcome of a render came from that was not needed.
const (
	reusedOther = "other-app" // another App with the same inputs
	reusedSaved = "saved"     // of before a restart
)

// reuse counts a render that was not needed.
func (m *Metrics) reuse(source string) { m.reused.WithLabelValues(source).Inc() }

func (m *Metrics) attempt(outcome string, took time.Duration) {
	m.attempts.WithLabelValues(outcome).Observe(took.Seconds())
}

// led measures the time from a commit to where it ended, for an attempt that brought it.
func (m *Metrics) led(l *line, at Attempt) {
	if at.Outcome != outcomeOK {
		return
	}
	commit := commitOf(Deployed{Revisions: at.Revisions})
	if lead, ok := l.facts.LeadTime(commit, at.Ended); ok {
		m.healthy.Observe(lead.Seconds())
		if !l.applied.IsZero() {
			m.applied.Observe(max(l.applied.Sub(l.facts.Committed), 0).Seconds())
		}
	}
}

// looked counts a look at a repository.
func (m *Metrics) looked(url string, err error, took time.Duration) {
	kind := "git"
	if isChartRepository(url) {
		kind = "charts"
	}
	m.looks.WithLabelValues(kind, outcomeLabel(err)).Observe(took.Seconds())
}

func outcomeLabel(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}
