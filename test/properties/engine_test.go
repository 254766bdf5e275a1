package properties

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/test/enginelab"
)

// naive renders an App with an engine that has never seen anything before.
func naive(t *testing.T, url string, spec engine.App) (bundle.Bundle, error) {
	t.Helper()
	dir := t.TempDir()
	mirrors, err := git.OpenStore(dir + "/git")
	if err != nil {
		t.Fatal(err)
	}
	defer mirrors.Close()
	bundles, err := bundle.OpenStore(dir+"/bundles", bundle.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New(engine.Options{Mirrors: mirrors, Bundles: bundles, Renderer: enginelab.NewRenderer(), HashKey: []byte("naive"), Now: time.Now})
	spec.Sources = slices.Clone(spec.Sources) // the other engine reads those that it was given
	spec.Sources[0].Repository, spec.Sources[0].URL = "", url
	return e.Render(context.WithoutCancel(t.Context()), spec)
}

func specOf(a app, namespace string, mode engine.SyncMode) engine.App {
	req := a.req
	req.Target.Namespace = ""
	return engine.App{
		Key: enginelab.Key(a.name), Namespace: namespace, Mode: mode, Policy: plan.Policy{Prune: true},
		Sources: []engine.Source{{Repository: "random", Render: req}},
	}
}

// TestAnEngineThatLivesThroughEditsAndRestartsWantsWhatANewOneWould follows a repository commit by commit, with restarts in
// between, and holds each bundle to that of an engine that begins with the commit.
func TestAnEngineThatLivesThroughEditsAndRestartsWantsWhatANewOneWould(t *testing.T) {
	t.Parallel()
	cp := cptest.Shared(t)
	for seed := range 4 {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			namespace := cp.Namespace(t)
			l := enginelab.New(t, cp)
			repo := gittest.NewRepo(t)
			now := rapid.Custom(start).Example(seed)
			head := repo.Commit("main", "start", gittest.Files(now))
			l.Repository("random", repo.Dir)
			var names []string
			for _, a := range apps() {
				names = append(names, a.name)
				l.Put(a.name, specOf(a, namespace, engine.Manual))
			}
			for step := range 5 {
				l.Until(t, "the Apps know the commit", func(s engine.Snapshot) bool { return s.Head == head }, names...)
				compare(t, l, repo.Dir, namespace)
				before := l.Renderer.Count()
				head = repo.Commit("main", "nothing", gittest.Files{"docs/a.md": fmt.Sprintf("step %d\n", step)})
				now["docs/a.md"] = fmt.Sprintf("step %d\n", step)
				l.Look()
				l.Until(t, "the Apps know the commit that touches none", func(s engine.Snapshot) bool { return s.Head == head }, names...)
				if n := l.Renderer.Count() - before; n != 0 && !reads(now, "docs/a.md") {
					t.Errorf("a commit that touches none rendered %d times: %v", n, l.Renderer.Paths())
				}
				next := rapid.Custom(func(t *rapid.T) files { f, _ := edit(t, now); return f }).Example(seed*100 + step)
				if len(next.changes(now)) == 0 {
					continue
				}
				head = repo.Commit("main", "edit", next.changes(now))
				now = next
				switch (seed + step) % 3 {
				case 0:
					l.Restart(t)
				case 1:
					l.LoseFiles(t)
				}
				l.Look()
			}
		})
	}
}

// reads reports whether an edit made somebody read a file that nobody is meant to: through a symlink.
func reads(f files, p string) bool {
	for _, content := range f {
		if strings.HasPrefix(content, gittest.Link("")) && strings.Contains(content, strings.Split(p, "/")[0]) {
			return true
		}
	}
	return false
}

func compare(t *testing.T, l *enginelab.Lab, url, namespace string) {
	t.Helper()
	for _, a := range apps() {
		want, wrong := naive(t, url, specOf(a, namespace, engine.Manual))
		what := fmt.Sprintf("%s: a new engine wants %s, or fails with %v", a.name, want.Digest, wrong)
		l.Until(t, what, func(s engine.Snapshot) bool {
			if wrong != nil {
				return s.Reason == fault.Of(wrong).Reason
			}
			return s.Desired != nil && s.Desired.Bundle == want.Digest
		}, a.name)
	}
}
