package server_test

import (
	"encoding/csv"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/links"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/server"
)

// measuring is a desk whose server measures; filters know that bank is in prod.
func measuring(t *testing.T) *desk {
	t.Helper()
	patterns, err := links.New([]string{`([A-Z]+-[0-9]+)=https://jira.example.com/browse/$1`}, []string{"git.corp=gitlab"})
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	srv := httptest.NewServer(server.New(server.Options{
		Engine: d.engine, Access: staff, Intents: d.wishes, History: d.history, Registry: prometheus.NewRegistry(), Changes: d.changes,
		Version: "v1", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		DORA: server.DORAOptions{History: d.history},
		List: server.ListOptions{Facts: func(k engine.Key) (engine.RowFacts, bool) {
			return engine.RowFacts{
				Labels: map[string]string{"plumb.cd/environment": map[string]string{"bank": "prod"}[k.Name]},
				Commit: &engine.CommitView{SHA: "0123456789abcdef", Subject: "PAY-7: pay <b>once</b>"}, URL: "git@git.corp:acme/shop.git",
			}, true
		}, Links: patterns},
	}))
	t.Cleanup(srv.Close)
	d.http = srv
	return d
}

// deployed records the end of an attempt, hours before now. The commit was made ten minutes before.
func (d *desk) deployed(app string, hoursAgo int, bundle, outcome string, change func(*history.Event, *engine.DeploymentData)) {
	d.t.Helper()
	at := now.Add(-time.Duration(hoursAgo) * time.Hour)
	e := history.Event{
		At: at, Kind: history.Deployment, App: app, Attempt: app + bundle + outcome, Commit: "commit-" + bundle, Bundle: bundle, Outcome: outcome,
	}
	data := engine.DeploymentData{Mode: plan.Sync, Started: at.Add(-time.Minute), Took: time.Minute, DeploymentFacts: engine.DeploymentFacts{
		Cluster: "east", Trigger: engine.ByCommit, Previous: "commit-before-" + bundle, Committed: at.Add(-10 * time.Minute),
	}}
	if change != nil {
		change(&e, &data)
	}
	raw, err := json.Marshal(data)
	if err != nil {
		d.t.Fatal(err)
	}
	e.Data = raw
	d.record(e)
}

func (d *desk) record(e history.Event) {
	d.t.Helper()
	if _, err := d.history.Append(d.t.Context(), e); err != nil {
		d.t.Fatal(err)
	}
}

// busy is a history of two Apps that are there and one that is gone.
func busy(t *testing.T) *desk {
	d := measuring(t)
	d.deployed("team-a/shop", 100, "b1", "Succeeded", nil)
	d.deployed("team-a/shop", 50, "b2", "Succeeded", nil)
	d.record(history.Event{At: now.Add(-50*time.Hour + 20*time.Minute), Kind: history.Health, App: "team-a/shop", Outcome: "Degraded"})
	d.record(history.Event{At: now.Add(-50*time.Hour + 50*time.Minute), Kind: history.Health, App: "team-a/shop", Outcome: "Healthy"})
	d.deployed("team-a/shop", 48, "b1", "Succeeded", func(_ *history.Event, data *engine.DeploymentData) { data.Mode = plan.Rollback })
	d.deployed("team-a/shop", 10, "b3", "Superseded", nil)
	d.deployed("team-a/shop", 9, "b4", "Failed", func(e *history.Event, _ *engine.DeploymentData) { e.Actor = "=HYPERLINK(1)" })
	d.deployed("team-b/bank", 20, "b1", "Succeeded", nil)
	d.deployed("team-b/gone", 20, "b1", "Succeeded", nil)
	d.deployed("team-a/shop", 40*24, "b0", "Failed", nil)
	for range 3 {
		d.record(history.Event{At: now.Add(-30 * time.Hour), Kind: history.Drift, App: "team-a/shop", Object: "ConfigMap/team-a/one"})
	}
	return d
}

func (d *desk) measures(token, query string) httpapi.DORA {
	d.t.Helper()
	status, body := d.call(token, "GET", "/api/v1/dora?"+query, "")
	var out httpapi.DORA
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != 200 {
		d.t.Fatalf("%d %s (%v)", status, body, err)
	}
	return out
}

func TestMeasuresOfAMonth(t *testing.T) {
	d := busy(t)
	got := d.measures("ann", "")
	if len(got.Days) != 30 || len(got.Definitions) < 7 || got.Scope != "all apps" {
		t.Errorf("%d days, %d definitions, scope %q", len(got.Days), len(got.Definitions), got.Scope)
	}
	for _, day := range got.Days {
		if day.Day == "2026-02-27" && day != (httpapi.DORADay{Day: "2026-02-27", Deployments: 1, Failures: 1, LeadTime: 600}) {
			t.Errorf("the day of a deployment that Degraded: %+v", day)
		}
	}
	sample := got.Sample
	got.Days, got.Definitions, got.Sample = nil, nil, nil
	want := httpapi.DORA{
		From: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), To: now, Scope: "all apps", Deployments: 3, PerDay: 3 / 29.5, LeadTime: httpapi.Quantiles{N: 2, P50: 600, P90: 600},
		FailureRate: 2.0 / 3, Failures: 2, Failed: 1, Degraded: 1, Open: 1, Restore: httpapi.Quantiles{N: 1, P50: 1800, P90: 1800},
		Rollbacks: 1, Superseded: 1, Drift: 3,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(sample) != 5 || sample[0].Failure != "Failed" || sample[0].Commit.SHA != "commit-b4" || !sample[2].Rollback || sample[3].LeadTime != 600 {
		t.Errorf("the sample: %+v", sample)
	}
}

