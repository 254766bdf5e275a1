package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/test/e2e/harness"
)

// healed waits for the newest record that an object's drift was undone, and holds it against what was found before.
func healed(t *testing.T, p *harness.Env, app, object, culprit string, after int64) {
	t.Helper()
	var undone history.Event
	p.Eventually("the drift of "+object+" is recorded as healed", func() bool {
		for _, e := range p.History(app, history.Healed) {
			if e.Object == object && e.Seq > after {
				undone = e
				return true
			}
		}
		return false
	})
	records := p.History(app, history.Drift)
	i := slices.IndexFunc(records, func(e history.Event) bool { return e.Object == object && e.Seq > after })
	if i < 0 {
		t.Fatalf("%s was healed, and no drift recorded", object)
	}
	found := records[i]
	if found.Seq > undone.Seq {
		t.Errorf("the drift is recorded as %d, after it was undone as %d", found.Seq, undone.Seq)
	}
	if found.Actor != culprit {
		t.Errorf("the drift is put down to %q, want %q: %s", found.Actor, culprit, found.Message)
	}
}

func newest(p *harness.Env, app string) int64 {
	if events := p.History(app); len(events) > 0 {
		return events[0].Seq
	}
	return 0
}

func images(p *harness.Env, name string) string {
	list, _ := harness.Field(p.Get("apps/v1", "Deployment", name), "spec", "template", "spec", "containers").([]any)
	var out []string
	for _, c := range list {
		out = append(out, c.(map[string]any)["image"].(string))
	}
	return strings.Join(out, " ")
}

func replicas(p *harness.Env, name string) any {
	return harness.Field(p.Get("apps/v1", "Deployment", name), "spec", "replicas")
}

func TestDriftIsUndoneAndItsCulpritRecordedBefore(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{
		"web.yaml":    deployment("web", "web:1", "labels: {team: blue}"),
		"config.yaml": configMap("config", "git"),
	})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	web, config := "Deployment.apps/"+p.Namespace+"/web", "ConfigMap/"+p.Namespace+"/config"
	for _, c := range []struct {
		name, object, culprit string
		do                    func()
		undone                func() bool
	}{
		{"a scaled Deployment", web, "kubectl", func() { p.Scale("web", 3, "kubectl") }, func() bool { return replicas(p, "web") == int64(1) }},
		{"an image that was set", web, "kubectl-set", func() {
			p.Patch("apps/v1", "Deployment", "web", "kubectl-set", "spec: {template: {spec: {containers: [{name: main, image: web:2}]}}}")
		}, func() bool { return images(p, "web") == "web:1" }},
		{"a sidecar that was added", web, "kubectl-edit", func() {
			p.Patch("apps/v1", "Deployment", "web", "kubectl-edit", "spec: {template: {spec: {containers: [{name: spy, image: spy:1}]}}}")
		}, func() bool { return images(p, "web") == "web:1" }},
		{"a label that was removed", web, "", func() {
			p.JSONPatch("apps/v1", "Deployment", "web", "kubectl-label", `[{"op":"remove","path":"/metadata/labels/team"}]`)
		}, func() bool { return p.Must("apps/v1", "Deployment", "web").GetLabels()["team"] == "blue" }},
		{"a value that was edited", config, "kubectl-edit", func() {
			p.Patch("v1", "ConfigMap", "config", "kubectl-edit", "data: {value: mine}")
		}, func() bool { return value(p, "config") == "git" }},
		{"a value that was added", config, "kubectl-edit", func() {
			p.Patch("v1", "ConfigMap", "config", "kubectl-edit", "data: {more: mine}")
		}, func() bool { return harness.Field(p.Get("v1", "ConfigMap", "config"), "data", "more") == nil }},
		{"an object that was deleted", config, "", func() { p.Delete("v1", "ConfigMap", "config") }, func() bool { return value(p, "config") == "git" }},
		{"our own label that was removed", config, "", func() {
			p.JSONPatch("v1", "ConfigMap", "config", "kubectl-label", `[{"op":"remove","path":"/metadata/labels/plumb.cd~1app"}]`)
		}, func() bool { return p.Must("v1", "ConfigMap", "config").GetLabels()["plumb.cd/app"] != "" }},
	} {
		before := newest(p, "shop")
		c.do()
		p.Eventually(c.name+" is undone", c.undone)
		if c.culprit != "" {
			healed(t, p, "shop", c.object, c.culprit, before)
		}
		p.WaitState("shop", "Synced")
	}
}

func TestWithHealOffDriftIsReportedOnly(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "git"), "b.yaml": configMap("b", "git")})
	p.App("shop", "source: {repository: shop}\nsync: {heal: false}")
	p.WaitSynced("shop", repo.Head())
	p.Patch("v1", "ConfigMap", "a", "kubectl-edit", "data: {value: mine}")
	status := p.WaitReason("shop", "Drifted", "Drifted")
	if status.Counts.Drifted != 1 {
		t.Errorf("%d objects are counted as drifted, want 1", status.Counts.Drifted)
	}
	if found := p.History("shop", history.Drift); len(found) != 1 || found[0].Actor != "kubectl-edit" {
		t.Errorf("the history has %+v", found)
	}
	p.Delete("v1", "ConfigMap", "b")
	p.Until("shop", "misses the deleted object", func(s statusOf) bool { return s.State == "Drifted" && s.Counts.Missing == 1 })
	if v := value(p, "a"); v != "mine" {
		t.Errorf("healing is off, and the value became %v", v)
	}
	p.App("shop", "source: {repository: shop}")
	p.WaitState("shop", "Synced")
	if a, b := value(p, "a"), value(p, "b"); a != "git" || b != "git" {
		t.Errorf("healing is on again, and the values are %v and %v", a, b)
	}
}

