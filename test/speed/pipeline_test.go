package speed

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/enginelab"
)

// TestAFirstSyncWritesBeforeAllIsRenderedAndRendersWhileWritesWait lets a few of many Apps be rendered and the others wait for
// the first write, which in its turn waits until more are rendered.
func TestAFirstSyncWritesBeforeAllIsRenderedAndRendersWhileWritesWait(t *testing.T) {
	t.Parallel()
	const n, few, further = 100, 10, 20
	cp := cptest.Shared(t)
	namespace := cp.Namespace(t)
	var l *enginelab.Lab
	var first sync.Once
	began, goOn := make(chan struct{}), make(chan struct{})
	l = enginelab.Reaching(t, link{refuse: func(r *http.Request) *http.Response {
		if r.Method != http.MethodPatch || l.Renderer.Count() == 1 { // that of the App which comes alone
			return nil
		}
		first.Do(func() { close(began) })
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
	l.Renderer.Before(func(ctx context.Context, n int) {
		if n <= 1+few {
			return
		}
		select {
		case <-began:
		case <-ctx.Done():
		}
	})
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
	cptest.Eventually(t, soon, "rendering goes on while writes wait", func() bool { return l.Renderer.Objects() >= 1+few+further })
	close(goOn)
	l.UntilSynced(t, head, names...)
}
