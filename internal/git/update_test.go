package git

import (
	"fmt"
	"testing"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/gittest"
)

func TestEveryKindOfRefResolves(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{})
	one := repo.Commit("main", "one", gittest.Files{"a.yaml": "a: 1\n"})
	two := repo.Commit("main", "two", gittest.Files{"a.yaml": "a: 2\n"})
	dev := repo.Commit("dev/x", "dev", gittest.Files{"d.yaml": "d: 1\n"})
	repo.Tag("v1.0.0", one)
	tagObject := repo.AnnotatedTag("v1.2.0", two)
	repo.Tag("v2.0.0-rc.1", dev)
	repo.Tag("nightly", dev)
	repo.Git("update-ref", "refs/pull/7/head", dev)
	if tagObject == two {
		t.Fatal("the annotated tag is no object of its own")
	}
	cases := []struct {
		what string
		ref  Ref
		want string
		name string
	}{
		{"the remote's HEAD", Ref{}, two, "refs/heads/main"},
		{"a branch", Ref{Branch: "main"}, two, "refs/heads/main"},
		{"a branch with a slash", Ref{Branch: "dev/x"}, dev, "refs/heads/dev/x"},
		{"a lightweight tag", Ref{Tag: "v1.0.0"}, one, "refs/tags/v1.0.0"},
		{"an annotated tag peels to its commit", Ref{Tag: "v1.2.0"}, two, "refs/tags/v1.2.0"},
		{"a range takes the highest release", Ref{Semver: ">=1.0.0"}, two, "refs/tags/v1.2.0"},
		{"a range with a pre-release admits them", Ref{Semver: ">=2.0.0-0"}, dev, "refs/tags/v2.0.0-rc.1"},
		{"a full commit", Ref{Commit: one}, one, ""},
		{"a short commit", Ref{Commit: one[:8]}, one, ""},
		{"a full ref name", Ref{Name: "refs/pull/7/head"}, dev, "refs/pull/7/head"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			m := openMirror(t, url)
			got := updateOne(t, m, Remote{URL: url}, c.ref)
			if got.Commit != c.want || got.Name != c.name || got.Previous != "" || got.Rewritten {
				t.Fatalf("got %+v, want commit %s by %q", got, c.want, c.name)
			}
			local, err := m.Resolve(t.Context(), c.ref)
			if err != nil || local.Commit != c.want || local.Tree != got.Tree {
				t.Fatalf("Resolve: %+v, %v", local, err)
			}
			if commit, err := m.Commit(t.Context(), got.Commit); err != nil || commit.Tree != got.Tree {
				t.Fatalf("Commit: %+v, %v", commit, err)
			}
		})
	}
	t.Run("all at once", func(t *testing.T) {
		m := openMirror(t, url)
		var refs []Ref
		for _, c := range cases {
			refs = append(refs, c.ref)
		}
		got := update(t, m, Remote{URL: url}, refs...)
		for _, c := range cases {
			if got[c.ref].Err != nil || got[c.ref].Resolved.Commit != c.want {
				t.Errorf("%s: %+v", c.what, got[c.ref])
			}
		}
	})
}

func TestANewCommitIsFetchedAndNamesThePrevious(t *testing.T) {
	repo, srv, url := serveOne(t, gittest.HTTPOptions{})
	one := repo.Commit("main", "one", gittest.Files{"a.yaml": "a: 1\n"})
	m := openMirror(t, url)
	main := Ref{Branch: "main"}
	updateOne(t, m, Remote{URL: url}, main)
	before := srv.Requests()
	if got := updateOne(t, m, Remote{URL: url}, main); got.Commit != one || got.Previous != "" {
		t.Fatalf("unchanged: %+v", got)
	}
	if n := srv.Requests() - before; n != 2 {
		t.Errorf("a check without news took %d requests, want 2 (greeting and listing)", n)
	}
	two := repo.Commit("main", "two", gittest.Files{"a.yaml": "a: 2\n"})
	got := updateOne(t, m, Remote{URL: url}, main)
	if got.Commit != two || got.Previous != one || got.Rewritten {
		t.Fatalf("got %+v", got)
	}
	if text := readPath(t, m, got.Tree, "a.yaml"); text != "a: 2\n" {
		t.Errorf("a.yaml is %q", text)
	}
}

