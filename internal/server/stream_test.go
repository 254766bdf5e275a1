package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/server"
)

// moody is an Access whose answers change.
type moody struct {
	mu     sync.Mutex
	rights rights
	broken bool
}

func (m *moody) Authenticate(ctx context.Context, token string) (server.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		token = "broken"
	}
	return m.rights.Authenticate(ctx, token)
}

func (m *moody) Allowed(ctx context.Context, u server.User, r server.Right) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rights.Allowed(ctx, u, r)
}

func (m *moody) set(change func(*moody)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// station is a server and streams of it, with time under control: its tests run in a synctest bubble.
type station struct {
	t       *testing.T
	fleet   *fleet
	access  *moody
	changes *server.Changes
	handler http.Handler
}

func newStation(t *testing.T) *station {
	s := &station{
		t: t, fleet: &fleet{stub: newStub(), apps: map[engine.Key]engine.Snapshot{}, facts: map[engine.Key]engine.RowFacts{}},
		access:  &moody{rights: rights{"zoe": {"list "}, "ann": {"list team-a", "list team-b"}, "bob": {"list team-a"}}},
		changes: server.NewChanges(),
	}
	s.say("team-a", "shop", engine.StateSynced)
	s.say("team-b", "bank", engine.StateSynced)
	s.handler = server.New(server.Options{
		Engine: s.fleet, Access: s.access, Registry: prometheus.NewRegistry(), Changes: s.changes, Now: time.Now,
		Log: slog.New(slog.DiscardHandler), List: server.ListOptions{Facts: s.fleet.rowFacts},
	})
	return s
}

func (s *station) say(namespace, name string, state engine.State) {
	k := engine.Key{Namespace: namespace, Name: name}
	s.fleet.put(engine.Snapshot{Key: k, State: state, Reason: fault.Synced, Since: now}, engine.RowFacts{})
	s.changes.Changed(k)
}

func (s *station) forget(namespace, name string) {
	k := engine.Key{Namespace: namespace, Name: name}
	s.fleet.drop(k)
	s.changes.Changed(k)
}

// listener is one open stream, as its reader sees it.
type listener struct {
	header http.Header
	status int
	mu     sync.Mutex
	text   strings.Builder
	stuck  chan struct{} // not nil: writes wait until it is closed
	ended  chan struct{}
	stop   context.CancelFunc
	at     int
}

func (l *listener) Header() http.Header { return l.header }
func (l *listener) WriteHeader(s int)   { l.status = s }
func (l *listener) Flush()              {}
func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	stuck := l.stuck
	l.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// listen opens a stream and waits until it idles.
func (s *station) listen(user, query, last string) *listener {
	return s.open(user, "/api/v1/stream"+query, last)
}

func (s *station) open(user, path, last string) *listener {
	ctx, cancel := context.WithCancel(s.t.Context())
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	req.Header.Set("Authorization", "Bearer "+user)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	l := &listener{header: http.Header{}, ended: make(chan struct{}), stop: cancel}
	go func() {
		defer close(l.ended)
		s.handler.ServeHTTP(l, req)
	}()
	s.t.Cleanup(cancel)
	synctest.Wait()
	return l
}

// told is one event.
type told struct{ id, event, data string }

// heard gives the events since the last call.
func (l *listener) heard() []told {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()[l.at:]
	l.at += len(text)
	var out []told
	for block := range strings.SplitSeq(text, "\n\n") {
		var e told
		for line := range strings.SplitSeq(block, "\n") {
			key, value, _ := strings.Cut(line, ": ")
			switch key {
			case "id":
				e.id = value
			case "event":
				e.event = value
			case "data":
				e.data = value
			}
		}
		if e.event != "" {
			out = append(out, e)
		}
	}
	return out
}

func (l *listener) comments() int {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count("\n"+l.text.String(), "\n: ")
}

func (e told) delta(t *testing.T) httpapi.AppsDelta {
	t.Helper()
	var d httpapi.AppsDelta
	if err := json.Unmarshal([]byte(e.data), &d); err != nil || e.event != "apps" {
		t.Fatalf("%+v: %v", e, err)
	}
	return d
}

func names(d httpapi.AppsDelta) (out []string) {
	for _, r := range d.Rows {
		out = append(out, r.Namespace+"/"+r.Name+" "+r.State)
	}
	return out
}

// one gives the only event since the last call.
func (l *listener) one(t *testing.T) told {
	t.Helper()
	got := l.heard()
	if len(got) != 1 {
		t.Fatalf("%d events: %+v", len(got), got)
	}
	return got[0]
}

func (l *listener) over() bool {
	synctest.Wait()
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

func TestAStreamOfRowsTellsTheNewestStateOfEachAppAtMostFourTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		l := s.listen("zoe", "", "")
		if d := l.one(t).delta(t); d.Rows != nil || d.Counts["Synced"] != 2 || l.header.Get("Content-Type") != "text/event-stream" || l.header.Get("X-Accel-Buffering") != "no" {
			t.Errorf("first: %+v %v", d, l.header)
		}
		pass(time.Second)
		s.say("team-a", "shop", engine.StateDeploying)
		if d := l.one(t).delta(t); !slices.Equal(names(d), []string{"team-a/shop Deploying"}) {
			t.Errorf("the first change, at once: %v", names(d))
		}
		for range 20 {
			s.say("team-a", "shop", engine.StateDegraded)
			s.say("team-b", "bank", engine.StateFailed)
			pass(10 * time.Millisecond)
			s.say("team-a", "shop", engine.StateSynced)
		}
		if got := l.heard(); len(got) != 0 {
			t.Errorf("within 200 ms: %+v", got)
		}
		pass(100 * time.Millisecond)
		e := l.one(t)
		if d := e.delta(t); !slices.Equal(names(d), []string{"team-b/bank Failed", "team-a/shop Synced"}) && !slices.Equal(names(d), []string{"team-a/shop Synced", "team-b/bank Failed"}) || d.Counts["Failed"] != 1 {
			t.Errorf("after that: %+v", d)
		}
		s.forget("team-b", "bank")
		pass(time.Second)
		if d := l.one(t).delta(t); !slices.Equal(d.Gone, []string{"team-b/bank"}) || d.Counts["Synced"] != 1 {
			t.Errorf("gone: %+v", d)
		}
		l.stop()
		if !l.over() {
			t.Error("the stream does not end with its reader")
		}
	})
}

func TestAStreamGoesOnWhereTheReaderWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		l := s.listen("zoe", "", "")
		last := l.one(t).id
		l.stop()
		s.say("team-a", "shop", engine.StateFailed)
		s.say("team-a", "shop", engine.StateSynced) // as it was: no news
		s.forget("team-b", "bank")
		s.say("team-c", "new", engine.StateUnknown)
		for name, back := range map[string]*listener{"by header": s.listen("zoe", "", last), "by query": s.listen("zoe", "?since="+last, "")} {
			e := back.one(t)
			if d := e.delta(t); !slices.Equal(names(d), []string{"team-c/new Unknown"}) || !slices.Equal(d.Gone, []string{"team-b/bank"}) {
				t.Errorf("%s: %+v", name, d)
			}
			if again := s.listen("zoe", "", e.id); again.heard() != nil || again.comments() != 1 {
				t.Errorf("%s: nothing was missed, and it hears %q", name, again.text.String())
			}
		}
	})
}

func TestAnEventOfAnotherRunResetsTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		first := s.listen("zoe", "", "").one(t).id
		epoch, _, _ := strings.Cut(first, "-")
		for _, id := range []string{"OTHER-1", epoch + "-99999", epoch + "-x", epoch, "-", "☃", epoch + "--1", epoch + "-99999999999999999999999"} {
			l := s.listen("zoe", "", id)
			e := l.one(t)
			var r httpapi.Reset
			if err := json.Unmarshal([]byte(e.data), &r); err != nil || e.event != "reset" || r.Epoch != epoch || e.id != fmt.Sprintf("%s-%d", r.Epoch, r.Seq) {
				t.Errorf("%q: %+v (%v)", id, e, err)
			}
			s.say("team-a", "shop", engine.StateFailed)
			pass(time.Second)
			if d := l.one(t).delta(t); len(d.Rows) != 1 {
				t.Errorf("%q: then %+v", id, d)
			}
			s.say("team-a", "shop", engine.StateSynced)
			l.stop()
		}
	})
}

func TestAStreamTellsOnlyWhatTheReaderMaySeeAndAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		bob, failed := s.listen("bob", "", ""), s.listen("ann", "?filter=state:failed", "")
		if d := bob.one(t).delta(t); d.Counts["Synced"] != 1 {
			t.Errorf("bob counts %v", d.Counts)
		}
		failed.heard()
		s.say("team-b", "bank", engine.StateFailed)
		s.say("team-c", "hidden", engine.StateFailed)
		pass(time.Second)
		if got := bob.heard(); got != nil {
			t.Errorf("bob hears %+v", got)
		}
		if d := failed.one(t).delta(t); !slices.Equal(names(d), []string{"team-b/bank Failed"}) || d.Gone != nil {
			t.Errorf("%+v", d)
		}
		s.say("team-b", "bank", engine.StateSynced)
		s.say("team-a", "new", engine.StateFailed)
		pass(time.Second)
		if d := failed.one(t).delta(t); !slices.Equal(names(d), []string{"team-a/new Failed"}) || !slices.Equal(d.Gone, []string{"team-b/bank"}) {
			t.Errorf("%+v", d)
		}
		if d := bob.one(t).delta(t); !slices.Equal(names(d), []string{"team-a/new Failed"}) {
			t.Errorf("bob hears of %+v", d)
		}
	})
}

func TestANewNamespaceIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		s.access.set(func(m *moody) { m.rights["bob"] = []string{"list team-a", "list team-new"} })
		l := s.listen("bob", "", "")
		l.heard()
		s.say("team-new", "shop", engine.StateUnknown)
		s.say("team-other", "shop", engine.StateUnknown)
		pass(time.Second)
		if d := l.one(t).delta(t); !slices.Equal(names(d), []string{"team-new/shop Unknown"}) {
			t.Errorf("%+v", d)
		}
	})
}

func TestRightsThatChangeResetTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		l := s.listen("ann", "", "")
		l.heard()
		pass(30 * time.Second)
		if got := l.heard(); got != nil {
			t.Errorf("nothing changed: %+v", got)
		}
		s.access.set(func(m *moody) { m.rights["ann"] = []string{"list team-a"} })
		pass(11 * time.Second)
		if e := l.one(t); e.event != "reset" {
			t.Errorf("%+v", e)
		}
		s.say("team-b", "bank", engine.StateFailed)
		pass(time.Second)
		if got := l.heard(); got != nil {
			t.Errorf("what may no longer be seen is told: %+v", got)
		}
		s.access.set(func(m *moody) { m.rights["ann"] = []string{"list "} })
		pass(11 * time.Second)
		if e := l.one(t); e.event != "reset" {
			t.Errorf("%+v", e)
		}
	})
}

func TestASignInThatEndsEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		l := s.listen("ann", "", "")
		l.heard()
		s.access.set(func(m *moody) { delete(m.rights, "ann") })
		pass(11 * time.Second)
		e := l.one(t)
		var p httpapi.Problem
		if err := json.Unmarshal([]byte(e.data), &p); err != nil || e.event != "signout" || p.Status != http.StatusUnauthorized || p.Reason == "" || p.Message == "" || !l.over() {
			t.Errorf("%+v (%v)", e, err)
		}
	})
}

func TestAHubThatIsAwayForAWhileKeepsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		l := s.listen("ann", "", "")
		l.heard()
		s.access.set(func(m *moody) { m.broken = true })
		pass(45 * time.Second)
		if got := l.heard(); got != nil || l.over() {
			t.Errorf("%+v", got)
		}
		s.access.set(func(m *moody) { m.broken = false })
		pass(45 * time.Second)
		s.access.set(func(m *moody) { m.broken = true })
		pass(90 * time.Second)
		if !l.over() {
			t.Error("after a minute and a half, nobody knows what the reader may see, and it goes on")
		}
	})
}

func TestAnIdleStreamShowsThatItIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		l := s.listen("zoe", "", "")
		pass(61 * time.Second)
		if n := l.comments(); n != 4 {
			t.Errorf("%d heartbeats in a minute", n)
		}
	})
}

func TestASlowReaderLosesOnlyWhatCameBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		l := s.listen("zoe", "", "")
		l.heard()
		gate := make(chan struct{})
		l.mu.Lock()
		l.stuck = gate
		l.mu.Unlock()
		s.say("team-a", "shop", engine.StateDeploying)
		synctest.Wait() // the write waits
		for range 1000 {
			s.say("team-a", "shop", engine.StateFailed)
			s.say("team-a", "shop", engine.StateSynced)
		}
		l.mu.Lock()
		l.stuck = nil
		l.mu.Unlock()
		close(gate)
		pass(time.Second)
		got := l.heard()
		if len(got) != 2 || !slices.Equal(names(got[1].delta(t)), []string{"team-a/shop Synced"}) {
			t.Errorf("%+v", got)
		}
	})
}

func TestStreamsAreLimitedPerUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		var open []*listener
		for range 64 {
			open = append(open, s.listen("ann", "", ""))
		}
		over := s.listen("ann", "", "")
		if over.status != http.StatusTooManyRequests || over.header.Get("Retry-After") == "" || !strings.Contains(over.text.String(), "ann has 64 open streams") {
			t.Errorf("%d %s", over.status, over.text.String())
		}
		if other := s.listen("bob", "", ""); other.status != http.StatusOK {
			t.Errorf("bob: %d", other.status)
		}
		open[0].stop()
		open[0].over()
		if again := s.listen("ann", "", ""); again.status != http.StatusOK {
			t.Errorf("after one was closed: %d", again.status)
		}
	})
}

// pass lets time go by; in a bubble, that takes none.
func pass(d time.Duration) { <-time.After(d) }
