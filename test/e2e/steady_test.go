package e2e

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/watch"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

// calm is how long nothing may happen until it counts as nothing: longer than any timer of a program that polls often.
const calm = 12 * time.Second

func TestWhatDidNotChangeCostsNothing(t *testing.T) {
	t.Parallel()
	lab := harness.NewLab(t)
	p := lab.Env(t)
	repo := p.Repo("shop", gittest.Files{
		"a/a.yaml": documents(deployment("a", "web:1"), configMap("a1", "1"), configMap("a2", "1"), configMap("a3", "1"), configMap("a4", "1")),
		"b/b.yaml": configMap("b", "1"), "c/c.yaml": configMap("c", "1"), "a/before.yaml": job("before", "job:1", hook("before")),
	})
	apps := []string{"a", "b", "c"}
	for _, app := range apps {
		p.App(app, "source: {repository: shop, path: "+app+"}")
	}
	synced := func(commit string) {
		t.Helper()
		for _, app := range apps {
			p.WaitSynced(app, commit)
		}
	}
	synced(repo.Head())
	p.WaitCalm(calm)
	if n := p.Renders(); n != len(apps) {
		t.Errorf("%d renders for %d Apps", n, len(apps))
	}

	states := p.Record("plumb.cd/v1alpha1", "App")
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		for _, s := range states.All() {
			status, _ := harness.Field(s.Object, "status").(map[string]any)
			delete(status, "conditions")
			t.Logf("%s was %v", s.Name, status)
		}
	})

	t.Log("a warm start renders nothing, writes nothing and asks for no dry-run")
	mark := p.Audit()
	p.Stop(t)
	repo.Commit("main", "what no App reads", gittest.Files{"notes.md": "words\n"})
	p.Restart(t)
	settle(p, apps)
	for _, r := range p.AuditSince(mark) {
		if r.Writes() && !strings.Contains(r.URI, "/repositories/") { // where the branch stands is news
			t.Errorf("after a warm start: %s", r)
		}
	}
	if n := p.Renders(); n != 0 {
		t.Errorf("after a warm start: %d renders", n)
	}

	t.Log("a cold start, without any local file, asks for dry-runs and writes nothing")
	mark = p.Audit()
	p.Stop(t)
	p.LoseFiles(t)
	p.Restart(t)
	settle(p, apps)
	dry := 0
	for _, r := range p.AuditSince(mark) {
		switch {
		case r.DryRun():
			dry++
		case r.Writes():
			t.Errorf("after a cold start: %s", r)
		}
	}
	if dry == 0 || dry > 7 {
		t.Errorf("%d dry-runs for 7 objects", dry)
	}

	t.Log("a commit that touches one App renders that App only, and nothing touches the others")
	mark = p.Audit()
	first := p.Renders()
	repo.Push("touch b", gittest.Files{"b/b.yaml": configMap("b", "2"), "README.md": "words\n"})
	p.Eventually("the commit is applied", func() bool { return value(p, "b") == "2" })
	p.WaitState("b", "Synced")
	p.WaitCalm(calm)
	if n := p.Renders() - first; n != 1 {
		t.Errorf("a commit that touches one App of %d rendered %d times", len(apps), n)
	}
	told := 0
	for _, r := range p.AuditSince(mark) {
		switch {
		case r.Writes() && r.Resource == "events": // that b was deployed
			told++
		case r.Writes() && !r.DryRun() && r.Name != "b" && r.Resource != "repositories":
			t.Errorf("a commit that touches b made us %s", r)
		}
	}
	if told > 1 {
		t.Errorf("one deployment was told by %d Events", told)
	}

	t.Log("nothing is forgotten: what leaves Git now is pruned, what drifts is healed, hooks that ran are done")
	jobs := p.Record("batch/v1", "Job")
	p.Patch("v1", "ConfigMap", "c", "kubectl-edit", "data: {value: mine}")
	p.Eventually("drift is healed", func() bool { return value(p, "c") == "1" })
	if started := jobs.Names(watch.Added); len(started) > 1 { // the one that is there from the beginning
		t.Errorf("hooks ran again: %v", started)
	}
	head := repo.Push("less", gittest.Files{"a/a.yaml": documents(deployment("a", "web:1"), configMap("a1", "1"), configMap("a2", "1"))})
	p.WaitSynced("a", head)
	if p.Get("v1", "ConfigMap", "a3") != nil || p.Get("v1", "ConfigMap", "a4") != nil {
		t.Error("after a cold start, what left Git is not pruned")
	}
}

// settle waits until a daemon that was started again knows that every App is Synced, and has nothing more to do.
func settle(p *harness.Env, apps []string) {
	for _, app := range apps {
		p.Eventually(app+" is known to be Synced", func() bool {
			state, ok := p.Known(app)
			return ok && state == "Synced"
		})
	}
	p.WaitCalm(calm)
}
