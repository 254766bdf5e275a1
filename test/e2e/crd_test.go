package e2e

import (
	"testing"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestACRDAndItsResourcesComeInOneCommit(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	group := p.Namespace + ".example.test"
	repo := p.Repo("shop", gittest.Files{
		"a-resource.yaml": "apiVersion: " + group + "/v1\nkind: Widget\nmetadata: {name: one}\nspec: {size: 3}\n",
		"z-definition.yaml": `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.` + group + `}
spec:
  group: ` + group + `
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
`,
	})
	p.App("widgets", "source: {repository: shop}")
	p.WaitSynced("widgets", repo.Head())
	if size := harness.Field(p.Must(group+"/v1", "Widget", "one"), "spec", "size"); size != int64(3) {
		t.Errorf("the Widget has the size %v", size)
	}
	p.Patch(group+"/v1", "Widget", "one", "kubectl-edit", "spec: {size: 4}")
	p.Eventually("the Widget is healed", func() bool {
		return harness.Field(p.Get(group+"/v1", "Widget", "one"), "spec", "size") == int64(3)
	})
	p.Apply("apiVersion: plumb.cd/v1alpha1\nkind: App\nmetadata: {name: widgets}\nspec: {source: {repository: shop}, destination: {namespace: " + p.Namespace + "}, deletion: Orphan}\n")
	p.Delete("plumb.cd/v1alpha1", "App", "widgets")
	p.Eventually("the App is gone", func() bool { return p.Get("plumb.cd/v1alpha1", "App", "widgets") == nil })
	p.Delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets."+group)
}
