package speed

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

// gadgets defines a kind whose versions differ in nothing but their names; stored is the one in etcd.
func gadgets(group, stored string, more string) string {
	version := func(name string) string {
		return fmt.Sprintf(`  - name: %s
    served: true
    storage: %t
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties: {size: {type: integer}, tags: {type: array, items: {type: string}}%s}
          status: {type: object, properties: {beat: {type: integer}}}
`, name, name == stored, more)
	}
	return fmt.Sprintf(`apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.%[1]s}
spec:
  group: %[1]s
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget, listKind: GadgetList}
  versions:
`, group) + version("v1") + version("v2")
}

func gadget(group, name string, size int) string {
	return fmt.Sprintf("apiVersion: %s/v1\nkind: Gadget\nmetadata:\n  name: %s\nspec:\n  size: %d\n  tags: [a, b]\n", group, name, size)
}

func gadgetDocuments(group string, n, size int) string {
	var docs []string
	for i := range n {
		docs = append(docs, gadget(group, fmt.Sprintf("g%d", i), size))
	}
	return strings.Join(docs, "---\n")
}

func TestADefinitionWhoseStoredVersionChangesIsNoDrift(t *testing.T) {
	t.Parallel()
	const n, group = 20, "stored.speed.test"
	p := harness.NewLab(t).Env(t)
	p.Apply(gadgets(group, "v1", ""))
	repo := p.Repo("shop", gittest.Files{"g/g.yaml": gadgetDocuments(group, n, 1)})
	p.App("g", "source: {repository: shop, path: g}")
	p.WaitSynced("g", repo.Head())
	p.WaitCalm(calm)
	versions := map[string]string{}
	for i := range n {
		name := fmt.Sprintf("g%d", i)
		versions[name] = p.Must(group+"/v1", "Gadget", name).GetResourceVersion()
	}

	t.Log("the stored version changes, and a field with a default comes")
	mark := p.Audit()
	p.Apply(gadgets(group, "v2", `, color: {type: string, default: blue}`))
	p.Eventually("the new schema is served", func() bool {
		return harness.Field(p.Must(group+"/v2", "Gadget", "g0"), "spec", "color") == "blue"
	})
	p.WaitCalm(calm)
	dry := 0
	for _, r := range p.AuditSince(mark) {
		switch {
		case r.DryRun():
			dry++
		case r.Writes() && r.Resource == "gadgets":
			t.Errorf("a change of the definition made us %s", r)
		}
	}
	if dry > 2*n {
		t.Errorf("a change of the definition cost %d dry-runs for %d objects", dry, n)
	}
	for name, was := range versions {
		if now := p.Must(group+"/v1", "Gadget", name).GetResourceVersion(); now != was {
			t.Errorf("%s was written: %s, then %s", name, was, now)
		}
	}
	if s := p.Status("g").Status; s.State != "Synced" {
		t.Errorf("the App is %s: %s", s.State, s.Message)
	}

	t.Log("people store everything anew, as they are told to after such a change")
	for name := range versions {
		p.Patch(group+"/v2", "Gadget", name, "storage-migrator", `metadata: {annotations: {migrated: "yes"}}`)
	}
	p.WaitCalm(calm)
	if s := p.Status("g").Status; s.State != "Synced" {
		t.Errorf("after everything was stored anew, the App is %s: %s", s.State, s.Message)
	}

	t.Log("drift is still drift, whatever version it came by")
	p.Patch(group+"/v2", "Gadget", "g3", "kubectl-edit", "spec: {size: 7}")
	p.Eventually("drift is undone", func() bool { return size(p.Must(group+"/v1", "Gadget", "g3")) == 1 })
	repo.Push("bigger", gittest.Files{"g/g.yaml": gadgetDocuments(group, n, 2)})
	p.Eventually("a commit is applied", func() bool { return size(p.Must(group+"/v1", "Gadget", "g3")) == 2 })
}

func size(u *unstructured.Unstructured) int64 {
	n, _, _ := unstructured.NestedInt64(u.Object, "spec", "size") // 0 where there is none
	return n
}

// TestAStormOfStatusUpdatesCostsNoRequestAndHidesNoDrift has every object of a kind tell its status over and over.
func TestAStormOfStatusUpdatesCostsNoRequestAndHidesNoDrift(t *testing.T) {
	t.Parallel()
	const n, group, beats = 20, "storm.speed.test", 1500
	p := harness.NewLab(t).Env(t)
	p.Apply(gadgets(group, "v1", ""))
	repo := p.Repo("shop", gittest.Files{"g/g.yaml": gadgetDocuments(group, n, 1), "calm/c.yaml": configMap("calm", "1")})
	p.App("g", "source: {repository: shop, path: g}")
	p.App("calm", "source: {repository: shop, path: calm}")
	p.WaitSynced("g", repo.Head())
	p.WaitSynced("calm", repo.Head())
	p.WaitCalm(calm)
	mark := p.Audit()
	storm(t, p, group, n, beats)
	p.WaitCalm(calm)
	for _, r := range withoutEvents(p.AuditSince(mark)) {
		t.Errorf("a storm of status updates made us %s", r)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		storm(t, p, group, n, beats)
	}()
	p.Patch("v1", "ConfigMap", "calm", "kubectl-edit", "data: {value: mine}")
	p.Eventually("drift of another App is undone in a storm", func() bool {
		return harness.Field(p.Must("v1", "ConfigMap", "calm"), "data", "value") == "1"
	})
	p.Patch(group+"/v1", "Gadget", "g7", "kubectl-edit", "spec: {size: 9}")
	p.Eventually("drift of an object in the storm is undone", func() bool { return size(p.Must(group+"/v1", "Gadget", "g7")) == 1 })
	<-done
	p.WaitSynced("g", repo.Head())
}

// storm updates the status of all Gadgets, from several connections.
func storm(t *testing.T, p *harness.Env, group string, n, beats int) {
	t.Helper()
	const writers = 8
	failed := make(chan error, writers)
	for w := range writers {
		go func() {
			for i := w; i < beats; i += writers {
				var u unstructured.Unstructured
				text := fmt.Sprintf("apiVersion: %s/v1\nkind: Gadget\nmetadata: {name: g%d, namespace: %s}\n", group, i%n, p.Namespace)
				if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
					failed <- err
					return
				}
				if err := beatStatus(t, p, &u, i); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range writers {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

func beatStatus(t *testing.T, p *harness.Env, u *unstructured.Unstructured, beat int) error {
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"status":{"beat":%d}}`, beat))
	return p.Hub().Status().Patch(t.Context(), u, patch, client.FieldOwner("gadget-controller"))
}
