package git

import (
	"path/filepath"
	"testing"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/gittest"
)

func TestSubmodulesAreFetchedWhenAskedFor(t *testing.T) {
	root := t.TempDir()
	repo := gittest.NewRepoAt(t, filepath.Join(root, "group", "app.git"))
	lib := gittest.NewRepoAt(t, filepath.Join(root, "group", "lib.git"))
	deep := gittest.NewRepoAt(t, filepath.Join(root, "deep.git"))
	srv := gittest.ServeHTTP(t, root, gittest.HTTPOptions{User: "ada", Password: "pw"})
	url := srv.URL + "/group/app.git"
	deepCommit := deep.Commit("main", "deep", gittest.Files{"d.yaml": "deep\n"})
	libCommit := lib.Commit("main", "lib", gittest.Files{
		"l.yaml": "lib\n", "sub": gittest.Gitlink(deepCommit), ".gitmodules": "[submodule \"d\"]\n\tpath = sub\n\turl = ../../deep.git\n",
	})
	repo.Commit("main", "one", gittest.Files{
		"vendor/lib": gittest.Gitlink(libCommit), ".gitmodules": "[submodule \"lib\"]\n\tpath = vendor/lib\n\turl = ../lib.git\n",
	})
	m := openMirror(t, url)
	r := Remote{URL: url, Auth: Auth{Username: "ada", Password: "pw"}}

	at := updateOne(t, m, r, Ref{})
	if _, _, err := m.Nested().Submodule(t.Context(), libCommit); !fault.Is(err, fault.RefNotFound) {
		t.Errorf("without asking: %v", err)
	}
	r.Submodules = true
	at = updateOne(t, m, r, Ref{})
	e, ok, err := m.find(t.Context(), at.Tree, "vendor/lib")
	if err != nil || !ok || e.Mode != ModeGitlink {
		t.Fatalf("%+v, %v", e, err)
	}
	sub, tree, err := m.Nested().Submodule(t.Context(), e.OID)
	if err != nil {
		t.Fatal(err)
	}
	if got := readPath(t, sub.m, tree, "l.yaml"); got != "lib\n" {
		t.Errorf("l.yaml is %q", got)
	}
	subsub, tree, err := sub.Submodule(t.Context(), deepCommit)
	if err != nil {
		t.Fatal(err)
	}
	if got := readPath(t, subsub.m, tree, "d.yaml"); got != "deep\n" {
		t.Errorf("d.yaml is %q", got)
	}
	t.Run("a check without news asks for the parent only", func(t *testing.T) {
		before := srv.Requests()
		updateOne(t, m, r, Ref{})
		if n := srv.Requests() - before; n != 2 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("a missing one is named", func(t *testing.T) {
		repo.Commit("main", "two", gittest.Files{".gitmodules": "[submodule \"lib\"]\n\tpath = vendor/lib\n\turl = ../gone.git\n"})
		got := update(t, m, r, Ref{})[Ref{}]
		wantReason(t, got.Err, fault.RepositoryNotFound, fault.Blocked)
	})
	t.Run("more than allowed are refused", func(t *testing.T) {
		m := openMirror(t, url)
		repo.Git("update-ref", "refs/heads/main", at.Commit)
		r.Limits.Submodules = 1
		wantReason(t, update(t, m, r, Ref{})[Ref{}].Err, fault.LimitExceeded, fault.Invalid)
	})
}

func TestASubmoduleCannotReachOurDiskOrTakeOurCredentials(t *testing.T) {
	secret := gittest.NewRepo(t)
	commit := secret.Commit("main", "secret", gittest.Files{"s": "s"})
	root := t.TempDir()
	repo := gittest.NewRepoAt(t, filepath.Join(root, "repo.git"))
	home := gittest.ServeHTTP(t, root, gittest.HTTPOptions{User: "ada", Password: "pw"})
	elsewhere := gittest.ServeHTTP(t, filepath.Dir(secret.Dir), gittest.HTTPOptions{User: "ada", Password: "pw"})
	url := home.URL + "/repo.git"
	r := Remote{URL: url, Auth: Auth{Username: "ada", Password: "pw"}, Submodules: true}
	for _, c := range []struct {
		url    string
		reason fault.Reason
	}{
		{"file://" + secret.Dir, fault.InvalidSpec}, {secret.Dir, fault.InvalidSpec}, {"ext::sh -c id", fault.InvalidSpec},
		{"../../../../" + secret.Dir, fault.RepositoryNotFound}, {elsewhere.URL + "/repo.git", fault.AuthenticationFailed},
	} {
		t.Run(c.url, func(t *testing.T) {
			repo.Commit("main", "one", gittest.Files{
				"x": gittest.Gitlink(commit), ".gitmodules": "[submodule \"x\"]\n\tpath = x\n\turl = \"" + c.url + "\"\n",
			})
			got := update(t, openMirror(t, url), r, Ref{})[Ref{}]
			if !fault.Is(got.Err, c.reason) {
				t.Errorf("got %v, want %s", got.Err, c.reason)
			}
		})
	}
}
