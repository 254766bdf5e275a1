package e2e

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/watch"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

func wave(n string) string { return annotate("plumb.cd/wave", n) }

func TestAWaveWaitsUntilTheOneBeforeIsHealthy(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	deployments, configs := p.Record("apps/v1", "Deployment"), p.Record("v1", "ConfigMap")
	repo := p.Repo("shop", gittest.Files{
		"db.yaml":  deployment("db", "db:slow-2s", wave("-1")),
		"web.yaml": configMap("web", "1", wave("1")),
	})
	p.App("shop", "source: {repository: shop}")
	p.Until("shop", "waits for the Deployment of the first wave", func(s statusOf) bool {
		return s.State == "Deploying" && s.Progress != nil && slices.ContainsFunc(s.Progress.Waiting, func(w waitingOf) bool {
			return w.Object == "Deployment.apps/"+p.Namespace+"/db"
		})
	})
	p.WaitSynced("shop", repo.Head())
	available, ok := deployments.First(func(s harness.Seen) bool {
		return s.Name == "db" && harness.Field(s.Object, "status", "availableReplicas") == int64(1)
	})
	if !ok {
		t.Fatal("Synced before the Deployment was available")
	}
	created, _ := configs.First(func(s harness.Seen) bool { return s.Name == "web" })
	if created.Version < available.Version {
		t.Errorf("the second wave was applied at %d, before the first was healthy at %d", created.Version, available.Version)
	}
}

func TestWhatLeftGitIsPrunedLastAndInReverseOrder(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{
		"a.yaml": configMap("first", "1", wave("-5")), "b.yaml": configMap("second", "1"), "c.yaml": configMap("third", "1", wave("5")),
		"keep.yaml": documents(configMap("keep-1", "1"), configMap("keep-2", "1"), configMap("keep-3", "1")),
	})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	configs := p.Record("v1", "ConfigMap")
	deployments := p.Record("apps/v1", "Deployment")
	head := repo.Push("less, and something new", gittest.Files{
		"a.yaml": gittest.Delete, "b.yaml": gittest.Delete, "c.yaml": gittest.Delete, "new.yaml": deployment("new", "web:slow-1s"),
	})
	p.WaitSynced("shop", head)
	p.Eventually("three are deleted", func() bool { return len(configs.Names(watch.Deleted)) == 3 })
	if got, want := configs.Names(watch.Deleted), []string{"third", "second", "first"}; !slices.Equal(got, want) {
		t.Errorf("deleted %v, want %v", got, want)
	}
	healthy, ok := deployments.First(func(s harness.Seen) bool { return harness.Field(s.Object, "status", "availableReplicas") == int64(1) })
	deleted, _ := configs.First(func(s harness.Seen) bool { return s.Type == watch.Deleted })
	if !ok || deleted.Version < healthy.Version {
		t.Errorf("deleted at %d, before the new Deployment was healthy at %d", deleted.Version, healthy.Version)
	}
}

func TestAnObjectThatMovesToAnotherAppOfTheRepositoryIsNeverDeleted(t *testing.T) {
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
	for i, to := range []string{"right", "left", "right"} {
		from := map[string]string{"right": "left", "left": "right"}[to]
		head := repo.Push("move it", gittest.Files{from + "/moving.yaml": gittest.Delete, to + "/moving.yaml": configMap("moving", "1")})
		p.WaitSynced("left", head)
		p.WaitSynced("right", head)
		now := p.Must("v1", "ConfigMap", "moving")
		if now.GetUID() != before {
			t.Fatalf("move %d: the object was deleted and made again", i+1)
		}
		if owner := now.GetLabels()["plumb.cd/app"]; owner != p.Namespace+"."+to {
			t.Errorf("move %d: the object belongs to %s, want %s", i+1, owner, to)
		}
	}
	head := repo.Push("gone", gittest.Files{"right/moving.yaml": gittest.Delete})
	p.WaitSynced("right", head)
	if p.Get("v1", "ConfigMap", "moving") != nil {
		t.Error("after it left Git for good, the object is still there")
	}
}
