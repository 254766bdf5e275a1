package server_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestAHistoryIsAskedForInItsOwnWords(t *testing.T) {
	d := newDesk(t)
	for query, want := range map[string]string{
		"kind=nonsense": "kind: want one of Deployment, Drift,", "before=-1": "before: want the cursor", "before=x": "before: want the cursor",
		"limit=0": "limit: want a number from 1 to 1000", "limit=x": "limit", "kind=Drift&kind=drift": "kind: want one of",
	} {
		status, body := d.call("ann", http.MethodGet, "/api/v1/apps/team-a/shop/history?"+query, "")
		if status != http.StatusBadRequest || !strings.Contains(d.problem(body).Message, want) {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
	if status, body := d.call("ann", http.MethodGet, "/api/v1/apps/team-a/shop/history?kind=Drift&kind=Health&before=7&limit=3", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

func TestABodyOfAnotherShapeIsRefusedWithoutOurTypes(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct{ call, body, want string }{
		{"sync", `[]`, "it is array where an object belongs"},
		{"sync", `{"plan":7}`, "plan cannot be number"},
		{"sync", `{"only":["x"]}`, "only cannot be string"},
		{"sync", `{"x":1}`, `unknown field "x"`},
		{"sync", `{"plan":`, "unexpected EOF"},
		{"adopt", `{"objects":["ConfigMap/a/b"]}`, "this call takes no body"},
		{"suspend", `{"until":"tomorrow"}`, "this call takes no body"},
		{"refresh", `x`, "this call takes no body"},
	} {
		status, body := d.call("ann", http.MethodPost, "/api/v1/apps/team-a/shop/"+c.call, c.body)
		p := d.problem(body)
		if status != http.StatusBadRequest || !strings.Contains(p.Message, c.want) || strings.Contains(p.Message, "Go ") || strings.Contains(p.Message, "json:") {
			t.Errorf("%s %s: %d %s", c.call, c.body, status, body)
		}
	}
	if len(d.wishes.annotations)+len(d.wishes.patches) > 0 {
		t.Errorf("wishes were written: %v %v", d.wishes.annotations, d.wishes.patches)
	}
	for _, body := range []string{"", "{}", "null", " {}\n"} {
		if status, answer := d.call("ann", http.MethodPost, "/api/v1/apps/team-a/shop/refresh", body); status != http.StatusOK {
			t.Errorf("%q: %d %s", body, status, answer)
		}
	}
}
