package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/object"
)

// world draws a bundle, a cluster and a policy that have names in common.
func world(t *rapid.T) ([]bundle.Entry, Input) {
	var list []bundle.Entry
	seen := map[string]bool{}
	for range rapid.IntRange(0, 12).Draw(t, "objects") {
		e := drawEntry(t)
		if id := e.ID().String(); !seen[id] {
			seen[id] = true
			list = append(list, e)
		}
	}
	in := Input{
		Mode: rapid.SampledFrom([]Mode{Sync, Heal, Rollback, Delete}).Draw(t, "mode"), App: testApp, Bundle: "sha256:test",
		Policy: Policy{
			Prune: rapid.Bool().Draw(t, "prune"), AdoptForeign: rapid.Bool().Draw(t, "adopt"), AllowEmpty: rapid.Bool().Draw(t, "empty"),
			CreateNamespace: rapid.Bool().Draw(t, "namespace"), SkipIfExists: rapid.Bool().Draw(t, "skip"),
		},
		RunHooks: rapid.Bool().Draw(t, "hooks"), Orphan: rapid.Bool().Draw(t, "orphan"), Live: map[object.ID]Live{}, HooksDone: map[string]bool{},
	}
	desired, _, err := Prepare(list, PrepareOptions{Owner: testApp, Namespace: "shop", Scope: scope, Policy: in.Policy})
	if err != nil {
		t.Fatal(err)
	}
	in.Desired = desired
	digests := map[object.ID]object.Digest{}
	for _, d := range desired {
		digests[d.ID] = d.Digest
	}
	for i := range rapid.IntRange(0, 15).Draw(t, "live") {
		l := drawLive(t, i)
		if rapid.Bool().Draw(t, "same") {
			l.Applied = digests[l.ID]
		}
		in.Live[l.ID] = l
	}
	return list, in
}

var kindsDrawn = []struct{ api, kind string }{
	{"v1", "ConfigMap"}, {"apps/v1", "Deployment"}, {"v1", "Namespace"}, {"v1", "PersistentVolumeClaim"}, {"batch/v1", "Job"},
	{"apiextensions.k8s.io/v1", "CustomResourceDefinition"},
}

func drawEntry(t *rapid.T) bundle.Entry {
	k := rapid.SampledFrom(kindsDrawn).Draw(t, "kind")
	annotations := map[string]any{}
	if w := rapid.IntRange(-2, 2).Draw(t, "wave"); w != 0 {
		annotations["plumb.cd/wave"] = fmt.Sprint(w)
	}
	if k.kind == "Job" {
		annotations["plumb.cd/hook"] = rapid.SampledFrom([]string{"before", "during", "after", "before-delete", "on-failure"}).Draw(t, "hook")
	}
	if rapid.IntRange(0, 5).Draw(t, "unmanaged") == 0 {
		annotations["plumb.cd/reconcile"] = "disabled"
	}
	return bundle.Entry{Body: map[string]any{
		"apiVersion": k.api, "kind": k.kind,
		"metadata": map[string]any{"name": rapid.SampledFrom([]string{"a", "b", "c", "shop"}).Draw(t, "name"), "annotations": annotations},
	}}
}

func drawLive(t *rapid.T, i int) Live {
	k := rapid.SampledFrom(kindsDrawn).Draw(t, "kind")
	group, _, grouped := strings.Cut(k.api, "/")
	id := object.ID{Kind: k.kind, Name: rapid.SampledFrom([]string{"a", "b", "c", "shop"}).Draw(t, "name")}
	if grouped {
		id.Group = group
	}
	if k.kind != "Namespace" && k.kind != "CustomResourceDefinition" {
		id.Namespace = "shop"
	}
	l := Live{ID: id, UID: fmt.Sprint("uid", i), InSync: rapid.Bool().Draw(t, "in sync"), Wave: rapid.IntRange(-2, 2).Draw(t, "wave"), Applied: "sha256:old", Hook: k.kind == "Job"}
	l.Options.Prune = rapid.SampledFrom([]Tri{Inherit, Inherit, On, Off}).Draw(t, "prune")
	l.Options.Delete = rapid.SampledFrom([]Tri{Inherit, Inherit, On, Off}).Draw(t, "delete")
	switch rapid.IntRange(0, 4).Draw(t, "owner") {
	case 0:
	case 1:
		l.Owner = &object.Owner{Installation: "main", Namespace: "apps", Name: "other"}
	case 2:
		l.Owner = &object.Owner{Installation: "second", Namespace: testApp.Namespace, Name: testApp.Name}
	default:
		l.Owner = &testApp
	}
	return l
}

func TestDeletesAreASubsetOfWhatIsOwnedAndNotInGit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, in := world(t)
		p := Compute(in)
		wanted := map[object.ID]bool{}
		for _, d := range in.Desired {
			wanted[d.ID] = true
		}
		for _, g := range append(slices.Clone(p.Groups), p.OnFailure...) {
			for _, s := range g.Steps {
				if s.Action != Prune && s.Action != Orphan {
					continue
				}
				l, ok := in.Live[s.ID]
				if !ok || l.Owner == nil || *l.Owner != in.App || l.UID != s.UID || s.UID == "" {
					t.Fatalf("%s %s, which is not proven ours: %+v", s.Action, s.ID, l)
				}
				if wanted[s.ID] && in.Mode != Delete {
					t.Fatalf("%s %s, which Git has", s.Action, s.ID)
				}
				if in.Mode == Heal {
					t.Fatalf("a heal deletes %s", s.ID)
				}
				if s.Action == Prune && in.Mode == Delete && (in.Orphan || l.Options.Delete == Off) {
					t.Fatalf("deletes %s, which is to stay", s.ID)
				}
				if s.Action == Prune && in.Mode != Delete && l.Options.Prune == Off {
					t.Fatalf("prunes %s, which is to stay", s.ID)
				}
				if s.Action == Prune && precious(s.ID) && l.Options.Prune != On && l.Options.Delete != On && !guarded(p, s.ID) {
					t.Fatalf("deletes %s without a guard", s.ID)
				}
			}
		}
	})
}

