package speed

import (
	"fmt"
	"testing"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/test/enginelab"
)

// TestACommitToOneObjectOfManyCostsThatObject changes one object of an App of many: its file is parsed and encoded, the
// object is brought into the form in which it is sent, and all else is known. What each stage allocates for it is held by
// the tests of bundle and plan.
func TestACommitToOneObjectOfManyCostsThatObject(t *testing.T) {
	t.Parallel()
	const parts, each, commits = 40, 50, 4
	cp := cptest.Shared(t)
	namespace := cp.Namespace(t)
	l := enginelab.New(t, cp)
	repo := gittest.NewRepo(t)
	path := func(i int) string { return fmt.Sprintf("big/part-%02d.yaml", i) }
	files := gittest.Files{}
	for i := range parts {
		files[path(i)] = documents("cm", i*each, (i+1)*each)
	}
	head := repo.Commit("main", "start", files)
	l.Repository("mono", repo.Dir)
	l.Put("big", engine.App{
		Namespace: namespace, Mode: engine.Auto, Policy: plan.Policy{Prune: true},
		Sources: []engine.Source{{Repository: "mono", Render: render.Request{Path: "big"}}},
	})
	l.UntilSynced(t, head, "big")
	if w := l.Work(); w.Encoded != parts*each {
		t.Errorf("the first sync of %d objects: %+v", parts*each, w)
	}
	for n := range commits {
		before, parsed := l.Work(), l.Renderer.Objects()
		head = repo.Commit("main", "one", gittest.Files{path(7 * n): documents("cm", 7*n*each, (7*n+1)*each-1) + "---\n" + configMap(fmt.Sprintf("cm-%d", (7*n+1)*each-1), "2")})
		l.Look()
		l.UntilSynced(t, head, "big")
		now := l.Work()
		if got := l.Renderer.Objects() - parsed; got != each {
			t.Errorf("%d objects were rendered for a commit to one, of a file of %d", got, each)
		}
		if got := now.Encoded - before.Encoded; got != each {
			t.Errorf("%d objects were encoded for a commit to one, of a file of %d", got, each)
		}
		if got := now.Prepared - before.Prepared; got != 1 {
			t.Errorf("%d objects were prepared for a commit to one", got)
		}
	}
	l.Restart(t)
	l.UntilSynced(t, head, "big")
	before := l.Work()
	head = repo.Commit("main", "after a restart", gittest.Files{path(9): documents("cm", 9*each, 10*each-1)})
	l.Look()
	l.UntilSynced(t, head, "big")
	if got := l.Work().Encoded - before.Encoded; got != each-1 {
		t.Errorf("%d objects were encoded after a restart, of a file of %d", got, each-1)
	}
}
