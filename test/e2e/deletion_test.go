package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestADeletedAppTakesItsObjectsAlong(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{
		"web.yaml": deployment("web", "web:1"), "config.yaml": configMap("config", "1"),
		"kept.yaml": configMap("kept", "1", annotate("plumb.cd/delete", "disabled")),
	})
	p.Apply(configMap("stranger", "1"))
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	p.Delete("plumb.cd/v1alpha1", "App", "shop")
	p.Eventually("the App is gone", func() bool { return p.Get("plumb.cd/v1alpha1", "App", "shop") == nil })
	if p.Get("apps/v1", "Deployment", "web") != nil || p.Get("v1", "ConfigMap", "config") != nil {
		t.Error("the App is gone, and its objects are not")
	}
	if p.Get("v1", "ConfigMap", "kept") == nil || p.Get("v1", "ConfigMap", "stranger") == nil {
		t.Error("deleted what was to stay")
	}
}

// unmarked reports whether an object has none of Plumb's marks.
func unmarked(u *unstructured.Unstructured) bool {
	return u != nil && u.GetLabels()["plumb.cd/app"] == "" && u.GetAnnotations()["plumb.cd/owner"] == ""
}

func TestADeletedAppWithOrphanLeavesItsObjects(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "1"), "b.yaml": configMap("b", "1")})
	p.App("shop", "source: {repository: shop}\ndeletion: Orphan")
	p.WaitSynced("shop", repo.Head())
	before := p.Must("v1", "ConfigMap", "a").GetUID()
	p.Delete("plumb.cd/v1alpha1", "App", "shop")
	p.Eventually("the App is gone", func() bool { return p.Get("plumb.cd/v1alpha1", "App", "shop") == nil })
	for _, name := range []string{"a", "b"} {
		if u := p.Get("v1", "ConfigMap", name); !unmarked(u) {
			t.Errorf("ConfigMap %s is missing, or still has Plumb's marks: %v", name, u)
		}
	}
	// Another App may adopt what was left.
	p.App("heir", "source: {repository: shop}\nsync: {adopt: true}")
	p.WaitSynced("heir", repo.Head())
	if p.Must("v1", "ConfigMap", "a").GetUID() != before {
		t.Error("adopting made the object anew")
	}
}

func TestAnUnreachableClusterWedgesNoDeletion(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	far := cptest.Start(t, cptest.WithNodes(1))
	kubeconfig, err := os.ReadFile(far.EngineKubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	cluster := p.Namespace
	secret := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "far", "namespace": p.Namespace},
		"stringData": map[string]any{"kubeconfig": string(kubeconfig)},
	}}
	if err := p.Hub().Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	p.Apply(fmt.Sprintf("apiVersion: plumb.cd/v1alpha1\nkind: Cluster\nmetadata: {name: %s}\nspec: {kubeconfig: {name: far, namespace: %s}}\n", cluster, p.Namespace))
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "1")})
	spec := "source: {repository: shop}\ndestination: {cluster: " + cluster + ", namespace: default}"
	p.App("shop", spec)
	p.WaitSynced("shop", repo.Head())
	far.Kill(t)
	p.Delete("plumb.cd/v1alpha1", "App", "shop")
	status := p.Until("shop", "says what is left and where", func(s statusOf) bool { return s.Reason == "DeletionBlocked" && len(s.Left) > 0 })
	if left := strings.Join(status.Left, " "); !strings.Contains(left, "ConfigMap") || !strings.Contains(left, cluster) || !strings.Contains(status.Next, "Orphan") {
		t.Errorf("left is %q and the next step %q", left, status.Next)
	}
	p.App("shop", spec+"\ndeletion: Orphan")
	p.Eventually("Orphan lets go", func() bool { return p.Get("plumb.cd/v1alpha1", "App", "shop") == nil })
	p.Delete("plumb.cd/v1alpha1", "Cluster", "/"+cluster)
}
