package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/server"
	"plumb.cd/plumb/test/e2e/harness"
)

func plan(p *harness.Env, app string, body any) httpapi.Plan {
	var out httpapi.Plan
	p.MustCall(http.MethodPost, at(p, app, "plan"), body, &out)
	return out
}

func sync(p *harness.Env, app, digest string) error {
	return p.Call(http.MethodPost, at(p, app, "sync"), server.SyncBody{Plan: object.Digest(digest)}, nil)
}

func refused(t *testing.T, err error) {
	t.Helper()
	var problem server.Problem
	if !errors.As(err, &problem) || problem.Status != http.StatusConflict || problem.Reason != fault.PlanStale {
		t.Errorf("a stale plan is answered with %v", err)
	}
}

func TestASyncCarriesOutThePlanThatWasShownOrNothing(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "k", "1"), "b.yaml": configMap("b", "k", "1")})
	p.App("shop", "source: {repository: shop}\nsync: {mode: Manual}")
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	first := plan(p, "shop", nil)
	if first.Empty || first.Counts.Create != 2 || len(first.Steps) != 2 || first.Friction != "none" || len(first.Errors) != 0 || first.Steps[0].Action != "create" {
		t.Errorf("the first plan: %+v", first)
	}
	repo.Push("another", gittest.Files{"a.yaml": configMap("a", "k", "2")})
	p.Eventually("there is another plan", func() bool { return plan(p, "shop", nil).Digest != first.Digest })
	refused(t, sync(p, "shop", first.Digest))
	// The engine refuses it too, whoever wrote the wish.
	p.Annotate("shop", v1alpha1.AnnotationSyncRequest, fmt.Sprintf(`{"id":"late","plan":%q}`, first.Digest))
	p.Eventually("the wish is handled", func() bool { return p.View("shop").Request == "late" })
	if p.Get("v1", "ConfigMap", "a") != nil || p.Get("v1", "ConfigMap", "b") != nil {
		t.Fatal("a stale plan was carried out")
	}
	if err := sync(p, "shop", plan(p, "shop", nil).Digest); err != nil {
		t.Fatal(err)
	}
	p.WaitSynced("shop", repo.Head())
	if v := harness.Field(p.Must("v1", "ConfigMap", "a"), "data", "k"); v != "2" {
		t.Errorf("a is %v", v)
	}
	if again := plan(p, "shop", nil); !again.Empty || len(again.Steps) != 0 {
		t.Errorf("the plan after it was carried out: %+v", again)
	}

	// A change to what is there, not only to Git, makes a plan stale.
	repo.Push("less", gittest.Files{"b.yaml": gittest.Delete})
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	less := plan(p, "shop", nil)
	if less.Counts.Delete != 1 || less.Friction != "type" || less.Steps[0].Risk != "delete" {
		t.Errorf("half of the App is deleted: %+v", less)
	}
	uid := p.Must("v1", "ConfigMap", "b").GetUID()
	p.Delete("v1", "ConfigMap", "b")
	p.Eventually("b is gone, or made again", func() bool { b := p.Get("v1", "ConfigMap", "b"); return b == nil || b.GetUID() != uid })
	p.Eventually("the plan is another one", func() bool { return plan(p, "shop", nil).Digest != less.Digest })
	refused(t, sync(p, "shop", less.Digest))

	only := plan(p, "shop", server.PlanBody{Only: []object.ID{{Kind: "ConfigMap", Namespace: p.Namespace, Name: "a"}}, All: true})
	if len(only.Steps) != 1 || !strings.HasSuffix(only.Steps[0].Object, "/a") || only.Digest == less.Digest {
		t.Errorf("only one object, whatever its state: %+v", only)
	}
}

