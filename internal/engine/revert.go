package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/tree"
)

// SharedInputs says what a revert does with files that other Apps read too.
type SharedInputs string

const (
	AskShared     SharedInputs = ""        // name them, and change nothing
	IncludeShared SharedInputs = "include" // restore them, for every App that reads them
	SkipShared    SharedInputs = "skip"    // leave them as they are
)

// RevertRequest asks to restore an App's inputs in Git.
type RevertRequest struct {
	To      string       `json:"to,omitempty"` // commit; empty: the last one that was healthy
	Shared  SharedInputs `json:"shared,omitempty"`
	Preview bool         `json:"preview,omitempty"` // name the files, commit nothing
	Message string       `json:"message,omitempty"`
	Actor   string       `json:"-"`
}

// Reverted is what a revert did, or would do.
type Reverted struct {
	To     string           `json:"to"`
	Branch string           `json:"branch"`
	Files  []RevertedFile   `json:"files"`
	Shared map[string][]Key `json:"shared,omitempty"` // path → the other Apps that read it
	Commit string           `json:"commit,omitempty"` // empty: nothing was committed
}

// RevertedFile is one input that differs from the revision to go back to.
type RevertedFile struct {
	Path    string `json:"path"`
	Deleted bool   `json:"deleted,omitempty"` // it is not there in the older revision
}

// Revert restores the inputs of one App, as they were at an earlier commit, by a new commit on its branch: exactly the
// files that its renders read and that differ. Other Apps' files stay as they are.
func (e *Engine) Revert(ctx context.Context, key Key, req RevertRequest) (Reverted, error) {
	a := e.app(key)
	if a == nil {
		return Reverted{}, ErrNoApp
	}
	r, at, src, err := e.revertible(a)
	if err != nil {
		return Reverted{}, err
	}
	spec := r.settings()
	mirror, err := e.o.Mirrors.Mirror(spec.URL)
	if err != nil {
		return Reverted{}, err
	}
	good, err := e.revertTarget(ctx, a, mirror, at.Commit, req.To)
	if err != nil {
		return Reverted{}, err
	}
	changes, err := e.inputsThatDiffer(ctx, a, mirror, src, at, good)
	if err != nil {
		return Reverted{}, err
	}
	out := Reverted{To: good.SHA, Branch: strings.TrimPrefix(at.Name, "refs/heads/"), Shared: r.sharedWith(a.key, src.Ref, changes)}
	files := map[string]*git.File{}
	for _, c := range changes {
		if len(out.Shared[c.Path]) > 0 && req.Shared == SkipShared {
			continue
		}
		out.Files = append(out.Files, RevertedFile{Path: c.Path, Deleted: c.Kind == git.Removed})
		files[c.Path] = nil
		if c.Kind != git.Removed {
			files[c.Path] = &git.File{OID: c.NewOID, Mode: c.Mode}
		}
	}
	if len(files) == 0 {
		return out, &fault.Error{
			Class: fault.Blocked, Reason: fault.Superseded, Message: "the inputs of " + key.String() + " are already as they were at " + good.SHA[:12],
			Next: "plumb history " + key.Name,
		}
	}
	if req.Preview || (len(out.Shared) > 0 && req.Shared == AskShared) {
		return out, nil
	}
	out.Commit, err = mirror.CommitFiles(ctx, spec.remote(), git.CommitRequest{
		Branch: out.Branch, Parent: at.Commit, Files: files, Message: revertMessage(key, good, req),
		Author: git.Person{Name: personName(req.Actor), Email: "plumb@localhost", When: e.o.Now()},
	})
	if err != nil {
		return out, err
	}
	e.record(ctx, history.Event{
		Kind: history.Rollback, App: key.String(), Actor: req.Actor, Commit: out.Commit,
		Message: fmt.Sprintf("restored %d files as of %s", len(files), good.SHA[:12]),
	})
	r.poke()
	return out, nil
}

func personName(actor string) string {
	name := strings.Map(func(c rune) rune {
		if strings.ContainsRune("<>\n\r\x00", c) {
			return -1
		}
		return c
	}, actor)
	if name == "" {
		return "Plumb"
	}
	return name
}

func revertMessage(key Key, good git.Commit, req RevertRequest) string {
	m := req.Message
	if m == "" {
		m = fmt.Sprintf("Roll back %s to %s\n\nRestores the inputs of this App as they were at\n%s (%s).", key, good.SHA[:12], good.SHA, good.Subject)
	}
	return m + "\n\nPlumb-App: " + key.String() + "\nPlumb-Rollback-To: " + good.SHA + "\n"
}

