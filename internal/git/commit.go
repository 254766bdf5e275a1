package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"plumb.cd/plumb/internal/fault"
)

// maxCommitBytes bounds a commit or tag object.
const maxCommitBytes = 4 << 20

// Commit reads one commit by its full id.
func (m *Mirror) Commit(ctx context.Context, sha string) (Commit, error) {
	id, kind, data, err := m.typed(ctx, sha, maxCommitBytes)
	if err != nil {
		return Commit{}, err
	}
	if kind != "commit" {
		return Commit{}, fmt.Errorf("object %s of %s is a %s, not a commit", sha, m.shown, kind)
	}
	return parseCommit(id, data)
}

// peel follows annotated tags down to the commit.
func (m *Mirror) peel(ctx context.Context, ref Ref, oid string) (Commit, error) {
	for range 10 {
		id, kind, data, err := m.typed(ctx, oid, maxCommitBytes)
		if err != nil {
			return Commit{}, err
		}
		switch kind {
		case "commit":
			return parseCommit(id, data)
		case "tag":
			target, ok := strings.CutPrefix(firstLine(data), "object ")
			if !ok {
				return Commit{}, fmt.Errorf("malformed tag object %s", oid)
			}
			oid = target
		default:
			return Commit{}, failf(fault.Blocked, fault.RefNotFound, "", "%s of %s is a %s, not a commit", ref, m.shown, kind)
		}
	}
	return Commit{}, failf(fault.Blocked, fault.RefNotFound, "", "%s of %s is a chain of more than 10 tags", ref, m.shown)
}

func firstLine(b []byte) string {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func parseCommit(sha string, data []byte) (Commit, error) {
	head, message, _ := bytes.Cut(data, []byte("\n\n"))
	c := Commit{SHA: sha}
	for line := range bytes.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		switch key {
		case "tree":
			c.Tree = value
		case "parent":
			c.Parents = append(c.Parents, value)
		case "author":
			c.Author = parsePerson(value)
		case "committer":
			c.Committer = parsePerson(value)
		}
	}
	if len(c.Tree) != 40 {
		return Commit{}, errors.New("malformed commit object " + sha)
	}
	text := strings.TrimLeft(strings.ToValidUTF8(string(message), "\uFFFD"), "\n")
	subject, body, _ := strings.Cut(text, "\n\n")
	c.Subject = strings.Join(strings.Fields(subject), " ")
	c.Body = strings.TrimSpace(body)
	return c, nil
}

// parsePerson reads "Name <email> 1700000000 +0100".
func parsePerson(s string) Person {
	s = strings.ToValidUTF8(s, "\uFFFD")
	open, end := strings.IndexByte(s, '<'), strings.LastIndexByte(s, '>')
	if open < 0 || end < open {
		return Person{Name: s}
	}
	p := Person{Name: strings.TrimSpace(s[:open]), Email: s[open+1 : end]}
	f := strings.Fields(s[end+1:])
	if len(f) == 0 {
		return p
	}
	sec, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return p
	}
	p.When = time.Unix(sec, 0).UTC()
	if len(f) > 1 {
		if z, err := time.Parse("-0700", f[1]); err == nil {
			_, off := z.Zone()
			p.When = p.When.In(time.FixedZone("", off))
		}
	}
	return p
}

// Log lists the commits reachable from the commit `from` that touch one of the paths (all commits when there are
// none), newest first, at most limit.
func (m *Mirror) Log(ctx context.Context, from string, paths []string, limit int) ([]Commit, error) {
	if len(from) != 40 || !isHex(from) {
		return nil, fmt.Errorf("%q is not a commit id", from)
	}
	if err := m.ensure(ctx); err != nil {
		return nil, err
	}
	args := []string{"rev-list", "--max-count=" + strconv.Itoa(max(limit, 0)), from, "--"}
	if !slices.Contains(paths, ".") && !slices.Contains(paths, "") { // the root is touched by every commit
		args = append(args, paths...)
	}
	out, err := m.git(ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("listing commits of %s: %w", m.shown, err)
	}
	var commits []Commit
	for _, sha := range strings.Fields(string(out)) {
		c, err := m.Commit(ctx, sha)
		if err != nil {
			return nil, err
		}
		commits = append(commits, c)
	}
	return commits, nil
}
