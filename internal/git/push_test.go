package git

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/gittest"
)

var grace = Person{Name: "Grace", Email: "grace@example.test", When: time.Unix(1_700_000_000, 0).In(time.FixedZone("", 3600))}

func TestACommitIsBuiltWithoutACheckoutAndPushed(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{User: "ada", Password: "pw"})
	one := repo.Commit("main", "one", gittest.Files{
		"apps/a/k.yaml": "tag: 1\n", "apps/a/run.sh": gittest.Exec("#!/bin/sh\n"), "apps/b/old.yaml": "x", "link": gittest.Link("apps"), "dir/file": "y",
	})
	m := openMirror(t, url)
	r := Remote{URL: url, Auth: Auth{Username: "ada", Password: "pw"}}
	at := updateOne(t, m, r, Ref{})
	run, _, err := m.find(t.Context(), at.Tree, "apps/a/run.sh")
	if err != nil {
		t.Fatal(err)
	}
	sha, err := m.CommitFiles(t.Context(), r, CommitRequest{
		Branch: "main", Parent: one, Author: grace, Message: "bump the tag\n\nbecause it is time\n",
		Files: map[string]*File{
			"apps/a/k.yaml":         {Content: []byte("tag: 2\n")},
			"apps/b/old.yaml":       nil,
			"apps/new/\"odd\\ name": {Content: []byte{}},
			"copy.sh":               {OID: run.OID, Mode: ModeExec},
			"dir":                   nil, // a directory goes as a whole
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := repo.Git("rev-parse", "refs/heads/main"); got != sha {
		t.Fatalf("the server's branch is at %s, want %s", got, sha)
	}
	want := "120000 link|100644 apps/a/k.yaml|100755 apps/a/run.sh|100644 apps/new/\"odd\\ name|100755 copy.sh"
	var got []string
	for _, line := range strings.Split(strings.TrimRight(repo.Git("ls-tree", "-r", "-z", sha), "\x00"), "\x00") {
		mode, rest, _ := strings.Cut(line, " ")
		_, name, _ := strings.Cut(rest, "\t")
		got = append(got, mode+" "+name)
	}
	if len(got) != 5 || strings.Join(append(got[4:], got[:4]...), "|") != want {
		t.Errorf("the tree is %q", got)
	}
	c, err := m.Commit(t.Context(), sha)
	if err != nil || c.Subject != "bump the tag" || c.Body != "because it is time" || c.Author != grace && !c.Author.When.Equal(grace.When) ||
		len(c.Parents) != 1 || c.Parents[0] != one {
		t.Errorf("the commit is %+v, %v", c, err)
	}
	if got, err := m.Resolve(t.Context(), Ref{Branch: "main"}); err != nil || got.Commit != sha {
		t.Errorf("the mirror does not know its own push: %+v, %v", got, err)
	}
	noLeftovers(t, m.store)
	t.Run("and when nothing differs, nothing is pushed", func(t *testing.T) {
		again, err := m.CommitFiles(t.Context(), r, CommitRequest{
			Branch: "main", Parent: sha, Author: grace, Message: "nothing", Files: map[string]*File{"apps/a/k.yaml": {Content: []byte("tag: 2\n")}},
		})
		if err != nil || again != sha || repo.Git("rev-parse", "refs/heads/main") != sha {
			t.Errorf("%s, %v", again, err)
		}
	})
}

func TestABranchThatMovedMeanwhileIsNotOverwritten(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{})
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	m := openMirror(t, url)
	r := Remote{URL: url}
	updateOne(t, m, r, Ref{})
	req := CommitRequest{Branch: "main", Parent: one, Author: grace, Message: "ours", Files: map[string]*File{"b": {Content: []byte("2")}}}
	theirs := repo.Commit("main", "theirs", gittest.Files{"a": "2"})
	t.Run("when it went on", func(t *testing.T) {
		_, err := m.CommitFiles(t.Context(), r, req)
		wantReason(t, err, fault.PushRejected, fault.Transient)
	})
	t.Run("when it was set back", func(t *testing.T) {
		updateOne(t, m, r, Ref{})
		repo.Git("update-ref", "refs/heads/main", one)
		req.Parent = theirs
		_, err := m.CommitFiles(t.Context(), r, req)
		wantReason(t, err, fault.PushRejected, fault.Transient)
		if got := repo.Git("rev-parse", "refs/heads/main"); got != one {
			t.Errorf("the branch is at %s", got)
		}
	})
	t.Run("and a branch that should be new exists", func(t *testing.T) {
		req.Parent = ""
		_, err := m.CommitFiles(t.Context(), r, req)
		wantReason(t, err, fault.PushRejected, fault.Transient)
	})
}

func TestABranchCanBeStarted(t *testing.T) {
	repo := gittest.NewRepo(t)
	m := openMirror(t, repo.Dir)
	sha, err := m.CommitFiles(t.Context(), Remote{URL: repo.Dir}, CommitRequest{
		Branch: "main", Author: grace, Message: "first", Files: map[string]*File{"a": {Content: []byte("1")}},
	})
	if err != nil || repo.Git("rev-parse", "refs/heads/main") != sha {
		t.Fatalf("%s, %v", sha, err)
	}
}

func TestARefusalByTheServersRulesIsToldApart(t *testing.T) {
	repo := gittest.NewRepo(t)
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	hook := "#!/bin/sh\necho 'no pushes on a Friday' >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(repo.Dir, "hooks", "pre-receive"), []byte(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	m := openMirror(t, repo.Dir)
	r := Remote{URL: repo.Dir}
	updateOne(t, m, r, Ref{})
	_, err := m.CommitFiles(t.Context(), r, CommitRequest{
		Branch: "main", Parent: one, Author: grace, Message: "x", Files: map[string]*File{"a": {Content: []byte("2")}},
	})
	wantReason(t, err, fault.PushRejected, fault.Invalid)
	if got := repo.Git("rev-parse", "refs/heads/main"); got != one {
		t.Errorf("the branch is at %s", got)
	}
}

func TestPushingNeedsItsCredentials(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{User: "ada", Password: "right"})
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	m := openMirror(t, url)
	updateOne(t, m, Remote{URL: url, Auth: Auth{Username: "ada", Password: "right"}}, Ref{})
	_, err := m.CommitFiles(t.Context(), Remote{URL: url, Auth: Auth{Username: "ada", Password: "wrong-4711"}}, CommitRequest{
		Branch: "main", Parent: one, Author: grace, Message: "x", Files: map[string]*File{"a": {Content: []byte("2")}},
	})
	wantReason(t, err, fault.AuthenticationFailed, fault.Blocked)
	mustNotContain(t, err.Error(), "4711")
}

