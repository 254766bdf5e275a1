package engine

import (
	"testing"
	"time"

	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
)

var (
	testNow = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	testWeb = object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
)

func TestTheFirstMatchingStateWins(t *testing.T) {
	spec := App{Key: Key{"apps", "shop"}, Heal: true}
	reporting := spec
	reporting.Heal = false
	deleting := spec
	deleting.Deleting = true
	healthy := Counts{Total: 3, Healthy: 3}
	applied := Memory{Applied: &Deployed{Bundle: "sha256:a"}}
	desired := &Deployed{Bundle: "sha256:a"}
	bad := health.Blame{ID: testWeb, Status: health.Status{Level: health.Degraded, Message: "no image"}}
	good := health.Blame{Status: health.Status{Level: health.Healthy}}
	waiting := &Progress{Groups: 2, Waiting: []Waiting{{Object: testWeb, For: "healthy"}}}
	tests := map[string]struct {
		f      facts
		o      outcome
		state  State
		reason fault.Reason
		sync   SyncFact
	}{
		"a healthy App whose bundle is applied is Synced": {
			facts{spec: spec, counts: healthy, worst: good, memory: applied}, outcome{current: true, desired: desired}, StateSynced, fault.Synced, InSync,
		},
		"an App that nothing answered for yet is Unknown": {
			facts{spec: spec, worst: good}, outcome{pending: "waiting"}, StateUnknown, fault.Initializing, SyncUnknown,
		},
		"a cluster that is away is Unknown, not Failed": {
			facts{spec: spec, counts: healthy, worst: good, memory: applied},
			outcome{err: &fault.Error{Reason: fault.ClusterUnreachable, Message: "away"}}, StateUnknown, fault.ClusterUnreachable, SyncUnknown,
		},
		"an unreachable Git server is Unknown": {
			facts{spec: spec, counts: healthy, worst: good, memory: applied},
			outcome{err: &fault.Error{Class: fault.Transient, Reason: fault.Unreachable}}, StateUnknown, fault.Unreachable, SyncUnknown,
		},
		"an API server that is busy is Unknown, and tried again": {
			facts{spec: spec, worst: good}, outcome{err: &fault.Error{Class: fault.Transient, Reason: fault.Conflict}}, StateUnknown, fault.Conflict, SyncUnknown,
		},
		"an invalid revision is Failed, however healthy the old one is": {
			facts{spec: spec, counts: healthy, worst: good, memory: applied},
			outcome{err: &fault.Error{Class: fault.Invalid, Reason: fault.SyntaxInvalid}}, StateFailed, fault.SyntaxInvalid, SyncUnknown,
		},
		"an unhealthy object makes the App Degraded, even while it deploys": {
			facts{spec: spec, counts: Counts{Total: 1, Degraded: 1}, worst: bad, memory: applied},
			outcome{desired: desired, progress: waiting}, StateDegraded, fault.Unhealthy, OutOfSync,
		},
		"drift that nobody heals is Drifted": {
			facts{spec: reporting, counts: Counts{Total: 1, Healthy: 1, Drifted: 1}, worst: good, memory: applied},
			outcome{current: true, desired: desired}, StateDrifted, fault.Drifted, OutOfSync,
		},
		"an attempt on its way is Deploying": {
			facts{spec: spec, counts: healthy, worst: good, memory: applied}, outcome{desired: desired, progress: waiting},
			StateDeploying, fault.Progressing, OutOfSync,
		},
		"a plan behind a gate is Waiting, with the gate's reason": {
			facts{spec: spec, counts: healthy, worst: good, memory: applied},
			outcome{desired: desired, gate: &gate{reason: fault.AwaitingApproval}}, StateWaiting, fault.AwaitingApproval, OutOfSync,
		},
		"a rollback is Paused and says so": {
			facts{spec: spec, counts: healthy, worst: good, memory: applied},
			outcome{desired: &Deployed{Bundle: "sha256:bad"}, current: true, paused: &gate{reason: fault.RolledBack}}, StatePaused, fault.RolledBack, OutOfSync,
		},
		"a hold at what Git says anyway is in sync": {
			facts{spec: spec, counts: healthy, worst: good, memory: applied},
			outcome{desired: desired, current: true, paused: &gate{reason: fault.Held}}, StatePaused, fault.Held, InSync,
		},
		"an App on its way out says what is left": {
			facts{spec: deleting, counts: healthy, worst: good, memory: applied}, outcome{}, StateDeploying, fault.Deleting, OutOfSync,
		},
		"an applied App whose objects are not up yet is Deploying": {
			facts{spec: spec, counts: Counts{Total: 1, Progressing: 1}, worst: health.Blame{ID: testWeb, Status: health.Status{Level: health.Progressing}}, memory: applied},
			outcome{current: true, desired: desired}, StateDeploying, fault.Progressing, InSync,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.f.now = testNow
			s := summarize(tt.f, tt.o)
			if s.State != tt.state || s.Reason != tt.reason || s.InSync != tt.sync {
				t.Errorf("got %s/%s/%s (%s), want %s/%s/%s", s.State, s.Reason, s.InSync, s.Message, tt.state, tt.reason, tt.sync)
			}
			if len(s.Actions) == 0 {
				t.Error("no next action is offered")
			}
		})
	}
}

