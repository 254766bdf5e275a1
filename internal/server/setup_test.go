package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/history/sqlite"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/server"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// stub is an engine that knows two Apps and one Repository.
type stub struct {
	mu        sync.Mutex
	snapshots map[engine.Key]engine.Snapshot
	repos     []engine.Repository
	pushed    int
	reverts   []engine.RevertRequest
	err       error              // of Tree, Why, Preview and Revert
	commit    *engine.CommitView // of Why and Preview
	detailStub
}

var (
	shop = engine.Key{Namespace: "team-a", Name: "shop"}
	bank = engine.Key{Namespace: "team-b", Name: "bank"}
)

func newStub() *stub {
	s := &stub{snapshots: map[engine.Key]engine.Snapshot{}}
	for _, k := range []engine.Key{shop, bank} {
		s.snapshots[k] = engine.Snapshot{Key: k, Generation: 1, State: engine.StateSynced, Reason: fault.Synced, Message: "all well", Since: now}
	}
	s.repos = []engine.Repository{{Key: engine.Key{Namespace: "team-a", Name: "code"}, URL: "https://git.example.com/shop.git", WebhookSecret: "hush-hush-hush-hush-hush"}}
	return s
}

func (s *stub) Snapshot(k engine.Key) (engine.Snapshot, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, ok := s.snapshots[k]
	return out, ok
}

func (s *stub) Snapshots() []engine.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []engine.Snapshot
	for _, k := range []engine.Key{shop, bank} {
		if snap, ok := s.snapshots[k]; ok {
			out = append(out, snap)
		}
	}
	return out
}

func (s *stub) Repositories() []engine.RepositorySnapshot {
	return []engine.RepositorySnapshot{
		{Key: engine.Key{Namespace: "team-a", Name: "code"}, URL: "https://git.example.com/shop.git", Apps: 1},
		{Key: engine.Key{Namespace: "team-b", Name: "code"}, Err: &fault.Error{Reason: fault.AuthenticationFailed, Message: "no", Err: errBroken}},
	}
}

func (s *stub) Targets() []engine.TargetSnapshot {
	return []engine.TargetSnapshot{{Name: "in-cluster", Connected: true, Version: "v1.36.3"}}
}

func (s *stub) say(k engine.Key, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := s.snapshots[k]
	snap.Message = message
	s.snapshots[k] = snap
}

func (s *stub) forget(k engine.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.snapshots, k)
}

func (s *stub) Tree(context.Context, engine.Key, engine.WithChildren) ([]engine.ObjectView, error) {
	return []engine.ObjectView{{ID: object.ID{Kind: "ConfigMap", Namespace: "team-a", Name: "one"}}}, s.err
}
func (s *stub) Why(context.Context, engine.Key, *object.ID) (engine.Why, error) {
	return engine.Why{Commit: s.commit}, s.err
}
func (s *stub) Preview(context.Context, engine.Key) (engine.Preview, error) {
	return engine.Preview{Commit: s.commit}, s.err
}
func (s *stub) Find(object.ID) []engine.Key { return []engine.Key{shop, bank} }
func (s *stub) Revert(_ context.Context, _ engine.Key, r engine.RevertRequest) (engine.Reverted, error) {
	s.reverts = append(s.reverts, r)
	return engine.Reverted{}, s.err
}
func (s *stub) Pushed(match func(engine.Repository) bool) int {
	n := 0
	for _, r := range s.repos {
		if match(r) {
			n++
		}
	}
	s.pushed += n
	return n
}

// rights are tokens ("ann" is Ann's) and what their owners may do: "verb namespace".
type rights map[string][]string

func (r rights) Authenticate(_ context.Context, token string) (server.User, error) {
	if token == "broken" {
		return server.User{}, &fault.Error{Class: fault.Transient, Reason: fault.ClusterUnreachable, Message: "the hub is away"}
	}
	if _, ok := r[token]; !ok {
		return server.User{}, &fault.Error{Class: fault.Invalid, Reason: fault.AuthenticationFailed, Message: "the token is not accepted", Next: "plumb login"}
	}
	return server.User{Name: token}, nil
}

func (r rights) Allowed(_ context.Context, u server.User, right server.Right) (bool, error) {
	for _, may := range r[u.Name] {
		if may == right.Verb+" "+right.Key.Namespace || may == "* "+right.Key.Namespace {
			return true, nil
		}
	}
	return false, nil
}

// wishes are what was written to App resources.
type wishes struct {
	mu          sync.Mutex
	annotations []map[string]string
	patches     []map[string]any
	err         error
}

func (w *wishes) Annotate(_ context.Context, _ engine.Key, a map[string]string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.annotations = append(w.annotations, a)
	return w.err
}

func (w *wishes) PatchSpec(_ context.Context, _ engine.Key, p map[string]any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.patches = append(w.patches, p)
	return w.err
}

// desk is a server and what it works with.
type desk struct {
	t       *testing.T
	engine  *stub
	wishes  *wishes
	changes *server.Changes
	history *sqlite.Store
	http    *httptest.Server
	ready   error
}

// Ann may do everything in team-a, Bob may look there, Eve may do nothing; nobody may look into team-b but Zoe.
var staff = rights{
	"ann": {"* team-a"}, "bob": {"get team-a", "list team-a"}, "eve": nil, "zoe": {"* team-a", "* team-b", "list "},
	"sue": {"get team-a", "list team-a", "sync team-a"},
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, engine: newStub(), wishes: &wishes{}, changes: server.NewChanges(), history: store}
	d.http = httptest.NewServer(server.New(server.Options{
		Engine: d.engine, Access: staff, Intents: d.wishes, History: store, Registry: prometheus.NewRegistry(), Changes: d.changes,
		Ready: func() error { return d.ready }, Version: "v1", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	}))
	t.Cleanup(func() {
		d.http.CloseClientConnections()
		d.http.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// call makes a request and gives the status and the body. token "" sends none.
func (d *desk) call(token, method, path, body string) (int, string) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.http.URL+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

// problem reads the body of an error.
func (d *desk) problem(body string) server.Problem {
	d.t.Helper()
	var p server.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Message == "" {
		d.t.Fatalf("the answer is no problem: %s (%v)", body, err)
	}
	return p
}

var errBroken = errors.New("the password is hunter2")

func sign(body string) string {
	return git.SignWebhook([]byte("hush-hush-hush-hush-hush"), []byte(body))
}
