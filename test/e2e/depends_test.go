package e2e

import (
	"strings"
	"testing"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestAnAppWaitsForTheAppThatItDependsOn(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	deployments, configs := p.Record("apps/v1", "Deployment"), p.Record("v1", "ConfigMap")
	repo := p.Repo("shop", gittest.Files{"db/db.yaml": deployment("db", "db:slow-2s"), "web/web.yaml": configMap("web", "1")})
	p.App("web", "source: {repository: shop, path: web}\ndependsOn: [{app: {name: db}}]")
	status := p.WaitReason("web", "Waiting", "DependencyNotReady")
	if !strings.Contains(status.Message, p.Namespace+"/db") {
		t.Errorf("it does not say what it waits for: %q", status.Message)
	}
	p.App("db", "source: {repository: shop, path: db}")
	p.WaitSynced("db", repo.Head())
	p.WaitSynced("web", repo.Head())
	available, _ := deployments.First(func(s harness.Seen) bool { return harness.Field(s.Object, "status", "availableReplicas") == int64(1) })
	created, _ := configs.First(func(s harness.Seen) bool { return s.Name == "web" })
	if created.Version < available.Version {
		t.Errorf("applied at %d, before the App that it depends on was healthy at %d", created.Version, available.Version)
	}
}

func TestAnAppWaitsForAnyObjectThatItDependsOn(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"web.yaml": configMap("web", "1")})
	p.App("web", "source: {repository: shop}\ndependsOn: [{object: {apiVersion: apps/v1, kind: Deployment, name: database}}]")
	p.WaitReason("web", "Waiting", "DependencyNotReady")
	p.Apply(deployment("database", "db:never-ready"))
	p.Until("web", "tells how the object fares", func(s statusOf) bool {
		return s.Reason == "DependencyNotReady" && strings.Contains(s.Message, "Progressing")
	})
	if p.Get("v1", "ConfigMap", "web") != nil {
		t.Fatal("applied before the object was healthy")
	}
	p.Apply(deployment("database", "db:1"))
	p.WaitSynced("web", repo.Head())
}
