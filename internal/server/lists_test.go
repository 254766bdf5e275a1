package server_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/httpapi"
)

// read makes a GET as a user and decodes the answer.
func read[T any](d *desk, user, path string) T {
	d.t.Helper()
	status, body := d.call(user, http.MethodGet, "/api/v1/"+path, "")
	var out T
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != http.StatusOK {
		d.t.Fatalf("%s as %s: %d %s (%v)", path, user, status, body, err)
	}
	return out
}

func TestARowSaysWhatOneWantsToKnowOfAnApp(t *testing.T) {
	d, f := fleetDesk(t, 0)
	key := engine.Key{Namespace: "team-01", Name: "payments-prod"}
	f.put(engine.Snapshot{
		Key: key, State: engine.StateFailed, Reason: fault.AdmissionDenied, Since: now.Add(-time.Hour), Message: strings.Repeat("é", 200), InSync: engine.OutOfSync,
		Counts: engine.Counts{Total: 7, Drifted: 2},
	}, engine.RowFacts{
		Cluster: "prod-eu", Labels: map[string]string{"env": "prod"}, URL: "https://ana:hunter2@github.com/shop/deploy.git", Path: "apps/payments", Deployed: now,
		Images: []string{"registry.example.com:5000/shop/payments:2.14.1@sha256:0123456789abcdef", "busybox", "redis@sha256:0123456789abcdef", "x/y:1"},
		Commit: &engine.CommitView{SHA: "9f2c1ab0", Subject: "Bump", Author: "Ana Ruiz", When: now},
	})
	for _, row := range []httpapi.AppRow{
		read[httpapi.AppPage](d, "zoe", "apps").Items[0], read[httpapi.AppRow](d, "zoe", "apps/team-01/payments-prod"),
	} {
		if row.Cluster != "prod-eu" || row.Environment != "prod" || row.Component != "payments" || row.Source != "github.com/shop/deploy apps/payments" || row.Health != "Unknown" && row.Health != "" {
			t.Errorf("%+v", row)
		}
		if !slices.Equal(row.Images, []string{"payments:2.14.1", "busybox", "redis@sha256:0123456"}) || row.Drifted != 2 || row.Objects != 7 || !row.DeployedAt.Equal(now) {
			t.Errorf("%+v", row)
		}
		if row.Commit == nil || row.Commit.URL != "https://github.com/shop/deploy/commit/9f2c1ab0" || row.Commit.Author != "Ana Ruiz" {
			t.Errorf("%+v", row.Commit)
		}
	}
	if _, body := d.call("zoe", http.MethodGet, "/api/v1/apps", ""); strings.Contains(body, "hunter2") || strings.Count(body, "é") != 119 {
		t.Errorf("%s", body)
	}
	for filter, want := range map[string]int{
		"image:registry.example.com*": 1, "image:y:1": 1, "author:ana": 1, "env:prod": 1, "message:éé": 1, "component:payments state:failed": 1, "image:nope": 0,
	} {
		if p := read[httpapi.AppPage](d, "zoe", "apps?filter="+url.QueryEscape(filter)); p.Total != want {
			t.Errorf("%s: %d", filter, p.Total)
		}
	}
}

func TestAListIsReadPageByPage(t *testing.T) {
	d, _ := fleetDesk(t, 230)
	seen, cursor := map[string]bool{}, ""
	for pages := 1; ; pages++ {
		p := read[httpapi.AppPage](d, "zoe", "apps?sort=deployed&cursor="+cursor)
		for _, row := range p.Items {
			seen[row.Namespace+"/"+row.Name] = true
		}
		if p.Total != 230 || p.Epoch == "" || p.Seq == 0 {
			t.Fatalf("total %d, epoch %q, seq %d", p.Total, p.Epoch, p.Seq)
		}
		if cursor = p.Next; cursor == "" {
			if pages != 3 || len(seen) != 230 {
				t.Errorf("%d pages, %d Apps", pages, len(seen))
			}
			return
		}
	}
}

