package e2e

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/watch"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestADaemonThatIsKilledDuringASyncGoesOn(t *testing.T) {
	t.Parallel()
	lab := harness.NewLab(t, harness.AsProcess())
	p := lab.Env(t)
	jobs, configs := p.Record("batch/v1", "Job"), p.Record("v1", "ConfigMap")
	happened := func() int { return len(jobs.All()) + len(configs.All()) }
	revision := func(n int) gittest.Files {
		v := fmt.Sprint(n)
		return gittest.Files{
			"before.yaml": job("before-"+v, "job:slow-1s", hook("before")),
			"first.yaml":  configMap("first", v), "second.yaml": configMap("second", v, wave("1")), "third.yaml": configMap("third", v, wave("2")),
			"after.yaml": job("after-"+v, "job:1", hook("after")),
			"old.yaml":   configMap("only-"+v, v),
		}
	}
	repo := p.Repo("shop", revision(0))
	p.App("shop", "source: {repository: shop}\nsync: {pruneLimit: 100%}")
	p.WaitSynced("shop", repo.Head())
	for n, after := range []int{0, 1, 2, 4, 6, 8} { // changes in the cluster until the daemon is killed
		v := n + 1
		seen := happened()
		head := repo.Push("change", revision(v))
		p.Eventually(fmt.Sprintf("%d changes", after), func() bool { return happened()-seen >= after })
		lab.Kill(t)
		if v%2 == 0 {
			lab.LoseFiles(t)
		}
		lab.Restart(t)
		p.WaitSynced("shop", head)
		for _, name := range []string{"first", "second", "third", fmt.Sprint("only-", v)} {
			if got := value(p, name); got != fmt.Sprint(v) {
				t.Errorf("killed after %d changes: %s is %v, want %d", after, name, got, v)
			}
		}
		for _, phase := range []string{"before", "after"} {
			if ran := runs(jobs, fmt.Sprint(phase, "-", v)); ran != 1 {
				t.Errorf("killed after %d changes: the hook %s ran %d times", after, phase, ran)
			}
		}
		if p.Get("v1", "ConfigMap", fmt.Sprint("only-", v-1)) != nil {
			t.Errorf("killed after %d changes: what left Git is still there", after)
		}
	}
}

func TestOneOfTwoDaemonsWorksAndTheOtherTakesOver(t *testing.T) {
	t.Parallel()
	lab := harness.NewLab(t, harness.WithLeaderElection())
	p := lab.Env(t)
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "1")})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	other := lab.Second(t)
	q := other.In(t, p.Namespace)
	if _, known := q.Known("shop"); known {
		t.Fatal("both daemons work")
	}
	p.WaitSynced("shop", repo.Push("two", gittest.Files{"a.yaml": configMap("a", "2")}))
	if _, known := q.Known("shop"); known {
		t.Error("the second daemon works while the first does")
	}
	lab.Stop(t)
	head := repo.Commit("main", "three", gittest.Files{"a.yaml": configMap("a", "3")})
	q.WaitSynced("shop", head)
	if v := value(q, "a"); v != "3" {
		t.Errorf("the second daemon took over, and the value is %v", v)
	}
}

// An App that names the finalizer in its manifest is written nothing before its first objects are applied but an entry in
// the register that all Apps share. It must be enough.
func TestNothingIsForgottenWhenADaemonIsKilledWithinAFirstSync(t *testing.T) {
	t.Parallel()
	lab := harness.NewLab(t, harness.AsProcess())
	p := lab.Env(t)
	accounts := p.Record("v1", "ServiceAccount")
	account := func(name string) string {
		return "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: " + name + "\n  " + wave("-1") + "\n"
	}
	p.App("first", "suspend: true\nsource: {repository: none}") // the daemon has met an App
	for try := range 10 {
		name := fmt.Sprint("shop-", try)
		repo := p.Repo(name, gittest.Files{"account.yaml": account(name), "slow.yaml": deployment(name, "db:slow-2s")})
		p.Apply(fmt.Sprintf(`
apiVersion: plumb.cd/v1alpha1
kind: App
metadata: {name: %[1]s, finalizers: [plumb.cd/finalizer]}
spec:
  source: {repository: %[1]s}
  sync: {pruneLimit: 100%%}
  destination: {namespace: %[2]s}
`, name, p.Namespace))
		p.Eventually("the account is there", func() bool { return slices.Contains(accounts.Names(watch.Added), name) })
		lab.Kill(t)
		lab.LoseFiles(t)
		bare := p.Status(name).Status.Memory == nil && p.Status(name).Annotations["plumb.cd/uses"] == ""
		head := repo.Commit("main", "the account is not needed", gittest.Files{"account.yaml": configMap(name, "instead")})
		lab.Restart(t)
		p.WaitSynced(name, head)
		p.Eventually("the account is pruned", func() bool { return p.Get("v1", "ServiceAccount", name) == nil })
		if bare {
			return
		}
	}
	t.Error("no kill came before the App had a memory: nothing was tried")
}
