package engine_test

import (
	"fmt"
	"testing"
	"time"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/test/enginelab"
)

const soon = 60 * time.Second

// A Deployment of one Pod and a Service.
const workload = `apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template: {metadata: {labels: {app: %[1]s}}, spec: {containers: [{name: main, image: "web:1"}]}}
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec: {selector: {app: %[1]s}, ports: [{port: 80}]}
`

func TestAnAppAtRestHasNoTimer(t *testing.T) {
	cp := cptest.Start(t, cptest.WithNodes(1))
	namespace := cp.Namespace(t)
	l := enginelab.New(t, cp)
	repo, files := gittest.NewRepo(t), gittest.Files{}
	names := []string{"a", "b", "c"}
	for _, name := range names {
		files[name+"/a.yaml"] = fmt.Sprintf(workload, name)
	}
	files["stuck/a.yaml"] = "kind: [\n"
	head := repo.Commit("main", "start", files)
	l.Repository("shop", repo.Dir)
	for _, name := range append([]string{"stuck"}, names...) {
		l.Put(name, engine.App{
			Namespace: namespace, Mode: engine.Auto, Heal: true, Policy: plan.Policy{Prune: true},
			Sources: []engine.Source{{Repository: "shop", Render: render.Request{Path: name}}},
		})
	}
	rest := func(what string) {
		t.Helper()
		l.UntilSynced(t, head, names...)
		l.Until(t, "the App that cannot be rendered says so", func(s engine.Snapshot) bool { return s.State == engine.StateFailed }, "stuck")
		cptest.Eventually(t, soon, what+", no App has a timer", func() bool { return len(l.Timers()) == 0 })
	}
	rest("after the first sync")
	steps := l.Count(t, "plumb_steps_total")
	if steps == 0 {
		t.Fatal("Apps took no step: the test tests nothing")
	}
	repository := engine.Key{Namespace: "lab", Name: "shop"}
	before, _ := l.RepositorySnapshot(repository)
	l.Look()
	cptest.Eventually(t, soon, "Git was looked at", func() bool {
		now, _ := l.RepositorySnapshot(repository)
		return now.Checked.After(before.Checked)
	})
	rest("after a look at Git that found nothing new")
	if n := l.Count(t, "plumb_steps_total") - steps; n != 0 {
		t.Errorf("a look at Git that found nothing new made Apps take %.0f steps", n)
	}
	l.Restart(t)
	rest("after a restart")
}
