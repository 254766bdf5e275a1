package e2e

import (
	"testing"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestAnObjectThatMovesIntoAnAppThatCannotBeRenderedIsNotDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	filler := func(name string) string {
		return documents(configMap(name+"-1", "1"), configMap(name+"-2", "1"), configMap(name+"-3", "1"), configMap(name+"-4", "1"))
	}
	repo := p.Repo("shop", gittest.Files{
		"left/own.yaml": filler("left"), "right/own.yaml": filler("right"), "left/moving.yaml": configMap("moving", "1"),
	})
	p.App("left", "source: {repository: shop, path: left}")
	p.App("right", "source: {repository: shop, path: right}")
	p.WaitSynced("left", repo.Head())
	p.WaitSynced("right", repo.Head())
	before := p.Must("v1", "ConfigMap", "moving").GetUID()
	// A value changes in the giving App as well, so that one sees when it is done.
	repo.Push("move it, and a mistake", gittest.Files{
		"left/moving.yaml": gittest.Delete, "left/extra.yaml": configMap("extra", "1"),
		"right/moving.yaml": configMap("moving", "1"), "right/wrong.yaml": "kind: [\n",
	})
	p.WaitState("right", "Failed")
	p.Eventually("the giving App has applied the commit", func() bool { return value(p, "extra") == "1" })
	head := repo.Push("mend the mistake", gittest.Files{"right/wrong.yaml": gittest.Delete})
	p.WaitSynced("right", head)
	p.WaitState("left", "Synced")
	now := p.Must("v1", "ConfigMap", "moving")
	if now.GetUID() != before {
		t.Fatal("the object was deleted and made again")
	}
	if owner := now.GetLabels()["plumb.cd/app"]; owner != p.Namespace+".right" {
		t.Errorf("the object belongs to %s", owner)
	}
	head = repo.Push("it leaves Git", gittest.Files{"right/moving.yaml": gittest.Delete, "right/more.yaml": configMap("more", "1")})
	p.WaitSynced("right", head)
	p.Eventually("what left Git is pruned", func() bool { return p.Get("v1", "ConfigMap", "moving") == nil })
	repo.Push("the other App breaks", gittest.Files{"left/wrong.yaml": "kind: [\n"})
	p.WaitState("left", "Failed")
	head = repo.Push("less, later", gittest.Files{"right/more.yaml": gittest.Delete})
	p.WaitSynced("right", head)
	p.Eventually("what left Git is pruned although the other App is broken since before", func() bool { return p.Get("v1", "ConfigMap", "more") == nil })
}

func TestDriftIsUndoneWhileAnotherDestinationWaits(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	elsewhere := p.Namespace + "-new"
	p.Apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + elsewhere + "}\n")
	repo := p.Repo("shop", gittest.Files{"cfg.yaml": configMap("cfg", "1")})
	p.App("shop", "source: {repository: shop}\nsync: {mode: Manual}")
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	p.Do("shop", "sync", nil)
	p.WaitSynced("shop", repo.Head())
	p.App("shop", "source: {repository: shop}\ndestination: {namespace: "+elsewhere+"}\nsync: {mode: Manual}")
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	p.Patch("v1", "ConfigMap", "cfg", "kubectl-edit", "data: {value: edited}")
	p.Eventually("the edit is undone where the App was applied", func() bool { return value(p, "cfg") == "1" })
}
