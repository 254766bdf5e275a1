package e2e

import (
	"net/http"
	"slices"
	"testing"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

func TestARollbackInGitRestoresTheInputsOfThisAppOnly(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	base := func(v string) gittest.Files { return gittest.Files{"base/config.yaml": configMap("base", v)} }
	app := func(name, v string) gittest.Files {
		return gittest.Files{
			name + "/kustomization.yaml": "resources: [../base, own.yaml]\nnamePrefix: " + name + "-\n",
			name + "/own.yaml":           configMap("own", v),
		}
	}
	repo := p.Repo("shop", harness.Merge(base("1"), app("left", "1"), app("right", "1"), gittest.Files{"base/kustomization.yaml": "resources: [config.yaml]\n"}))
	p.App("left", "source: {repository: shop, path: left}")
	p.App("right", "source: {repository: shop, path: right}")
	good := repo.Head()
	p.WaitSynced("left", good)
	p.WaitSynced("right", good)
	bad := repo.Push("two of everything", harness.Merge(base("2"), app("left", "2"), app("right", "2")))
	p.WaitSynced("left", bad)
	p.WaitSynced("right", bad)

	var answer engine.Reverted
	path := "/api/v1/apps/" + p.Namespace + "/left/revert"
	p.MustCall(http.MethodPost, path, engine.RevertRequest{}, &answer)
	if answer.Commit != "" || repo.Git("rev-parse", "main") != bad {
		t.Fatalf("shared files are to be asked about, and it committed %q", answer.Commit)
	}
	if answer.To != good {
		t.Errorf("it would go back to %s, want %s", answer.To, good)
	}
	var files []string
	for _, f := range answer.Files {
		files = append(files, f.Path)
	}
	slices.Sort(files)
	if !slices.Equal(files, []string{"base/config.yaml", "left/own.yaml"}) {
		t.Errorf("it would restore %q", files)
	}
	if others := answer.Shared["base/config.yaml"]; len(answer.Shared) != 1 || len(others) != 1 || others[0].Name != "right" {
		t.Errorf("it names as shared %v", answer.Shared)
	}

	p.MustCall(http.MethodPost, path, engine.RevertRequest{Shared: engine.SkipShared}, &answer)
	if head := repo.Git("rev-parse", "main"); head != answer.Commit || repo.Git("rev-parse", head+"^") != bad {
		t.Fatalf("main is at %s, want the new commit %s on top of %s", head, answer.Commit, bad)
	}
	if changed := repo.Git("diff", "--name-only", bad, answer.Commit); changed != "left/own.yaml" {
		t.Errorf("the commit changes %q", changed)
	}
	p.Eventually("the restored value is applied", func() bool { return value(p, "left-own") == "1" })
	p.WaitSynced("left", answer.Commit)
	if l, r := value(p, "left-base"), value(p, "right-own"); l != "2" || r != "2" {
		t.Errorf("what was not to be restored is %v and %v", l, r)
	}
}