func TestAForcePushIsUsedAndReportedAsRewritten(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{})
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	m := openMirror(t, url)
	updateOne(t, m, Remote{URL: url}, Ref{Branch: "main"})
	two := repo.Rewrite("main", "other history", gittest.Files{"a": "2"})
	got := updateOne(t, m, Remote{URL: url}, Ref{Branch: "main"})
	if got.Commit != two || got.Previous != one || !got.Rewritten {
		t.Fatalf("got %+v", got)
	}
	if _, err := m.Commit(t.Context(), one); err != nil {
		t.Errorf("the commit that was replaced cannot be read any more: %v", err)
	}
}

func TestARewrittenTagIsUsedAndReported(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{})
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	repo.AnnotatedTag("v1.0.0", one)
	m := openMirror(t, url)
	refs := []Ref{{Tag: "v1.0.0"}, {Semver: "1.x"}}
	update(t, m, Remote{URL: url}, refs...)
	two := repo.Commit("main", "two", gittest.Files{"a": "2"})
	repo.AnnotatedTag("v1.0.0", two)
	for ref, res := range update(t, m, Remote{URL: url}, refs...) {
		if got := res.Resolved; res.Err != nil || got.Commit != two || got.Previous != one || !got.Rewritten {
			t.Errorf("%s: %+v", ref, res)
		}
	}
}

func TestAHigherTagMovesARangeWithoutBeingARewrite(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{})
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	repo.Tag("1.0.0", one)
	m := openMirror(t, url)
	updateOne(t, m, Remote{URL: url}, Ref{Semver: "^1"})
	two := repo.Commit("main", "two", gittest.Files{"a": "2"})
	repo.Tag("1.10.0", two)
	repo.Tag("1.9.0", one)
	got := updateOne(t, m, Remote{URL: url}, Ref{Semver: "^1"})
	if got.Commit != two || got.Name != "refs/tags/1.10.0" || got.Previous != one || got.Rewritten {
		t.Fatalf("got %+v", got)
	}
	repo.Git("tag", "-d", "1.10.0")
	if got := updateOne(t, m, Remote{URL: url}, Ref{Semver: "^1"}); got.Commit != one || got.Name != "refs/tags/1.9.0" {
		t.Fatalf("after the tag is gone: %+v", got)
	}
	if got, err := m.Resolve(t.Context(), Ref{Semver: "^1"}); err != nil || got.Name != "refs/tags/1.9.0" {
		t.Fatalf("Resolve disagrees with the last Update: %+v, %v", got, err)
	}
}

func TestADeletedBranchIsReportedAndItsLastCommitStays(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{})
	repo.Commit("main", "one", gittest.Files{"a": "1"})
	gone := repo.Commit("feature", "two", gittest.Files{"a": "2"})
	m := openMirror(t, url)
	main, feature := Ref{Branch: "main"}, Ref{Branch: "feature"}
	update(t, m, Remote{URL: url}, main, feature)
	repo.Git("update-ref", "-d", "refs/heads/feature")
	next := repo.Commit("main", "three", gittest.Files{"a": "3"})
	got := update(t, m, Remote{URL: url}, main, feature)
	wantReason(t, got[feature].Err, fault.RefNotFound, fault.Blocked)
	if got[feature].Resolved.Commit != gone {
		t.Errorf("the last good commit is %q, want %s", got[feature].Resolved.Commit, gone)
	}
	if got[main].Err != nil || got[main].Resolved.Commit != next {
		t.Errorf("the other branch suffers: %+v", got[main])
	}
	t.Run("and a branch below its name can come", func(t *testing.T) {
		sub := repo.Commit("feature/sub", "four", gittest.Files{"a": "4"})
		if got := updateOne(t, m, Remote{URL: url}, Ref{Branch: "feature/sub"}); got.Commit != sub {
			t.Fatalf("got %+v", got)
		}
	})
}

