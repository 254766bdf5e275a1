package cli

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
)

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)

// drawn is what a command prints, with two blanks between columns.
func drawn(t *testing.T, draw func(*env) error) []string {
	t.Helper()
	var out bytes.Buffer
	e := &env{Streams: Streams{Out: &out, Err: &out, Now: func() time.Time { return testNow }, Getenv: func(string) string { return "" }}}
	if err := draw(e); err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(\S) {2,}`).ReplaceAllString(out.String(), "$1  ")
	return strings.Split(strings.TrimSpace(text), "\n")
}

func TestHistorySaysWhoDeployedWhat(t *testing.T) {
	sha := strings.Repeat("a", 40)
	commit := httpapi.CommitRef{SHA: sha, Subject: "PAY-7: pay\u202e once", Author: "Ana Ruiz", Links: []httpapi.Link{{Text: "PAY-7", URL: "https://jira.example.com/browse/PAY-7"}}}
	got := drawn(t, func(e *env) error {
		return e.deploymentRows([]httpapi.Deployment{
			{ID: "d4", Started: testNow, Outcome: "Running", Trigger: "commit", Commit: &commit},
			{ID: "d3", Started: testNow, Ended: testNow.Add(time.Minute), Duration: 60, Outcome: "Failed", Reason: "Degraded", Message: "web does not start", Actor: "bob", Trigger: "request"},
			{
				ID: "d2", Started: testNow, Ended: testNow, Duration: 2.34, LeadTime: 3700, Outcome: "Succeeded", Trigger: "commit", Commit: &commit,
				Commits: []httpapi.CommitRef{commit, commit}, Images: []httpapi.ImageChange{{Name: "shop/web", Before: "1.0", After: "1.1"}, {Name: "new", After: "2"}},
				Created: 1, Changed: 2, Deleted: 3,
			},
			{ID: "d1", Ended: testNow, Outcome: "Succeeded", Trigger: "drift", Changed: 1},
			{ID: "d0", Ended: testNow, Outcome: "Succeeded", Trigger: "rollback", Rollback: true, Commit: &httpapi.CommitRef{SHA: "1.2.3@sha256:00"}},
		})
	})
	want := []string{
		"AT  DEPLOYMENT  OUTCOME  REVISION  BY  TOOK  LEAD  WHAT",
		`2026-03-01 12:00:00  d4  Running  aaaaaaaaaaaa  Ana Ruiz  -  -  "PAY-7: pay\u202e once"`,
		"2026-03-01 12:01:00  d3  Failed  -  bob  60s  -  Degraded: web does not start",
		`2026-03-01 12:00:00  d2  Succeeded  aaaaaaaaaaaa  Ana Ruiz  2s  62m  "PAY-7: pay\u202e once" and 1 more, PAY-7, shop/web 1.0 → 1.1, new (new) → 2, 1 created, 2 changed, 3 deleted`,
		"2026-03-01 12:00:00  d1  Succeeded  -  Plumb (drift)  -  -  1 changed",
		"2026-03-01 12:00:00  d0  Succeeded  1.2.3  Plumb (rollback)  -  -  rollback",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDriftSaysWhoChangedWhatAndWhetherItStands(t *testing.T) {
	fields := []httpapi.FieldDiff{{Path: ".spec.replicas", Left: 1, Right: 5}, {Path: ".data.k", Right: "x"}}
	got := drawn(t, func(e *env) error {
		return e.driftRows([]httpapi.Change{
			{At: testNow, Kind: "healed", Object: "Deployment.apps/shop/web", Manager: "kubectl", Fields: fields, Repeats: 3, First: testNow.Add(-time.Hour)},
			{At: testNow, Kind: "drift", Object: "ConfigMap/shop/a", Manager: "kubectl-edit", Outcome: "Deleted"},
			{At: testNow, Kind: "fight", Object: "ConfigMap/shop/b", Message: "two managers take it from one another"},
		})
	})
	want := []string{
		"AT  DRIFT  WHO  OBJECT  WHAT",
		"2026-03-01 12:00:00  undone  kubectl (tool)  Deployment.apps/shop/web  3 times since 11:00:00: .spec.replicas 1 → 5; .data.k (absent) → x",
		"2026-03-01 12:00:00  stands  kubectl-edit (tool)  ConfigMap/shop/a  deleted",
		"2026-03-01 12:00:00  fight  -  ConfigMap/shop/b  two managers take it from one another",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestWhySaysWhereTheCommitIsShownAndWhichTicketsItNames(t *testing.T) {
	got := drawn(t, func(e *env) error {
		return e.drawWhy(engine.Why{App: engine.Key{Namespace: "a", Name: "shop"}, State: "Synced", Commit: &engine.CommitView{
			SHA: strings.Repeat("a", 40), Subject: "PAY-7", Author: "Ana", When: testNow, URL: "https://git.example.com/c/1",
			Links: []engine.Link{{Text: "PAY-7", URL: "https://jira.example.com/browse/PAY-7"}},
		}})
	})
	for _, want := range []string{"  at  https://git.example.com/c/1", "  ticket  PAY-7  https://jira.example.com/browse/PAY-7"} {
		if !strings.Contains(strings.Join(got, "\n"), strings.TrimSpace(want)) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
}
