package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/history/sqlite"
	"plumb.cd/plumb/internal/server"
)

// fleet is an engine that knows many Apps.
type fleet struct {
	*stub
	mu    sync.Mutex
	apps  map[engine.Key]engine.Snapshot
	facts map[engine.Key]engine.RowFacts
}

func (f *fleet) Snapshot(k engine.Key) (engine.Snapshot, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.apps[k]
	return s, ok
}

func (f *fleet) Snapshots() []engine.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []engine.Snapshot
	for _, s := range f.apps {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b engine.Snapshot) int { return strings.Compare(a.Key.String(), b.Key.String()) })
	return out
}

func (f *fleet) Targets() []engine.TargetSnapshot {
	return []engine.TargetSnapshot{
		{Name: "prod-eu", Connected: true, Version: "v1.36.3", Since: now, Kinds: 4, Objects: 40},
		{Name: "prod-us", Err: &fault.Error{Reason: fault.ClusterUnreachable, Message: "away", Err: errBroken}},
	}
}

func (f *fleet) rowFacts(k engine.Key) (engine.RowFacts, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out, ok := f.facts[k]
	return out, ok
}

// put adds or changes an App.
func (f *fleet) put(s engine.Snapshot, facts engine.RowFacts) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.apps[s.Key], f.facts[s.Key] = s, facts
}

func (f *fleet) drop(k engine.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.apps, k)
}

// sample is the i-th of many Apps: in one of 40 namespaces and 20 clusters, one in ten in trouble.
func sample(r *rand.Rand, i int) (engine.Snapshot, engine.RowFacts) {
	env := []string{"dev", "staging", "prod-eu", "prod-us"}[r.IntN(4)]
	component := fmt.Sprintf("service-%03d", i%250)
	s := engine.Snapshot{
		Key: engine.Key{Namespace: fmt.Sprintf("team-%02d", i%40), Name: fmt.Sprintf("%s-%s-%05d", component, env, i)}, Generation: 1,
		State: engine.StateSynced, Reason: fault.Synced, Since: now.Add(-time.Duration(r.IntN(2_000_000)) * time.Second),
		Message: fmt.Sprintf("%d objects, all healthy", i%30), InSync: engine.InSync, Counts: engine.Counts{Total: i % 30},
		Health: health.Blame{Status: health.Status{Level: health.Healthy}},
	}
	switch r.IntN(40) {
	case 0:
		s.State, s.Reason, s.Message, s.InSync = engine.StateFailed, fault.RenderFailed, fmt.Sprintf("overlays/%s/kustomization.yaml:%d: no such file", env, i), engine.OutOfSync
	case 1, 2:
		s.State, s.Reason = engine.StateDegraded, fault.Unhealthy
		s.Message = fmt.Sprintf("Deployment.apps/team/%s is Degraded: registry.example.com cannot be reached", component)
	case 3:
		s.State, s.Reason, s.Message = engine.StateDeploying, fault.Progressing, "Sync, wave 0 (1 of 2)"
	}
	return s, engine.RowFacts{
		Cluster: fmt.Sprintf("%s-%d", env, i%5), Labels: map[string]string{"team": s.Key.Namespace, "environment": env, "tier": []string{"gold", "silver"}[i%2], "cost-center": fmt.Sprintf("cc-%04d", i%600)},
		Images: []string{fmt.Sprintf("registry.example.com/shop/%s:2.14.%d", component, r.IntN(40)), "docker.io/library/envoy:1.33.2"},
		Commit: &engine.CommitView{
			SHA: fmt.Sprintf("%016x%016x%08x", r.Uint64(), r.Uint64(), r.Uint32()), Subject: fmt.Sprintf("Bump %s to 2.14.%d (OPS-%d)", component, i%40, r.IntN(9000)),
			Author: []string{"Ana Ruiz", "Bo Li", "Chidi Okafor"}[r.IntN(3)], When: now.Add(-time.Hour),
		},
		URL: fmt.Sprintf("https://github.com/example/deploy-%03d.git", i%120), Path: "apps/" + component + "/overlays/" + env, Deployed: now.Add(-time.Duration(r.IntN(900_000)) * time.Second),
	}
}

// staffOfMany may: one sees all, one three teams, one nothing.
var staffOfMany = rights{
	"zoe": {"list ", "get ", "list team-01", "get team-01"}, "ann": {"* team-01", "* team-02", "* team-07"}, "eve": nil,
}

// fleetDesk is a desk with n Apps.
func fleetDesk(t testing.TB, n int) (*desk, *fleet) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{stub: newStub(), apps: map[engine.Key]engine.Snapshot{}, facts: map[engine.Key]engine.RowFacts{}}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		f.put(sample(r, i))
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &desk{engine: f.stub, wishes: &wishes{}, changes: server.NewChanges(), history: store}
	if tt, ok := t.(*testing.T); ok {
		d.t = tt
	}
	d.serve(t, f, staffOfMany)
	return d, f
}

// serve starts a server over the fleet.
func (d *desk) serve(t testing.TB, f *fleet, who server.Access) {
	d.http = httptest.NewServer(server.New(server.Options{
		Engine: f, Access: who, Intents: d.wishes, History: d.history, Registry: prometheus.NewRegistry(), Changes: d.changes,
		Version: "v1", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), List: server.ListOptions{Facts: f.rowFacts, FacetLabels: []string{"plumb.cd/team", "team", "cost-center"}},
	}))
	t.Cleanup(func() {
		d.http.CloseClientConnections()
		d.http.Close()
	})
}

// asking counts the questions about rights.
type asking struct {
	rights
	mu    sync.Mutex
	times map[string]int
}

func (a *asking) Allowed(ctx context.Context, u server.User, r server.Right) (bool, error) {
	a.mu.Lock()
	a.times[fmt.Sprint(u.Name, r)]++
	a.mu.Unlock()
	return a.rights.Allowed(ctx, u, r)
}

func (a *asking) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.times)
}
