package historytest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/history"
)

// MeasuredStore is what RunMeasured checks.
type MeasuredStore interface {
	history.Store
	history.Measured
}

// RunMeasured checks what every history.Measured promises. open is as for Run.
func RunMeasured(t *testing.T, open func(t *testing.T, dir string) MeasuredStore) {
	tests := map[string]func(t *testing.T, s MeasuredStore){
		"an empty store has no facts and no drift":                      testNoFacts,
		"a fact says what its record says, and the record's data":       testFactIsTheRecord,
		"data that another version wrote leaves only what it says open": testFactOfOddData,
		"a span takes in its beginning, not its end, and one App alone": testSpan,
		"pages of facts follow the cursor without gap or overlap":       testFactPages,
		"records of one instant are told apart by their number":         testOneInstant,
		"facts are in the order of time though a clock was set back":    testClockBack,
		"drift is counted by App and UTC day, a span's edges kept":      testDriftDays,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			t.Cleanup(func() { _ = s.Close() })
			test(t, s)
		})
	}
}

var always = history.Span{From: start.Add(-time.Hour), To: start.Add(1000 * time.Hour)}

func factsOf(t *testing.T, s MeasuredStore, span history.Span, behind history.Cursor, limit int) []history.Fact {
	t.Helper()
	got, err := s.Facts(t.Context(), span, behind, limit)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func seqs(facts []history.Fact) []int64 {
	var out []int64
	for _, f := range facts {
		out = append(out, f.Seq)
	}
	return out
}

func drifts(t *testing.T, s MeasuredStore, span history.Span) []history.DriftDay {
	t.Helper()
	got, err := s.DriftDays(t.Context(), span)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b history.DriftDay) int {
		if c := a.Day.Compare(b.Day); c != 0 {
			return c
		}
		return strings.Compare(a.App, b.App)
	})
	return got
}

func testNoFacts(t *testing.T, s MeasuredStore) {
	if got := factsOf(t, s, always, history.Cursor{}, 10); len(got) != 0 {
		t.Errorf("an empty store has facts: %v", got)
	}
	if got := drifts(t, s, always); len(got) != 0 {
		t.Errorf("an empty store has drift: %v", got)
	}
}

func testFactIsTheRecord(t *testing.T, s MeasuredStore) {
	e := event(1)
	e.Actor, e.Commit, e.Bundle, e.Attempt, e.Outcome, e.Reason = "ann", "c1", "sha256:b", "a1", "Failed", "DeadlineExceeded"
	e.Data = json.RawMessage(`{"mode":"Sync","trigger":"commit","cluster":"east","previous":"c0","started":"2026-01-02T03:00:00.000001Z","committed":"2026-01-02T01:00:00Z","steps":[{"action":"Apply"}]}`)
	add(t, s, e)
	drift := event(2)
	drift.Kind = history.Drift
	add(t, s, drift)
	want := []history.Fact{{
		Seq: 1, At: e.At, Kind: history.Deployment, App: "apps/shop", Actor: "ann", Attempt: "a1", Commit: "c1", Bundle: "sha256:b",
		Outcome: "Failed", Reason: "DeadlineExceeded", Mode: "Sync", Trigger: "commit", Cluster: "east", Previous: "c0",
		Started: time.Date(2026, 1, 2, 3, 0, 0, 1000, time.UTC), Committed: time.Date(2026, 1, 2, 1, 0, 0, 0, time.UTC),
	}}
	if d := cmp.Diff(want, factsOf(t, s, always, history.Cursor{}, 10)); d != "" {
		t.Error(d)
	}
}

func testFactOfOddData(t *testing.T, s MeasuredStore) {
	for n, data := range []string{`[1]`, `"text"`, `{"mode":7}`, `{}`} {
		e := event(n)
		e.Outcome, e.Data = "Succeeded", json.RawMessage(data)
		add(t, s, e)
	}
	got := factsOf(t, s, always, history.Cursor{}, 10)
	if len(got) != 4 {
		t.Fatalf("%d facts, want 4", len(got))
	}
	for _, f := range got {
		if f.Outcome != "Succeeded" || f.Mode != "" || !f.Committed.IsZero() {
			t.Errorf("fact %+v", f)
		}
	}
}

func testSpan(t *testing.T, s MeasuredStore) {
	for n := range 6 {
		e := event(n)
		if n%2 == 1 {
			e.App = "apps/other"
		}
		add(t, s, e)
	}
	span := history.Span{From: start.Add(time.Minute), To: start.Add(4 * time.Minute)}
	if d := cmp.Diff([]int64{2, 3, 4}, seqs(factsOf(t, s, span, history.Cursor{}, 10))); d != "" {
		t.Error(d)
	}
	span.App = "apps/other"
	if d := cmp.Diff([]int64{2, 4}, seqs(factsOf(t, s, span, history.Cursor{}, 10))); d != "" {
		t.Error(d)
	}
}

func testFactPages(t *testing.T, s MeasuredStore) {
	for n := range 25 {
		add(t, s, event(n))
	}
	for _, app := range []string{"", "apps/shop"} {
		span := always
		span.App = app
		next, behind := int64(1), history.Cursor{}
		for {
			page := factsOf(t, s, span, behind, 4)
			if len(page) == 0 {
				break
			}
			for _, f := range page {
				if f.Seq != next {
					t.Fatalf("fact %d where %d was due", f.Seq, next)
				}
				next, behind = next+1, f.After()
			}
		}
		if next != 26 {
			t.Errorf("the pages end before fact %d", next)
		}
	}
}

func testOneInstant(t *testing.T, s MeasuredStore) {
	for range 5 {
		add(t, s, event(1))
	}
	first := factsOf(t, s, always, history.Cursor{}, 2)
	rest := factsOf(t, s, always, first[1].After(), 10)
	if d := cmp.Diff([]int64{1, 2, 3, 4, 5}, append(seqs(first), seqs(rest)...)); d != "" {
		t.Error(d)
	}
}

func testClockBack(t *testing.T, s MeasuredStore) {
	for _, n := range []int{5, 2, 9} {
		add(t, s, event(n))
	}
	if d := cmp.Diff([]int64{2, 1, 3}, seqs(factsOf(t, s, always, history.Cursor{}, 10))); d != "" {
		t.Error(d)
	}
}

func testDriftDays(t *testing.T, s MeasuredStore) {
	day := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	for n, at := range []time.Time{day.Add(-time.Second), day, day.Add(time.Hour), day.Add(25 * time.Hour), day.Add(26 * time.Hour)} {
		e := event(n)
		e.At, e.Kind = at, history.Drift
		if n == 2 {
			e.App = "apps/other"
		}
		if n == 3 {
			e.Kind = history.Fight
		}
		add(t, s, e)
	}
	healed := event(9)
	healed.Kind, healed.At = history.Healed, day
	add(t, s, healed)
	got := drifts(t, s, history.Span{From: day, To: day.Add(26 * time.Hour)})
	want := []history.DriftDay{
		{App: "apps/other", Day: day, Count: 1}, {App: "apps/shop", Day: day, Count: 1}, {App: "apps/shop", Day: day.Add(24 * time.Hour), Count: 1},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	one := drifts(t, s, history.Span{App: "apps/other", From: day, To: day.Add(48 * time.Hour)})
	if fmt.Sprint(one) != fmt.Sprint(want[:1]) {
		t.Errorf("of one App: %v", one)
	}
}
