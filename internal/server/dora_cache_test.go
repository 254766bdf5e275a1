package server_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/server"
)

// counting is a history that counts how often its facts are read.
type counting struct {
	history.Measured
	facts, drift atomic.Int64
}

func (c *counting) Facts(ctx context.Context, s history.Span, behind history.Cursor, limit int) ([]history.Fact, error) {
	c.facts.Add(1)
	return c.Measured.Facts(ctx, s, behind, limit)
}

func (c *counting) DriftDays(ctx context.Context, s history.Span) ([]history.DriftDay, error) {
	c.drift.Add(1)
	return c.Measured.DriftDays(ctx, s)
}

func TestTheHistoryIsReadOnceAWindowAndAnewWhenItHasNews(t *testing.T) {
	d := busy(t)
	at, read := now, &counting{Measured: d.history}
	d.http = httptest.NewServer(server.New(server.Options{
		Engine: d.engine, Access: staff, Intents: d.wishes, History: d.history, Registry: prometheus.NewRegistry(), Changes: d.changes,
		Now: func() time.Time { return at }, Log: slog.New(slog.DiscardHandler), DORA: server.DORAOptions{History: read},
	}))
	t.Cleanup(d.http.Close)
	measured := func(user, query string) httpapi.DORA {
		t.Helper()
		status, body := d.call(user, "GET", "/api/v1/dora"+query, "")
		var out httpapi.DORA
		if err := json.Unmarshal([]byte(body), &out); err != nil || status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		return out
	}
	reads := func(want int64, when string) {
		t.Helper()
		if facts, drift := read.facts.Load(), read.drift.Load(); facts != want || drift != want {
			t.Errorf("%s: facts were read %d times and drift %d times, want %d", when, facts, drift, want)
		}
	}
	all := measured("zoe", "")
	reads(1, "the first time")
	at = at.Add(time.Minute)
	if again := measured("zoe", "?measure=failures&per=app"); again.Deployments != all.Deployments || again.Drift != all.Drift {
		t.Errorf("a minute later %+v, before %+v", again, all)
	}
	ann := measured("ann", "")
	reads(1, "by others, in other words, a minute later")
	if eve := measured("eve", ""); ann.Deployments == 0 || ann.Deployments >= all.Deployments || eve.Deployments+eve.Drift > 0 {
		t.Errorf("Ann sees %d and Eve %d of %d: what is kept must not tell", ann.Deployments, eve.Deployments, all.Deployments)
	}
	reads(1, "by who may see nothing")
	d.deployed("team-a/shop", 0, "news", "Succeeded", nil)
	if more := measured("zoe", ""); more.Deployments != all.Deployments+1 {
		t.Errorf("%d deployments after another one, before %d", more.Deployments, all.Deployments)
	}
	reads(2, "after news")
	measured("zoe", "?from=2026-02-01T00:00:00Z")
	reads(3, "another window")
	measured("ann", "?app=team-a/shop")
	reads(4, "another scope")
	for _, day := range []string{"01", "02", "03", "04", "05", "06", "07", "08", "09"} {
		measured("zoe", "?from=2026-01-"+day+"T00:00:00Z")
	}
	reads(13, "many windows")
	measured("zoe", "")
	reads(14, "one that had to go")
}
