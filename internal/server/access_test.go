package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/server"
)

var (
	reads  = []string{"", "/tree", "/why", "/plan", "/history"}
	writes = []string{"/sync", "/refresh", "/cancel", "/suspend", "/resume", "/hold", "/adopt", "/revert"}
)

func TestWhoIsNotSignedInGetsNothing(t *testing.T) {
	d := newDesk(t)
	calls := []string{"GET /api/v1/whoami", "GET /api/v1/apps", "GET /api/v1/find?object=Pod/a/b", "GET /api/v1/events", "GET /api/v1/repositories", "GET /api/v1/clusters"}
	for _, r := range reads {
		calls = append(calls, "GET /api/v1/apps/team-a/shop"+r)
	}
	for _, w := range writes {
		calls = append(calls, "POST /api/v1/apps/team-a/shop"+w)
	}
	for _, c := range calls {
		method, path, _ := strings.Cut(c, " ")
		for _, token := range []string{"", "mallory"} {
			status, body := d.call(token, method, path, "")
			if p := d.problem(body); status != http.StatusUnauthorized || p.Next != "plumb login" {
				t.Errorf("%s with token %q: %d %s", c, token, status, body)
			}
		}
	}
	if n := len(d.wishes.annotations) + len(d.wishes.patches); n > 0 {
		t.Errorf("%d wishes were written", n)
	}
}

func TestAnAppThatOneMayNotSeeLooksLikeOneThatDoesNotExist(t *testing.T) {
	d := newDesk(t)
	for _, call := range append(append([]string{}, reads...), writes...) {
		method := http.MethodGet
		if strings.Contains(strings.Join(writes, " "), call) && call != "" {
			method = http.MethodPost
		}
		hidden, hiddenBody := d.call("ann", method, "/api/v1/apps/team-b/bank"+call, "")
		absent, absentBody := d.call("ann", method, "/api/v1/apps/team-b/nope"+call, "")
		if hidden != http.StatusNotFound || absent != hidden || strings.ReplaceAll(hiddenBody, "bank", "X") != strings.ReplaceAll(absentBody, "nope", "X") {
			t.Errorf("%s: hidden %d %s absent %d %s", call, hidden, hiddenBody, absent, absentBody)
		}
		own, ownBody := d.call("ann", method, "/api/v1/apps/team-a/nope"+call, "")
		if own != http.StatusNotFound || strings.ReplaceAll(strings.ReplaceAll(ownBody, "team-a", "N"), "nope", "X") != strings.ReplaceAll(strings.ReplaceAll(hiddenBody, "team-b", "N"), "bank", "X") {
			t.Errorf("%s: absent where one may look: %d %s", call, own, ownBody)
		}
	}
}

func TestWhoMayLookMayNotAct(t *testing.T) {
	d := newDesk(t)
	for _, call := range writes {
		status, body := d.call("bob", http.MethodPost, "/api/v1/apps/team-a/shop"+call, "")
		p := d.problem(body)
		if status != http.StatusForbidden || !strings.Contains(p.Message, "bob may not") || !strings.Contains(p.Next, "ask for the verb") {
			t.Errorf("%s: %d %s", call, status, body)
		}
	}
	if status, _ := d.call("bob", http.MethodGet, "/api/v1/apps/team-a/shop/tree", ""); status != http.StatusOK {
		t.Errorf("looking: %d", status)
	}
	if n := len(d.wishes.annotations) + len(d.wishes.patches) + len(d.engine.reverts); n > 0 {
		t.Errorf("%d wishes were written", n)
	}
}

func TestApprovingAPlanTakesMoreThanSyncing(t *testing.T) {
	d := newDesk(t)
	d.engine.plan = engine.PlanState{Digest: "sha256:00", NeedsApproval: true}
	if status, body := d.call("sue", http.MethodPost, "/api/v1/apps/team-a/shop/sync", `{}`); status != http.StatusOK {
		t.Errorf("syncing: %d %s", status, body)
	}
	status, body := d.call("sue", http.MethodPost, "/api/v1/apps/team-a/shop/sync", `{"plan":"sha256:00"}`)
	if status != http.StatusForbidden || !strings.Contains(body, "approve") {
		t.Errorf("approving: %d %s", status, body)
	}
	if len(d.wishes.annotations) != 1 {
		t.Errorf("the wishes are %v", d.wishes.annotations)
	}
}

func TestListsHoldOnlyWhatOneMaySee(t *testing.T) {
	d := newDesk(t)
	for user, want := range map[string]int{"eve": 0, "bob": 1, "ann": 1, "zoe": 2} {
		var apps httpapi.AppPage
		var found server.List[engine.Key]
		for path, into := range map[string]any{"/api/v1/apps": &apps, "/api/v1/find?object=ConfigMap/a/b": &found} {
			status, body := d.call(user, http.MethodGet, path, "")
			if err := json.Unmarshal([]byte(body), into); err != nil || status != http.StatusOK {
				t.Errorf("%s %s: %d %s", user, path, status, body)
			}
		}
		if len(apps.Items) != want || len(found.Items) != want || apps.Items == nil || found.Items == nil {
			t.Errorf("%s sees %v and finds %v", user, apps.Items, found.Items)
		}
	}
}

func TestListsAreNarrowed(t *testing.T) {
	d := newDesk(t)
	for filter, want := range map[string]int{
		"namespace:team-a": 1, "name:bank": 1, "name:nope": 0, "state:synced": 2, "state:Failed": 0, "state:failed,synced": 2, "": 2,
	} {
		var apps httpapi.AppPage
		_, body := d.call("zoe", http.MethodGet, "/api/v1/apps?filter="+url.QueryEscape(filter), "")
		if err := json.Unmarshal([]byte(body), &apps); err != nil || len(apps.Items) != want || apps.Total != want {
			t.Errorf("%s: %s", filter, body)
		}
	}
}

func TestAHubThatIsAwayIsNoWrongToken(t *testing.T) {
	d := newDesk(t)
	if status, body := d.call("broken", http.MethodGet, "/api/v1/apps", ""); status != http.StatusBadGateway {
		t.Errorf("%d %s", status, body)
	}
}

func TestRepositoriesAreThoseOfTheNamespacesThatOneMayList(t *testing.T) {
	d := newDesk(t)
	for user, want := range map[string]int{"eve": 0, "bob": 1, "zoe": 2} {
		var list httpapi.List[httpapi.Repository]
		status, body := d.call(user, http.MethodGet, "/api/v1/repositories", "")
		if err := json.Unmarshal([]byte(body), &list); err != nil || status != http.StatusOK || list.Items == nil || len(list.Items) != want {
			t.Errorf("%s: %d %s", user, status, body)
		}
		if strings.Contains(body, "hunter2") {
			t.Errorf("the cause is in %s", body)
		}
	}
	if _, body := d.call("zoe", http.MethodGet, "/api/v1/repositories?namespace=team-b", ""); !strings.Contains(body, "AuthenticationFailed") || strings.Contains(body, "team-a") {
		t.Errorf("narrowed: %s", body)
	}
}

func TestClustersAreForThoseWhoSeeAllNamespaces(t *testing.T) {
	d := newDesk(t)
	if status, body := d.call("ann", http.MethodGet, "/api/v1/clusters", ""); status != http.StatusForbidden || d.problem(body).Next == "" {
		t.Errorf("Ann: %d %s", status, body)
	}
	if status, body := d.call("zoe", http.MethodGet, "/api/v1/clusters", ""); status != http.StatusOK || !strings.Contains(body, `"name":"in-cluster","connected":true`) {
		t.Errorf("Zoe: %d %s", status, body)
	}
}
