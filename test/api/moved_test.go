package api

import (
	"slices"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/test/e2e/harness"
)

// Where an App is to be applied from now on says nothing about what was applied before, and where.
func TestDriftIsToldFromOursWhileAnotherDestinationWaits(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	elsewhere := p.Namespace + "-new"
	p.Apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + elsewhere + "}\n")
	repo := p.Repo("shop", gittest.Files{"cfg.yaml": configMap("cfg", "level", "info"), "calm.yaml": configMap("calm", "k", "v")})
	p.App("shop", "source: {repository: shop}\nsync: {mode: Manual, heal: false}")
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	p.Do("shop", "sync", nil)
	p.WaitSynced("shop", repo.Head())

	p.App("shop", "source: {repository: shop}\ndestination: {namespace: "+elsewhere+"}\nsync: {mode: Manual, heal: false}")
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	p.Patch("v1", "ConfigMap", "cfg", "kubectl-edit", "data: {level: debug}")
	p.Eventually("the drift is seen", func() bool { return p.View("shop").Counts.Drifted == 1 })

	d := ask[httpapi.Diff](p, "shop", "diff", "left", "applied", "right", "live")
	if len(d.Objects) != 1 || !strings.HasSuffix(d.Objects[0].Object, p.Namespace+"/cfg") || d.Objects[0].Action != "changed" {
		t.Fatalf("what differs from what was applied: %+v", d.Objects)
	}
	if got := fields(d.Objects[0], "drift"); !slices.Equal(got, []string{".data.level info>debug kubectl-edit"}) || d.Objects[0].Counts["ours"] > 0 {
		t.Errorf("the drift: %+v", d.Objects[0])
	}
	next := ask[httpapi.Diff](p, "shop", "diff", "left", "live", "right", "git")
	var actions []string
	for _, o := range next.Objects {
		actions = append(actions, o.Action+" "+strings.TrimPrefix(o.Object, "ConfigMap/"))
	}
	slices.Sort(actions)
	want := []string{"added " + elsewhere + "/calm", "added " + elsewhere + "/cfg", "removed " + p.Namespace + "/calm", "removed " + p.Namespace + "/cfg"}
	if !slices.Equal(actions, want) {
		t.Errorf("what a sync brings: %q", actions)
	}
	between := ask[httpapi.Diff](p, "shop", "diff", "left", "applied", "right", "git")
	if len(between.Objects) != 4 {
		t.Errorf("what was applied, and what Git says: %+v", between.Objects)
	}
}