// revertible finds the branch that the App follows.
func (e *Engine) revertible(a *app) (*repo, git.Resolved, Source, error) {
	a.mu.Lock()
	given := a.given
	a.mu.Unlock()
	repos, _ := e.wires(a)
	for i, s := range given.Sources {
		for _, sr := range repos {
			if sr.index != i || s.Chart != nil || s.ValuesOnly {
				continue
			}
			at, _, err := sr.repo.at(s.Ref)
			if err != nil && at.Commit == "" {
				return nil, at, s, err
			}
			if !strings.HasPrefix(at.Name, "refs/heads/") {
				continue
			}
			return sr.repo, at, s, nil
		}
	}
	return nil, git.Resolved{}, Source{}, &fault.Error{
		Class: fault.Invalid, Reason: fault.InvalidSpec, Message: "no source of " + a.key.String() + " follows a branch: there is nothing to commit to",
		Next: "change the tag, chart version or commit in the App, or use plumb rollback --now",
	}
}

// revertTarget is the commit to go back to.
func (e *Engine) revertTarget(ctx context.Context, a *app, mirror *git.Mirror, head, to string) (git.Commit, error) {
	if to != "" {
		res, err := mirror.Resolve(ctx, git.Ref{Commit: to})
		if err != nil {
			return git.Commit{}, err
		}
		return mirror.Commit(ctx, res.Commit)
	}
	a.mu.Lock()
	healthy := a.snapshot.Memory.Healthy
	a.mu.Unlock()
	if healthy != nil && commitOf(*healthy) != head && commitOf(*healthy) != "" && a.headBundle() != healthy.Bundle {
		return mirror.Commit(ctx, commitOf(*healthy))
	}
	if sha := e.healthyBefore(ctx, a); sha != "" {
		return mirror.Commit(ctx, sha)
	}
	return git.Commit{}, &fault.Error{
		Class: fault.Blocked, Reason: fault.RefNotFound, Message: "no earlier healthy revision of " + a.key.String() + " is known", Next: "plumb rollback " + a.key.Name + " --to COMMIT",
	}
}

// healthyBefore finds the last successful deployment of another bundle than the one that runs.
func (e *Engine) healthyBefore(ctx context.Context, a *app) string {
	if e.o.History == nil {
		return ""
	}
	events, err := e.o.History.List(ctx, history.Query{App: a.key.String(), Kinds: []history.Kind{history.Deployment}, Limit: 200})
	if err != nil {
		return ""
	}
	for _, ev := range events {
		if ev.Outcome == outcomeOK && ev.Commit != "" && ev.Bundle != string(a.headBundle()) {
			return ev.Commit
		}
	}
	return ""
}

// inputsThatDiffer gives the changes that lead from the head back to good, restricted to what the App reads at either.
func (e *Engine) inputsThatDiffer(ctx context.Context, a *app, mirror *git.Mirror, src Source, at git.Resolved, good git.Commit) ([]git.Change, error) {
	back, err := mirror.Diff(ctx, at.Tree, good.Tree)
	if err != nil {
		return nil, err
	}
	a.stepping.Lock()
	defer a.stepping.Unlock()
	a.mu.Lock()
	spec := a.spec
	var traces []tree.Trace
	for _, t := range a.rendered.traces {
		if t.ref == src.Ref {
			traces = append(traces, t.trace)
		}
	}
	a.mu.Unlock()
	conn, err := a.target.connection()
	if err != nil {
		return nil, err
	}
	inputs, err := e.gather(ctx, a, spec)
	if err != nil {
		return nil, err
	}
	for i := range inputs {
		if inputs[i].repo != nil && inputs[i].ref == src.Ref {
			inputs[i].files, inputs[i].revision.Tree = inputs[i].repo.settings().tree(ctx, mirror, good.Tree), good.Tree
		}
	}
	before := e.render(ctx, spec, where(spec, conn), inputs)
	for _, t := range before.traces {
		if t.ref == src.Ref {
			traces = append(traces, t.trace)
		}
	}
	return slices.DeleteFunc(back, func(c git.Change) bool {
		return !slices.ContainsFunc(traces, func(t tree.Trace) bool { return t.Touches([]git.Change{c}) })
	}), nil
}

// sharedWith tells which other Apps read the changed paths.
func (r *repo) sharedWith(me Key, ref git.Ref, changes []git.Change) map[string][]Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string][]Key{}
	for otherRef, st := range r.refs {
		if st.index == nil || (otherRef != ref && st.resolved.Name != r.refs[ref].resolved.Name) {
			continue
		}
		for _, c := range changes {
			for _, s := range st.index.Affected([]git.Change{c}) {
				if s != me {
					out[c.Path] = append(out[c.Path], s)
				}
			}
		}
	}
	return out
}

func (a *app) headBundle() (d objectDigest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rendered.bundle
}