func TestOneSeesTheAppsOfTheNamespacesThatOneMayList(t *testing.T) {
	d, _ := fleetDesk(t, 400)
	for user, want := range map[string]int{"zoe": 400, "ann": 30, "eve": 0} {
		p := read[httpapi.AppPage](d, user, "apps?limit=500")
		facets := read[httpapi.Facets](d, user, "apps/facets")
		wall := read[httpapi.Wall](d, user, "apps/wall?group=namespace")
		cells := 0
		for _, g := range wall.Groups {
			cells += len(g.Cells)
		}
		if p.Total != want || len(p.Items) != want || facets.Total != want || wall.Total != want || cells != want {
			t.Errorf("%s: a list of %d, facets of %d, a wall of %d", user, p.Total, facets.Total, wall.Total)
		}
		if user == "ann" && len(wall.Groups) != 3 {
			t.Errorf("ann's wall: %+v", wall.Groups)
		}
		if hits := read[httpapi.List[httpapi.SearchHit]](d, user, "search?q=service").Items; (len(hits) == 0) != (want == 0) {
			t.Errorf("%s finds %v", user, hits)
		}
	}
	hidden := read[httpapi.AppPage](d, "ann", "apps?filter="+url.QueryEscape("namespace:team-03"))
	absent := read[httpapi.AppPage](d, "ann", "apps?filter="+url.QueryEscape("namespace:team-99"))
	if hidden.Total != 0 || absent.Total != 0 || hidden.Hint == nil || absent.Hint == nil || hidden.Hint.Without != absent.Hint.Without {
		t.Errorf("hidden: %+v; absent: %+v", hidden, absent)
	}
}

func TestWhatChangesIsInTheNextAnswer(t *testing.T) {
	d, f := fleetDesk(t, 3)
	first := read[httpapi.AppPage](d, "zoe", "apps")
	key := engine.Key{Namespace: "team-01", Name: "new"}
	f.put(engine.Snapshot{Key: key, State: engine.StateWaiting, Since: now}, engine.RowFacts{})
	d.changes.Changed(key)
	second := read[httpapi.AppPage](d, "zoe", "apps")
	if second.Total != 4 || second.Seq != first.Seq+1 || second.Epoch != first.Epoch {
		t.Errorf("%d after %d; total %d", second.Seq, first.Seq, second.Total)
	}
	f.drop(key)
	d.changes.Changed(key)
	if third := read[httpapi.AppPage](d, "zoe", "apps"); third.Total != 3 {
		t.Errorf("total %d", third.Total)
	}
}

// fetch makes a GET with headers.
func (d *desk) fetch(user, path string, header http.Header) *http.Response {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.http.URL+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Authorization", "Bearer "+user)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { res.Body.Close() })
	return res
}

func TestWhatTheReaderHasIsNotSentAgain(t *testing.T) {
	d, f := fleetDesk(t, 50)
	for _, path := range []string{"apps", "apps?filter=state:synced", "apps/facets", "apps/wall", "repositories", "clusters", "me"} {
		first := d.fetch("zoe", "/api/v1/"+path, nil)
		tag := first.Header.Get("ETag")
		if first.StatusCode != http.StatusOK || tag == "" {
			t.Fatalf("%s: %d, tag %q", path, first.StatusCode, tag)
		}
		if again := d.fetch("zoe", "/api/v1/"+path, http.Header{"If-None-Match": {`"x", ` + tag}}); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: %d", path, again.StatusCode)
		}
	}
	tag := d.fetch("zoe", "/api/v1/apps", nil).Header.Get("ETag")
	if other := d.fetch("ann", "/api/v1/apps", http.Header{"If-None-Match": {tag}}); other.StatusCode != http.StatusOK {
		t.Errorf("somebody else's list: %d", other.StatusCode)
	}
	key := engine.Key{Namespace: "team-01", Name: "new"}
	f.put(engine.Snapshot{Key: key, State: engine.StateWaiting, Since: now}, engine.RowFacts{})
	d.changes.Changed(key)
	if changed := d.fetch("zoe", "/api/v1/apps", http.Header{"If-None-Match": {tag}}); changed.StatusCode != http.StatusOK {
		t.Errorf("after a change: %d", changed.StatusCode)
	}
	if aged := d.fetch("zoe", "/api/v1/apps?filter=since:%3C1h", nil); strings.Contains(aged.Header.Get("ETag"), "-") {
		t.Errorf("an answer that depends on the time is tagged by changes alone: %s", aged.Header.Get("ETag"))
	}
}