func TestAnEmptyRepositorySaysSo(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{})
	m := openMirror(t, url)
	refs := []Ref{{}, {Branch: "main"}, {Semver: "*"}}
	for ref, res := range update(t, m, Remote{URL: url}, refs...) {
		if res.Resolved.Commit != "" {
			t.Errorf("%s resolved to %+v", ref, res.Resolved)
		}
		wantReason(t, res.Err, fault.RepositoryEmpty, fault.Blocked)
	}
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	if got := updateOne(t, m, Remote{URL: url}, Ref{}); got.Commit != one {
		t.Fatalf("got %+v", got)
	}
	t.Run("and when it is emptied later, the last commit stays", func(t *testing.T) {
		repo.Git("update-ref", "-d", "refs/heads/main")
		got := update(t, m, Remote{URL: url}, Ref{})[Ref{}]
		wantReason(t, got.Err, fault.RepositoryEmpty, fault.Blocked)
		if got.Resolved.Commit != one {
			t.Errorf("last good is %q", got.Resolved.Commit)
		}
	})
}

func TestARefThatDoesNotExist(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{})
	repo.Commit("main", "one", gittest.Files{"a": "1"})
	m := openMirror(t, url)
	for _, ref := range []Ref{
		{Branch: "nope"}, {Branch: "mai"}, {Tag: "v1"}, {Semver: ">=1"}, {Name: "refs/x/y"},
		{Commit: "0123456789012345678901234567890123456789"}, {Commit: "0123456"},
	} {
		t.Run(ref.String(), func(t *testing.T) {
			wantReason(t, update(t, m, Remote{URL: url}, ref)[ref].Err, fault.RefNotFound, fault.Blocked)
		})
	}
	for _, ref := range []Ref{{Branch: "a..b"}, {Branch: "x", Tag: "y"}, {Commit: "zz"}, {Semver: "not a range"}, {Name: "main"}} {
		t.Run("malformed "+ref.String(), func(t *testing.T) {
			wantReason(t, update(t, m, Remote{URL: url}, ref)[ref].Err, fault.RefNotFound, fault.Invalid)
		})
	}
}

func TestThousandsOfPullRequestRefsCostNothing(t *testing.T) {
	repo, srv, url := serveOne(t, gittest.HTTPOptions{})
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	m := openMirror(t, url)
	updateOne(t, m, Remote{URL: url}, Ref{})
	before := srv.Sent()
	updateOne(t, m, Remote{URL: url}, Ref{})
	plain := srv.Sent() - before
	var in string
	for i := range 3000 {
		in += fmt.Sprintf("create refs/pull/%d/head %s\n", i, one)
	}
	repo.Input(in, "update-ref", "--stdin")
	two := repo.Commit("main", "two", gittest.Files{"a": "2"})
	if got := updateOne(t, m, Remote{URL: url}, Ref{}); got.Commit != two {
		t.Fatalf("got %+v", got)
	}
	before = srv.Sent()
	updateOne(t, m, Remote{URL: url}, Ref{})
	if n := srv.Sent() - before; n != plain {
		t.Errorf("a check costs %d bytes with 3,000 more refs, %d without", n, plain)
	}
}

func TestALocalPathAndAFileURLAreRemotesToo(t *testing.T) {
	repo := gittest.NewRepo(t)
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	for _, url := range []string{repo.Dir, "file://" + repo.Dir} {
		t.Run(url, func(t *testing.T) {
			m := openMirror(t, url)
			if got := updateOne(t, m, Remote{URL: url}, Ref{Branch: "main"}); got.Commit != one {
				t.Fatalf("got %+v", got)
			}
		})
	}
	t.Run("a path without a repository", func(t *testing.T) {
		for _, dir := range []string{t.TempDir(), "/nonexistent/repo.git"} {
			_, err := openMirror(t, dir).Update(t.Context(), Remote{URL: dir}, []Ref{{}})
			wantReason(t, err, fault.RepositoryNotFound, fault.Blocked)
		}
	})
}

func TestWhatWasFetchedSurvivesAReopenedStore(t *testing.T) {
	repo := gittest.NewRepo(t)
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	repo.Tag("v1.0.0", one)
	dir := t.TempDir()
	refs := []Ref{{}, {Branch: "main"}, {Semver: "1"}}
	for round := range 2 {
		s, err := OpenStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.Mirror(repo.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			update(t, m, Remote{URL: repo.Dir}, refs...)
		}
		for _, ref := range refs {
			if got, err := m.Resolve(t.Context(), ref); err != nil || got.Commit != one {
				t.Errorf("round %d: %s: %+v, %v", round, ref, got, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
