package git

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/fault"
)

// File is the new content of a path: Content, or the blob OID that the mirror holds already.
type File struct {
	OID     string
	Content []byte
	Mode    Mode // zero is ModeFile
}

// CommitRequest describes a commit to make on a branch of the server.
type CommitRequest struct {
	Branch string
	// Parent is the full id of the head that the branch must have, and the new commit's only parent. Empty means that
	// the branch must not exist yet.
	Parent    string
	Author    Person // When is required
	Committer Person // zero means the author
	Message   string
	Files     map[string]*File // by path from the root; nil deletes
}

// CommitFiles makes a commit without a working tree and pushes it. It answers the new commit's id, or Parent when the
// files are as wanted already, in which case nothing is pushed. A branch that moved meanwhile is PushRejected and
// Transient: update, build the request anew, try again. A refusal by the server's rules is PushRejected and Invalid.
func (m *Mirror) CommitFiles(ctx context.Context, r Remote, req CommitRequest) (string, error) {
	if err := req.validate(); err != nil {
		return "", err
	}
	e, err := m.store.connect(r)
	if err != nil {
		return "", err
	}
	defer e.close()
	if e.at.key() != m.key {
		return "", failf(fault.Invalid, fault.InvalidSpec, "", "the mirror of %s cannot push to %s", m.shown, e.at)
	}
	release, err := m.exclusive(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	sha, err := m.build(ctx, req)
	if err != nil {
		return "", err
	}
	if same, err := m.sameTree(ctx, req.Parent, sha); err != nil || same {
		return req.Parent, err
	}
	if err := m.push(ctx, e, req, sha); err != nil {
		return "", err
	}
	return sha, m.moveRefs(ctx, map[string]string{headPrefix + req.Branch: sha})
}

func (r CommitRequest) validate() error {
	if r.Branch == "" || !validRefName(headPrefix+r.Branch) {
		return badRef(Ref{Branch: r.Branch}, "is not a valid branch to commit to")
	}
	if r.Parent != "" && (len(r.Parent) != 40 || !isHex(r.Parent)) {
		return fmt.Errorf("parent %q is not a full commit id", r.Parent)
	}
	for _, p := range []Person{r.Author, r.committer()} {
		if strings.ContainsAny(p.Name+p.Email, "<>\n\x00") || p.Email == "" || p.When.IsZero() {
			return fmt.Errorf("author or committer %q <%q> needs an e-mail address and a time, without < or >", p.Name, p.Email)
		}
	}
	for p, f := range r.Files {
		if !safePath(p) {
			return failf(fault.Invalid, fault.PathOutside, "", "%q is not a path inside the repository", p)
		}
		if f != nil && f.OID != "" && (len(f.OID) != 40 || !isHex(f.OID) || f.Content != nil) {
			return fmt.Errorf("file %q: give either content or a full object id", p)
		}
	}
	return nil
}

func (r CommitRequest) committer() Person {
	if r.Committer == (Person{}) {
		return r.Author
	}
	return r.Committer
}

// safePath holds for clean relative paths that no file system reads as Git's own directory.
func safePath(p string) bool {
	if p == "" || p == "." || path.Clean(p) != p || path.IsAbs(p) || strings.ContainsAny(p, "\x00\n") {
		return false
	}
	for _, part := range strings.Split(p, "/") {
		if part == ".." || strings.EqualFold(part, ".git") {
			return false
		}
	}
	return true
}

// build writes the commit into the mirror with fast-import, which touches just the trees on the way to the files.
func (m *Mirror) build(ctx context.Context, req CommitRequest) (string, error) {
	dir, err := os.MkdirTemp(m.store.session, "commit-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if req.Parent != "" {
		if _, err := m.Commit(ctx, req.Parent); err != nil {
			return "", fmt.Errorf("committing to %s: %w", m.shown, err)
		}
	}
	const scratch = "refs/plumb/commit-in-progress"
	marks := filepath.Join(dir, "marks")
	c := command{
		dir:   m.dir,
		args:  []string{"fast-import", "--quiet", "--force", "--date-format=raw", "--export-marks=" + marks},
		stdin: bytes.NewReader(req.stream(scratch)),
	}
	if _, err := m.store.run(ctx, c); err != nil {
		return "", fmt.Errorf("making a commit for %s: %w", m.shown, err)
	}
	defer func() { _, _ = m.git(context.WithoutCancel(ctx), "update-ref", "-d", scratch) }()
	b, err := os.ReadFile(marks)
	if err != nil {
		return "", err
	}
	sha, ok := strings.CutPrefix(strings.TrimSpace(string(b)), ":1 ")
	if !ok || len(sha) != 40 {
		return "", fmt.Errorf("git fast-import answered %q", b)
	}
	return sha, nil
}

func (r CommitRequest) stream(ref string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "reset %s\n", ref)
	if r.Parent != "" {
		fmt.Fprintf(&b, "from %s\n", r.Parent)
	}
	fmt.Fprintf(&b, "\ncommit %s\nmark :1\n", ref)
	for _, p := range []struct {
		role string
		Person
	}{{"author", r.Author}, {"committer", r.committer()}} {
		fmt.Fprintf(&b, "%s %s <%s> %d %s\n", p.role, p.Name, p.Email, p.When.Unix(), p.When.Format("-0700"))
	}
	fmt.Fprintf(&b, "data %d\n%s\n", len(r.Message), r.Message)
	if r.Parent != "" {
		fmt.Fprintf(&b, "from %s\n", r.Parent)
	}
	paths := make([]string, 0, len(r.Files))
	for p := range r.Files {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for _, p := range paths { // deletions first: a file may take a directory's place
		if r.Files[p] == nil {
			fmt.Fprintf(&b, "D %s\n", quotePath(p))
		}
	}
	for _, p := range paths {
		writeFile(&b, quotePath(p), r.Files[p])
	}
	return b.Bytes()
}

func writeFile(b *bytes.Buffer, path string, f *File) {
	if f == nil {
		return
	}
	mode := f.Mode
	if mode == 0 {
		mode = ModeFile
	}
	if f.OID != "" {
		fmt.Fprintf(b, "M %06o %s %s\n", mode, f.OID, path)
		return
	}
	fmt.Fprintf(b, "M %06o inline %s\ndata %d\n%s\n", mode, path, len(f.Content), f.Content)
}

func quotePath(p string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p) + `"`
}