func TestMeasuresAreOfWhatTheReaderMaySee(t *testing.T) {
	d := busy(t)
	for query, want := range map[string]map[string]int{
		"":                 {"ann": 3, "zoe": 5, "eve": 0},
		"app=team-a/shop":  {"ann": 3, "zoe": 3},
		"app=team-b/bank":  {"zoe": 1},
		"filter=env:prod":  {"ann": 0, "zoe": 1},
		"filter=-env:prod": {"ann": 3, "zoe": 3},
		"per=app":          {"ann": 3, "zoe": 5},
		"from=2026-02-27T00:00:00Z&to=2026-02-28T00:00:00Z": {"ann": 1},
		"from=2026-01-20T00:00:00Z&to=2026-01-21T00:00:00Z": {"ann": 1},
	} {
		for token, n := range want {
			if got := d.measures(token, query); got.Deployments != n {
				t.Errorf("%s, %q: %d deployments, want %d", token, query, got.Deployments, n)
			}
		}
	}
	if status, body := d.call("ann", "GET", "/api/v1/dora?app=team-b/bank", ""); status != 404 {
		t.Errorf("another team's App: %d %s", status, body)
	}
}

func TestEveryNumberLeadsToItsDeployments(t *testing.T) {
	d := busy(t)
	all := d.measures("zoe", "")
	for measure, n := range map[string]int{
		"deployments": all.Deployments, "leadTime": all.LeadTime.N, "failures": all.Failures, "restore": all.Restore.N, "open": all.Open,
		"rollbacks": all.Rollbacks, "superseded": all.Superseded, "cancelled": all.Cancelled,
	} {
		if got := d.measures("zoe", "measure="+measure); len(got.Sample) != n {
			t.Errorf("%s is %d, and leads to %d deployments", measure, n, len(got.Sample))
		}
	}
	if got := d.measures("zoe", "day=2026-02-27&measure=failures"); len(got.Sample) != 1 || got.Failures != all.Failures {
		t.Errorf("one day's: %+v", got.Sample)
	}
}

func TestMeasuresAreExported(t *testing.T) {
	d := busy(t)
	for per, want := range map[string]string{
		"day":        "2026-02-27,1,1,600,0",
		"app":        "team-a/shop,3,0.1016949152542373,600,600,2,0.6666666666666666,1,1800,1800,1,1,0,3",
		"deployment": "team-a/shop,team-a/shopb4Failed,2026-03-01T02:59:00Z,2026-03-01T03:00:00Z,Failed,commit,commit-b4,2026-03-01T02:50:00Z,,false,Failed,2026-03-01T03:00:00Z,,1,'=HYPERLINK(1)",
	} {
		status, body := d.call("ann", "GET", "/api/v1/dora?format=csv&per="+per, "")
		rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		if status != 200 || err != nil || len(rows) < 2 {
			t.Fatalf("%s: %d %v %s", per, status, err, body)
		}
		if !strings.Contains(body, want+"\n") {
			t.Errorf("%s: %s\nhas no line %s", per, body, want)
		}
	}
}

func TestMeasuresRefuseWhatTheyCannotRead(t *testing.T) {
	d := measuring(t)
	for name, query := range map[string]string{
		"a period that ends before it begins": "from=2026-02-27T00:00:00Z&to=2026-02-26T00:00:00Z",
		"a period of years":                   "from=2020-02-27T00:00:00Z",
		"a day that is none":                  "day=yesterday",
		"a measure that is none":              "measure=velocity",
		"a filter that is none":               "filter=" + url.QueryEscape(`"`),
		"an App without a namespace":          "app=shop",
		"a parameter that is none":            "last=30d",
	} {
		if status, body := d.call("ann", "GET", "/api/v1/dora?"+query, ""); status != 400 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, _ := d.call("", "GET", "/api/v1/dora", ""); status != 401 {
		t.Errorf("without a sign-in: %d", status)
	}
}

func TestTheLastDayIsThatOfTheReadersApps(t *testing.T) {
	d := busy(t)
	for token, want := range map[string]httpapi.DaySummary{
		"ann": {Deployments: 1, Failed: 1},
		"zoe": {Deployments: 3, Failed: 1, LeadTime: 600},
		"eve": {},
	} {
		status, body := d.call(token, "GET", "/api/v1/apps/wall", "")
		var wall httpapi.Wall
		if err := json.Unmarshal([]byte(body), &wall); err != nil || status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		if wall.Day != want {
			t.Errorf("%s: %+v, want %+v", token, wall.Day, want)
		}
	}
}

func TestWhatACommitNamesIsALink(t *testing.T) {
	d := measuring(t)
	_, body := d.call("ann", "GET", "/api/v1/apps?limit=1", "")
	var page httpapi.AppPage
	if err := json.Unmarshal([]byte(body), &page); err != nil || len(page.Items) != 1 {
		t.Fatalf("%s (%v)", body, err)
	}
	want := &httpapi.CommitRef{
		SHA: "0123456789abcdef", Subject: "PAY-7: pay <b>once</b>", URL: "https://git.corp/acme/shop/-/commit/0123456789abcdef",
		Links: []httpapi.Link{{Text: "PAY-7", URL: "https://jira.example.com/browse/PAY-7"}},
	}
	if d := cmp.Diff(want, page.Items[0].Commit); d != "" {
		t.Error(d)
	}
}
