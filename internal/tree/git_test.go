package tree

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/gittest"
)

func openMirror(t *testing.T, url string) *git.Mirror {
	t.Helper()
	s, err := git.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m, err := s.Mirror(url)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func head(t *testing.T, m *git.Mirror, r git.Remote) git.Resolved {
	t.Helper()
	got, err := m.Update(t.Context(), r, []git.Ref{{}})
	if err != nil || got[git.Ref{}].Err != nil {
		t.Fatal(err, got)
	}
	return got[git.Ref{}].Resolved
}

func TestACommitTouchesExactlyTheRendersThatReadWhatItChanged(t *testing.T) {
	repo := gittest.NewRepo(t)
	repo.Commit("main", "one", gittest.Files{
		"base/k.yaml": "k", "a/k.yaml": "a", "a/values.yaml": gittest.Link("../shared/v.yaml"), "b/k.yaml": "b", "shared/v.yaml": "v",
	})
	m := openMirror(t, repo.Dir)
	r := git.Remote{URL: repo.Dir}
	at := head(t, m, r)
	index := NewIndex[string]()
	traces := map[string]Trace{}
	for app, paths := range map[string][]string{"a": {"a/k.yaml", "base/k.yaml", "a/values.yaml"}, "b": {"b/k.yaml", "base/k.yaml", "b/values.yaml"}} {
		f := New(t.Context(), m, at.Tree, Limits{})
		for _, p := range paths {
			if _, err := f.ReadFile(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		if app == "b" {
			if _, err := f.ReadDir("b"); err != nil {
				t.Fatal(err)
			}
		}
		traces[app] = f.Trace()
		index.Add(app, f.Trace())
	}
	for _, c := range []struct {
		what  string
		files gittest.Files
		want  string
	}{
		{"a file of a", gittest.Files{"a/k.yaml": "a2"}, "a"},
		{"a file that both read", gittest.Files{"base/k.yaml": "k2"}, "a b"},
		{"the end of a symlink", gittest.Files{"shared/v.yaml": "v2"}, "a"},
		{"a file that b looked for", gittest.Files{"b/values.yaml": "v"}, "b"},
		{"a new file in a directory that b listed", gittest.Files{"b/z": "z"}, "b"},
		{"a new file in a directory that nobody listed", gittest.Files{"a/z": "z", "base/z": "z", "shared/z": "z"}, ""},
		{"a mode", gittest.Files{"a/k.yaml": gittest.Exec("a")}, ""},
		{"a symlink in place of a directory", gittest.Files{"shared": gittest.Delete, "real/v.yaml": "v"}, "a"},
		{"elsewhere", gittest.Files{"docs/readme": "x"}, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			repo.Git("update-ref", "refs/heads/main", at.Commit)
			repo.Commit("main", c.what, c.files)
			now := head(t, m, r)
			changes, err := m.Diff(t.Context(), at.Tree, now.Tree)
			if err != nil {
				t.Fatal(err)
			}
			got := index.Affected(changes)
			slices.Sort(got)
			if strings.Join(got, " ") != c.want {
				t.Errorf("affected %q, want %q", got, c.want)
			}
			for app, trace := range traces {
				holds, err := trace.Holds(New(t.Context(), m, now.Tree, Limits{}))
				if err != nil || holds == slices.Contains(got, app) {
					t.Errorf("%s: Holds is %v, %v", app, holds, err)
				}
			}
		})
	}
}

func TestASubmoduleIsReadThroughItsOwnMirror(t *testing.T) {
	root := t.TempDir()
	repo := gittest.NewRepoAt(t, filepath.Join(root, "app.git"))
	lib := gittest.NewRepoAt(t, filepath.Join(root, "lib.git"))
	commit := lib.Commit("main", "lib", gittest.Files{"x/l.yaml": "lib", "up": gittest.Link("../app.yaml"), "same": gittest.Link("x/l.yaml")})
	repo.Commit("main", "one", gittest.Files{
		"app.yaml": "app", "vendor": gittest.Gitlink(commit), ".gitmodules": "[submodule \"lib\"]\n\tpath = vendor\n\turl = ../lib.git\n",
	})
	m := openMirror(t, repo.Dir)
	at := head(t, m, git.Remote{URL: repo.Dir, Submodules: true})
	f := New(t.Context(), m.Nested(), at.Tree, Limits{})
	want(t, f, "vendor/x/l.yaml", "lib")
	want(t, f, "vendor/same", "lib")
	want(t, f, "vendor/up", "app")
	if err := fstest.TestFS(f, "vendor/x/l.yaml"); err != nil {
		t.Error(err)
	}
	plain := New(t.Context(), m, at.Tree, Limits{})
	if _, err := plain.ReadFile("vendor/x/l.yaml"); !errors.Is(err, fs.ErrNotExist) || len(plain.Notes()) != 1 {
		t.Errorf("without submodules: %v, %q", err, plain.Notes())
	}
	t.Run("one that is not here is an error, never empty", func(t *testing.T) {
		other := openMirror(t, repo.Dir)
		at := head(t, other, git.Remote{URL: repo.Dir})
		f := New(t.Context(), other.Nested(), at.Tree, Limits{})
		if _, err := f.ReadDir("vendor"); !fault.Is(err, fault.RefNotFound) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a moved pointer touches who read below it", func(t *testing.T) {
		next := lib.Commit("main", "lib 2", gittest.Files{"y": "y"})
		repo.Commit("main", "two", gittest.Files{"vendor": gittest.Gitlink(next)})
		now := head(t, m, git.Remote{URL: repo.Dir, Submodules: true})
		changes, err := m.Diff(t.Context(), at.Tree, now.Tree)
		if err != nil || !f.Trace().Touches(changes) {
			t.Errorf("%+v, %v", changes, err)
		}
	})
}

func TestAFileOverTheMirrorsLimitIsNamed(t *testing.T) {
	repo := gittest.NewRepo(t)
	repo.Commit("main", "one", gittest.Files{"d/large": strings.Repeat("x", 100)})
	m := openMirror(t, repo.Dir)
	at := head(t, m, git.Remote{URL: repo.Dir, Limits: git.Limits{FileBytes: 99}})
	_, err := New(t.Context(), m, at.Tree, Limits{}).ReadFile("d/large")
	if !fault.Is(err, fault.LimitExceeded) || fault.Of(err).Where != "d/large" {
		t.Errorf("got %v", err)
	}
}
