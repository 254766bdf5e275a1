package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/install"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

func TestMain(m *testing.M) { os.Exit(cptest.Run(m)) }

// says is an engine that says what a test wants.
type says struct {
	mu    sync.Mutex
	apps  map[engine.Key]engine.Snapshot
	repos map[engine.Key]engine.RepositorySnapshot
}

func (s *says) Snapshot(k engine.Key) (engine.Snapshot, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, ok := s.apps[k]
	return out, ok
}

func (s *says) RepositorySnapshot(k engine.Key) (engine.RepositorySnapshot, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, ok := s.repos[k]
	return out, ok
}

// hub knows every object and keeps what is written.
type hub struct {
	client.Reader
	client.Writer
	mu     sync.Mutex
	events []corev1.Event
	err    error
}

func (h *hub) Get(_ context.Context, k client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	o.SetNamespace(k.Namespace)
	o.SetName(k.Name)
	o.SetUID(types.UID("uid of " + k.Name))
	return nil
}

func (h *hub) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.events = append(h.events, *o.(*corev1.Event))
	}
	return h.err
}

func (h *hub) said() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, e := range h.events {
		out = append(out, fmt.Sprintf("%s %s %s %d: %s", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Count, e.Message))
	}
	return out
}

// value of a counter.
func value(t *testing.T, c prometheus.Collector) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("%d families, %v", len(families), err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}

var shop = engine.Key{Namespace: "apps", Name: "shop"}

