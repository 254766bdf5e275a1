// Package gittest makes real repositories and serves them with real servers: git http-backend behind net/http, and
// OpenSSH's sshd. It is for tests only.
package gittest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// Repo is a bare repository on disk.
type Repo struct {
	Dir string
	t   testing.TB
	now int64 // seconds of the next commit, so that history is the same in every run
}

// NewRepo makes an empty bare repository in a temporary directory of the test. Its HEAD names the branch main.
func NewRepo(t testing.TB) *Repo {
	t.Helper()
	return NewRepoAt(t, filepath.Join(t.TempDir(), "repo.git"))
}

// NewRepoAt makes an empty bare repository at dir.
func NewRepoAt(t testing.TB, dir string) *Repo {
	t.Helper()
	r := &Repo{Dir: dir, t: t, now: 1_700_000_000}
	run(t, "", nil, "init", "--quiet", "--bare", "--initial-branch=main", dir)
	for _, kv := range []string{"http.receivepack=true", "uploadpack.allowFilter=true"} {
		k, v, _ := strings.Cut(kv, "=")
		r.Git("config", k, v)
	}
	return r
}

// Git runs git in the repository and returns its trimmed output. A failure ends the test.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	return run(r.t, r.Dir, nil, args...)
}

// Files is a set of changes to a tree: path → content. A Link content is a symlink, a Gitlink a submodule pointer, and
// Delete removes the path.
type Files map[string]string

// Delete as content removes a path (a file, or a directory with everything below it).
const Delete = "\x00delete"

// Link is the content that makes a path a symlink to target.
func Link(target string) string { return "\x00link " + target }

// Exec is the content that makes a path an executable file.
func Exec(content string) string { return "\x00exec " + content }

// Gitlink is the content that makes a path a submodule at a commit.
func Gitlink(commit string) string { return "\x00gitlink " + commit }

// Commit adds a commit on top of the branch (or starts it) and returns its id.
func (r *Repo) Commit(branch, message string, files Files) string {
	r.t.Helper()
	parent := ""
	if r.Has("refs/heads/" + branch) {
		parent = "refs/heads/" + branch + "^0"
	}
	return r.commit(branch, message, parent, files)
}

// Rewrite starts the branch over with a commit that has no parent, as a force push would.
func (r *Repo) Rewrite(branch, message string, files Files) string {
	r.t.Helper()
	return r.commit(branch, message, "", files)
}

// Has reports whether the ref exists.
func (r *Repo) Has(ref string) bool {
	return exec.Command("git", "--git-dir", r.Dir, "show-ref", "--verify", "--quiet", ref).Run() == nil
}

func (r *Repo) commit(branch, message, parent string, files Files) string {
	r.t.Helper()
	var b bytes.Buffer
	r.now += 60
	if parent == "" {
		fmt.Fprintf(&b, "reset refs/heads/%s\n\n", branch)
	}
	fmt.Fprintf(&b, "commit refs/heads/%s\nmark :1\n", branch)
	fmt.Fprintf(&b, "author Ada <ada@example.test> %d +0100\ncommitter Bob <bob@example.test> %d +0000\n", r.now, r.now)
	fmt.Fprintf(&b, "data %d\n%s\n", len(message), message)
	if parent != "" {
		fmt.Fprintf(&b, "from %s\n", parent)
	}
	paths := make([]string, 0, len(files))
	for p := range files {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	for _, p := range paths { // removals first, so that a file can take a directory's place
		if files[p] == Delete {
			fmt.Fprintf(&b, "D %s\n", quote(p))
		}
	}
	for _, p := range paths {
		writeFile(&b, quote(p), files[p])
	}
	run(r.t, r.Dir, &b, "fast-import", "--quiet", "--force")
	return r.Git("rev-parse", "refs/heads/"+branch)
}

func writeFile(b *bytes.Buffer, path, content string) {
	mode := "100644"
	if kind, rest, special := strings.Cut(content, " "); special || content == Delete {
		switch kind {
		case Delete:
			return
		case "\x00link":
			mode, content = "120000", rest
		case "\x00exec":
			mode, content = "100755", rest
		case "\x00gitlink":
			fmt.Fprintf(b, "M 160000 %s %s\n", rest, path)
			return
		}
	}
	fmt.Fprintf(b, "M %s inline %s\ndata %d\n%s\n", mode, path, len(content), content)
}

func quote(p string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(p) + `"`
}

// Tag makes or moves a lightweight tag.
func (r *Repo) Tag(name, target string) {
	r.t.Helper()
	r.Git("tag", "--force", name, target)
}

// AnnotatedTag makes or moves an annotated tag and returns the id of the tag object.
func (r *Repo) AnnotatedTag(name, target string) string {
	r.t.Helper()
	r.Git("tag", "--force", "--annotate", "--message", "release "+name, name, target)
	return r.Git("rev-parse", "refs/tags/"+name)
}

// run runs git with an environment that no configuration of the machine reaches.
func run(t testing.TB, dir string, stdin *bytes.Buffer, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = append(cleanEnv(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.test", "GIT_COMMITTER_NAME=Bob", "GIT_COMMITTER_EMAIL=bob@example.test",
		"GIT_AUTHOR_DATE=1700000000 +0000", "GIT_COMMITTER_DATE=1700000000 +0000", "LC_ALL=C")
	if dir != "" {
		cmd.Env = append(cmd.Env, "GIT_DIR="+dir)
	}
	if stdin != nil {
		cmd.Stdin = stdin
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// cleanEnv is our environment without Git's variables.
func cleanEnv() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GIT_") && !strings.HasPrefix(kv, "SSH_") {
			env = append(env, kv)
		}
	}
	return env
}

// Input runs git in the repository with text on its standard input.
func (r *Repo) Input(stdin string, args ...string) string {
	r.t.Helper()
	return run(r.t, r.Dir, bytes.NewBufferString(stdin), args...)
}