// A Deployment tells news of its status again and again: the same drift, seen again, is no fight.
func TestWithHealOffDriftStaysDriftHoweverOftenItIsSeen(t *testing.T) {
	t.Parallel()
	p := harness.NewLab(t).Env(t)
	repo := p.Repo("shop", gittest.Files{"web.yaml": deployment("web", "web:1")})
	p.App("shop", "source: {repository: shop}\nsync: {heal: false}")
	p.WaitSynced("shop", repo.Head())
	p.Patch("apps/v1", "Deployment", "web", "kubectl-edit", "spec: {replicas: 3}")
	p.WaitReason("shop", "Drifted", "Drifted")
	p.Eventually("three are available", func() bool {
		return harness.Field(p.Must("apps/v1", "Deployment", "web"), "status", "availableReplicas") == int64(3)
	})
	for i := range 6 { // each one is an event of the drifted object
		p.Patch("apps/v1", "Deployment", "web", "someone", "metadata: {annotations: {example.com/seen: \""+string(rune('a'+i))+"\"}}")
	}
	p.WaitCalm(2 * time.Second)
	if s := p.WaitState("shop", "Drifted"); s.Counts.Drifted != 1 {
		t.Errorf("the counts are %+v", s.Counts)
	}
	if found := p.History("shop", history.Fight); len(found) != 0 {
		t.Errorf("what nobody undid is called a fight: %+v", found)
	}
}

func TestReplicasAreLeftToAnAutoscaler(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"web.yaml": deployment("web", "web:1")})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	p.Scale("web", 3, "kube-controller-manager") // the name under which a HorizontalPodAutoscaler scales
	p.Until("shop", "says that it yields", func(s statusOf) bool {
		return s.State == "Synced" && len(s.Warnings) > 0 && strings.Contains(s.Warnings[0], ".spec.replicas") && strings.Contains(s.Warnings[0], "kube-controller-manager")
	})
	if n := replicas(p, "web"); n != int64(3) {
		t.Errorf("the autoscaler's 3 replicas became %v", n)
	}
	// Everything else is still Git's, and a new image leaves the replicas where they are.
	p.Patch("apps/v1", "Deployment", "web", "kubectl-set", "spec: {template: {spec: {containers: [{name: main, image: web:9}]}}}")
	p.Eventually("the image is healed", func() bool { return images(p, "web") == "web:1" })
	head := repo.Push("a new image", gittest.Files{"web.yaml": deployment("web", "web:2")})
	p.WaitSynced("shop", head)
	if n := replicas(p, "web"); n != int64(3) || images(p, "web") != "web:2" {
		t.Errorf("after the commit there are %v replicas of %s, want 3 of web:2", n, images(p, "web"))
	}
}

func TestAFightIsRecognisedAndYielded(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "git")})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	const limit = 10
	takes := 0
	for ; takes < limit && len(p.History("shop", history.Fight)) == 0; takes++ {
		p.Patch("v1", "ConfigMap", "a", "rival", "data: {value: rival}")
		p.Eventually("the field is taken back, or yielded", func() bool {
			return value(p, "a") == "git" || len(p.History("shop", history.Fight)) > 0
		})
	}
	fights := p.History("shop", history.Fight)
	if len(fights) != 1 || fights[0].Actor != "rival" || !strings.Contains(fights[0].Message, ".data.value") {
		t.Fatalf("after %d rounds the history has %+v", takes, fights)
	}
	p.Until("shop", "is Synced and tells of the fight", func(s statusOf) bool {
		return s.State == "Synced" && slices.ContainsFunc(s.Warnings, func(w string) bool {
			return strings.Contains(w, "rival") && strings.Contains(w, ".data.value")
		})
	})
	if v := value(p, "a"); v != "rival" {
		t.Errorf("the field is yielded, and its value is %v", v)
	}
}

func TestIgnoredFieldsAreLeftAlone(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{
		"web.yaml":    deployment("web", "web:1"),
		"config.yaml": configMap("config", "git"),
		"secret.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: marked, annotations: {plumb.cd/ignore-fields: .data.value}}\ndata: {value: git, other: git}\n",
	})
	p.App("shop", `
source: {repository: shop}
ignore:
- {group: apps, kind: Deployment, pointers: [/spec/replicas]}
- {managers: [tuner]}`)
	p.WaitSynced("shop", repo.Head())
	p.Scale("web", 2, "kubectl")
	p.Patch("v1", "ConfigMap", "config", "tuner", "data: {value: tuned}")
	p.Patch("v1", "ConfigMap", "marked", "kubectl-edit", "data: {value: mine}")
	// What is not ignored is healed still; when that is done, the rest had its chance.
	p.Patch("apps/v1", "Deployment", "web", "kubectl-set", "spec: {template: {spec: {containers: [{name: main, image: web:9}]}}}")
	p.Patch("v1", "ConfigMap", "marked", "kubectl-edit", "data: {other: mine}")
	p.Eventually("the image is healed", func() bool { return images(p, "web") == "web:1" })
	p.Eventually("the other value is healed", func() bool { return harness.Field(p.Must("v1", "ConfigMap", "marked"), "data", "other") == "git" })
	p.WaitState("shop", "Synced")
	head := repo.Push("a new image", gittest.Files{"web.yaml": deployment("web", "web:2")})
	p.WaitSynced("shop", head)
	if n := replicas(p, "web"); n != int64(2) {
		t.Errorf("replicas are ignored, and became %v", n)
	}
	if v := value(p, "config"); v != "tuned" {
		t.Errorf("the manager tuner is ignored, and its value became %v", v)
	}
	if v := value(p, "marked"); v != "mine" {
		t.Errorf("the annotation ignores the value, and it became %v", v)
	}
}
