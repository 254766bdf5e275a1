package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/history"
)

const path = "/api/v1/apps/team-a/shop"

func TestWishesAreWrittenToTheAppAndRecorded(t *testing.T) {
	tests := []struct {
		call, body string
		annotation string
		patch      string
	}{
		{call: "sync", body: `{"all":true}`, annotation: v1alpha1.AnnotationSyncRequest},
		{call: "refresh", annotation: v1alpha1.AnnotationRefresh},
		{call: "cancel", annotation: v1alpha1.AnnotationCancel},
		{call: "suspend", patch: `{"suspend":true}`},
		{call: "resume", patch: `{"hold":null,"suspend":null}`},
		{call: "adopt", patch: `{"sync":{"adopt":true}}`},
		{call: "hold", body: `{"revision":"0123456","reason":"it rains","until":"2026-03-02T00:00:00+01:00"}`,
			patch: `{"hold":{"owner":"ann","reason":"it rains","revision":"0123456","until":"2026-03-01T23:00:00Z"}}`},
		{call: "hold", body: `{"bundle":"sha256:1234"}`, patch: `{"hold":{"bundle":"sha256:1234","owner":"ann","reason":""}}`},
	}
	for _, tt := range tests {
		t.Run(tt.call, func(t *testing.T) {
			d := newDesk(t)
			if status, body := d.call("ann", http.MethodPost, path+"/"+tt.call, tt.body); status != http.StatusOK {
				t.Fatalf("%d %s", status, body)
			}
			if tt.annotation != "" && (len(d.wishes.annotations) != 1 || d.wishes.annotations[0][tt.annotation] == "") {
				t.Errorf("annotations: %v", d.wishes.annotations)
			}
			if tt.patch != "" {
				raw, err := json.Marshal(d.wishes.patches)
				if err != nil || string(raw) != "["+tt.patch+"]" {
					t.Errorf("patches: %s", raw)
				}
			}
			events, err := d.history.List(t.Context(), history.Query{App: shop.String(), Kinds: []history.Kind{history.Request}})
			if err != nil || len(events) != 1 || events[0].Actor != "ann" {
				t.Errorf("recorded: %+v %v", events, err)
			}
		})
	}
}

