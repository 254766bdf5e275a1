package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestADifferenceSaysWhereItComesFrom(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{
		"web.yaml": deployment("web", "shop/web:1.0", 2),
		"cfg.yaml": configMap("cfg", "level", "info", "left", "alone"),
		"old.yaml": configMap("old", "k", "v"),
	})
	p.App("shop", "source: {repository: shop}\nsync: {mode: Manual, heal: false}\nignore: [{kind: ConfigMap, paths: [.data.left]}]")
	p.WaitReason("shop", "Waiting", "AwaitingSync")

	before := ask[httpapi.Diff](p, "shop", "diff")
	if before.Left != "live" || before.Right != "git" || before.Compared != 3 || len(before.Objects) != 3 {
		t.Errorf("before anything is applied: %+v", before)
	}
	if o, _ := find(before, "/cfg"); o.Action != "added" || !slices.Contains(fields(o, "ours"), ".data.level <nil>>info") {
		t.Errorf("a new object: %+v", o)
	}
	p.Do("shop", "sync", nil)
	p.WaitSynced("shop", repo.Head())

	same := ask[httpapi.Diff](p, "shop", "diff")
	if same.Left != "applied" || same.Right != "live" || len(same.Objects) != 0 || same.Compared != 3 || same.QuietObjects == 0 || same.Quiet["defaulted"] == 0 {
		t.Errorf("after a sync: %+v", same)
	}
	quiet := ask[httpapi.Diff](p, "shop", "diff", "quiet", "true")
	if o, ok := find(quiet, "/web"); !ok || o.Counts["defaulted"] == 0 || o.Counts["ours"]+o.Counts["drift"]+o.Counts["mutated"] > 0 {
		t.Errorf("what is quiet: %+v", quiet.Objects)
	}

	p.Patch("v1", "ConfigMap", "cfg", "kubectl-edit", "data: {level: debug, left: mine, extra: 'yes'}")
	p.Patch("apps/v1", "Deployment", "web", "kubectl-set", "spec: {template: {spec: {containers: [{name: main, image: 'shop/web:hacked'}]}}}")
	p.Patch("apps/v1", "Deployment", "web", "mesh-injector", "metadata: {annotations: {mesh: 'on'}}")
	p.Eventually("the drift is seen", func() bool { return p.View("shop").Counts.Drifted == 2 })
	drifted := ask[httpapi.Diff](p, "shop", "diff")
	cfg, _ := find(drifted, "/cfg")
	if got := fields(cfg, "drift"); !slices.Equal(got, []string{".data.extra <nil>>yes kubectl-edit", ".data.level info>debug kubectl-edit"}) {
		t.Errorf("drift of the ConfigMap: %q", got)
	}
	if got := fields(cfg, "ignored"); len(got) != 1 || cfg.Fields[len(cfg.Fields)-1].Rule != ".data.left" {
		t.Errorf("what a rule ignores: %+v", cfg.Fields)
	}
	web, _ := find(drifted, "/web")
	if got := fields(web, "drift"); !slices.Equal(got, []string{".spec.template.spec.containers[name=main].image shop/web:1.0>shop/web:hacked kubectl-set"}) {
		t.Errorf("drift of the Deployment: %q", got)
	}
	if got := fields(web, "other"); !slices.Contains(got, ".metadata.annotations.mesh <nil>>on mesh-injector") {
		t.Errorf("others' fields: %q", got)
	}

	repo.Push("next", gittest.Files{"cfg.yaml": configMap("cfg", "level", "warn", "left", "alone"), "old.yaml": gittest.Delete})
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	next := ask[httpapi.Diff](p, "shop", "diff", "left", "live", "right", "git")
	cfg, _ = find(next, "/cfg")
	if got := fields(cfg, "ours"); !slices.Equal(got, []string{".data.level debug>warn kubectl-edit"}) {
		t.Errorf("what Git changes: %q", got)
	}
	if o := next.Objects[0]; !strings.HasSuffix(o.Object, "/old") || o.Action != "removed" || o.Risk != "delete" {
		t.Errorf("a deletion comes first: %+v", next.Objects)
	}
	if d := ask[httpapi.Diff](p, "shop", "diff", "left", "applied", "right", "git"); len(d.Objects) != 2 {
		t.Errorf("two states of Git: %+v", d.Objects)
	}
}