func (m *Mirror) sameTree(ctx context.Context, parent, sha string) (bool, error) {
	if parent == "" {
		return false, nil
	}
	old, err := m.Commit(ctx, parent)
	if err != nil {
		return false, err
	}
	made, err := m.Commit(ctx, sha)
	return err == nil && old.Tree == made.Tree, err
}

// push sends the commit on the condition that the branch is where the request says.
func (m *Mirror) push(ctx context.Context, e *endpoint, req CommitRequest, sha string) error {
	ctx, cancel := context.WithTimeout(ctx, e.limits.Timeout)
	defer cancel()
	branch := headPrefix + req.Branch
	out, err := m.store.run(ctx, e.command(m.store, command{dir: m.dir, args: []string{
		"push", "--porcelain", "--quiet", "--no-verify", "--no-signed", "--recurse-submodules=no",
		"--force-with-lease=" + branch + ":" + req.Parent, "--", e.at.String(), sha + ":" + branch,
	}}))
	if err == nil {
		return nil
	}
	// The verdict on the branch is a line "!\t<from>:<to>\t[rejected] (why)" of the porcelain output.
	for line := range strings.Lines(string(out)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 && f[0] == "!" {
			verdict := e.classify(&exitError{program: "git push", stderr: f[2]})
			if fault.Is(verdict, fault.PushRejected) {
				return verdict
			}
			return failf(fault.Invalid, fault.PushRejected, "", "%s: the server refused the commit: %s", e.at, e.clean(f[2]))
		}
	}
	return e.classify(err)
}
