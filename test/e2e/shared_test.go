package e2e

import (
	"testing"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestEqualInputsRenderOnce(t *testing.T) {
	t.Parallel()
	p := harness.NewLab(t).Env(t)
	repo := p.Repo("shop", gittest.Files{"a/a.yaml": configMap("a", "1"), "b/b.yaml": configMap("b", "1")})
	for _, space := range []string{"shared-1", "shared-2", "shared-3"} {
		p.Apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + space + "}\n")
		p.App(space, "source: {repository: shop, path: a}\ndestination: {namespace: "+space+"}")
	}
	p.Apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: shared-4}\n")
	p.App("other", "source: {repository: shop, path: a}\ndestination: {namespace: shared-4}\ncommonMetadata: {labels: {own: \"yes\"}}")
	apps := []string{"shared-1", "shared-2", "shared-3", "other"}
	for _, app := range apps {
		p.WaitSynced(app, repo.Head())
	}
	if n := p.Renders(); n != 2 {
		t.Errorf("%d renders for three Apps with the same inputs and one with others", n)
	}
	head := repo.Push("a change", gittest.Files{"a/a.yaml": configMap("a", "2")})
	for _, app := range apps {
		p.WaitSynced(app, head)
	}
	if n := p.Renders(); n != 4 {
		t.Errorf("%d renders after a commit that touches them all", n)
	}
}
