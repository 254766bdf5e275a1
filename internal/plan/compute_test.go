package plan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

func namesOf(list any) string {
	var out []string
	for _, e := range list.([]any) {
		out = append(out, fmt.Sprint(e.(map[string]any)["name"]))
	}
	return strings.Join(out, " ")
}

// appOf gives an input with n ConfigMaps in Git and live, all in sync, and more live ones that Git does not have.
func appOf(t *testing.T, n, more int) Input {
	t.Helper()
	var docs []string
	for i := range n {
		docs = append(docs, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\n", i))
	}
	in := Input{
		Mode: Sync, App: testApp, Bundle: "sha256:b", Policy: Policy{Prune: true}, Live: map[object.ID]Live{},
		Desired: prepare(t, strings.Join(docs, "---\n"), PrepareOptions{Namespace: "shop"}),
	}
	for _, d := range in.Desired {
		in.Live[d.ID] = Live{UID: "u-" + d.ID.Name, Owner: &testApp, Applied: d.Digest, InSync: true}
	}
	for i := range more {
		id := object.ID{Kind: "ConfigMap", Namespace: "shop", Name: fmt.Sprintf("gone%d", i)}
		in.Live[id] = Live{UID: fmt.Sprintf("g%d", i), Owner: &testApp, Applied: "sha256:x", InSync: true}
	}
	return in
}

func TestPruneGuardByShare(t *testing.T) {
	tests := map[string]struct {
		stay, goes int
		limit      float64
		want       bool
	}{
		"half of an App goes by default":             {5, 5, 0, false},
		"more than half waits":                       {4, 6, 0, true},
		"a tighter limit":                            {8, 2, 0.1, true},
		"a limit that is kept":                       {9, 1, 0.1, false},
		"one switches the guard off":                 {1, 9, 1, false},
		"fewer than five objects are exempt":         {1, 3, 0.1, false},
		"five are not":                               {1, 4, 0.5, true},
		"nothing to delete needs no approval at all": {9, 0, 0.01, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := appOf(t, tt.stay, tt.goes)
			in.Policy.PruneLimit = tt.limit
			p := Compute(in)
			if got := len(p.Guards) > 0; got != tt.want {
				t.Fatalf("guards %v", p.Guards)
			}
			if tt.want && (p.Guards[0].Reason != fault.PruneGuard || len(p.Guards[0].Objects) != tt.goes) {
				t.Errorf("guard %+v", p.Guards[0])
			}
		})
	}
}

func TestPlanDigestIsWhatAnApprovalIsAbout(t *testing.T) {
	first := object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "c0"}
	gone := object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "gone0"}
	change := func(id object.ID, f func(*Live)) func(*Input) {
		return func(in *Input) {
			l := in.Live[id]
			f(&l)
			in.Live[id] = l
		}
	}
	tests := map[string]struct {
		change func(*Input)
		same   bool
	}{
		"nothing":                          {func(*Input) {}, true},
		"drift of an object":               {change(first, func(l *Live) { l.InSync = false }), true},
		"an annotation of a live object":   {change(first, func(l *Live) { l.Options.IgnoreHealth = true }), true},
		"hooks that ended":                 {func(in *Input) { in.HooksDone = map[string]bool{"x": true} }, true},
		"an object of somebody else":       {func(in *Input) { in.Live[object.ID{Kind: "Pod", Namespace: "shop", Name: "p"}] = Live{UID: "p"} }, true},
		"another bundle":                   {func(in *Input) { in.Bundle = "sha256:c" }, false},
		"another mode":                     {func(in *Input) { in.Mode = Rollback }, false},
		"what was applied last":            {change(first, func(l *Live) { l.Applied = "sha256:y" }), false},
		"another object under a name":      {change(gone, func(l *Live) { l.UID = "reborn" }), false},
		"a deletion that is not made":      {func(in *Input) { in.HoldPrune = "later" }, false},
		"a selection":                      {func(in *Input) { in.Only = []object.ID{first} }, false},
		"another form of the same objects": {func(in *Input) { in.Desired[0].Digest = "sha256:z" }, false},
	}
	want := Compute(appOf(t, 3, 1)).Digest
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := appOf(t, 3, 1)
			tt.change(&in)
			if got := Compute(in).Digest; (got == want) != tt.same {
				t.Errorf("digest same: %v, want %v", got == want, tt.same)
			}
		})
	}
}

func TestDeadlinesComeFromThePolicy(t *testing.T) {
	const manifests = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: h, annotations: {plumb.cd/hook: during}}\n---\n" +
		"apiVersion: batch/v1\nkind: Job\nmetadata: {name: b, annotations: {plumb.cd/hook: before}}\n"
	in := Input{Mode: Sync, App: testApp, Desired: prepare(t, manifests, PrepareOptions{Namespace: "shop"})}
	in.Policy.WaveDeadline, in.Policy.HookDeadline = time.Minute, 2*time.Minute
	p := Compute(in)
	if len(p.Groups) != 2 || p.Groups[0].Deadline != 2*time.Minute || p.Groups[1].Deadline != 2*time.Minute {
		t.Errorf("got %s", strings.Join(p.Lines(), "\n"))
	}
	in.Policy = Policy{}
	if p = Compute(in); p.Groups[0].Deadline != 15*time.Minute {
		t.Errorf("default %s", p.Groups[0].Deadline)
	}
}

func TestHealthThatDoesNotCountIsNotWaitedFor(t *testing.T) {
	const manifests = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, annotations: {argocd.argoproj.io/ignore-healthcheck: 'true'}}\n"
	p := Compute(Input{Mode: Sync, App: testApp, Desired: prepare(t, manifests, PrepareOptions{Namespace: "shop"})})
	if len(p.Groups) != 1 || len(p.Groups[0].Steps) != 2 || len(p.Groups[0].Await) != 1 || p.Groups[0].Await[0].Name != "a" {
		t.Errorf("got %+v", p.Groups)
	}
}

func TestAPlanMarshalsWithoutBodies(t *testing.T) {
	in := appOf(t, 2, 1)
	raw, err := json.Marshal(Compute(in))
	if err != nil {
		t.Fatal(err)
	}
	var back Plan
	if err := json.Unmarshal(raw, &back); err != nil || back.Digest != Compute(in).Digest || back.Summary() != Compute(in).Summary() {
		t.Errorf("got %s, %v", back.Summary(), err)
	}
}

func BenchmarkComputeTenThousandUnchanged(b *testing.B) {
	in := Input{Mode: Sync, App: testApp, Bundle: "sha256:b", Policy: Policy{Prune: true}, Live: map[object.ID]Live{}}
	var docs []string
	for i := range 10_000 {
		docs = append(docs, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\n", i))
	}
	desired, _, err := Prepare(entries(b, []byte(strings.Join(docs, "---\n"))), PrepareOptions{Owner: testApp, Namespace: "shop", Scope: scope})
	if err != nil {
		b.Fatal(err)
	}
	in.Desired = desired
	for _, d := range desired {
		in.Live[d.ID] = Live{UID: "u", Owner: &testApp, Applied: d.Digest, InSync: true}
	}
	for b.Loop() {
		if p := Compute(in); !p.Empty() {
			b.Fatal("not empty")
		}
	}
}
