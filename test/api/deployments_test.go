package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/server"
	"plumb.cd/plumb/test/e2e/harness"
)

func deployments(p *harness.Env, app string) []httpapi.Deployment {
	return ask[httpapi.List[httpapi.Deployment]](p, app, "deployments").Items
}

// ended reports whether an App has so many deployments, and the last one has ended.
func ended(p *harness.Env, app string, n int) bool {
	list := deployments(p, app)
	return len(list) == n && list[0].Outcome != "Running"
}

func subjects(commits []httpapi.CommitRef) []string {
	var out []string
	for _, c := range commits {
		out = append(out, c.Subject)
	}
	return out
}

func TestADeploymentHasAnAddressOfItsOwn(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"cfg.yaml": configMap("cfg", "k", "1")})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	p.Eventually("the deployment has ended", func() bool { return ended(p, "shop", 1) })
	listed := deployments(p, "shop")[0]
	if one := ask[httpapi.Deployment](p, "shop", "deployments/"+listed.ID); one.ID != listed.ID || one.Bundle != listed.Bundle || one.Commit == nil || one.Commit.SHA != repo.Head() {
		t.Errorf("%+v, listed as %+v", one, listed)
	}
	if status, body := p.Read(at(p, "shop", "deployments/nope")); status != http.StatusNotFound {
		t.Errorf("one that never was: %d %s", status, body)
	}
}

