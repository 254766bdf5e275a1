package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/server"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestAHoldStaysAtARevisionUntilItIsReleased(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "1")})
	first := repo.Head()
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", first)
	p.WaitSynced("shop", repo.Push("two", gittest.Files{"a.yaml": configMap("a", "2")}))
	p.Do("shop", "hold", server.HoldBody{Revision: first, Reason: "two is bad"})
	status := p.WaitReason("shop", "Paused", "Held")
	if !strings.Contains(status.Message, "two is bad") {
		t.Errorf("the hold says %q", status.Message)
	}
	p.Eventually("the held revision is applied", func() bool { return value(p, "a") == "1" })
	p.Patch("v1", "ConfigMap", "a", "kubectl-edit", "data: {value: mine}")
	p.Eventually("drift from the held revision is healed", func() bool { return value(p, "a") == "1" })
	head := repo.Push("three", gittest.Files{"a.yaml": configMap("a", "3")})
	p.Patch("v1", "ConfigMap", "a", "kubectl-edit", "data: {value: mine}")
	p.Eventually("drift is healed after a commit too", func() bool { return value(p, "a") == "1" })
	p.WaitReason("shop", "Paused", "Held")
	p.Do("shop", "resume", nil)
	p.WaitSynced("shop", head)
	if v := value(p, "a"); v != "3" {
		t.Errorf("released, and the value is %v", v)
	}
}

func TestAHoldEndsByItself(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "1")})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	bundle := p.View("shop").Healthy.Bundle
	head := repo.Push("two", gittest.Files{"a.yaml": configMap("a", "2")})
	p.WaitSynced("shop", head)
	p.Do("shop", "hold", server.HoldBody{Bundle: bundle, Until: time.Now().Add(time.Hour)})
	p.WaitReason("shop", "Paused", "Held")
	p.Eventually("the held bundle is applied", func() bool { return value(p, "a") == "1" })
	p.Do("shop", "hold", server.HoldBody{Bundle: bundle, Until: time.Now().Add(2 * time.Second)}) // seen or not: now it ends soon
	p.WaitSynced("shop", head)
	if v := value(p, "a"); v != "2" {
		t.Errorf("the hold has ended, and the value is %v", v)
	}
}

func TestASuspendedAppIsNeitherAppliedNorHealed(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"a/a.yaml": configMap("a", "1"), "b/b.yaml": configMap("b", "1")})
	p.App("shop", "source: {repository: shop, path: a}")
	p.App("witness", "source: {repository: shop, path: b}")
	p.WaitSynced("shop", repo.Head())
	p.WaitSynced("witness", repo.Head())
	p.Do("shop", "suspend", nil)
	p.WaitReason("shop", "Paused", "Suspended")
	p.Patch("v1", "ConfigMap", "a", "kubectl-edit", "data: {value: mine}")
	head := repo.Push("two", gittest.Files{"a/a.yaml": configMap("a", "2"), "b/b.yaml": configMap("b", "2")})
	p.WaitSynced("witness", head)
	p.WaitReason("shop", "Paused", "Suspended")
	if v := value(p, "a"); v != "mine" {
		t.Errorf("suspended, and the value became %v", v)
	}
	p.Do("shop", "resume", nil)
	p.WaitSynced("shop", head)
	if v := value(p, "a"); v != "2" {
		t.Errorf("resumed, and the value is %v", v)
	}
}

func TestABadCommitIsRolledBackAndHeldUntilADifferentBundleComes(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	jobs := p.Record("batch/v1", "Job")
	repo := p.Repo("shop", gittest.Files{
		"app/web.yaml": deployment("web", "web:1"), "app/config.yaml": configMap("config", "1"),
		"app/before.yaml": job("before", "job:1", hook("before")),
	})
	p.App("shop", "source: {repository: shop, path: app}\nrollbackOnFailure: true\nsync: {waveDeadline: 4s}")
	p.WaitSynced("shop", repo.Head())
	repo.Push("break it", gittest.Files{"app/web.yaml": deployment("web", "web:crash"), "app/config.yaml": configMap("config", "2")})
	status := p.WaitReason("shop", "Paused", "RolledBack")
	if !strings.Contains(status.Message, "rolled back") {
		t.Errorf("it says %q", status.Message)
	}
	p.Eventually("the good bundle is back", func() bool { return images(p, "web") == "web:1" && value(p, "config") == "1" })
	p.Until("shop", "is healthy again", func(s statusOf) bool { return s.State == "Paused" && s.Health.Level == "Healthy" })
	if n := runs(jobs, "before"); n != 2 {
		t.Errorf("the hook ran %d times, want 2: in the two syncs, not in the rollback", n)
	}
	if len(p.History("shop", history.Rollback)) != 1 {
		t.Errorf("the history does not tell of the rollback: %+v", p.History("shop"))
	}
	// A commit that changes nothing for the App is no reason to try again; a healed drift shows that it was looked at.
	repo.Push("elsewhere", gittest.Files{"README.md": "words\n"})
	p.Patch("v1", "ConfigMap", "config", "kubectl-edit", "data: {value: mine}")
	p.Eventually("drift from the rolled back bundle is healed", func() bool { return value(p, "config") == "1" })
	p.WaitReason("shop", "Paused", "RolledBack")
	p.WaitSynced("shop", repo.Push("fix it", gittest.Files{"app/web.yaml": deployment("web", "web:2")}))
	if images(p, "web") != "web:2" || value(p, "config") != "2" {
		t.Errorf("fixed, and there runs %s with %v", images(p, "web"), value(p, "config"))
	}
}

func outcomes(p *harness.Env, app string) []string {
	var out []string
	for _, e := range p.History(app, history.Deployment) {
		out = append(out, e.Outcome)
	}
	slices.Reverse(out)
	return out
}

func TestANewerCommitSupersedesARunningSync(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"web.yaml": deployment("web", "web:never-ready"), "late.yaml": configMap("late", "1", wave("1"))})
	p.App("shop", "source: {repository: shop}")
	p.Until("shop", "waits for the Deployment", func(s statusOf) bool { return s.Progress != nil && len(s.Progress.Waiting) > 0 })
	head := repo.Push("fix it", gittest.Files{"web.yaml": deployment("web", "web:2")})
	p.WaitSynced("shop", head)
	if got := outcomes(p, "shop"); !slices.Equal(got, []string{"Superseded", "Succeeded"}) {
		t.Errorf("the attempts ended as %v", got)
	}
}

func TestARunningSyncCanBeCancelled(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"web.yaml": deployment("web", "web:never-ready"), "late.yaml": configMap("late", "1", wave("1"))})
	p.App("shop", "source: {repository: shop}")
	p.Until("shop", "waits for the Deployment", func(s statusOf) bool { return s.Progress != nil && len(s.Progress.Waiting) > 0 })
	p.Do("shop", "cancel", nil)
	p.WaitReason("shop", "Failed", "Cancelled")
	if p.Get("v1", "ConfigMap", "late") != nil {
		t.Error("cancelled, and the next wave was applied")
	}
	p.Do("shop", "sync", nil)
	p.Until("shop", "waits for the Deployment again", func(s statusOf) bool { return s.Progress != nil && len(s.Progress.Waiting) > 0 })
	p.WaitSynced("shop", repo.Push("fix it", gittest.Files{"web.yaml": deployment("web", "web:2")}))
	if got := outcomes(p, "shop"); !slices.Equal(got, []string{"Cancelled", "Superseded", "Succeeded"}) {
		t.Errorf("the attempts ended as %v", got)
	}
}
