package convert

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 123456789, time.UTC)

const commit = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"

func synced() engine.Snapshot {
	at := &engine.Deployed{Bundle: "sha256:b", Revisions: []bundle.Revision{{URL: "u", Commit: commit, Ref: "branch main"}}}
	return engine.Snapshot{
		Generation: 3, State: engine.StateSynced, Since: noon, Reason: fault.Synced, Message: "all is well", InSync: engine.InSync,
		Health: health.Blame{Status: health.Status{Level: health.Healthy}}, Counts: engine.Counts{Total: 4, Healthy: 4},
		Desired: at, Memory: engine.Memory{Applied: at, Healthy: at},
	}
}

func TestConditionsFollowTheState(t *testing.T) {
	tests := map[engine.State]string{
		engine.StateSynced:    "True False False",
		engine.StateDeploying: "False True False",
		engine.StateWaiting:   "False True False",
		engine.StatePaused:    "False False False",
		engine.StateFailed:    "False False True",
		engine.StateDegraded:  "False False True",
		engine.StateDrifted:   "False False True",
		engine.StateUnknown:   "Unknown True False",
	}
	for state, want := range tests {
		s := synced()
		s.State, s.Reason = state, fault.Unreachable
		var got []string
		for _, c := range AppStatus(v1alpha1.AppStatus{}, s).Conditions {
			got = append(got, string(c.Status))
			if c.ObservedGeneration != 3 || c.Reason != "Unreachable" || c.LastTransitionTime.IsZero() {
				t.Errorf("%s: %+v", state, c)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: Ready, Reconciling, Stalled are %v, want %s", state, got, want)
		}
	}
}

// stored is s as it comes back from the API server.
func stored(t *testing.T, s v1alpha1.AppStatus) v1alpha1.AppStatus {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var out v1alpha1.AppStatus
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func equal(t *testing.T, want, got v1alpha1.AppStatus) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b metav1.Time) bool { return a.Equal(&b) })); d != "" {
		t.Error(d)
	}
}

func TestEqualOutcomeGivesEqualStatus(t *testing.T) {
	s := synced()
	s.Progress = &engine.Progress{Phase: plan.Main, Groups: 2, Waiting: []engine.Waiting{{For: "healthy", Deadline: noon}}}
	first := stored(t, AppStatus(v1alpha1.AppStatus{Memory: &runtime.RawExtension{Raw: []byte(`{"lastRequest":"1"}`)}}, s))
	s.Since = noon.Add(time.Hour) // the engine was restarted
	equal(t, first, stored(t, AppStatus(first, s)))
}

func TestSinceMovesWithStateAndReason(t *testing.T) {
	before := AppStatus(v1alpha1.AppStatus{}, synced())
	s := synced()
	s.State, s.Reason, s.Since = engine.StateDeploying, fault.Progressing, noon.Add(time.Minute)
	after := AppStatus(before, s)
	if !after.Since.Time.Equal(noon.Add(time.Minute).Truncate(time.Second)) {
		t.Errorf("since is %v", after.Since)
	}
	for _, c := range after.Conditions {
		moved := c.Type != v1alpha1.ConditionStalled
		if c.LastTransitionTime.Time.Equal(after.Since.Time) != moved {
			t.Errorf("%s changed at %v", c.Type, c.LastTransitionTime)
		}
	}
}

func TestEngineThatHasJustStartedDoesNotOverwriteWhatIsKnown(t *testing.T) {
	before := AppStatus(v1alpha1.AppStatus{}, synced())
	fresh := engine.Snapshot{State: engine.StateUnknown, Reason: fault.Initializing, Since: noon.Add(time.Hour)}
	equal(t, before, AppStatus(before, fresh))
	equal(t, before, AppStatus(before, engine.Snapshot{})) // not one step taken
	if got := AppStatus(v1alpha1.AppStatus{}, fresh); got.State != "Unknown" {
		t.Errorf("the state of a new App is %q", got.State)
	}
}

