package sqlite

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/history/historytest"
)

func TestStoreKeepsWhatEveryMeasuredHistoryPromises(t *testing.T) {
	historytest.RunMeasured(t, func(t *testing.T, dir string) historytest.MeasuredStore {
		return open(t, filepath.Join(dir, "history.db"), Options{})
	})
}

var (
	began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ever  = history.Span{From: began.Add(-time.Hour), To: began.Add(10_000 * time.Hour)}
)

// deployment is the record of an attempt, with steps as large as real ones have.
func deployment(n, steps int) history.Event {
	type step struct{ Action, Object, Why string }
	data := map[string]any{
		"mode": "Sync", "trigger": "commit", "cluster": "east", "previous": "c0", "started": began, "committed": began,
		"steps": make([]step, steps),
	}
	for i := range data["steps"].([]step) {
		data["steps"].([]step)[i] = step{"Apply", fmt.Sprintf("Deployment.apps/shop/web-%d", i), "changed in Git"}
	}
	raw, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	return history.Event{
		At: began.Add(time.Duration(n) * time.Minute), Kind: history.Deployment, App: fmt.Sprintf("apps/app-%d", n%10), Outcome: "Succeeded",
		Commit: fmt.Sprintf("commit-%d", n), Attempt: fmt.Sprint(n), Data: raw,
	}
}

func write(t testing.TB, s *Store, events ...history.Event) {
	t.Helper()
	for _, e := range events {
		if _, err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFileOfTheFirstVersionGetsFactsOfItsRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s := open(t, path, Options{})
	for n := range 3 {
		write(t, s, deployment(n, 2), history.Event{At: began, Kind: history.Revision, App: "apps/app-0"})
	}
	want, err := s.Facts(t.Context(), ever, history.Cursor{}, 10)
	if err != nil || len(want) != 3 {
		t.Fatalf("%d facts, %v", len(want), err)
	}
	if _, err := s.db.ExecContext(t.Context(), "DROP TABLE fact; DROP INDEX event_kind; PRAGMA user_version = 1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, path, Options{}).Facts(t.Context(), ever, history.Cursor{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFactsGoWithTheirRecords(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "history.db"), Options{MaxEvents: 50})
	for n := range 200 {
		write(t, s, deployment(n, 1))
	}
	facts, err := s.Facts(t.Context(), ever, history.Cursor{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.List(t.Context(), history.Query{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(facts) != len(events) || facts[0].Seq != events[len(events)-1].Seq {
		t.Errorf("%d facts from record %d for %d records", len(facts), facts[0].Seq, len(events))
	}
}

// TestMeasuresReadNoMoreThanTheirSpan holds what a question touches: its plan uses an index for the span, never a scan.
func TestMeasuresReadNoMoreThanTheirSpan(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "history.db"), Options{})
	tests := map[string]string{
		"facts of all Apps":            `SELECT ` + factColumns + ` FROM fact WHERE at >= 1 AND at < 2 ORDER BY at, seq LIMIT 10`,
		"facts behind a cursor":        `SELECT ` + factColumns + ` FROM fact WHERE (at, seq) > (1, 2) AND at < 2 ORDER BY at, seq LIMIT 10`,
		"facts of one App":             `SELECT ` + factColumns + ` FROM fact WHERE app = 'a' AND at >= 1 AND at < 2 ORDER BY at, seq LIMIT 10`,
		"drift of all Apps":            `SELECT app, count(*) FROM event WHERE kind IN ('Drift', 'Fight') AND at >= 1 AND at < 2 GROUP BY app`,
		"facts that go with a pruning": `DELETE FROM fact WHERE at <= 5 AND seq <= 6`,
	}
	for name, query := range tests {
		t.Run(name, func(t *testing.T) {
			rows, err := s.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var id, parent, unused int
				var detail string
				if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
					t.Fatal(err)
				}
				if len(detail) >= 4 && detail[:4] == "SCAN" {
					t.Errorf("it reads the whole table: %s", detail)
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// BenchmarkFactsOfAMonth reads the facts of 100,000 deployments (10,000 Apps, 30 days) beside as many records of drift.
func BenchmarkFactsOfAMonth(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "history.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const n = 100_000
	for i := range n {
		e := deployment(0, 10)
		e.At, e.App = began.Add(time.Duration(i)*26*time.Second), fmt.Sprintf("team-%d/app-%d", i%50, i%10_000)
		d := e
		d.Kind, d.Data = history.Drift, nil
		write(b, s, e, d)
	}
	b.ResetTimer()
	for b.Loop() {
		got, behind := 0, history.Cursor{}
		for {
			page, err := s.Facts(b.Context(), history.Span{From: began, To: began.Add(31 * 24 * time.Hour)}, behind, 2000)
			if err != nil {
				b.Fatal(err)
			}
			got += len(page)
			if len(page) < 2000 {
				break
			}
			behind = page[len(page)-1].After()
		}
		days, err := s.DriftDays(b.Context(), history.Span{From: began, To: began.Add(31 * 24 * time.Hour)})
		if err != nil || got != n || len(days) == 0 {
			b.Fatal(got, len(days), err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "history.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	e := deployment(0, 4)
	b.ReportAllocs()
	for b.Loop() {
		write(b, s, e)
	}
}
