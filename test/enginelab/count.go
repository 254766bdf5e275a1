package enginelab

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// Count is what a counter of the Engine stands at, summed over its labels.
func (l *Lab) Count(t testing.TB, name string) float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(l.Metrics().Collectors()...)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		sum := 0.0
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue()
		}
		return sum
	}
	t.Fatalf("the Engine has no counter %s", name)
	return 0
}
