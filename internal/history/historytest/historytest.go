// Package historytest holds what every history.Store promises.
package historytest

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/history"
)

// Run checks a store. open gives the same store again at each call with the same directory, and an empty one for an
// empty directory.
func Run(t *testing.T, open func(t *testing.T, dir string) history.Store) {
	tests := map[string]func(t *testing.T, open func(*testing.T, string) history.Store){
		"an empty store lists nothing and verifies":       testEmpty,
		"what was appended is listed, newest first":       testList,
		"a query selects by app, kind, object and time":   testQuery,
		"pages follow the cursor without gap or overlap":  testPages,
		"the chain holds over closing and opening":        testReopen,
		"concurrent appends make one unbroken chain":      testConcurrent,
		"a record is read back exactly, odd bytes too":    testOddBytes,
		"a changed record does not fit the chain":         testChainRefuses,
		"an ended context ends an append without a trace": testCancelled,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

func event(n int) history.Event {
	return history.Event{At: start.Add(time.Duration(n) * time.Minute), Kind: history.Deployment, App: "apps/shop", Message: fmt.Sprintf("number %d", n)}
}

func fresh(t *testing.T, open func(*testing.T, string) history.Store) history.Store {
	t.Helper()
	return opened(t, open, t.TempDir())
}

func opened(t *testing.T, open func(*testing.T, string) history.Store, dir string) history.Store {
	t.Helper()
	s := open(t, dir)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func add(t *testing.T, s history.Store, e history.Event) history.Event {
	t.Helper()
	got, err := s.Append(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func list(t *testing.T, s history.Store, q history.Query) []history.Event {
	t.Helper()
	got, err := s.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func verify(t *testing.T, s history.Store) {
	t.Helper()
	if err := s.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func testEmpty(t *testing.T, open func(*testing.T, string) history.Store) {
	s := fresh(t, open)
	if got := list(t, s, history.Query{}); len(got) != 0 {
		t.Fatalf("an empty store lists %v", got)
	}
	verify(t, s)
}

func testList(t *testing.T, open func(*testing.T, string) history.Store) {
	s := fresh(t, open)
	var want []history.Event
	for n := range 3 {
		want = append([]history.Event{add(t, s, event(n))}, want...)
	}
	if d := cmp.Diff(want, list(t, s, history.Query{})); d != "" {
		t.Error(d)
	}
	if want[2].Seq != 1 || want[2].Prev != "" || want[1].Prev != want[2].Hash || want[1].Hash == "" {
		t.Errorf("the chain is not linked: %+v", want)
	}
	verify(t, s)
}

func testQuery(t *testing.T, open func(*testing.T, string) history.Store) {
	s := fresh(t, open)
	for n := range 6 {
		e := event(n)
		if n%2 == 1 {
			e.App = "apps/other"
		}
		if n >= 4 {
			e.Kind, e.Object = history.Drift, fmt.Sprintf("ConfigMap/shop/c%d", n)
		}
		add(t, s, e)
	}
	tests := map[string]struct {
		q    history.Query
		want []int64
	}{
		"app":            {history.Query{App: "apps/shop"}, []int64{5, 3, 1}},
		"kind":           {history.Query{Kinds: []history.Kind{history.Drift}}, []int64{6, 5}},
		"kinds":          {history.Query{Kinds: []history.Kind{history.Drift, history.Deployment}, App: "apps/other"}, []int64{6, 4, 2}},
		"object":         {history.Query{Object: "ConfigMap/shop/c4"}, []int64{5}},
		"time":           {history.Query{Since: start.Add(4 * time.Minute)}, []int64{6, 5}},
		"limit":          {history.Query{Limit: 1}, []int64{6}},
		"nothing":        {history.Query{App: "apps/none"}, nil},
		"app and before": {history.Query{App: "apps/shop", Before: 5}, []int64{3, 1}},
	}
	for name, tt := range tests {
		var got []int64
		for _, e := range list(t, s, tt.q) {
			got = append(got, e.Seq)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func testPages(t *testing.T, open func(*testing.T, string) history.Store) {
	s := fresh(t, open)
	const total = 120
	for n := range total {
		add(t, s, event(n))
	}
	if got := list(t, s, history.Query{}); len(got) != 50 {
		t.Errorf("without a limit %d records are listed, want 50", len(got))
	}
	want := int64(total)
	for q := (history.Query{Limit: 7}); ; {
		page := list(t, s, q)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			if e.Seq != want {
				t.Fatalf("record %d where %d was due", e.Seq, want)
			}
			want--
		}
		q.Before = page[len(page)-1].Seq
	}
	if want != 0 {
		t.Errorf("the pages end before record %d", want)
	}
}

func testReopen(t *testing.T, open func(*testing.T, string) history.Store) {
	dir := t.TempDir()
	s := opened(t, open, dir)
	first := add(t, s, event(1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = opened(t, open, dir)
	if second := add(t, s, event(2)); second.Prev != first.Hash || second.Seq != first.Seq+1 {
		t.Errorf("after opening again the chain goes %+v, %+v", first, second)
	}
	verify(t, s)
}

func testConcurrent(t *testing.T, open func(*testing.T, string) history.Store) {
	s := fresh(t, open)
	const writers, each = 8, 25
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				if _, err := s.Append(t.Context(), event(w*each+n)); err != nil {
					t.Error(err)
				}
				if _, err := s.List(t.Context(), history.Query{Limit: 3}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(list(t, s, history.Query{Limit: 1000})); got != writers*each {
		t.Errorf("%d records, want %d", got, writers*each)
	}
	verify(t, s)
}

func testOddBytes(t *testing.T, open func(*testing.T, string) history.Store) {
	s := fresh(t, open)
	e := event(1)
	e.Message = "<a & b> \xff \u2028 'quoted\"; DROP TABLE event"
	e.At = time.Date(2026, 1, 1, 0, 0, 0, 123456789, time.FixedZone("east", 3600))
	e.Data = json.RawMessage(`{ "b": 1.0, "a": "<\u00e4>" }`)
	want := add(t, s, e)
	if d := cmp.Diff([]history.Event{want}, list(t, s, history.Query{})); d != "" {
		t.Error(d)
	}
	verify(t, s)
}

func testChainRefuses(t *testing.T, open func(*testing.T, string) history.Store) {
	s := fresh(t, open)
	first, second := add(t, s, event(1)), add(t, s, event(2))
	link, err := history.Link{}.Check(first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := link.Check(second); err != nil {
		t.Fatal(err)
	}
	second.Actor = "somebody else"
	if _, err := link.Check(second); err == nil {
		t.Error("a changed record was taken for true")
	}
}

func testCancelled(t *testing.T, open func(*testing.T, string) history.Store) {
	s := fresh(t, open)
	add(t, s, event(1))
	ctx, cancel := contextCancelled(t)
	defer cancel()
	if _, err := s.Append(ctx, event(2)); err == nil {
		t.Error("an append with an ended context succeeded")
	}
	add(t, s, event(3))
	if got := list(t, s, history.Query{}); len(got) != 2 {
		t.Errorf("%d records, want 2", len(got))
	}
	verify(t, s)
}
