package e2e

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/watch"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/server"
	"plumb.cd/plumb/test/e2e/harness"
)

func hook(phase string, more ...string) string {
	return annotate(append([]string{"plumb.cd/hook", phase}, more...)...)
}

// runs counts how often a Job was started.
func runs(jobs *harness.Recording, name string) int {
	n := 0
	for _, started := range jobs.Names(watch.Added) {
		if started == name {
			n++
		}
	}
	return n
}

func ended(s harness.Seen) bool { return harness.Field(s.Object, "status", "succeeded") == int64(1) }

func TestHooksRunInTheirPhasesAndOnceAnAttempt(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	jobs, configs := p.Record("batch/v1", "Job"), p.Record("v1", "ConfigMap")
	repo := p.Repo("shop", gittest.Files{
		"before.yaml": job("before", "job:1", hook("before")),
		"after.yaml":  job("after", "job:1", hook("after")),
		"alarm.yaml":  job("alarm", "job:1", hook("on-failure")),
		"config.yaml": configMap("config", "1"),
	})
	p.App("shop", "source: {repository: shop}\nsync: {waveDeadline: 4s}")
	p.WaitSynced("shop", repo.Head())
	config, _ := configs.First(func(s harness.Seen) bool { return s.Name == "config" })
	before, ok := jobs.First(func(s harness.Seen) bool { return s.Name == "before" && ended(s) })
	after, began := jobs.First(func(s harness.Seen) bool { return s.Name == "after" })
	if !ok || !began || before.Version > config.Version || config.Version > after.Version {
		t.Errorf("before ended at %d, the object came at %d, after began at %d", before.Version, config.Version, after.Version)
	}
	want := func(when string, n, alarms int) {
		t.Helper()
		if b, a, f := runs(jobs, "before"), runs(jobs, "after"), runs(jobs, "alarm"); b != n || a != n || f != alarms {
			t.Errorf("%s: before ran %d times, after %d times, want %d; on-failure ran %d times, want %d", when, b, a, n, f, alarms)
		}
	}
	want("after the first sync", 1, 0)

	p.Patch("v1", "ConfigMap", "config", "kubectl-edit", "data: {value: mine}")
	p.Eventually("the value is healed", func() bool { return value(p, "config") == "1" })
	id := p.Do("shop", "sync", nil)
	p.Eventually("the sync of nothing is done", func() bool { return p.View("shop").Request == id })
	want("after a heal and a sync of nothing", 1, 0)

	p.WaitSynced("shop", repo.Push("change", gittest.Files{"config.yaml": configMap("config", "2")}))
	want("after a commit", 2, 0)

	id = p.Do("shop", "sync", server.SyncBody{All: true})
	p.Eventually("the sync of everything is done", func() bool { return p.View("shop").Request == id })
	p.WaitState("shop", "Synced")
	want("after a sync of everything", 3, 0)

	repo.Push("break it", gittest.Files{"web.yaml": deployment("web", "web:crash")})
	p.WaitReason("shop", "Failed", "DeadlineExceeded")
	p.Eventually("on-failure has run", func() bool { return runs(jobs, "alarm") == 1 })
	if n := runs(jobs, "after"); n != 3 {
		t.Errorf("after a failure, after ran (%d times)", n)
	}
}

func TestHooksAreDeletedAsTheirPolicySays(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{
		"a.yaml": job("by-default", "job:1", hook("before")),
		"b.yaml": job("on-success", "job:1", hook("before", "plumb.cd/hook-delete", "success")),
		"c.yaml": job("on-failure", "job:1", hook("before", "plumb.cd/hook-delete", "failure")),
		"d.yaml": job("argo", "job:1", annotate("argocd.argoproj.io/hook", "PreSync", "argocd.argoproj.io/hook-delete-policy", "HookSucceeded")),
		"e.yaml": job("helm", "job:1", annotate("helm.sh/hook", "pre-install,pre-upgrade", "helm.sh/hook-delete-policy", "hook-succeeded")),
		"f.yaml": configMap("config", "1"),
	})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	for name, stays := range map[string]bool{"by-default": true, "on-success": false, "on-failure": true, "argo": false, "helm": false} {
		p.Eventually("the policy of "+name+" is followed", func() bool { return (p.Get("batch/v1", "Job", name) != nil) == stays })
	}
	first := p.Must("batch/v1", "Job", "by-default").GetUID()
	p.WaitSynced("shop", repo.Push("change", gittest.Files{"f.yaml": configMap("config", "2")}))
	if again := p.Must("batch/v1", "Job", "by-default").GetUID(); again == first {
		t.Error("the second attempt did not delete the hook of the first before it ran it")
	}
	// A hook that left Git is swept, and one that failed goes where its policy says so.
	repo.Push("a failing hook", gittest.Files{"a.yaml": gittest.Delete, "c.yaml": job("on-failure", "job:fail", hook("before", "plumb.cd/hook-delete", "failure"))})
	p.WaitReason("shop", "Failed", "HookFailed")
	p.Eventually("the failed hook is deleted", func() bool { return p.Get("batch/v1", "Job", "on-failure") == nil })
}

func TestAHookRunsBeforeTheAppIsDeleted(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	jobs, configs := p.Record("batch/v1", "Job"), p.Record("v1", "ConfigMap")
	repo := p.Repo("shop", gittest.Files{
		"config.yaml":  documents(configMap("one", "1", wave("1")), configMap("two", "1", wave("2"))),
		"goodbye.yaml": job("goodbye", "job:1", hook("before-delete")),
	})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	if n := runs(jobs, "goodbye"); n != 0 {
		t.Fatalf("the hook ran %d times, and nobody deleted the App", n)
	}
	p.Delete("plumb.cd/v1alpha1", "App", "shop")
	p.Eventually("the App is gone", func() bool { return p.Get("plumb.cd/v1alpha1", "App", "shop") == nil })
	done, ok := jobs.First(func(s harness.Seen) bool { return s.Name == "goodbye" && ended(s) })
	if !ok || runs(jobs, "goodbye") != 1 {
		t.Fatalf("the hook ran %d times before the App was deleted, want once to its end", runs(jobs, "goodbye"))
	}
	p.Eventually("the objects are gone", func() bool { return slices.Equal(configs.Names(watch.Deleted), []string{"two", "one"}) })
	if gone, _ := configs.First(func(s harness.Seen) bool { return s.Type == watch.Deleted }); gone.Version < done.Version {
		t.Errorf("deleted at %d, before the hook ended at %d", gone.Version, done.Version)
	}
}