func TestStatusTellsRevisions(t *testing.T) {
	tests := map[string]struct {
		applied *bundle.Revision
		want    v1alpha1.AppRevision
	}{
		"a branch":        {&bundle.Revision{Commit: commit, Ref: "branch main"}, v1alpha1.AppRevision{Applied: commit, Short: "main@1a2b3c4"}},
		"a tag":           {&bundle.Revision{Commit: commit, Ref: "tag v1"}, v1alpha1.AppRevision{Applied: commit, Short: "v1@1a2b3c4"}},
		"the head":        {&bundle.Revision{Commit: commit, Ref: "HEAD"}, v1alpha1.AppRevision{Applied: commit, Short: "1a2b3c4"}},
		"a commit":        {&bundle.Revision{Commit: commit, Ref: "commit 1a2b3c4d"}, v1alpha1.AppRevision{Applied: commit, Short: "1a2b3c4"}},
		"a chart":         {&bundle.Revision{Commit: "1.2.3@sha256:00", Ref: "1.x"}, v1alpha1.AppRevision{Applied: "1.2.3@sha256:00", Short: "1.2.3"}},
		"not yet applied": {nil, v1alpha1.AppRevision{Short: "main@ffffff0"}},
	}
	for name, tt := range tests {
		s := synced()
		desired := strings.Repeat("f", 6) + strings.Repeat("0", 34)
		s.Desired = &engine.Deployed{Revisions: []bundle.Revision{{Commit: desired, Ref: "branch main"}}}
		s.Memory = engine.Memory{}
		if tt.applied != nil {
			s.Memory.Applied = &engine.Deployed{Revisions: []bundle.Revision{*tt.applied}}
		}
		tt.want.Desired = desired
		if d := cmp.Diff(&tt.want, AppStatus(v1alpha1.AppStatus{}, s).Revision); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestStatusStaysSmallHoweverMuchThereIsToSay(t *testing.T) {
	s := synced()
	long := strings.Repeat("ä", 100_000)
	s.Message, s.Next = long, long
	s.Blocking = &engine.Blocking{Object: object.ID{Kind: "Pod", Name: "x"}, Message: long}
	s.Health = health.Blame{ID: object.ID{Kind: "Pod", Name: "x"}, Status: health.Status{Level: health.Degraded, Message: long}}
	s.Progress = &engine.Progress{}
	s.Plan = &plan.Plan{Groups: []plan.Group{{}}}
	for i := range 500 {
		s.Warnings, s.Left = append(s.Warnings, fmt.Sprint(i, long)), append(s.Left, long)
		s.Progress.Waiting = append(s.Progress.Waiting, engine.Waiting{Message: long})
		s.Plan.Guards = append(s.Plan.Guards, plan.Guard{Message: long})
		s.Plan.Groups[0].Steps = append(s.Plan.Groups[0].Steps, plan.Step{Action: plan.Apply})
	}
	got := AppStatus(v1alpha1.AppStatus{}, s)
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 64<<10 {
		t.Errorf("the status has %d bytes", len(b))
	}
	if len(got.Warnings) != 10 || got.Warnings[9] != "and 491 more" {
		t.Errorf("%d warnings, the last is %q", len(got.Warnings), got.Warnings[len(got.Warnings)-1])
	}
	if got.Plan.Steps["Apply"] != 500 {
		t.Errorf("steps are %v", got.Plan.Steps)
	}
}

func TestRepositoryStatus(t *testing.T) {
	repo := func() *v1alpha1.Repository {
		return &v1alpha1.Repository{ObjectMeta: metav1.ObjectMeta{Generation: 2, CreationTimestamp: metav1.Time{Time: noon}}}
	}
	refused := &fault.Error{Class: fault.Blocked, Reason: fault.AuthenticationFailed, Message: "refused"}
	away := &fault.Error{Class: fault.Transient, Reason: fault.Unreachable, Message: "no answer"}
	tests := map[string]struct {
		change func(*v1alpha1.Repository, *engine.RepositorySnapshot)
		want   string
	}{
		"looked at":         {func(*v1alpha1.Repository, *engine.RepositorySnapshot) {}, "Ready True False False"},
		"not looked at yet": {func(_ *v1alpha1.Repository, s *engine.RepositorySnapshot) { s.Checked = time.Time{} }, "Initializing Unknown True False"},
		"suspended":         {func(r *v1alpha1.Repository, _ *engine.RepositorySnapshot) { r.Spec.Suspend = true }, "Suspended False False False"},
		"refused":           {func(_ *v1alpha1.Repository, s *engine.RepositorySnapshot) { s.Err = refused }, "AuthenticationFailed False False True"},
		"away":              {func(_ *v1alpha1.Repository, s *engine.RepositorySnapshot) { s.Err = away }, "Unreachable False True False"},
	}
	for name, tt := range tests {
		r, s := repo(), engine.RepositorySnapshot{Checked: noon, Changed: noon, Refs: map[string]string{"branch main": commit}, Apps: 3}
		tt.change(r, &s)
		got := RepositoryStatus(r, s)
		text := got.Reason
		for _, c := range got.Conditions {
			text += " " + string(c.Status)
		}
		if text != tt.want {
			t.Errorf("%s: %s, want %s", name, text, tt.want)
		}
		r.Status = got
		s.Checked = noon.Add(time.Hour)
		if d := cmp.Diff(got, RepositoryStatus(r, s)); d != "" && name != "not looked at yet" {
			t.Errorf("%s: another look changes the status: %s", name, d)
		}
	}
}

func TestClusterStatus(t *testing.T) {
	c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Generation: 1, CreationTimestamp: metav1.Time{Time: noon}}}
	steps := []struct {
		snapshot engine.TargetSnapshot
		want     string
	}{
		{engine.TargetSnapshot{}, "Initializing Unknown "},
		{engine.TargetSnapshot{Connected: true, Version: "v1.36.3", Since: noon}, "Ready True v1.36.3"},
		{engine.TargetSnapshot{Connected: true, Version: "v1.36.3", Since: noon, Objects: 9, Kinds: 3}, "Ready True v1.36.3"},
		{engine.TargetSnapshot{Err: &fault.Error{Reason: fault.ClusterUnreachable, Message: "no answer"}, Since: noon.Add(time.Minute)}, "ClusterUnreachable False v1.36.3"},
		{engine.TargetSnapshot{}, "ClusterUnreachable False v1.36.3"}, // a restart of the daemon
	}
	for i, step := range steps {
		before := c.Status
		c.Status = ClusterStatus(c, step.snapshot)
		if got := c.Status.Reason + " " + string(c.Status.Conditions[0].Status) + " " + c.Status.Version; got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
		if i == 2 || i == 4 {
			if d := cmp.Diff(before, c.Status); d != "" {
				t.Errorf("step %d changed the status: %s", i, d)
			}
		}
	}
}
