package server_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/links"
	"plumb.cd/plumb/internal/server"
)

func TestTheCommitOfWhyAndOfAPlanHasItsLinks(t *testing.T) {
	d := newDesk(t)
	patterns, err := links.New([]string{`\b([A-Z]+-[0-9]+)\b=https://jira.example.com/browse/$1`}, []string{"git.example.com=gitlab"})
	if err != nil {
		t.Fatal(err)
	}
	const sha = "0123456789abcdef0123456789abcdef01234567"
	d.engine.commit = &engine.CommitView{SHA: sha, Subject: "PAY-7: pay once"}
	snap := d.engine.snapshots[shop]
	snap.Desired = &engine.Deployed{Revisions: []bundle.Revision{{URL: "https://git.example.com/acme/shop.git", Tree: "t", Commit: sha}}}
	d.engine.snapshots[shop] = snap
	d.http = httptest.NewServer(server.New(server.Options{
		Engine: d.engine, Access: staff, Intents: d.wishes, Registry: prometheus.NewRegistry(), Changes: server.NewChanges(),
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), List: server.ListOptions{Links: patterns},
	}))
	t.Cleanup(d.http.Close)
	want := engine.CommitView{
		SHA: sha, Subject: "PAY-7: pay once", URL: "https://git.example.com/acme/shop/-/commit/" + sha,
		Links: []engine.Link{{Text: "PAY-7", URL: "https://jira.example.com/browse/PAY-7"}},
	}
	for _, call := range []string{"why", "plan"} {
		status, body := d.call("ann", http.MethodGet, "/api/v1/apps/team-a/shop/"+call, "")
		var got struct{ Commit engine.CommitView }
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		if diff := cmp.Diff(want, got.Commit); diff != "" {
			t.Errorf("%s: %s", call, diff)
		}
	}
	if d.engine.commit.Links != nil || d.engine.commit.URL != "" {
		t.Errorf("the engine's own commit was changed: %+v", d.engine.commit)
	}
}