func TestWhatAdmissionChangesIsToldFromDrift(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	p.Apply(fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  failurePolicy: Fail
  reinvocationPolicy: Never
  mutations:
  - patchType: JSONPatch
    jsonPatch: {expression: '[JSONPatch{op: "add", path: "/metadata/labels/injected", value: "yes"}]'}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s}
`, p.Namespace))
	p.Eventually("the policy works", func() bool {
		p.Apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: probe, labels: {a: b}}\n")
		labels, _ := harness.Field(p.Get("v1", "ConfigMap", "probe"), "metadata", "labels", "injected").(string)
		return labels == "yes"
	})
	repo := p.Repo("shop", gittest.Files{"cfg.yaml": configMap("cfg", "k", "v")})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	d := ask[httpapi.Diff](p, "shop", "diff", "quiet", "true")
	cfg, _ := find(d, "/cfg")
	if got := fields(cfg, "mutated"); !slices.Equal(got, []string{".metadata.labels.injected <nil>>yes"}) || cfg.Counts["drift"] > 0 {
		t.Errorf("the difference is %+v", cfg)
	}
}

func TestWhatAnAttemptSentIsToldFromAdmission(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"cfg.yaml": configMap("cfg", "level", "info"), "web.yaml": deployment("web", "shop/web:1.0", 1)})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	first := ask[httpapi.List[httpapi.Deployment]](p, "shop", "deployments").Items[0].ID

	// The second one changes and adds fields, and never gets to its end: nothing can run this Pod.
	repo.Push("second", gittest.Files{
		"cfg.yaml": configMap("cfg", "level", "debug", "more", "yes"), "web.yaml": deployment("web", "shop/web:2.0", 1),
		"pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: stuck}\nspec: {nodeSelector: {nowhere: 'true'}, containers: [{name: a, image: b}]}\n",
	})
	p.Eventually("the second one is sent", func() bool {
		cfg := p.Get("v1", "ConfigMap", "cfg")
		return harness.Field(cfg, "data", "level") == "debug" && len(ask[httpapi.List[httpapi.Deployment]](p, "shop", "deployments").Items) == 2
	})
	back := ask[httpapi.Diff](p, "shop", "diff", "left", "live", "right", "deployment:"+first)
	cfg, _ := find(back, "/cfg")
	if got := fields(cfg, "ours"); !slices.Equal(got, []string{".data.level debug>info", ".data.more yes><nil>"}) || cfg.Counts["mutated"]+cfg.Counts["drift"] > 0 {
		t.Errorf("going back changes %+v", cfg)
	}
	web, _ := find(back, "/web")
	if got := fields(web, "ours"); !slices.Equal(got, []string{".spec.template.spec.containers[name=main].image shop/web:2.0>shop/web:1.0"}) {
		t.Errorf("going back changes %+v", web)
	}
}

// marker is in every value of the Secrets of this test. It must not be in any answer.
const marker = "top-marker-of-secrets"

func TestNoValueOfASecretLeavesTheServer(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	secret := func(n int) string {
		return fmt.Sprintf(`apiVersion: v1
kind: Secret
metadata:
  name: keys
  annotations: {note: %[1]s-%[2]d-annotation}
stringData: {clear: %[1]s-%[2]d-clear, same: %[1]s}
data: {coded: %[3]s}
`, marker, n, base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("%s-%d-coded", marker, n))))
	}
	repo := p.Repo("shop", gittest.Files{"keys.yaml": secret(1), "cfg.yaml": configMap("cfg", "k", "1")})
	p.App("shop", "source: {repository: shop}\nsync: {heal: false}")
	p.WaitSynced("shop", repo.Head())
	first := ask[httpapi.List[httpapi.Deployment]](p, "shop", "deployments").Items[0].ID
	repo.Push("another", gittest.Files{"keys.yaml": secret(2), "cfg.yaml": configMap("cfg", "k", "2")})
	p.WaitSynced("shop", repo.Head())
	second := ask[httpapi.List[httpapi.Deployment]](p, "shop", "deployments").Items[0].ID
	p.Patch("v1", "Secret", "keys", "kubectl-edit", fmt.Sprintf("{stringData: {clear: %[1]s-live, extra: %[1]s}, metadata: {annotations: {mine: %[1]s}}}", marker))
	p.Eventually("the drift is seen", func() bool { return p.View("shop").Counts.Drifted == 1 })
	head := repo.Push("a third", gittest.Files{"keys.yaml": secret(3)})
	p.Eventually("it is applied, and what was put on top stays", func() bool { return p.View("shop").Applied == head })
	p.Patch("v1", "Secret", "keys", "kubectl-edit", fmt.Sprintf("{stringData: {clear: %[1]s-live, extra: %[1]s}}", marker))
	p.Eventually("the drift is seen", func() bool { return p.View("shop").Counts.Drifted == 1 })

	id := "Secret/" + p.Namespace + "/keys"
	sides := []string{"git", "applied", "live", "deployment:" + first, "deployment:" + second}
	var paths []string
	for _, l := range sides {
		for _, r := range sides {
			paths = append(paths, at(p, "shop", "diff", "left", l, "right", r, "quiet", "true"), at(p, "shop", "diff", "left", l, "right", r, "object", id))
		}
	}
	for _, side := range []string{"git", "applied", "live"} {
		paths = append(paths, at(p, "shop", "manifest", "object", id, "side", side))
	}
	paths = append(paths,
		at(p, "shop", "graph"), at(p, "shop", "events"), at(p, "shop", "events", "object", id), at(p, "shop", "deployments"), at(p, "shop", "plan"),
		at(p, "shop", "deployments/compare", "left", first, "right", second), at(p, "shop", "history"), at(p, "shop", "why", "object", id), at(p, "shop", "tree"),
		"/api/v1/changes?app="+url.QueryEscape(p.Namespace+"/shop"), "/api/v1/apps/"+p.Namespace+"/shop",
	)
	coded := base64.RawStdEncoding.EncodeToString([]byte(marker))[:20]
	for _, path := range paths {
		status, body := p.Read(path)
		if status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
		if strings.Contains(body, marker) || strings.Contains(body, coded) {
			t.Errorf("%s tells a secret: %s", path, body)
		}
	}
	var plan httpapi.Plan
	p.MustCall(http.MethodPost, at(p, "shop", "plan"), nil, &plan)
	if strings.Contains(fmt.Sprintf("%+v", plan), marker) {
		t.Errorf("the plan tells a secret: %+v", plan)
	}
	o, ok := find(ask[httpapi.Diff](p, "shop", "diff", "left", "deployment:"+first, "right", "deployment:"+second), "/keys")
	want := []string{".data.clear [redacted]>[redacted, changed]", ".data.coded [redacted]>[redacted, changed]", ".metadata.annotations.note [redacted]>[redacted, changed]"}
	if got := fields(o, "ours"); !ok || !o.Secret || !slices.Equal(got, want) {
		t.Errorf("which keys differ: %q", got)
	}
	m := ask[httpapi.Manifest](p, "shop", "manifest", "object", id, "side", "live")
	if !strings.Contains(m.YAML, "clear: '[redacted, changed]'") || !strings.Contains(m.YAML, "same: '[redacted]'") || strings.Contains(m.YAML, "managedFields") {
		t.Errorf("the manifest is\n%s", m.YAML)
	}
}

func TestObjectsOfOthersAreNeitherComparedNorShown(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	p.Apply(configMap("theirs", "k", marker))
	p.Apply(configMap("unrelated", "k", marker))
	p.Repo("shop", gittest.Files{"a.yaml": documents(configMap("theirs", "k", "v"), configMap("ours", "k", "v"))})
	p.App("shop", "source: {repository: shop}\nsync: {mode: Manual}")
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	d := ask[httpapi.Diff](p, "shop", "diff", "left", "live", "right", "git")
	if len(d.Objects) != 1 || len(d.Problems) != 1 || d.Problems[0].Reason != "NotOwned" || !strings.HasSuffix(d.Problems[0].Where, "/theirs") {
		t.Errorf("the difference is %+v", d)
	}
	for _, path := range []string{
		at(p, "shop", "manifest", "object", "ConfigMap/"+p.Namespace+"/unrelated"), at(p, "shop", "manifest", "object", "ConfigMap/"+p.Namespace+"/theirs"),
		at(p, "shop", "manifest", "object", "Secret/plumb-system/plumb"), at(p, "shop", "events", "object", "ConfigMap/"+p.Namespace+"/unrelated"),
		at(p, "shop", "diff", "object", "ConfigMap/"+p.Namespace+"/unrelated"), at(p, "shop", "logs", "object", "Pod/"+p.Namespace+"/nobody"),
		at(p, "shop", "logs/containers", "object", "Pod/"+p.Namespace+"/nobody"), at(p, "shop", "manifest", "object", "Widget.example.com/a/b"),
	} {
		if status, body := p.Read(path); status != http.StatusNotFound || strings.Contains(body, marker) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestALargeObjectIsSummarisedAndOpenedWhenAskedFor(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	pairs := func(value string) []string {
		var out []string
		for i := range 2500 {
			out = append(out, fmt.Sprintf("k%04d", i), value)
		}
		return out
	}
	repo := p.Repo("shop", gittest.Files{"big.yaml": configMap("big", pairs("1")...)})
	p.App("shop", "source: {repository: shop}\nsync: {mode: Manual}")
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	p.Do("shop", "sync", nil)
	p.WaitSynced("shop", repo.Head())
	repo.Push("all of it", gittest.Files{"big.yaml": configMap("big", pairs("2")...)})
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	d := ask[httpapi.Diff](p, "shop", "diff")
	if len(d.Objects) != 1 || len(d.Objects[0].Fields) != 0 || !strings.Contains(d.Objects[0].Summary, "2500 ours") || d.Objects[0].Counts["ours"] != 2500 {
		t.Errorf("%+v", d.Objects)
	}
	d = ask[httpapi.Diff](p, "shop", "diff", "object", "ConfigMap/"+p.Namespace+"/big")
	if len(d.Objects) != 1 || len(d.Objects[0].Fields) != 2000 || d.Objects[0].More != 500 || d.Objects[0].Summary != "" {
		t.Errorf("opened it has %d fields, %d more", len(d.Objects[0].Fields), d.Objects[0].More)
	}
}

func TestOneObjectThatCannotBeComparedHidesNoOther(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	p.Repo("shop", gittest.Files{"a.yaml": documents(
		configMap("good", "k", "v"), "apiVersion: nowhere.example.com/v1\nkind: Widget\nmetadata: {name: w}\n", configMap("another", "k", "v"),
	)})
	p.App("shop", "source: {repository: shop}")
	p.WaitReason("shop", "Failed", "KindUnknown")
	d := ask[httpapi.Diff](p, "shop", "diff", "left", "live", "right", "git")
	if len(d.Objects) != 2 || len(d.Problems) != 1 || d.Problems[0].Reason != "KindUnknown" || !strings.HasPrefix(d.Problems[0].Where, "a.yaml:") {
		t.Errorf("the difference is %+v", d)
	}
}

func TestADeploymentWhoseBundleIsGoneIsRenderedAgain(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "k", "first of "+p.Namespace)})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	first := ask[httpapi.List[httpapi.Deployment]](p, "shop", "deployments").Items[0]
	repo.Push("second", gittest.Files{"a.yaml": configMap("a", "k", "second")})
	p.WaitSynced("shop", repo.Head())
	files, err := filepath.Glob(filepath.Join(p.Dir, "bundles", "*"+strings.TrimPrefix(first.Bundle, "sha256:")+"*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the bundle is at %v, %v", files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	d := ask[httpapi.Diff](p, "shop", "diff", "left", "live", "right", "deployment:"+first.ID)
	o, _ := find(d, "/a")
	if got := fields(o, "ours"); !slices.Equal(got, []string{".data.k second>first of " + p.Namespace}) {
		t.Errorf("going back changes %q", got)
	}
}