func TestBlockingNamesTheObjectThatAnAttemptWaitsFor(t *testing.T) {
	s := summarize(facts{spec: App{Key: Key{"apps", "shop"}}}, outcome{progress: &Progress{Groups: 1, Waiting: []Waiting{{Object: testWeb, Message: "1 of 2"}}}})
	if s.Blocking == nil || s.Blocking.Object != testWeb || s.Blocking.Message != "1 of 2" {
		t.Fatalf("blocking is %+v", s.Blocking)
	}
}

func seen(version int64, hash byte, level health.Level) observation {
	return observation{
		id: testWeb, at: testNow, health: health.Status{Level: level},
		live: drift.Record{UID: "u1", Version: version, Hash: drift.Hash{hash}, Schema: "apps/v1"},
	}
}

func TestObjectSet(t *testing.T) {
	t.Run("an event that says what was applied is no drift", func(t *testing.T) {
		s := newObjectSet()
		s.applied(testWeb, seen(5, 1, health.Progressing), "d")
		s.observed(seen(6, 1, health.Healthy))
		if r, _ := s.get(testWeb); !r.inSync() || len(s.suspects()) != 0 {
			t.Fatalf("record %+v, suspects %v", r, s.suspects())
		}
	})
	t.Run("an event that is older than the answer is left aside", func(t *testing.T) {
		s := newObjectSet()
		s.applied(testWeb, seen(5, 2, health.Healthy), "d")
		if s.observed(seen(4, 1, health.Degraded)) || len(s.suspects()) != 0 {
			t.Fatal("an old event counted")
		}
	})
	t.Run("an event that comes before the answer it stems from is no drift in the end", func(t *testing.T) {
		s := newObjectSet()
		s.applied(testWeb, seen(5, 1, health.Healthy), "old")
		s.observed(seen(6, 2, health.Healthy))
		if len(s.suspects()) != 1 {
			t.Fatal("a changed object is not suspected")
		}
		s.applied(testWeb, seen(6, 2, health.Healthy), "new")
		if len(s.suspects()) != 0 {
			t.Fatal("our own write is taken for drift")
		}
	})
	t.Run("a deletion that nobody planned is missed", func(t *testing.T) {
		s := newObjectSet()
		s.applied(testWeb, seen(5, 1, health.Healthy), "d")
		s.deleted(testWeb, "u1")
		counts, worst, _ := s.tally()
		if counts.Missing != 1 || worst.ID != testWeb || len(s.suspects()) != 1 {
			t.Fatalf("counts %+v, worst %+v", counts, worst)
		}
	})
	t.Run("a planned deletion is none", func(t *testing.T) {
		s := newObjectSet()
		s.applied(testWeb, seen(5, 1, health.Healthy), "d")
		s.expectGone([]object.ID{testWeb})
		s.deleted(testWeb, "u1")
		if s.len() != 0 || len(s.suspects()) != 0 || !s.Gone(testWeb) {
			t.Fatalf("%d records, suspects %v", s.len(), s.suspects())
		}
	})
	t.Run("a deletion of an earlier object of the name says nothing", func(t *testing.T) {
		s := newObjectSet()
		s.applied(testWeb, seen(5, 1, health.Healthy), "d")
		if s.deleted(testWeb, "another") {
			t.Fatal("believed")
		}
	})
	t.Run("what the state store remembers is believed until it differs", func(t *testing.T) {
		s := newObjectSet()
		o := seen(9, 1, health.Healthy)
		o.saved = &savedRecord{Want: drift.Record{UID: "u1", Version: 5, Hash: drift.Hash{1}, Schema: "apps/v1"}, Applied: "d"}
		s.observed(o)
		if r, _ := s.get(testWeb); !r.inSync() {
			t.Fatalf("record %+v", r)
		}
	})
	t.Run("health that time may change comes due", func(t *testing.T) {
		s := newObjectSet()
		o := seen(5, 1, health.Progressing)
		o.health.RecheckAfter = time.Minute
		s.observed(o)
		if len(s.due(testNow)) != 0 || len(s.due(testNow.Add(time.Minute))) != 1 {
			t.Fatal("due at the wrong time")
		}
	})
}

func TestBackoffGrowsToItsLimit(t *testing.T) {
	var b backoff
	last := time.Duration(0)
	for range 20 {
		d := b.next(testNow).Sub(testNow)
		if d < last || d > 5*time.Minute {
			t.Fatalf("waits %v after %v", d, last)
		}
		last = d
	}
	if last != 5*time.Minute {
		t.Fatalf("ends at %v", last)
	}
}

func TestAHoldAtARevisionMovesTheSourcesOfItsRepositoryOnly(t *testing.T) {
	spec := App{
		Sources: []Source{{Repository: "main"}, {Repository: "main", ValuesOnly: true}, {Repository: "other"}},
		Hold:    &Hold{Revision: "abc", Until: testNow},
	}
	held := spec.effective(testNow.Add(-time.Second))
	if held.Sources[0].Ref.Commit != "abc" || held.Sources[1].Ref.Commit != "abc" || held.Sources[2].Ref.Commit != "" {
		t.Errorf("held: %+v", held.Sources)
	}
	if after := spec.effective(testNow); after.Sources[0].Ref.Commit != "" {
		t.Error("an expired hold holds")
	}
	if spec.Sources[0].Ref.Commit != "" {
		t.Error("the spec that was given was changed")
	}
}