func TestABodyThatIsNotWhatTheCallTakesIsRefused(t *testing.T) {
	d := newDesk(t)
	for name, c := range map[string]struct {
		call, body string
		status     int
		says       string
	}{
		"an unknown field":          {"sync", `{"pln":"sha256:00"}`, 400, "pln"},
		"no JSON":                   {"sync", `plan=sha256:00`, 400, "not what this call takes"},
		"a wrong type":              {"sync", `{"all":"yes"}`, 400, "not what this call takes"},
		"a hold on nothing":         {"hold", `{}`, 400, "a revision or a bundle"},
		"a hold on two things":      {"hold", `{"revision":"0123456","bundle":"sha256:00"}`, 400, "one of them"},
		"an unknown field (revert)": {"revert", `{"force":true}`, 400, "force"},
		"more than a megabyte":      {"sync", `{"plan":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "larger than 1048576 bytes"},
	} {
		status, body := d.call("ann", http.MethodPost, path+"/"+c.call, c.body)
		if p := d.problem(body); status != c.status || !strings.Contains(p.Message, c.says) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if n := len(d.wishes.annotations) + len(d.wishes.patches) + len(d.engine.reverts); n > 0 {
		t.Errorf("%d wishes were written", n)
	}
}

func TestAQueryThatMakesNoSenseIsRefused(t *testing.T) {
	d := newDesk(t)
	for _, q := range []string{
		path + "/tree?children=some", path + "/why?object=nonsense", path + "/history?limit=0", path + "/history?limit=1001",
		path + "/history?limit=x", path + "/history?before=x", "/api/v1/find?object=", "/api/v1/find",
	} {
		if status, body := d.call("ann", http.MethodGet, q, ""); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", q, status, body)
		}
	}
}

func TestWhoActsIsWhoAsked(t *testing.T) {
	d := newDesk(t)
	d.call("ann", http.MethodPost, path+"/revert", `{"actor":"zoe","to":"0123456"}`)
	if len(d.engine.reverts) > 1 || len(d.engine.reverts) == 1 && d.engine.reverts[0].Actor != "ann" {
		t.Errorf("reverts: %+v", d.engine.reverts)
	}
	d.call("ann", http.MethodPost, path+"/sync", `{}`)
	if got := d.wishes.annotations[0][v1alpha1.AnnotationSyncRequest]; !strings.Contains(got, `"actor":"ann"`) {
		t.Errorf("the request is %s", got)
	}
}

func TestErrorsHaveTheirStatusAndTellNoSecret(t *testing.T) {
	for reason, want := range map[fault.Reason]int{
		fault.Forbidden: 403, fault.PlanStale: 409, fault.Conflict: 409, fault.PushRejected: 409, fault.ClusterUnreachable: 502,
		fault.Unreachable: 502, fault.SyntaxInvalid: 422, fault.Internal: 500,
	} {
		d := newDesk(t)
		d.engine.err = &fault.Error{Reason: reason, Where: "a.yaml:1", Message: "it went wrong", Next: "do better", Err: errBroken}
		status, body := d.call("ann", http.MethodGet, path+"/plan", "")
		p := d.problem(body)
		if status != want || p.Reason != reason || p.Where != "a.yaml:1" || p.Next != "do better" || strings.Contains(body, "hunter2") {
			t.Errorf("%s: %d %s", reason, status, body)
		}
	}
}

func TestAnErrorThatNobodyClassifiedTellsNothingOfItself(t *testing.T) {
	d := newDesk(t)
	d.engine.err = errBroken
	status, body := d.call("ann", http.MethodGet, path+"/plan", "")
	if status != http.StatusInternalServerError || strings.Contains(body, "hunter2") {
		t.Errorf("%d %s", status, body)
	}
}

func TestHistoryComesInPages(t *testing.T) {
	d := newDesk(t)
	for range 5 {
		if _, err := d.history.Append(t.Context(), history.Event{At: now, Kind: history.Deployment, App: shop.String()}); err != nil {
			t.Fatal(err)
		}
	}
	var seen []int64
	query := "?limit=2"
	for range 5 {
		var page struct {
			Items []history.Event
			Next  string
		}
		_, body := d.call("bob", http.MethodGet, path+"/history"+query, "")
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		for _, ev := range page.Items {
			seen = append(seen, ev.Seq)
		}
		if page.Next == "" {
			break
		}
		query = "?limit=2&before=" + page.Next
	}
	if len(seen) != 5 || seen[0] != 5 || seen[4] != 1 {
		t.Errorf("pages: %v", seen)
	}
}

func TestAWebhookNeedsTheSignatureOfTheRepository(t *testing.T) {
	good := `{"repository":"https://git.example.com/shop.git"}`
	for name, c := range map[string]struct {
		body, signature string
		status          int
	}{
		"well signed": {good, sign(good), 202},
		"well signed, the address in other words": {`{"repository":"https://git.example.com/shop"}`, sign(`{"repository":"https://git.example.com/shop"}`), 202},
		"not signed":                    {good, "", 403},
		"signed with another secret":    {good, git.SignWebhook([]byte("another-secret-of-enough-bytes"), []byte(good)), 403},
		"the signature of another body": {good, sign(good + " "), 403},
		"an unknown repository":         {`{"repository":"https://git.example.com/other.git"}`, sign(`{"repository":"https://git.example.com/other.git"}`), 403},
		"no JSON":                       {`hello`, sign(`hello`), 400},
		"no repository":                 {`{}`, sign(`{}`), 400},
	} {
		d := newDesk(t)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.http.URL+"/webhook", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(git.SignatureHeader, c.signature)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.status || (d.engine.pushed > 0) != (c.status == 202) {
			t.Errorf("%s: %d, %d told", name, res.StatusCode, d.engine.pushed)
		}
	}
}

func TestAWebhookToARepositoryWithoutSecretIsRefused(t *testing.T) {
	d := newDesk(t)
	d.engine.repos[0].WebhookSecret = ""
	body := `{"repository":"https://git.example.com/shop.git"}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.http.URL+"/webhook", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(git.SignatureHeader, git.SignWebhook(nil, []byte(body)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestAHugeWebhookIsRefused(t *testing.T) {
	d := newDesk(t)
	status, body := d.call("", http.MethodPost, "/webhook", `{"repository":"`+strings.Repeat("x", 40<<20)+`"}`)
	if status < 400 || status >= 500 {
		t.Errorf("%d %.200s", status, body)
	}
}

func TestHealthAndReadinessNeedNoSignIn(t *testing.T) {
	d := newDesk(t)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/api/v1/version": 200, "/debug/pprof/": 404, "/nowhere": 404} {
		if status, body := d.call("", http.MethodGet, path, ""); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	d.ready = errBroken
	if status, _ := d.call("", http.MethodGet, "/readyz", ""); status != http.StatusServiceUnavailable {
		t.Errorf("not ready: %d", status)
	}
	if status, _ := d.call("", http.MethodGet, "/healthz", ""); status != http.StatusOK {
		t.Errorf("alive: %d", status)
	}
}