func TestAPlanSaysWhyItCannotBeApplied(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	p.Apply(configMap("theirs", "k", "v"))
	p.Repo("shop", gittest.Files{
		"bad.yaml":    "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 99999}]}\n",
		"good.yaml":   configMap("good", "k", "v"),
		"theirs.yaml": configMap("theirs", "k", "v"),
	})
	p.App("shop", "source: {repository: shop}\nsync: {mode: Manual}")
	known(p, "shop")
	p.Eventually("it is looked at", func() bool { return p.View("shop").State != "Unknown" })
	var got []string
	for _, e := range plan(p, "shop", nil).Errors {
		got = append(got, e.Reason+" "+e.Where)
	}
	slices.Sort(got)
	want := []string{"NotOwned ConfigMap/" + p.Namespace + "/theirs", "SchemaViolation Service/" + p.Namespace + "/bad (bad.yaml:1)"}
	if !slices.Equal(got, want) {
		t.Errorf("the errors are %q, want %q", got, want)
	}

	p.Repo("typo", gittest.Files{"a.yaml": "apiVersion: v1\nkind: [\n"})
	p.App("typo", "source: {repository: typo}")
	p.WaitReason("typo", "Failed", "SyntaxInvalid")
	if typo := plan(p, "typo", nil); len(typo.Errors) != 1 || typo.Errors[0].Reason != "SyntaxInvalid" || !strings.HasPrefix(typo.Errors[0].Where, "a.yaml:") || typo.Empty {
		t.Errorf("what cannot be rendered: %+v", typo)
	}
}

func TestThePlanOfAPreciousDeletionIsGuarded(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	disk := "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: disk}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
	files := gittest.Files{"disk.yaml": disk}
	for i := range 9 {
		files[fmt.Sprintf("c%d.yaml", i)] = configMap(fmt.Sprintf("c%d", i), "k", "v")
	}
	repo := p.Repo("shop", files)
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	first := ask[httpapi.List[httpapi.Deployment]](p, "shop", "deployments").Items[0].ID
	head := repo.Push("without the disk", gittest.Files{"disk.yaml": gittest.Delete})
	p.WaitReason("shop", "Waiting", "PruneGuard")
	v := plan(p, "shop", nil)
	if v.Friction != "type" || len(v.Guards) != 1 || v.Counts.Delete != 1 || v.Steps[0].Risk != "data" {
		t.Errorf("the plan: %+v", v)
	}
	d := ask[httpapi.Diff](p, "shop", "diff")
	if len(d.Problems) != 1 || d.Problems[0].Reason != "DataLoss" || d.Objects[0].Risk != "data" {
		t.Errorf("the difference: %+v", d)
	}
	if err := sync(p, "shop", v.Digest); err != nil {
		t.Fatal(err)
	}
	p.WaitSynced("shop", head)
	back := ask[httpapi.Diff](p, "shop", "diff", "left", "live", "right", "deployment:"+first)
	if o, ok := find(back, "/disk"); !ok || o.Action != "added" || len(back.Problems) != 0 {
		t.Errorf("going back would bring the disk: %+v", back)
	}
}

func TestGoingBackSaysWhatWouldBeLost(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	group := p.Namespace + ".example.com"
	crd := func(versions ...string) string {
		text := fmt.Sprintf("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.%[1]s}\n"+
			"spec:\n  group: %[1]s\n  scope: Namespaced\n  names: {plural: widgets, singular: widget, kind: Widget}\n  versions:\n", group)
		for i, v := range versions {
			text += fmt.Sprintf("  - {name: %s, served: true, storage: %v, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}\n", v, i == 0)
		}
		return text
	}
	disk := "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: disk}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
	kept := "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: kept, annotations: {plumb.cd/prune: disabled}}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
	repo := p.Repo("shop", gittest.Files{"crd.yaml": crd("v1"), "cfg.yaml": configMap("cfg", "k", "1")})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	first := ask[httpapi.List[httpapi.Deployment]](p, "shop", "deployments").Items[0].ID
	repo.Push("more", gittest.Files{"crd.yaml": crd("v1", "v2"), "disk.yaml": disk, "kept.yaml": kept, "cfg.yaml": configMap("cfg", "k", "2")})
	p.WaitSynced("shop", repo.Head())
	back := ask[httpapi.Diff](p, "shop", "diff", "left", "live", "right", "deployment:"+first)
	var lost []string
	for _, problem := range back.Problems {
		lost = append(lost, problem.Reason+" "+problem.Where)
	}
	want := []string{"DataLoss CustomResourceDefinition.apiextensions.k8s.io/widgets." + group, "DataLoss PersistentVolumeClaim/" + p.Namespace + "/disk"}
	if !slices.Equal(lost, want) {
		t.Errorf("what would be lost is %q, want %q", lost, want)
	}
	if o, ok := find(back, "/kept"); !ok || o.Keeps == "" || o.Risk != "" {
		t.Errorf("what is annotated to stay: %+v", o)
	}
	if back.Objects[0].Risk != "data" || back.Objects[1].Risk != "data" {
		t.Errorf("what loses data comes first: %+v", back.Objects)
	}
}
