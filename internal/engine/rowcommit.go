package engine

import (
	"context"
	"slices"
	"strings"
	"sync"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/git"
)

// changeLog says, for a stretch of a repository's history, which commits touched a path. It is made once and answers for
// every App that stands at a commit of it.
type changeLog struct {
	commits []git.Commit     // newest first
	at      map[string]int   // SHA → place in commits
	touch   map[string][]int // path, and every directory above it → places in commits, newest first
}

// changeLogDepth is how many commits of a repository are compared with their parents.
const changeLogDepth = 300

// touched are the paths that commits changed, by commit: they never change.
type touched map[string][]string

// maxTouched bounds how many commits are remembered, maxChangeLogs how many stretches of a repository.
const (
	maxTouched    = 3_000
	maxChangeLogs = 8
)

// readChangeLog walks back from a head.
func readChangeLog(ctx context.Context, mirror *git.Mirror, head string, known touched) (*changeLog, error) {
	commits, err := mirror.Log(ctx, head, nil, changeLogDepth)
	if err != nil {
		return nil, err
	}
	log := &changeLog{commits: commits, at: map[string]int{}, touch: map[string][]int{}}
	for i, c := range commits {
		log.at[c.SHA] = i
		paths, ok := known[c.SHA]
		if !ok {
			if paths, err = changedBy(ctx, mirror, c); err != nil {
				return nil, err
			}
			if len(known) >= maxTouched {
				clear(known)
			}
			known[c.SHA] = paths
		}
		for _, p := range paths {
			log.add(p, i)
		}
	}
	return log, nil
}

// add files a path, and what is above it, under the commit at a place; places come in order.
func (l *changeLog) add(p string, at int) {
	for {
		places := l.touch[p]
		if n := len(places); n > 0 && places[n-1] == at {
			return // by another path of the commit, and so is everything above
		}
		l.touch[p] = append(places, at)
		if p == "." {
			return
		}
		if i := strings.LastIndexByte(p, '/'); i >= 0 {
			p = p[:i]
		} else {
			p = "."
		}
	}
}

// last is the newest commit, from the one with this SHA on, that touched one of the paths.
func (l *changeLog) last(sha string, paths []string) (git.Commit, bool) {
	from, ok := l.at[sha]
	if !ok {
		return git.Commit{}, false
	}
	best := len(l.commits)
	for _, p := range paths {
		places := l.touch[p]
		if i, _ := slices.BinarySearch(places, from); i < len(places) {
			best = min(best, places[i])
		}
	}
	if best == len(l.commits) {
		return git.Commit{}, false
	}
	return l.commits[best], true
}

// changedBy are the paths that a commit changed: what differs from all of its parents, so that a merge changes only what
// it settled itself.
func changedBy(ctx context.Context, mirror *git.Mirror, c git.Commit) ([]string, error) {
	parents := []string{""} // of the first commit: the empty tree
	if len(c.Parents) > 0 {
		parents = parents[:0]
		for _, p := range c.Parents {
			parent, err := mirror.Commit(ctx, p)
			if err != nil {
				return nil, err
			}
			parents = append(parents, parent.Tree)
		}
	}
	var common []string
	for i, tree := range parents {
		changes, err := mirror.Diff(ctx, tree, c.Tree)
		if err != nil {
			return nil, err
		}
		var paths []string
		for _, change := range changes {
			if _, found := slices.BinarySearch(common, change.Path); i == 0 || found {
				paths = append(paths, change.Path)
			}
		}
		common = slices.Compact(paths) // Diff gives them sorted
	}
	return common, nil
}

// logbook keeps change logs of repositories, for everybody who asks which commit changed an App. Safe for concurrent use.
type logbook struct {
	mu      sync.Mutex
	logs    map[string][]*changeLog // by repository, newest first
	touched touched
}

func newLogbook() *logbook { return &logbook{logs: map[string][]*changeLog{}, touched: touched{}} }

// with is a log that holds a commit; nil when there is none to be had.
func (b *logbook) with(ctx context.Context, mirrors *git.Store, at commitAt) *changeLog {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, log := range b.logs[at.url] {
		if _, ok := log.at[at.sha]; ok {
			return log
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	mirror, err := mirrors.Mirror(at.url)
	if err != nil {
		return nil
	}
	log, err := readChangeLog(ctx, mirror, at.sha, b.touched)
	if err != nil {
		return nil
	}
	logs := append([]*changeLog{log}, b.logs[at.url]...)
	b.logs[at.url] = logs[:min(len(logs), maxChangeLogs)]
	return log
}

// changer is the commit that last changed an App, at or before the one that it was rendered at. Where the log does not
// reach back so far, it is that one.
func (e *Engine) changer(ctx context.Context, a *app, d Deployed, at commitAt) *CommitView {
	if log := e.book.with(ctx, e.o.Mirrors, at); log != nil {
		if c, ok := log.last(at.sha, a.inputPaths(d, at)); ok {
			v := viewOfCommit(c)
			return &v
		}
	}
	return e.commit(ctx, d)
}

// Changer is the commit behind a record of an App at a commit: the newest, up to it, that touched what the App reads now. nil:
// the App is not known, or the commit cannot be read.
func (e *Engine) Changer(ctx context.Context, key Key, commit string) *CommitView {
	a := e.app(key)
	if a == nil || commit == "" {
		return nil
	}
	a.mu.Lock()
	revs := a.rendered.revs
	a.mu.Unlock()
	i := slices.IndexFunc(revs, func(rev bundle.Revision) bool { return rev.Tree != "" })
	if i < 0 {
		return nil
	}
	at := Deployed{Revisions: []bundle.Revision{{URL: revs[i].URL, Commit: commit, Tree: revs[i].Tree}}}
	return e.changer(ctx, a, at, commitAt{revs[i].URL, commit})
}

// inputPaths are the directories and files of a revision that the App's render read; where that is not known any more, its
// directories.
func (a *app) inputPaths(d Deployed, at commitAt) []string {
	a.mu.Lock()
	spec, r := a.spec, a.rendered
	a.mu.Unlock()
	if len(r.revs) == 0 {
		r = rendered{revs: d.Revisions}
	}
	i := slices.IndexFunc(r.revs, func(rev bundle.Revision) bool { return rev.Tree != "" && rev.URL == at.url })
	if i < 0 {
		return []string{"."}
	}
	return inputPaths(spec, r, r.revs[i])
}
