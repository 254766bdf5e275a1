package enginelab

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// Count is what a counter of the Engine stands at, or how many observations a histogram has, summed over its labels. One that
// has none yet stands at 0.
func (l *Lab) Count(t testing.TB, name string) float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(l.Metrics().Collectors()...)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}