// play runs a Recorder in a bubble of time while a test tells it things.
func play(t *testing.T, o Options, tell func(r *Recorder, e *says, h *hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &hub{}
		e := &says{apps: map[engine.Key]engine.Snapshot{}, repos: map[engine.Key]engine.RepositorySnapshot{}}
		o.Hub, o.Writer, o.Instance, o.Now, o.Log = h, h, "plumb-0", time.Now, slog.New(slog.DiscardHandler)
		r := New(o)
		r.See(e)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		tell(r, e, h)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func record(kind history.Kind, outcome, message string) history.Event {
	return history.Event{Kind: kind, App: "apps/shop", Outcome: outcome, Message: message, Commit: strings.Repeat("ab", 20)}
}

func TestWhatHappensIsTold(t *testing.T) {
	tests := map[string]struct {
		record history.Event
		want   string // empty: nothing
	}{
		"a success":              {record(history.Deployment, "Succeeded", ""), "App shop Deployed 1: deployed abababababab"},
		"a failure":              {record(history.Deployment, "Failed", "it waits"), "App shop Failed 1: abababababab: it waits"},
		"a rollback":             {record(history.Rollback, "", "went back"), "App shop RolledBack 1: went back"},
		"drift":                  {record(history.Drift, "", "web: replicas"), "App shop Drifted 1: web: replicas"},
		"drift undone":           {record(history.Healed, "", "undone"), "App shop Healed 1: undone"},
		"a field left to others": {record(history.Fight, "", "left"), "App shop Yielded 1: left"},
		"a sick App":             {record(history.Health, "Degraded", "web is down"), "App shop Degraded 1: web is down"},
		"a healthy one":          {record(history.Health, "Healthy", "well"), "App shop Recovered 1: well"},
		"a newer revision":       {record(history.Deployment, "Superseded", "newer"), ""},
		"somebody's wish":        {record(history.Request, "sync", "wish"), ""},
		"a record of no App":     {history.Event{Kind: history.Drift, App: "shop"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, Options{}, func(r *Recorder, _ *says, h *hub) {
				r.Recorded(tt.record)
				synctest.Wait()
				if got := strings.Join(h.said(), "; "); got != tt.want {
					t.Errorf("%q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestRepeatsAreOneEvent(t *testing.T) {
	play(t, Options{Fold: time.Minute}, func(r *Recorder, _ *says, h *hub) {
		for i := range 100 {
			r.Recorded(record(history.Healed, "", fmt.Sprintf("object %d", i)))
			synctest.Wait()
		}
		if got := h.said(); len(got) != 1 {
			t.Errorf("at once: %q", got)
		}
		<-time.After(61 * time.Second) // the bubble's time
		synctest.Wait()
		want := []string{"App shop Healed 1: object 0", "App shop Healed 99: 99 times, the last: object 99"}
		if d := cmp.Diff(want, h.said()); d != "" {
			t.Error(d)
		}
		if len(r.pending) != 0 || r.waiting[0].Len()+r.waiting[1].Len() != 0 {
			t.Errorf("%d wait", len(r.pending))
		}
	})
}

func TestSteadyStateWritesNothing(t *testing.T) {
	play(t, Options{}, func(r *Recorder, e *says, h *hub) {
		e.apps[shop] = engine.Snapshot{Key: shop, State: engine.StateSynced}
		e.repos[shop] = engine.RepositorySnapshot{Key: shop}
		for range 1000 {
			r.AppChanged(shop)
			r.RepositoryChanged(shop)
			<-time.After(time.Minute) // the bubble's time
		}
		if got := h.said(); len(got) != 0 {
			t.Errorf("%q", got)
		}
	})
}

func TestTransitionsAreToldOnce(t *testing.T) {
	play(t, Options{}, func(r *Recorder, e *says, h *hub) {
		waits := func(digest string) {
			e.mu.Lock()
			e.apps[shop] = engine.Snapshot{Key: shop, State: engine.StateWaiting, Reason: fault.AwaitingApproval, Message: "waits for " + digest, Plan: &plan.Plan{Digest: object.Digest(digest)}}
			e.mu.Unlock()
		}
		tell := func() {
			r.AppChanged(shop)
			r.RepositoryChanged(shop)
			synctest.Wait()
			<-time.After(2 * time.Minute) // the bubble's time
			synctest.Wait()
		}
		waits("p1")
		e.repos[shop] = engine.RepositorySnapshot{Key: shop, Err: &fault.Error{Reason: fault.Unreachable, Message: "away"}}
		tell()
		tell()
		waits("p2")
		e.repos[shop] = engine.RepositorySnapshot{Key: shop}
		tell()
		tell()
		want := []string{
			"App shop WaitingForApproval 1: waits for p1", "Repository shop CheckFailed 1: away",
			"App shop WaitingForApproval 1: waits for p2", "Repository shop CheckSucceeded 1: the repository can be read again",
		}
		sorted := func(s []string) map[string]bool {
			out := map[string]bool{}
			for _, x := range s {
				out[x] = true
			}
			return out
		}
		if got := h.said(); len(got) != 4 || cmp.Diff(sorted(want), sorted(got)) != "" {
			t.Errorf("%q", got)
		}
	})
}

func TestAnEventThatIsRefusedIsCountedAndForgotten(t *testing.T) {
	play(t, Options{}, func(r *Recorder, _ *says, h *hub) {
		h.err = errors.New("no")
		r.Recorded(record(history.Drift, "", "web"))
		synctest.Wait()
		if value(t, r.dropped) != 1 || len(r.pending) != 0 {
			t.Errorf("%v dropped, %d wait", value(t, r.dropped), len(r.pending))
		}
	})
}

// TestTheAPIServerTakesEvents writes every reason to a real one, as the rights of an installation allow.
func TestTheAPIServerTakesEvents(t *testing.T) {
	cp := cptest.Shared(t)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(cp.Config(t), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	if err := install.Apply(t.Context(), c, install.Options{}); err != nil {
		t.Fatal(err)
	}
	ns := cp.Namespace(t)
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "shop"}, Spec: v1alpha1.AppSpec{
		Source: &v1alpha1.Source{Repository: "code"}, Destination: v1alpha1.Destination{Namespace: v1alpha1.Namespace(ns)},
	}}
	if err := c.Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	r := New(Options{Hub: c, Writer: c, Instance: "plumb-0", Now: time.Now, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	r.See(&says{})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	for _, kind := range []history.Kind{history.Deployment, history.Rollback, history.Drift, history.Healed, history.Fight, history.Health} {
		ev := record(kind, "Succeeded", strings.Repeat("é", 2000)+"\xff")
		ev.App = ns + "/shop"
		r.Recorded(ev)
	}
	var list corev1.EventList
	cptest.Eventually(t, time.Minute, "the Events are there", func() bool {
		if err := c.List(t.Context(), &list, client.InNamespace(ns), client.MatchingFields{"involvedObject.uid": string(app.UID)}); err != nil {
			t.Fatal(err)
		}
		return len(list.Items) == 6
	})
	for _, e := range list.Items {
		if e.Source.Component != "plumb" || e.LastTimestamp.IsZero() || e.Count != 1 || e.InvolvedObject.Name != "shop" {
			t.Errorf("%+v", e)
		}
	}
}
