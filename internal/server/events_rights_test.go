package server_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plumb.cd/plumb/internal/engine"
)

func TestWholeAppsAreToldOnlyWhileTheReaderIsSignedIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		l := s.open("bob", "/api/v1/events", "")
		if got := l.heard(); len(got) != 1 || !strings.Contains(got[0].data, `"shop"`) {
			t.Fatalf("Bob hears %+v", got)
		}
		s.access.set(func(m *moody) { delete(m.rights, "bob") })
		pass(11 * time.Second)
		if e := l.one(t); e.event != "signout" || !strings.Contains(e.data, "401") || !l.over() {
			t.Errorf("after the sign-in has ended: %+v", e)
		}
		s.say("team-a", "shop", engine.StateFailed)
		if got := l.heard(); got != nil {
			t.Errorf("and then: %+v", got)
		}
	})
}

func TestWholeAppsFollowRightsAndWaitForAHubThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		l := s.open("ann", "/api/v1/events", "")
		l.heard()
		s.access.set(func(m *moody) { m.rights["ann"] = []string{"list team-a"} })
		pass(11 * time.Second)
		s.say("team-b", "bank", engine.StateFailed)
		if got := l.heard(); got != nil {
			t.Errorf("what may no longer be seen is told: %+v", got)
		}
		one := s.open("eve", "/api/v1/events?namespace=team-a&name=shop", "")
		if got := one.heard(); got != nil || one.status == http.StatusOK {
			t.Errorf("nobody hears %d %+v", one.status, got)
		}
		s.access.set(func(m *moody) { m.rights["eve"] = []string{"get team-a"} })
		one = s.open("eve", "/api/v1/events?namespace=team-a&name=shop", "")
		if got := one.heard(); len(got) != 1 {
			t.Errorf("who may get one App hears %+v", got)
		}
		if got := s.open("eve", "/api/v1/events", "").heard(); got != nil {
			t.Errorf("who may list none hears %+v", got)
		}
	})
}

func TestStreamsOfWholeAppsCountAsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		for i := range 64 {
			s.open("ann", []string{"/api/v1/events", "/api/v1/stream"}[i%2], "")
		}
		for _, path := range []string{"/api/v1/events", "/api/v1/stream"} {
			if over := s.open("ann", path, ""); over.status != http.StatusTooManyRequests {
				t.Errorf("one more of %s: %d", path, over.status)
			}
		}
	})
}

// What a right does not give through Kubernetes, it does not give through the API: the daemon writes with its own rights.
func TestAHoldGivesNoMoreThanItsRight(t *testing.T) {
	d := newDesk(t)
	staff["hal"] = []string{"get team-a", "list team-a", "hold team-a"}
	defer delete(staff, "hal")
	if status, body := d.call("hal", http.MethodPost, "/api/v1/apps/team-a/shop/hold", `{"revision":"0123456"}`); status != http.StatusOK {
		t.Errorf("a hold: %d %s", status, body)
	}
	if status, body := d.call("hal", http.MethodPost, "/api/v1/apps/team-a/shop/hold", `{"bundle":"sha256:1234"}`); status != http.StatusForbidden || !strings.Contains(body, "rollback") {
		t.Errorf("back to a bundle: %d %s", status, body)
	}
	if status, body := d.call("hal", http.MethodPost, "/api/v1/apps/team-a/shop/resume", ""); status != http.StatusOK {
		t.Errorf("the end of a hold: %d %s", status, body)
	}
	snap := d.engine.snapshots[shop]
	snap.State, snap.Reason = engine.StatePaused, "Suspended"
	d.engine.snapshots[shop] = snap
	if status, body := d.call("hal", http.MethodPost, "/api/v1/apps/team-a/shop/resume", ""); status != http.StatusForbidden || !strings.Contains(body, "suspend") {
		t.Errorf("the end of a suspension: %d %s", status, body)
	}
	if status, body := d.call("ann", http.MethodPost, "/api/v1/apps/team-a/shop/resume", ""); status != http.StatusOK {
		t.Errorf("by who may suspend: %d %s", status, body)
	}
	if n := len(d.wishes.patches); n != 3 {
		t.Errorf("%d wishes were written", n)
	}
}

func TestABodyEndsWhereItEnds(t *testing.T) {
	d := newDesk(t)
	for _, body := range []string{`{"revision":"0123456"} {"bundle":"sha256:00"}`, `{"revision":"0123456"}]`, `{"revision":"0123456"} x`} {
		if status, answer := d.call("ann", http.MethodPost, "/api/v1/apps/team-a/shop/hold", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	if status, answer := d.call("ann", http.MethodPost, "/api/v1/apps/team-a/shop/hold", "{\"revision\":\"0123456\"}\n\n"); status != http.StatusOK {
		t.Errorf("with blanks: %d %s", status, answer)
	}
}