func guarded(p Plan, id object.ID) bool {
	return slices.ContainsFunc(p.Guards, func(g Guard) bool { return slices.Contains(g.Objects, id) })
}

func TestNoNamespaceIsDeletedAroundObjectsThatStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, in := world(t)
		p := Compute(in)
		pruned := map[object.ID]bool{}
		for _, g := range p.Groups {
			for _, s := range g.Steps {
				pruned[s.ID] = pruned[s.ID] || s.Action == Prune
			}
		}
		for id := range pruned {
			if !pruned[id] || id.Kind != "Namespace" {
				continue
			}
			for other, l := range in.Live {
				ours := l.Owner != nil && *l.Owner == in.App && !l.Hook
				if ours && other.Namespace == id.Name && !pruned[other] {
					t.Fatalf("%s is deleted around %s", id, other)
				}
			}
		}
	})
}

func TestPlanAfterItsOwnApplyIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, in := world(t)
		p := Compute(in)
		if len(p.Refused) > 0 {
			return // nothing of it is carried out
		}
		carryOut(in, p)
		in.RunHooks = false
		again := Compute(in)
		if !again.Empty() {
			t.Fatalf("the plan after\n%s\nis\n%s", strings.Join(p.Lines(), "\n"), strings.Join(again.Lines(), "\n"))
		}
	})
}

// carryOut changes in.Live to what is live when p was applied.
func carryOut(in Input, p Plan) {
	desired := map[object.ID]Desired{}
	for _, d := range in.Desired {
		desired[d.ID] = d
	}
	for _, g := range p.Groups {
		for _, s := range g.Steps {
			switch s.Action {
			case Prune:
				delete(in.Live, s.ID)
			case Orphan:
				l := in.Live[s.ID]
				l.Owner = nil
				in.Live[s.ID] = l
			case Hook: // deletes itself in a removal
				if in.Mode != Delete {
					in.Live[s.ID] = Live{ID: s.ID, UID: "new", Owner: &in.App, Hook: true}
				} else {
					delete(in.Live, s.ID)
					in.HooksDone[HookKey(g.Phase, s.ID)] = true
				}
			default:
				d := desired[s.ID]
				l := Live{ID: s.ID, UID: "new", Owner: &in.App, Applied: d.Digest, InSync: true, Wave: d.Wave, Options: d.Options}
				if d.Options.Ensure {
					l.Owner = nil
				}
				in.Live[s.ID] = l
			}
		}
	}
}

func TestStepsComeInTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, in := world(t)
		p := Compute(in)
		waves := map[object.ID]int{}
		for _, d := range in.Desired {
			waves[d.ID] = d.Wave
		}
		seen := map[object.ID]bool{}
		last := -100
		order := map[Phase]int{BeforeDelete: 0, Foundation: 1, Before: 1, Main: 2, After: 3, Pruning: 4, AfterDelete: 4}
		at := 0
		for _, g := range p.Groups {
			if order[g.Phase] < at {
				t.Fatalf("phase %s comes late:\n%s", g.Phase, strings.Join(p.Lines(), "\n"))
			}
			at = order[g.Phase]
			if g.Phase == Main {
				if g.Wave <= last {
					t.Fatalf("wave %d after wave %d", g.Wave, last)
				}
				last = g.Wave
			}
			rank := -1
			for _, s := range g.Steps {
				if g.Phase == Main && s.Action != Prune && waves[s.ID] != g.Wave {
					t.Fatalf("%s of wave %d in wave %d", s.ID, waves[s.ID], g.Wave)
				}
				if s.Rank < rank || seen[s.ID] {
					t.Fatalf("%s out of order, or twice", s.ID)
				}
				rank, seen[s.ID] = s.Rank, true
			}
		}
	})
}

func TestPlanDoesNotDependOnTheOrderOfItsInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, in := world(t)
		one := Compute(in)
		in.Desired = rapid.Permutation(in.Desired).Draw(t, "permutation")
		if d := cmp.Diff(one, Compute(in)); d != "" {
			t.Fatal(d)
		}
	})
}

func TestComputeLeavesItsInputAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list, in := world(t)
		before := make([]map[string]any, len(list))
		for i, e := range list {
			before[i], _ = bundle.Copy(e.Body)
		}
		live := map[object.ID]Live{}
		for id, l := range in.Live {
			live[id] = l
		}
		Compute(in)
		for i, e := range list {
			if !cmp.Equal(before[i], e.Body) {
				t.Fatalf("the entry %s was changed", e.ID())
			}
		}
		if !cmp.Equal(live, in.Live) {
			t.Fatal("Live was changed")
		}
	})
}
