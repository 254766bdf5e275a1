package speed

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/enginelab"
)

// TestAFirstSyncWritesBeforeAllIsRenderedAndRendersWhileWritesWait keeps the first writes of many Apps until more Apps were
// rendered than when they came.
func TestAFirstSyncWritesBeforeAllIsRenderedAndRendersWhileWritesWait(t *testing.T) {
	t.Parallel()
	const n, further = 300, 20
	cp := cptest.Shared(t)
	namespace := cp.Namespace(t)
	var l *enginelab.Lab
	var first sync.Once
	rendered, began, goOn := 0, make(chan struct{}), make(chan struct{})
	l = enginelab.Reaching(t, link{refuse: func(r *http.Request) *http.Response {
		if r.Method != http.MethodPatch || l.Renderer.Count() == 1 { // that of the App which comes alone
			return nil
		}
		first.Do(func() {
			rendered = l.Renderer.Count()
			close(began)
		})
		select {
		case <-goOn:
		case <-r.Context().Done():
		}
		return nil
	}}.through(t, cp))
	repo, files := gittest.NewRepo(t), gittest.Files{"alone/a.yaml": configMap("alone", "1")}
	var names []string
	for i := range n {
		name := fmt.Sprintf("app-%03d", i)
		names = append(names, name)
		files[name+"/kustomization.yaml"] = "namePrefix: " + name + "-\nresources: [a.yaml]\n"
		files[name+"/a.yaml"] = configMap("one", "1")
	}
	head := repo.Commit("main", "start", files)
	l.Repository("shop", repo.Dir)
	l.Put("alone", auto(namespace, "shop", "alone")) // the kind is watched before anything is measured
	l.UntilSynced(t, head, "alone")
	for _, name := range names {
		l.Put(name, auto(namespace, "shop", name))
	}
	cptest.Eventually(t, soon, "the first write", func() bool {
		select {
		case <-began:
			return true
		default:
			return false
		}
	})
	t.Logf("at the first write %d of %d Apps were rendered", rendered, n)
	if rendered > n/2 {
		t.Errorf("nothing was written before %d of %d Apps were rendered", rendered, n)
	}
	cptest.Eventually(t, soon, "rendering goes on while writes wait", func() bool { return l.Renderer.Count() >= rendered+further })
	close(goOn)
	l.UntilSynced(t, head, names...)
}
