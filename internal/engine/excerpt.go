package engine

import (
	"bytes"
	"context"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/fault"
)

// Excerpt is some lines of a file around the one that an error names.
type Excerpt struct {
	File  string   `json:"file"`
	Line  int      `json:"line"` // from 1
	From  int      `json:"from"` // number of the first of Lines
	Lines []string `json:"lines"`
}

const (
	excerptAround = 4       // lines before and behind
	excerptWidth  = 400     // characters of a line
	excerptFile   = 1 << 20 // bytes of a file that is looked into
)

// revisionsTold are the revisions that an App's state speaks of: those of a render that failed, else what Git says, else
// what runs.
func (e *Engine) revisionsTold(a *app, s Snapshot) []bundle.Revision {
	a.mu.Lock()
	r := a.rendered
	a.mu.Unlock()
	switch {
	case r.err != nil && len(r.tried) > 0:
		return r.tried
	case s.Desired != nil:
		return s.Desired.Revisions
	case s.Memory.Applied != nil:
		return s.Memory.Applied.Revisions
	}
	return nil
}

// culprit is the newest commit up to a revision that touched what the App reads; where that is not found, the revision's own.
func (e *Engine) culprit(ctx context.Context, a *app, revs []bundle.Revision) *CommitView {
	d := Deployed{Revisions: revs}
	for _, rev := range revs {
		if rev.Tree == "" {
			continue
		}
		mirror, err := e.o.Mirrors.Mirror(rev.URL)
		if err != nil {
			break
		}
		found, err := mirror.Log(ctx, rev.Commit, a.inputPaths(d, commitAt{rev.URL, rev.Commit}), 1)
		if err != nil || len(found) == 0 {
			break
		}
		v := viewOfCommit(found[0])
		v.Ref = rev.Ref
		return &v
	}
	return e.commit(ctx, d)
}

var fileLine = regexp.MustCompile(`^(.+):([0-9]+)(?::[0-9]+)?$`)

// excerpt shows the lines around the place that the error of a render names; nil when it names none, or when the file may
// hold a secret.
func (e *Engine) excerpt(ctx context.Context, a *app, revs []bundle.Revision) *Excerpt {
	a.mu.Lock()
	r := a.rendered
	a.mu.Unlock()
	if r.err == nil {
		return nil
	}
	m := fileLine.FindStringSubmatch(fault.Of(r.err).Where)
	if m == nil {
		return nil
	}
	line, err := strconv.Atoi(m[2])
	if err != nil || line < 1 {
		return nil
	}
	repos, _ := e.wires(a)
	for _, rev := range revs {
		if rev.Tree == "" {
			continue
		}
		for _, sr := range repos {
			settings := sr.repo.settings()
			if settings.URL != rev.URL {
				continue
			}
			mirror, err := e.o.Mirrors.Mirror(rev.URL)
			if err != nil {
				return nil
			}
			content, err := fs.ReadFile(settings.tree(ctx, mirror, rev.Tree), m[1])
			if err != nil || len(content) > excerptFile {
				break
			}
			return excerptOf(m[1], line, content)
		}
	}
	return nil
}

var secretKind = regexp.MustCompile(`(?m)["']?kind["']?\s*:\s*["']?Secret\b`)

func excerptOf(file string, line int, content []byte) *Excerpt {
	if secretKind.Match(content) || bytes.IndexByte(content, 0) >= 0 {
		return nil
	}
	lines := strings.Split(strings.ToValidUTF8(string(content), "\uFFFD"), "\n")
	if line > len(lines) {
		return nil
	}
	from := max(line-excerptAround, 1)
	out := &Excerpt{File: file, Line: line, From: from}
	for _, l := range lines[from-1 : min(line+excerptAround, len(lines))] {
		if r := []rune(l); len(r) > excerptWidth {
			l = string(r[:excerptWidth]) + "…"
		}
		out.Lines = append(out.Lines, l)
	}
	return out
}
