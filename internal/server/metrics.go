package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the API's own measures.
type metrics struct {
	answers *prometheus.HistogramVec
}

func newMetrics() *metrics {
	return &metrics{answers: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "plumb_http_request_seconds", Help: "Requests to Plumb's API, by call and HTTP status; streams are left out.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
	}, []string{"method", "path", "code"})}
}

// collectors are for the registry that /metrics shows.
func (s *Server) collectors() []prometheus.Collector {
	readers := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "plumb_stream_readers", Help: "Consoles and commands that are told of changes now.",
	}, func() float64 { return float64(s.streams.count()) })
	return []prometheus.Collector{s.metrics.answers, readers}
}

// count is how many streams are open.
func (s *streams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// measured notes how long a call took, and how it was answered. The path is the pattern of the call: there are as many as calls.
func (m *metrics) measured(op operation, now func() time.Time, next http.HandlerFunc) http.HandlerFunc {
	if op.media == eventStream {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request) {
		began := now()
		answer := &withCode{ResponseWriter: w, code: http.StatusOK}
		next(answer, r)
		m.answers.WithLabelValues(op.method, op.path, strconv.Itoa(answer.code)).Observe(now().Sub(began).Seconds())
	}
}

// withCode remembers the status of an answer.
type withCode struct {
	http.ResponseWriter
	code int
}

func (w *withCode) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController look inside.
func (w *withCode) Unwrap() http.ResponseWriter { return w.ResponseWriter }