func TestAnswersAreCompressedForThoseWhoUnderstand(t *testing.T) {
	d, _ := fleetDesk(t, 100)
	for header, want := range map[string]string{"gzip": "gzip", "br, gzip;q=0.5": "gzip", "*": "gzip", "": "", "br": "", "gzip;q=0": "", "gzip;q=0, *": ""} {
		res := d.fetch("zoe", "/api/v1/apps", http.Header{"Accept-Encoding": {header}})
		if got := res.Header.Get("Content-Encoding"); got != want || !strings.Contains(res.Header.Get("Vary"), "Accept-Encoding") {
			t.Errorf("Accept-Encoding %q: Content-Encoding %q, Vary %q", header, got, res.Header.Get("Vary"))
		}
		body := io.Reader(res.Body)
		if want != "" {
			z, err := gzip.NewReader(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		var page httpapi.AppPage
		if err := json.NewDecoder(body).Decode(&page); err != nil || len(page.Items) != 100 {
			t.Errorf("Accept-Encoding %q: %d rows (%v)", header, len(page.Items), err)
		}
	}
}

func TestAWrongQueryIsToldWhere(t *testing.T) {
	d, _ := fleetDesk(t, 5)
	for query, want := range map[string]string{
		"apps?filter=" + url.QueryEscape("state:synced sate:x"): "sate:x (at character 14)",
		"apps?limit=0":                                 "limit: want a number from 1 to 500",
		"apps?limit=501":                               "limit",
		"apps?limit=1e3":                               "limit",
		"apps?sort=size":                               "sort: want one of state, name",
		"apps?cursor=AAA":                              "cursor",
		"apps?fields=state,stat":                       "fields: want one of namespace, name, cluster, environment, component, labels, state,",
		"apps?fields=state,":                           "fields: want one of",
		"apps?fields=state&fields=since":               "fields: want it once",
		"apps?cursor=" + strings.Repeat("A", 3000):     "cursor",
		"apps?limit=1&limit=2":                         "limit: want it once",
		"apps?fitler=x":                                `"fitler": this call takes no such parameter; it takes filter, sort, cursor, limit, fields`,
		"apps/facets?sort=name":                        "sort",
		"apps/wall?group=author":                       "group",
		"apps?filter=" + strings.Repeat("x", 3000):     "2000 bytes",
		"apps?filter=" + url.QueryEscape("a\x00b"):     "NUL",
		"apps?filter=%ff":                              "UTF-8",
		"apps?filter=" + strings.Repeat("name:a+", 60): "50 terms",
		"search?q=" + strings.Repeat("x", 300):         "too long",
		"me/can?verb=own":                              "verb: want one of",
		"me/can?app=shop":                              "app: want namespace/name",
		"me/can?app=a/b/c":                             "app: want namespace/name",
		"stream?filter=%22":                            "the quote is not closed",
		"clusters?namespace=x":                         "takes no such parameter",
	} {
		status, body := d.call("zoe", http.MethodGet, "/api/v1/"+query, "")
		p := d.problem(body)
		if status != http.StatusBadRequest || !strings.Contains(p.Message, want) || p.Reason != fault.InvalidRequest {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

func TestABodyOverTheLimitIsRefusedBeforeItIsRead(t *testing.T) {
	d := newDesk(t)
	status, body := d.call("ann", http.MethodPost, "/api/v1/apps/team-a/shop/sync", `{"plan":"`+strings.Repeat("x", 2<<20)+`"}`)
	if p := d.problem(body); status != http.StatusRequestEntityTooLarge || p.Reason != fault.LimitExceeded {
		t.Errorf("%d %s", status, body)
	}
	if len(d.wishes.annotations) != 0 {
		t.Error("a wish was written")
	}
}

func TestTheReaderIsToldWhoTheyAreAndWhatTheyMayDo(t *testing.T) {
	d := newDesk(t)
	if me := read[httpapi.Me](d, "ann", "me"); me.Name != "ann" || me.CSRF != "" {
		t.Errorf("%+v", me)
	}
	for _, c := range []struct {
		user, query string
		want        map[string]bool
	}{
		{"ann", "app=team-a/shop&verb=sync&verb=logs", map[string]bool{"sync": true, "logs": true}},
		{"sue", "app=team-a/shop&verb=sync&verb=approve", map[string]bool{"sync": true, "approve": false}},
		{"ann", "app=team-b/bank&verb=get&verb=sync", map[string]bool{"get": false, "sync": false}},
		{"ann", "app=team-b/nope&verb=get&verb=sync", map[string]bool{"get": false, "sync": false}},
	} {
		got := read[httpapi.Can](d, c.user, "me/can?"+c.query)
		if len(got.Verbs) != len(c.want) || len(got.Unknown) != 0 {
			t.Errorf("%s %s: %+v", c.user, c.query, got)
		}
		for v, want := range c.want {
			if got.Verbs[v] != want {
				t.Errorf("%s %s: %+v", c.user, c.query, got)
			}
		}
	}
	if all := read[httpapi.Can](d, "ann", "me/can?app=team-a/shop"); len(all.Verbs) != 9 || !all.Verbs["cancel"] {
		t.Errorf("%+v", all)
	}
}

func TestAPaletteFindsAppsObjectsPlacesAndPages(t *testing.T) {
	d := newDesk(t)
	kinds := func(user, q string) (out []string) {
		for _, h := range read[httpapi.List[httpapi.SearchHit]](d, user, "search?q="+url.QueryEscape(q)).Items {
			out = append(out, h.Kind+" "+h.Title+" "+h.Path)
		}
		return out
	}
	if got := kinds("zoe", "shop"); !slices.Equal(got, []string{"app shop /a/team-a/shop", "object shop /a/team-a/shop/o/ConfigMap/team-a/shop", "repository code /repositories#team-a%2Fcode"}) {
		t.Errorf("shop: %q", got)
	}
	if got := kinds("ann", "bank"); got != nil {
		t.Errorf("what one may not see is found: %q", got)
	}
	if got := kinds("zoe", "in-cl"); !slices.Equal(got, []string{"cluster in-cluster /clusters#in-cluster"}) {
		t.Errorf("a cluster: %q", got)
	}
	if got := kinds("ann", "in-cl"); got != nil {
		t.Errorf("a cluster, for ann: %q", got)
	}
	if got := kinds("eve", "clus"); !slices.Equal(got, []string{"page Clusters /clusters"}) {
		t.Errorf("a page: %q", got)
	}
	if got := kinds("zoe", "   "); got != nil {
		t.Errorf("nothing: %q", got)
	}
}

func TestClustersSayHowTheirAppsAre(t *testing.T) {
	d, f := fleetDesk(t, 0)
	for i, state := range []engine.State{engine.StateFailed, engine.StateSynced, engine.StateSynced} {
		f.put(engine.Snapshot{Key: engine.Key{Namespace: "team-01", Name: string(rune('a' + i))}, State: state}, engine.RowFacts{Cluster: "prod-eu"})
	}
	list := read[httpapi.List[httpapi.Cluster]](d, "zoe", "clusters")
	eu, us := list.Items[0], list.Items[1]
	if eu.Apps != 3 || eu.States["Failed"] != 1 || eu.States["Synced"] != 2 || eu.Problem != nil || us.Apps != 0 || us.Problem == nil || us.Problem.Message != "away" {
		t.Errorf("%+v", list)
	}
}
