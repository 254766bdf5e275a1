package cluster

import (
	"slices"
	"testing"
	"time"
)

// Watches that are all cut at the same time, as by a load balancer that restarts, must not come back at the same time.
func TestWatchesComeBackAndEndAtDifferentTimes(t *testing.T) {
	const n = 200
	spread := func(what string, least, most time.Duration, draw func() time.Duration) {
		t.Helper()
		var all []time.Duration
		for range n {
			d := draw()
			if d < least || d > most {
				t.Fatalf("%s after %v, want between %v and %v", what, d, least, most)
			}
			all = append(all, d)
		}
		slices.Sort(all)
		if width := all[n*9/10] - all[n/10]; width < (most-least)/2 {
			t.Errorf("of %d, eight in ten %s within %v; they are to spread over %v", n, what, width, most-least)
		}
	}
	spread("come back", retryFirst/2, retryFirst*3/2, func() time.Duration { return jitter(retryFirst) })
	spread("come back", retryMost/2, retryMost*3/2, func() time.Duration { return jitter(retryMost) })
	spread("end", watchFor/2, watchFor, func() time.Duration {
		return time.Duration(*(&Watch{}).options("1").TimeoutSeconds) * time.Second
	})
	if d := jitter(0); d != 0 {
		t.Errorf("a watch that ended in good order comes back after %v", d)
	}
}
