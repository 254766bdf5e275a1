package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/server"
)

// drawer keeps views in memory.
type drawer struct {
	mu    sync.Mutex
	kept  map[string][]httpapi.View
	times map[string]int
	stale int // writes that are refused yet, because somebody else was faster
}

func (d *drawer) Views(_ context.Context, user string) ([]httpapi.View, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.kept[user], d.version(user), nil
}

func (d *drawer) version(user string) string {
	if d.times[user] == 0 {
		return ""
	}
	return fmt.Sprint(d.times[user])
}

func (d *drawer) KeepViews(_ context.Context, user, version string, views []httpapi.View) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stale > 0 {
		d.stale--
		d.times[user]++
		return server.ErrStale
	}
	if version != d.version(user) {
		return server.ErrStale
	}
	d.kept[user] = views
	d.times[user]++
	return nil
}

type viewDesk struct {
	*desk
	drawer *drawer
}

func newViewDesk(t *testing.T) viewDesk {
	t.Helper()
	d := viewDesk{&desk{t: t}, &drawer{kept: map[string][]httpapi.View{}, times: map[string]int{}}}
	d.http = httptest.NewServer(server.New(server.Options{
		Engine: newStub(), Access: staff, Intents: &wishes{}, Registry: prometheus.NewRegistry(), Changes: server.NewChanges(),
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), View: server.ViewOptions{Views: d.drawer},
	}))
	t.Cleanup(d.http.Close)
	return d
}

func (d viewDesk) put(user, name string, v httpapi.View) (int, httpapi.View) {
	d.t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		d.t.Fatal(err)
	}
	status, body := d.call(user, http.MethodPut, "/api/v1/views/"+url.PathEscape(name), string(raw))
	var out httpapi.View
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		d.t.Fatalf("%d %s", status, body)
	}
	return status, out
}

func (d viewDesk) names(user string) string {
	d.t.Helper()
	status, body := d.call(user, http.MethodGet, "/api/v1/views", "")
	var out httpapi.List[httpapi.View]
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != http.StatusOK || out.Total != len(out.Items) {
		d.t.Fatalf("%d %s", status, body)
	}
	var names []string
	for _, v := range out.Items {
		names = append(names, v.Name)
	}
	return strings.Join(names, "|")
}

func TestViewsAreTheReadersOwn(t *testing.T) {
	d := newViewDesk(t)
	want := httpapi.View{Page: "apps", Query: "filter=state%3Afailed&sort=name"}
	for _, name := range []string{"what fails", "Ünï 👩‍💻", "100 %"} {
		if status, got := d.put("ann", name, want); status != http.StatusOK || got.Name != name || got.Query != want.Query || !got.Changed.Equal(now) {
			t.Errorf("%s: %d %+v", name, status, got)
		}
	}
	if got := d.names("ann"); got != "100 %|what fails|Ünï 👩‍💻" {
		t.Errorf("Ann has %s", got)
	}
	if got := d.names("eve"); got != "" {
		t.Errorf("Eve sees %s", got)
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		if status, body := d.call("eve", method, "/api/v1/views/what%20fails", ""); status != http.StatusNotFound {
			t.Errorf("%s by Eve: %d %s", method, status, body)
		}
	}
	if status, _ := d.call("", http.MethodGet, "/api/v1/views", ""); status != http.StatusUnauthorized {
		t.Errorf("nobody gets %d", status)
	}
	if status, body := d.call("ann", http.MethodGet, "/api/v1/views/what%20fails", ""); status != http.StatusOK || !strings.Contains(body, "state%3Afailed") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := d.call("ann", http.MethodDelete, "/api/v1/views/what%20fails", ""); status != http.StatusNoContent || body != "" {
		t.Errorf("%d %s", status, body)
	}
	if got := d.names("ann"); got != "100 %|Ünï 👩‍💻" {
		t.Errorf("Ann has %s left", got)
	}
}

