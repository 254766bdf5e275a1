package health

import (
	"slices"
	"testing"

	"plumb.cd/plumb/internal/object"
)

func TestAggregateBlamesTheWorstAndOfEqualsTheFirst(t *testing.T) {
	b := func(name string, l Level) Blame {
		return Blame{ID: object.ID{Kind: "Pod", Namespace: "shop", Name: name}, Status: Status{Level: l}}
	}
	tests := map[string]struct {
		all  []Blame
		want Blame
	}{
		"nothing is healthy":                {nil, Blame{Status: Status{Level: Healthy}}},
		"unknown is worse than degraded":    {[]Blame{b("a", Degraded), b("b", Unknown), b("c", Missing)}, b("b", Unknown)},
		"degraded is worse than missing":    {[]Blame{b("a", Missing), b("b", Degraded)}, b("b", Degraded)},
		"missing is worse than progressing": {[]Blame{b("a", Progressing), b("b", Missing)}, b("b", Missing)},
		"suspended is worse than healthy":   {[]Blame{b("a", Healthy), b("b", Suspended)}, b("b", Suspended)},
		"of equals the first by name":       {[]Blame{b("z", Degraded), b("a", Healthy), b("c", Degraded)}, b("c", Degraded)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				if got := Aggregate(tt.all); got != tt.want {
					t.Fatalf("got %+v, want %+v", got, tt.want)
				}
				slices.Reverse(tt.all)
			}
		})
	}
}
