package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/render"
)

// pod is a Pod's spec with these images.
func pod(images ...string) map[string]any {
	var containers []any
	for _, i := range images {
		containers = append(containers, map[string]any{"name": "c", "image": i})
	}
	return map[string]any{"containers": containers}
}

func entry(kind, name string, spec map[string]any) bundle.Entry {
	return bundle.Entry{Body: map[string]any{"apiVersion": "v1", "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec}}
}

func TestImagesAreThoseOfEveryKindOfWorkload(t *testing.T) {
	template := func(p map[string]any) map[string]any { return map[string]any{"template": map[string]any{"spec": p}} }
	both := pod("web:1", "web:1", " ")
	both["initContainers"] = []any{map[string]any{"image": "init:2"}, "nonsense", map[string]any{"image": 3}}
	b := bundle.Bundle{Objects: []bundle.Entry{
		entry("Pod", "p", pod("pod:1")),
		entry("Deployment", "d", template(both)),
		entry("CronJob", "c", map[string]any{"jobTemplate": map[string]any{"spec": template(pod("cron:1"))}}),
		entry("Rollout", "r", template(pod("rollout:1"))),
		entry("ConfigMap", "m", map[string]any{"template": "text", "containers": "text"}),
		{Body: map[string]any{"kind": "Odd", "spec": "text"}},
	}}
	if got := Images(b); !slices.Equal(got, []string{"cron:1", "init:2", "pod:1", "rollout:1", "web:1"}) {
		t.Errorf("%q", got)
	}
}

// shelf is an engine that runs nothing, with Rows over it.
type shelf struct {
	*Engine
	rows *Rows
	mu   sync.Mutex
	told map[Key]int
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	bundles, err := bundle.OpenStore(filepath.Join(t.TempDir(), "bundles"), bundle.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	mirrors, err := git.OpenStore(filepath.Join(t.TempDir(), "git"))
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{Engine: New(Options{Now: time.Now, Bundles: bundles, Mirrors: mirrors}), told: map[Key]int{}}
	s.rows = NewRows(s.Engine, func(k Key) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.told[k]++
	})
	t.Cleanup(func() {
		if err := mirrors.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *shelf) times(k Key) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told[k]
}

func (s *shelf) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.rows.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// runs files an App that applied a bundle of one revision.
func (s *shelf) runs(k Key, d Deployed) {
	spec := App{Key: k, Cluster: "eu", Own: map[string]string{"team": "red"}}
	a := newApp(spec)
	a.accept(spec, time.Now())
	a.snapshot.Memory.Applied, a.snapshot.Desired = &d, &d
	s.Engine.mu.Lock()
	defer s.Engine.mu.Unlock()
	s.apps[k] = a
}

func TestWhatRowsShowIsReadInTheBackgroundAndThenKnown(t *testing.T) {
	s := newShelf(t)
	repo := gittest.NewRepo(t)
	commit := repo.Commit("main", "Bump to 2.14.1", gittest.Files{"a.yaml": "x"})
	mirror, err := s.o.Mirrors.Mirror(repo.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mirror.Update(t.Context(), git.Remote{URL: repo.Dir}, []git.Ref{{Branch: "main"}}); err != nil {
		t.Fatal(err)
	}
	sealed, err := bundle.Seal("plain", []bundle.Entry{entry("Pod", "p", pod("web:2.14.1"))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.o.Bundles.Put(sealed); err != nil {
		t.Fatal(err)
	}
	shop, lost := Key{"team", "shop"}, Key{"team", "lost"}
	rev := bundle.Revision{URL: repo.Dir, Path: "apps/shop", Commit: commit, Tree: "t"}
	s.runs(shop, Deployed{Bundle: sealed.Digest, Revisions: []bundle.Revision{rev}, At: time.Unix(1, 0)})
	s.runs(lost, Deployed{Bundle: "sha256:00", Revisions: []bundle.Revision{{URL: repo.Dir, Commit: "0000000000000000000000000000000000000000", Tree: "t"}}})

	first, ok := s.rows.RowFacts(shop)
	if !ok || first.Cluster != "eu" || first.Labels["team"] != "red" || first.URL != repo.Dir || first.Path != "apps/shop" || first.Images != nil || first.Commit.SHA != commit || first.Commit.Subject != "" {
		t.Errorf("before: %+v", first)
	}
	if _, ok := s.rows.RowFacts(lost); !ok {
		t.Error("no facts")
	}
	s.run(t)
	cptest.Eventually(t, 10*time.Second, "both are read", func() bool { return s.times(shop) > 0 && s.times(lost) > 0 })
	then, _ := s.rows.RowFacts(shop)
	if !slices.Equal(then.Images, []string{"web:2.14.1"}) || then.Commit.Subject != "Bump to 2.14.1" || then.Commit.Author == "" {
		t.Errorf("after: %+v", then)
	}
	if gone, _ := s.rows.RowFacts(lost); gone.Images != nil {
		t.Errorf("from nowhere: %+v", gone)
	}
	// Of a bundle that is not read yet, what was before is told.
	s.runs(shop, Deployed{Bundle: "sha256:01", Revisions: []bundle.Revision{rev}, At: time.Unix(2, 0)})
	if next, _ := s.rows.RowFacts(shop); !slices.Equal(next.Images, then.Images) || !next.Deployed.Equal(time.Unix(2, 0)) {
		t.Errorf("meanwhile: %+v", next)
	}
	s.rows.Settle(t.Context())
	if next, _ := s.rows.RowFacts(shop); next.Images != nil {
		t.Errorf("of a bundle that is not there: %+v", next)
	}
	s.rows.Settle(t.Context()) // nothing to wait for
	// What is known, or is known not to be there, is not read again.
	s.rows.mu.Lock()
	defer s.rows.mu.Unlock()
	if len(s.rows.queue) != 0 {
		t.Errorf("to be read: %v", s.rows.queue)
	}
}

func TestTheCommitOfARowIsTheOneThatLastChangedTheApp(t *testing.T) {
	s := newShelf(t)
	repo := gittest.NewRepo(t)
	commit := func(subject string, files gittest.Files) string { return repo.Commit("main", subject, files) }
	first := commit("first", gittest.Files{"apps/shop/a.yaml": "1", "apps/bank/a.yaml": "1", "base/b.yaml": "1"})
	second := commit("shop: more", gittest.Files{"apps/shop/a.yaml": "2"})
	third := commit("bank: more", gittest.Files{"apps/bank/a.yaml": "2"})
	fourth := commit("base: other", gittest.Files{"base/b.yaml": "2"})
	mirror, err := s.o.Mirrors.Mirror(repo.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mirror.Update(t.Context(), git.Remote{URL: repo.Dir}, []git.Ref{{Branch: "main"}}); err != nil {
		t.Fatal(err)
	}
	log, err := readChangeLog(t.Context(), mirror, fourth, s.rows.e.book.touched)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		at    string
		paths []string
		want  string
	}{
		"its directory":                 {fourth, []string{"apps/shop"}, second},
		"its directory and a base":      {fourth, []string{"apps/shop", "base/b.yaml"}, fourth},
		"a file":                        {fourth, []string{"apps/bank/a.yaml"}, third},
		"the whole repository":          {third, []string{"."}, third},
		"as of an older commit":         {third, []string{"apps/shop", "base"}, second},
		"as of the first":               {first, []string{"apps/bank"}, first},
		"nothing that was ever touched": {fourth, []string{"apps/nope"}, ""},
		"a commit that is not there":    {strings.Repeat("0", 40), []string{"apps"}, ""},
	} {
		got, _ := log.last(c.at, c.paths)
		if got.SHA != c.want {
			t.Errorf("%s: %q (%s), want %s", name, got.Subject, got.SHA, c.want)
		}
	}
	for name, dir := range map[string]string{"shop": "apps/shop", "bank": "apps/bank"} {
		k := Key{"team", name}
		s.runs(k, Deployed{Revisions: []bundle.Revision{{URL: repo.Dir, Path: dir, Commit: fourth, Tree: "t"}}})
		a := s.app(k)
		a.spec.Sources = []Source{{Render: render.Request{Path: dir}}}
	}
	s.run(t)
	for name, want := range map[string]string{"shop": "shop: more", "bank": "bank: more"} {
		k := Key{"team", name}
		s.rows.RowFacts(k)
		cptest.Eventually(t, 10*time.Second, name+" is read", func() bool { return s.times(k) > 0 })
		if f, _ := s.rows.RowFacts(k); f.Commit.Subject != want {
			t.Errorf("%s: %q, want %q", name, f.Commit.Subject, want)
		}
	}
}

func TestAMergeChangesOnlyWhatItSettles(t *testing.T) {
	s := newShelf(t)
	repo := gittest.NewRepo(t)
	base := repo.Commit("main", "base", gittest.Files{"a/x": "1", "b/x": "1"})
	repo.Git("branch", "side", base)
	side := repo.Commit("side", "side", gittest.Files{"b/x": "2"})
	ours := repo.Commit("main", "ours", gittest.Files{"a/x": "2"})
	tree := strings.TrimSpace(repo.Git("merge-tree", "--write-tree", ours, side))
	merge := strings.TrimSpace(repo.Git("-c", "user.name=Bo", "-c", "user.email=bo@example.com", "commit-tree", "-p", ours, "-p", side, "-m", "merge", tree))
	repo.Git("update-ref", "refs/heads/main", merge)
	mirror, err := s.o.Mirrors.Mirror(repo.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mirror.Update(t.Context(), git.Remote{URL: repo.Dir}, []git.Ref{{Branch: "main"}}); err != nil {
		t.Fatal(err)
	}
	log, err := readChangeLog(t.Context(), mirror, merge, s.rows.e.book.touched)
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{"a": ours, "b": side} {
		if got, _ := log.last(merge, []string{dir}); got.SHA != want {
			t.Errorf("%s: %s", dir, got.Subject)
		}
	}
}

func TestNewLabelsAreNewsAndTheSameOnesAreNone(t *testing.T) {
	s := newShelf(t)
	k := Key{"team", "shop"}
	for i, labels := range []map[string]string{{"team": "red"}, {"team": "red"}, {"team": "blue"}, nil} {
		s.rows.Told(App{Key: k, Own: labels})
		if want := []int{1, 1, 2, 3}[i]; s.times(k) != want {
			t.Errorf("after %v: told %d times", labels, s.times(k))
		}
	}
	s.rows.Forget(k)
	if s.times(k) != 4 || len(s.rows.told) != 0 {
		t.Errorf("told %d times", s.times(k))
	}
	if _, ok := s.rows.RowFacts(k); ok {
		t.Error("facts of an App that is not there")
	}
}

func TestObjectsAreFoundByNameAmongTheAppsThatOneMaySee(t *testing.T) {
	e := New(Options{Now: time.Now})
	for c := range 2 {
		tg := e.targetFor(fmt.Sprint("cluster-", c))
		for _, app := range []Key{{"red", "shop"}, {"blue", "bank"}} {
			set := newObjectSet()
			for _, name := range []string{"web", "web-2", "the-Web", "db"} {
				set.records[object.ID{Kind: "ConfigMap", Namespace: app.Namespace, Name: fmt.Sprintf("%s%d", name, c)}] = &record{}
			}
			tg.sets[Key{app.Namespace, fmt.Sprint(app.Name, c)}] = set
		}
	}
	all := func(Key) bool { return true }
	var got []string
	for _, f := range e.Lookup("web1", func(k Key) bool { return k.Namespace == "red" }, 10) {
		got = append(got, f.App.String()+" "+f.Object.Name)
	}
	if want := []string{"red/shop1 web1", "red/shop1 the-Web1"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if found := e.Lookup("web", all, 5); len(found) != 5 || found[0].App != (Key{"blue", "bank0"}) || found[0].Object.Name != "web-20" {
		t.Errorf("%+v", found)
	}
	if found := e.Lookup("nothing", all, 5); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}