func TestPushOverSSH(t *testing.T) {
	srv := gittest.ServeSSH(t)
	repo := gittest.NewRepo(t)
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	url := srv.URL(repo.Dir)
	m := openMirror(t, url)
	r := Remote{URL: url, Auth: Auth{SSHKey: srv.Key, SSHKnownHosts: srv.KnownHosts}}
	updateOne(t, m, r, Ref{})
	sha, err := m.CommitFiles(t.Context(), r, CommitRequest{
		Branch: "main", Parent: one, Author: grace, Message: "x", Files: map[string]*File{"a": {Content: []byte("2")}},
	})
	if err != nil || repo.Git("rev-parse", "refs/heads/main") != sha {
		t.Fatalf("%s, %v", sha, err)
	}
}

func TestPathsThatMeanHarmAreRefused(t *testing.T) {
	m := openMirror(t, t.TempDir())
	for _, p := range []string{"", ".", "..", "../x", "/x", "a/../b", "a//b", ".git/config", "a/.GIT/x", "a\nb", "a/"} {
		_, err := m.CommitFiles(t.Context(), Remote{URL: m.shown}, CommitRequest{
			Branch: "main", Author: grace, Message: "x", Files: map[string]*File{p: {Content: []byte("2")}},
		})
		wantReason(t, err, fault.PathOutside, fault.Invalid)
	}
}
