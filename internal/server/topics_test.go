package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plumb.cd/plumb/internal/engine"
)

func TestWhoFollowsOneAppIsToldOfThatAppAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		s.access.set(func(m *moody) { m.rights["eve"] = []string{"get team-a"} }) // and lists nothing
		l := s.listen("eve", "?topics=app:team-a/shop", "")
		if d := l.one(t).delta(t); !slices.Equal(names(d), []string{"team-a/shop Synced"}) || d.Counts != nil || d.Gone != nil {
			t.Errorf("first: %+v", d)
		}
		s.say("team-a", "other", engine.StateFailed)
		s.say("team-b", "bank", engine.StateFailed)
		pass(time.Second)
		if got := l.heard(); got != nil {
			t.Errorf("of other Apps: %+v", got)
		}
		s.say("team-a", "shop", engine.StateFailed)
		e := l.one(t)
		if d := e.delta(t); !slices.Equal(names(d), []string{"team-a/shop Failed"}) || d.Counts != nil {
			t.Errorf("a change: %+v", d)
		}
		l.stop()
		s.say("team-b", "bank", engine.StateSynced)
		s.forget("team-a", "shop")
		back := s.listen("eve", "?topics=app:team-a/shop", e.id)
		if d := back.one(t).delta(t); !slices.Equal(d.Gone, []string{"team-a/shop"}) || d.Rows != nil {
			t.Errorf("who comes back: %+v", d)
		}
		s.say("team-a", "shop", engine.StateWaiting)
		pass(time.Second)
		if d := back.one(t).delta(t); !slices.Equal(names(d), []string{"team-a/shop Waiting"}) {
			t.Errorf("made anew: %+v", d)
		}
	})
}

func TestListsAndSingleAppsAreFollowedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		s.access.set(func(m *moody) { m.rights["bob"] = []string{"list team-a", "get team-b"} })
		l := s.listen("bob", "?topics=apps,app:team-b/bank,app:team-a/shop", "")
		if d := l.one(t).delta(t); d.Counts["Synced"] != 1 || !slices.Equal(names(d), []string{"team-b/bank Synced", "team-a/shop Synced"}) {
			t.Errorf("first: %+v", d)
		}
		s.say("team-a", "new", engine.StateFailed)
		s.say("team-b", "bank", engine.StateFailed)
		s.say("team-b", "hidden", engine.StateFailed)
		pass(time.Second)
		d := l.one(t).delta(t)
		if got := slices.Sorted(slices.Values(names(d))); !slices.Equal(got, []string{"team-a/new Failed", "team-b/bank Failed"}) || d.Counts["Failed"] != 1 { // changes of one moment come in any order
			t.Errorf("%+v", d)
		}
	})
}

func TestAnAppThatOneMayNotFollowIsLikeOneThatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		hidden, absent := s.listen("bob", "?topics=app:team-b/bank", ""), s.listen("bob", "?topics=app:team-b/nope", "")
		for range 2 {
			a, b := hidden.heard(), absent.heard()
			if len(a) != len(b) || len(a) > 0 && a[0].data != strings.ReplaceAll(b[0].data, "nope", "bank") {
				t.Errorf("hidden: %+v, absent: %+v", a, b)
			}
			s.say("team-b", "bank", engine.StateFailed)
			s.forget("team-b", "bank")
			pass(20 * time.Second)
		}
	})
}

func TestRightsToFollowAnAppAreAskedAboutAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		s.access.set(func(m *moody) { m.rights["eve"] = []string{"get team-a"} })
		l := s.listen("eve", "?topics=app:team-a/shop", "")
		l.heard()
		pass(30 * time.Second)
		if got := l.heard(); got != nil {
			t.Errorf("nothing changed: %+v", got)
		}
		s.access.set(func(m *moody) { m.rights["eve"] = nil })
		pass(11 * time.Second)
		if e := l.one(t); e.event != "reset" {
			t.Errorf("%+v", e)
		}
		s.say("team-a", "shop", engine.StateFailed)
		pass(time.Second)
		if got := l.heard(); got != nil {
			t.Errorf("what may no longer be seen is told: %+v", got)
		}
		s.access.set(func(m *moody) { m.rights["eve"] = []string{"get team-a"} })
		pass(11 * time.Second)
		if e := l.one(t); e.event != "reset" {
			t.Errorf("%+v", e)
		}
		s.access.set(func(m *moody) { delete(m.rights, "eve") })
		pass(11 * time.Second)
		if e := l.one(t); e.event != "signout" || !l.over() {
			t.Errorf("%+v", e)
		}
	})
}

func TestTopicsThatAreNoneAreRefused(t *testing.T) {
	d := newDesk(t)
	for query, want := range map[string]string{
		"topics=board:x":       `topics: "board:x" is none; want apps or app:`,
		"topics=app:shop":      `"app:shop" is none`,
		"topics=app:a/b/c":     "is none",
		"topics=app:/b":        "is none",
		"topics=app:a/":        "is none",
		"topics=apps,":         `"" is none`,
		"topics=apps&topics=x": "topics: want it once",
		"topics=" + strings.Repeat("app:a/b,", 50) + "apps": "topics: want at most 50",
		"topics=app:team-a/shop&filter=state:failed":        "filter: it is for the topic apps alone",
	} {
		status, body := d.call("ann", http.MethodGet, "/api/v1/stream?"+query, "")
		if p := d.problem(body); status != http.StatusBadRequest || !strings.Contains(p.Message, want) {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}