func TestAViewThatWasChangedMeanwhileIsLeftAlone(t *testing.T) {
	d := newViewDesk(t)
	_, first := d.put("ann", "mine", httpapi.View{Page: "apps", Query: "filter=a"})
	status, second := d.put("ann", "mine", httpapi.View{Page: "apps", Query: "filter=b", Changed: first.Changed})
	if status != http.StatusOK || !second.Changed.After(first.Changed) {
		t.Fatalf("%d %+v after %+v", status, second, first)
	}
	if status, _ := d.put("ann", "mine", httpapi.View{Page: "apps", Query: "filter=c", Changed: first.Changed}); status != http.StatusConflict {
		t.Errorf("what is stale: %d", status)
	}
	if status, _ := d.put("ann", "gone", httpapi.View{Page: "apps", Query: "filter=c", Changed: first.Changed}); status != http.StatusConflict {
		t.Errorf("what was deleted: %d", status)
	}
	d.drawer.stale = 2
	if status, _ := d.put("ann", "other", httpapi.View{Page: "apps"}); status != http.StatusOK || d.names("ann") != "mine|other" {
		t.Errorf("beside others who write: %d, %s", status, d.names("ann"))
	}
	d.drawer.stale = 1000
	if status, _ := d.put("ann", "third", httpapi.View{Page: "apps"}); status != http.StatusConflict {
		t.Errorf("with others who never stop: %d", status)
	}
}

func TestAViewIsANameAPageAndAQuery(t *testing.T) {
	d := newViewDesk(t)
	tests := map[string]struct {
		name string
		view httpapi.View
	}{
		"a name of blanks":               {" ", httpapi.View{Page: "apps"}},
		"a name with a slash":            {"a/b", httpapi.View{Page: "apps"}},
		"a name that turns letters":      {"a\u202eb", httpapi.View{Page: "apps"}},
		"a name with a line break":       {"a\nb", httpapi.View{Page: "apps"}},
		"a name that is too long":        {strings.Repeat("ä", 101), httpapi.View{Page: "apps"}},
		"another name than in the path":  {"a", httpapi.View{Name: "b", Page: "apps"}},
		"no page":                        {"a", httpapi.View{}},
		"a page of another site":         {"a", httpapi.View{Page: "//evil.example"}},
		"a page behind a backslash":      {"a", httpapi.View{Page: `/\evil.example`}},
		"a script for a page":            {"a", httpapi.View{Page: "javascript:alert(1)"}},
		"a page above the console":       {"a", httpapi.View{Page: "apps/../../x"}},
		"a query that is too long":       {"a", httpapi.View{Page: "apps", Query: strings.Repeat("q", 4097)}},
		"a query with a fragment":        {"a", httpapi.View{Page: "apps", Query: "a=b#c"}},
		"a query with control letters":   {"a", httpapi.View{Page: "apps", Query: "a=\x00"}},
		"a query with its question mark": {"a", httpapi.View{Page: "apps", Query: "?a=b"}},
	}
	for name, tt := range tests {
		if status, _ := d.put("ann", tt.name, tt.view); status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
	}
	for _, page := range []string{"apps", "/apps", "apps/matrix", "apps/team-a/shop.v2", "changes"} {
		if status, _ := d.put("ann", "a", httpapi.View{Page: page}); status != http.StatusOK {
			t.Errorf("%s: %d", page, status)
		}
	}
}

func TestNobodyKeepsViewsWithoutEnd(t *testing.T) {
	d := newViewDesk(t)
	for i := range 50 {
		if status, _ := d.put("ann", fmt.Sprintf("v%02d", i), httpapi.View{Page: "apps"}); status != http.StatusOK {
			t.Fatalf("%d: %d", i, status)
		}
	}
	if status, _ := d.put("ann", "one more", httpapi.View{Page: "apps"}); status != http.StatusUnprocessableEntity {
		t.Errorf("one more: %d", status)
	}
	if status, _ := d.put("ann", "v07", httpapi.View{Page: "changes"}); status != http.StatusOK {
		t.Errorf("one of them again: %d", status)
	}
	full := httpapi.View{Page: "apps", Query: strings.Repeat("q", 4096)}
	for i := range 15 {
		if status, _ := d.put("bob", fmt.Sprintf("v%02d", i), full); status != http.StatusOK {
			t.Fatalf("%d: %d", i, status)
		}
	}
	if status, _ := d.put("bob", "v15", full); status != http.StatusUnprocessableEntity {
		t.Errorf("more than 64 KiB: %d", status)
	}
}
