package speed

import (
	"fmt"
	"maps"
	"testing"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/test/enginelab"
)

// TestACommitRendersExactlyWhatItTouches has a few hundred Apps in one repository, one in ten of them on a shared base.
func TestACommitRendersExactlyWhatItTouches(t *testing.T) {
	t.Parallel()
	const n, every, listing = 300, 10, 11 // App 11 is a directory of plain YAML
	cp := cptest.Shared(t)
	namespace := cp.Namespace(t)
	l := enginelab.New(t, cp)
	repo := gittest.NewRepo(t)
	files := gittest.Files{"base/kustomization.yaml": "resources: [cm.yaml]\n", "base/cm.yaml": configMap("base", "1")}
	var names []string
	path := func(i int) string { return fmt.Sprintf("apps/%03d", i) }
	for i := range n {
		if names = append(names, fmt.Sprintf("app-%03d", i)); i%every == 0 {
			files[path(i)+"/kustomization.yaml"] = fmt.Sprintf("namePrefix: a%03d-\nresources: [../../base, own.yaml]\n", i)
		} else {
			files[path(i)+"/kustomization.yaml"] = fmt.Sprintf("namePrefix: a%03d-\nresources: [own.yaml]\n", i)
		}
		if i == listing {
			delete(files, path(i)+"/kustomization.yaml")
		}
		files[path(i)+"/own.yaml"], files[path(i)+"/README.md"] = configMap("own", "1"), "words\n"
	}
	head := repo.Commit("main", "start", files)
	l.Repository("mono", repo.Dir)
	for i, name := range names {
		l.Put(name, engine.App{
			Namespace: namespace, Mode: engine.Manual, Policy: plan.Policy{Prune: true},
			Sources: []engine.Source{{Repository: "mono", Render: render.Request{Path: path(i)}}},
		})
	}
	// Every commit is followed by one more render of the Apps that it touches, and of no other: seen at once, or as soon as an
	// App that works has come to it, and never taken back.
	want := map[string]int{}
	after := func(what string, touched ...int) {
		t.Helper()
		for _, i := range touched {
			want[path(i)]++
		}
		l.Look()
		l.Until(t, "the Apps know of "+what, func(s engine.Snapshot) bool {
			return s.Head == head && (s.Desired != nil || s.State == engine.StateFailed)
		}, names...)
		cptest.Eventually(t, soon, what+" has rendered what it touches", func() bool { return l.Renderer.Count() >= total(want) })
		if got := l.Renderer.Paths(); !maps.Equal(got, want) {
			t.Errorf("%s: rendered too often or too seldom: %v", what, difference(got, want))
		}
	}
	all, users := make([]int, 0, n), make([]int, 0, n/every)
	for i := range n {
		if all = append(all, i); i%every == 0 {
			users = append(users, i)
		}
	}
	after("the first commit", all...)
	head = repo.Commit("main", "one", gittest.Files{path(7) + "/own.yaml": configMap("own", "2")})
	after("a commit to one App", 7)
	head = repo.Commit("main", "base", gittest.Files{"base/cm.yaml": configMap("base", "2")})
	after("a commit to the base", users...)
	head = repo.Commit("main", "none", gittest.Files{path(3) + "/README.md": "other words\n", "docs/new.md": "words\n"})
	after("a commit to none")
	head = repo.Commit("main", "miss", gittest.Files{path(5) + "/kustomization.yml": "resources: []\n"})
	after("a commit of a file that one App has looked for in vain", 5)
	head = repo.Commit("main", "listing", gittest.Files{path(listing) + "/new.yaml": configMap("new", "1"), path(12) + "/new.yaml": configMap("new", "1")})
	after("a commit of a file that one App sees in the listing of its directory, and of one that nobody sees", listing)
	l.Restart(t)
	before := l.Renderer.Count()
	head = repo.Commit("main", "after a restart", gittest.Files{path(8) + "/own.yaml": configMap("own", "3")})
	l.Look()
	l.Until(t, "the Apps know of the commit after the restart", func(s engine.Snapshot) bool { return s.Head == head }, names...)
	if got := l.Renderer.Count() - before; got > n+1 {
		t.Errorf("a restart rendered %d times for %d Apps", got, n)
	}
}

func total(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// difference is got less want, by path.
func difference(got, want map[string]int) map[string]int {
	out := maps.Clone(got)
	for p, n := range want {
		if out[p] -= n; out[p] == 0 {
			delete(out, p)
		}
	}
	return out
}