func TestADeploymentNamesTheCommitsAndImagesThatItBrought(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("mono", gittest.Files{
		"shop/kustomization.yaml": "resources: [web.yaml, ../base]\n", "shop/web.yaml": deployment("web", "registry.example.com:5000/shop/web:1.0", 1),
		"base/kustomization.yaml": "resources: [cfg.yaml]\n", "base/cfg.yaml": configMap("cfg", "k", "1"), "other/readme.md": "hello",
	})
	p.App("shop", "source: {repository: mono, path: shop}\nsync: {mode: Manual}")
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	p.Do("shop", "sync", nil)
	p.WaitSynced("shop", repo.Head())
	first := deployments(p, "shop")
	if len(first) != 1 || first[0].Outcome != "Succeeded" || first[0].Created != 2 || first[0].Trigger != "request" || first[0].Actor == "" || first[0].Mode != "Sync" {
		t.Fatalf("the first deployment: %+v", first)
	}
	if !slices.Equal(first[0].Images, []httpapi.ImageChange{{Name: "registry.example.com:5000/shop/web", After: "1.0"}}) || first[0].Duration <= 0 {
		t.Errorf("its images: %+v", first[0])
	}

	repo.Push("touch nothing of the shop", gittest.Files{"other/readme.md": "hello again"})
	repo.Push("bump web", gittest.Files{"shop/web.yaml": deployment("web", "registry.example.com:5000/shop/web:1.1", 1)})
	repo.Push("another level", gittest.Files{"base/cfg.yaml": configMap("cfg", "k", "2")})
	head := repo.Push("nothing again", gittest.Files{"other/readme.md": "and again"})
	p.Eventually("all is seen", func() bool { return p.View("shop").Head == head })
	p.WaitReason("shop", "Waiting", "AwaitingSync")
	p.Do("shop", "sync", nil)
	p.Eventually("it is deployed", func() bool { return ended(p, "shop", 2) })
	list := deployments(p, "shop")
	second := list[0]
	if got := subjects(second.Commits); !slices.Equal(got, []string{"another level", "bump web"}) {
		t.Errorf("its commits: %q", got)
	}
	if want := (httpapi.ImageChange{Name: "registry.example.com:5000/shop/web", Before: "1.0", After: "1.1"}); len(second.Images) != 1 || second.Images[0] != want {
		t.Errorf("its images: %+v", second.Images)
	}
	if second.Changed != 2 || second.Commit == nil || second.LeadTime <= 0 || !list[1].LiveUntil.Equal(second.Ended) || !second.LiveUntil.IsZero() {
		t.Errorf("the second: %+v, the first: %+v", second, list[1])
	}

	p.MustCall(http.MethodPost, at(p, "shop", "hold"), server.HoldBody{Revision: repo.Git("rev-list", "--max-parents=0", "main")}, nil)
	p.WaitState("shop", "Waiting")
	p.Do("shop", "sync", nil)
	p.Eventually("the old state is back", func() bool { return ended(p, "shop", 3) })
	back := deployments(p, "shop")[0]
	if back.Trigger != "hold" || len(back.Commits) != 0 || len(back.Images) != 1 || back.Images[0].After != "1.0" {
		t.Errorf("a hold at the first commit: %+v", back)
	}

	c := ask[httpapi.Comparison](p, "shop", "deployments/compare", "left", list[1].ID, "right", second.ID)
	if got := subjects(c.Commits); !slices.Equal(got, []string{"another level", "bump web"}) || len(c.Images) != 1 || len(c.Diff.Objects) != 2 {
		t.Errorf("the comparison: %q %+v %+v", got, c.Images, c.Diff.Objects)
	}
	if o, _ := find(c.Diff, "/web"); !slices.Equal(fields(o, "ours"), []string{
		".spec.template.spec.containers[name=main].image registry.example.com:5000/shop/web:1.0>registry.example.com:5000/shop/web:1.1"}) {
		t.Errorf("the Deployment: %+v", o)
	}
	if status, _ := p.Read(at(p, "shop", "deployments/compare", "left", "nothing", "right", second.ID)); status != http.StatusNotFound {
		t.Errorf("a deployment that is not recorded: %d", status)
	}
	var paged []string
	cursor := ""
	for range 5 {
		page := ask[httpapi.List[httpapi.Deployment]](p, "shop", "deployments", "limit", "1", "cursor", cursor)
		for _, d := range page.Items {
			paged = append(paged, d.ID)
			if d.ID == second.ID && len(d.Commits) != 2 {
				t.Errorf("on a page of its own: %+v", d)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if !slices.Equal(paged, []string{back.ID, second.ID, list[1].ID}) {
		t.Errorf("page by page: %q", paged)
	}
}

func TestWhatDriftedAgainAndAgainIsOneChange(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	repo := p.Repo("shop", gittest.Files{"cfg.yaml": configMap("cfg", "k", "v")})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	for i := range 2 {
		p.Patch("v1", "ConfigMap", "cfg", "kubectl-edit", fmt.Sprintf("data: {k: 'changed %d'}", i))
		p.Eventually("it is undone", func() bool { return harness.Field(p.Must("v1", "ConfigMap", "cfg"), "data", "k") == "v" })
		p.Eventually("it is recorded", func() bool { return len(p.History("shop", "Healed")) == i+1 })
	}
	var page httpapi.List[httpapi.Change]
	p.MustCall(http.MethodGet, "/api/v1/changes?app="+p.Namespace+"/shop", nil, &page)
	var got []string
	for _, c := range page.Items {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %d %s", c.Kind, c.Manager, c.Repeats, c.Outcome)))
	}
	if !slices.Equal(got, []string{"healed kubectl-edit 2", "deployment  0 Succeeded"}) {
		t.Errorf("the changes: %q", got)
	}
	if f := page.Items[0].Fields; len(f) != 1 || f[0].Path != ".data.k" || f[0].Left != "v" || f[0].Right != "changed 1" {
		t.Errorf("what changed: %+v", f)
	}
}

func TestARepositoryIsAskedNowAndItsAnswerIsTold(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	p.Repo("shop", gittest.Files{"cfg.yaml": configMap("cfg", "k", "v")})
	p.App("shop", "source: {repository: shop}")
	p.Apply("apiVersion: plumb.cd/v1alpha1\nkind: Repository\nmetadata: {name: gone}\nspec: {url: /nowhere/at/all.git, interval: 1h}\n" +
		"---\napiVersion: plumb.cd/v1alpha1\nkind: Repository\nmetadata: {name: closed}\nspec: {url: 'https://127.0.0.1:1/x.git', interval: 1h}\n")
	test := func(name string) (out httpapi.RepositoryTest, err error) {
		err = p.Call(http.MethodPost, "/api/v1/repositories/"+p.Namespace+"/"+name+"/test", nil, &out)
		return out, err
	}
	for _, name := range []string{"shop", "gone", "closed"} {
		p.Eventually("the Repository "+name+" is known", func() bool { _, err := test(name); return err == nil })
	}
	if got, err := test("shop"); err != nil || !got.OK || got.Refs != 1 || got.Took <= 0 || got.Problem != nil {
		t.Errorf("a good one: %+v %v", got, err)
	}
	if got, err := test("gone"); err != nil || got.OK || got.Problem == nil || got.Problem.Reason != "RepositoryNotFound" || !strings.Contains(got.Problem.Message, "no such directory") {
		t.Errorf("one that is not there: %+v %+v %v", got, got.Problem, err)
	}
	if got, err := test("closed"); err != nil || got.OK || got.Problem == nil || got.Problem.Reason != "Unreachable" || !strings.Contains(got.Problem.Message, "127.0.0.1") {
		t.Errorf("one whose server is away: %+v %+v %v", got, got.Problem, err)
	}
	if _, err := test("never-made"); err == nil {
		t.Error("a Repository that was never made was asked")
	}
}
