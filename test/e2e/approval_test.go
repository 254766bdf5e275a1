package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/server"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestInManualModeACommitWaitsForASync(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "1")})
	p.App("shop", "source: {repository: shop}\nsync: {mode: Manual}")
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	if p.Get("v1", "ConfigMap", "a") != nil {
		t.Fatal("applied without a sync")
	}
	p.Do("shop", "sync", nil)
	p.WaitSynced("shop", repo.Head())
	repo.Push("change", gittest.Files{"a.yaml": configMap("a", "2")})
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	if v := value(p, "a"); v != "1" {
		t.Errorf("nobody asked for a sync, and the value became %v", v)
	}
	// What is applied is kept as it is meanwhile.
	p.Patch("v1", "ConfigMap", "a", "kubectl-edit", "data: {value: mine}")
	p.Do("shop", "sync", nil)
	p.WaitSynced("shop", repo.Head())
	if v := value(p, "a"); v != "2" {
		t.Errorf("Synced, and the value is %v", v)
	}
}

func TestInApproveModeExactlyTheApprovedPlanIsApplied(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "1")})
	p.App("shop", "source: {repository: shop}\nsync: {mode: Approve}")
	first := p.WaitReason("shop", "Waiting", "AwaitingApproval").Plan.Digest
	repo.Push("change", gittest.Files{"a.yaml": configMap("a", "2")})
	status := p.Until("shop", "has a plan for the new commit", func(s statusOf) bool {
		return s.Reason == "AwaitingApproval" && s.Plan != nil && s.Plan.Digest != first
	})
	p.Do("shop", "sync", nil) // without a plan it approves nothing
	err := p.Call(http.MethodPost, "/api/v1/apps/"+p.Namespace+"/shop/sync", server.SyncBody{Plan: object.Digest(first)}, nil)
	if problem := (server.Problem{}); !errors.As(err, &problem) || problem.Status != http.StatusConflict || problem.Reason != fault.PlanStale {
		t.Errorf("an approval of another plan is answered with %v", err)
	}
	// Who writes the wish past the API is refused too.
	p.Annotate("shop", v1alpha1.AnnotationSyncRequest, fmt.Sprintf(`{"id":"late","plan":%q}`, first))
	p.WaitReason("shop", "Waiting", "PlanStale")
	if p.Get("v1", "ConfigMap", "a") != nil {
		t.Fatal("applied with an approval of another plan")
	}
	var shown struct {
		Plan struct {
			Digest string `json:"digest"`
		} `json:"plan"`
	}
	p.MustCall("GET", "/api/v1/apps/"+p.Namespace+"/shop/plan", nil, &shown)
	if shown.Plan.Digest != status.Plan.Digest {
		t.Errorf("the plan that is shown is %q, the one that waits %q", shown.Plan.Digest, status.Plan.Digest)
	}
	p.Do("shop", "sync", server.SyncBody{Plan: object.Digest(status.Plan.Digest)})
	p.WaitSynced("shop", repo.Head())
	if v := value(p, "a"); v != "2" {
		t.Errorf("the value is %v", v)
	}
}

// approve approves the plan that an App waits with.
func approve(p *harness.Env, app string) {
	p.Do(app, "sync", server.SyncBody{Plan: object.Digest(p.Status(app).Status.Plan.Digest)})
}

func TestDeletingMostOfAnAppWaitsForApproval(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	files := gittest.Files{}
	for i := range 6 {
		files[fmt.Sprintf("%d.yaml", i)] = configMap(fmt.Sprintf("c%d", i), "1")
	}
	repo := p.Repo("shop", files)
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	less := gittest.Files{}
	for i := range 4 {
		less[fmt.Sprintf("%d.yaml", i)] = gittest.Delete
	}
	head := repo.Push("remove four of six", less)
	status := p.WaitReason("shop", "Waiting", "PruneGuard")
	if !strings.Contains(status.Message, "4 of the App's 6 objects") || !strings.Contains(status.Next, status.Plan.Digest) {
		t.Errorf("it says %q and then %q", status.Message, status.Next)
	}
	id := p.Do("shop", "sync", nil)
	p.Eventually("a sync without a plan is handled", func() bool { v := p.View("shop"); return v.Request == id || v.Reason == "PruneGuard" })
	if p.Get("v1", "ConfigMap", "c0") == nil {
		t.Fatal("deleted without approval")
	}
	approve(p, "shop")
	p.WaitSynced("shop", head)
	for i := range 6 {
		if there := p.Get("v1", "ConfigMap", fmt.Sprintf("c%d", i)) != nil; there != (i >= 4) {
			t.Errorf("c%d: there is %v", i, there)
		}
	}
}

func TestDeletingWhatIsPreciousWaitsForApproval(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	group, other := p.Namespace+".example.test", p.Namespace+"-other"
	keep := documents(configMap("k1", "1"), configMap("k2", "1"), configMap("k3", "1"), configMap("k4", "1"))
	for name, c := range map[string]struct{ apiVersion, kind, object, yaml string }{
		"claim": {"v1", "PersistentVolumeClaim", "data", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"},
		"space": {"v1", "Namespace", "/" + other, "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + other + "}\n"},
		"kinds": {"apiextensions.k8s.io/v1", "CustomResourceDefinition", "/gadgets." + group, "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: gadgets." + group + "}\n" +
			"spec: {group: " + group + ", scope: Namespaced, names: {kind: Gadget, plural: gadgets}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}\n"},
	} {
		repo := p.Repo(name, gittest.Files{"keep.yaml": strings.ReplaceAll(keep, "name: k", "name: "+name), "precious.yaml": c.yaml})
		p.App(name, "source: {repository: "+name+"}")
		p.WaitSynced(name, repo.Head())
		head := repo.Push("remove it", gittest.Files{"precious.yaml": gittest.Delete})
		p.WaitReason(name, "Waiting", "PruneGuard")
		if p.Get(c.apiVersion, c.kind, c.object) == nil {
			t.Fatalf("%s: deleted without approval", c.kind)
		}
		approve(p, name)
		p.WaitSynced(name, head)
		p.Eventually(c.kind+" is deleted", func() bool { return p.Get(c.apiVersion, c.kind, c.object) == nil })
	}
}

func TestAnEmptyRenderDeletesNothingUnlessItIsAllowedAndApproved(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "1")})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	head := repo.Push("empty it", gittest.Files{"a.yaml": "# nothing\n"})
	p.WaitReason("shop", "Failed", "EmptyRender")
	if value(p, "a") != "1" {
		t.Fatal("an empty render pruned")
	}
	p.App("shop", "source: {repository: shop}\nsync: {allowEmpty: true}")
	p.WaitReason("shop", "Waiting", "EmptyRender")
	if value(p, "a") != "1" {
		t.Fatal("an empty render pruned without approval")
	}
	approve(p, "shop")
	p.WaitSynced("shop", head)
	if p.Get("v1", "ConfigMap", "a") != nil {
		t.Error("approved, and still there")
	}
}
