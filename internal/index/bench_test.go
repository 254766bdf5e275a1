package index_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"testing"

	"plumb.cd/plumb/internal/index"
)

// size is the length of a value as it is sent.
func size(t testing.TB, v any) int {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

func TestAnswersAboutTenThousandAppsAreSmall(t *testing.T) {
	x := fleet(10_000)
	page, err := x.Page(index.Query{Scope: everything, Sort: index.ByState, Limit: 100}, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		answer any
		limit  int // bytes, gzip
	}{
		{"a page of 100", page, 30_000},
		{"facets", x.Facets(everything, parse(t, ""), now), 4_000},
		{"the wall by cluster", x.Wall(everything, parse(t, ""), index.GroupCluster, now), 60_000},
		{"the wall by namespace", x.Wall(everything, parse(t, ""), index.GroupNamespace, now), 60_000},
		{"the wall by environment", x.Wall(everything, parse(t, ""), index.GroupEnvironment, now), 60_000},
	} {
		n := size(t, c.answer)
		t.Logf("%s: %d bytes", c.name, n)
		if n > c.limit {
			t.Errorf("%s: %d bytes, the limit is %d", c.name, n, c.limit)
		}
	}
}

func BenchmarkTenThousand(b *testing.B) {
	x := fleet(10_000)
	long := parse(b, "state:synced cluster:prod-* team=team-07 image:*:2.14.* author:ana -namespace:test pay")
	some := index.Scope{Namespaces: map[string]bool{"team-01": true, "team-02": true, "team-07": true}}
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Page(index.Query{Scope: everything, Sort: index.ByState, Limit: 100}, now); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("page filtered", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Page(index.Query{Scope: everything, Filter: long, Sort: index.ByState, Limit: 100}, now); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("page of three namespaces", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Page(index.Query{Scope: some, Sort: index.ByName, Limit: 100}, now); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("facets without a filter", func(b *testing.B) {
		for b.Loop() {
			x.Facets(everything, parse(b, ""), now)
		}
	})
	b.Run("facets", func(b *testing.B) {
		for b.Loop() {
			x.Facets(everything, long, now)
		}
	})
	b.Run("wall", func(b *testing.B) {
		for b.Loop() {
			x.Wall(everything, parse(b, ""), index.GroupCluster, now)
		}
	})
	b.Run("search", func(b *testing.B) {
		for b.Loop() {
			x.Search(everything, "pay", 20)
		}
	})
}
