package engine

import (
	"context"
	"strings"
	"sync"
	"time"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/plan"
)

// Trigger says what a deployment came from.
type Trigger string

const (
	ByCommit   Trigger = "commit"   // a new revision
	BySpec     Trigger = "spec"     // the same revision; the App itself was changed, or its cluster
	ByRequest  Trigger = "request"  // somebody asked or approved
	ByRollback Trigger = "rollback" // a failure, or a commit that undoes another one
	ByHold     Trigger = "hold"     // somebody pinned a revision or a bundle
)

// DeploymentFacts are what measures of a deployment are made of, besides its times and outcome. They are in its record:
// the mirror that they were read from may be gone when somebody asks.
type DeploymentFacts struct {
	Cluster   string    `json:"cluster,omitempty"`
	Trigger   Trigger   `json:"trigger,omitempty"`
	Committed time.Time `json:"committed,omitzero"` // committer's time of the first Git source's commit; zero: a chart, or it could not be read
	Subject   string    `json:"subject,omitempty"`  // at most 200 characters
	Author    string    `json:"author,omitempty"`   // at most 100 characters
	Previous  string    `json:"previous,omitempty"` // commit that was applied before; empty: nothing was
}

// LeadTime is the time from the commit to healthy, for a deployment of commit that became healthy at. It is known only
// where a deployment brought a commit that the App did not run before: not for the first one, for a change of the App
// itself, a hold or a rollback.
func (f DeploymentFacts) LeadTime(commit string, healthy time.Time) (time.Duration, bool) {
	fresh := f.Previous != "" && f.Previous != commit && (f.Trigger == ByCommit || f.Trigger == ByRequest)
	if !fresh || f.Committed.IsZero() || healthy.Before(f.Committed) {
		return 0, false
	}
	return healthy.Sub(f.Committed), true
}

// factsOf reads the facts of an attempt that is about to begin.
func (e *Engine) factsOf(ctx context.Context, a *app, spec App, c choice, req *Request) DeploymentFacts {
	f := DeploymentFacts{Cluster: spec.Cluster}
	if a.mem.Applied != nil {
		f.Previous = commitOf(*a.mem.Applied)
	}
	commit := e.metrics.told.commits.of(ctx, e.o.Mirrors, c.want.Revisions)
	f.Committed, f.Subject, f.Author = commit.Committer.When.UTC(), cut(commit.Subject, 200), cut(commit.Author.Name, 100)
	if commit.Committer.When.IsZero() {
		f.Committed = time.Time{}
	}
	f.Trigger = triggerOf(spec, c, req, f.Previous, commit)
	return f
}

func triggerOf(spec App, c choice, req *Request, previous string, commit git.Commit) Trigger {
	held := spec.Hold != nil && (spec.Hold.Bundle == c.want.Bundle || spec.Hold.Revision != "")
	switch {
	case held:
		return ByHold
	case c.mode == plan.Rollback || undoes(spec.Key, commit):
		return ByRollback
	case req != nil:
		return ByRequest
	case previous != "" && previous == commitOf(c.want):
		return BySpec
	}
	return ByCommit
}

// undoes reports whether a commit takes an earlier one back: as `git revert` writes it, or as our own rollback of this
// App does.
func undoes(app Key, c git.Commit) bool {
	for line := range strings.Lines(c.Body) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "This reverts commit ") || line == "Plumb-App: "+app.String() {
			return true
		}
	}
	return false
}

// cut shortens a text to n characters.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// commitCache holds the newest commits that were deployed: a commit to a shared base is read once, not once an App.
type commitCache struct {
	mu    sync.Mutex
	known map[string]git.Commit
}

const commitsKept = 256

// of gives the commit of the first Git source; the zero Commit where there is none or it cannot be read: what is missing
// is missing in a measure, it stops no deployment.
func (c *commitCache) of(ctx context.Context, mirrors *git.Store, revisions []bundle.Revision) git.Commit {
	if mirrors == nil {
		return git.Commit{}
	}
	for _, rev := range revisions {
		if rev.Tree == "" {
			continue
		}
		c.mu.Lock()
		commit, ok := c.known[rev.URL+" "+rev.Commit]
		c.mu.Unlock()
		if ok {
			return commit
		}
		mirror, err := mirrors.Mirror(rev.URL)
		if err != nil {
			return git.Commit{}
		}
		if commit, err = mirror.Commit(ctx, rev.Commit); err != nil {
			return git.Commit{}
		}
		c.mu.Lock()
		if c.known == nil || len(c.known) >= commitsKept {
			c.known = map[string]git.Commit{}
		}
		c.known[rev.URL+" "+rev.Commit] = commit
		c.mu.Unlock()
		return commit
	}
	return git.Commit{}
}
