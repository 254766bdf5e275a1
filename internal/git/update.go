package git

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/fault"
)

// updating is one conversation: what was asked, and what is known so far.
type updating struct {
	m       *Mirror
	e       *endpoint
	listing map[string]remoteRef
	empty   bool
	results map[Ref]Result
}

// converse is the body of Update, for one batch. When the outcome smells of a damaged mirror, and it is one, the mirror
// is made anew and the conversation held once more.
func (m *Mirror) converse(ctx context.Context, r Remote, refs []Ref) (map[Ref]Result, error) {
	u := &updating{m: m, results: make(map[Ref]Result, len(refs))}
	err := u.run(ctx, r, refs)
	if u.smells(err) && ctx.Err() == nil {
		pins, rerr := m.repair(ctx)
		switch {
		case rerr != nil:
			err = rerr
		case pins != nil:
			u = &updating{m: m, results: make(map[Ref]Result, len(refs))}
			if err = u.run(ctx, r, refs); err == nil {
				err = m.pinAgain(ctx, r, pins)
			}
		}
	}
	if err != nil {
		return m.lastGood(context.WithoutCancel(ctx), refs, err), err
	}
	return u.results, nil
}

func (u *updating) run(ctx context.Context, r Remote, refs []Ref) (err error) {
	if u.e, err = u.m.store.connect(r); err != nil {
		return err
	}
	defer u.e.close()
	release, err := u.m.exclusive(ctx)
	if err != nil {
		return err
	}
	defer release()
	u.m.mu.Lock()
	u.m.limits = u.e.limits
	u.m.mu.Unlock()

	named, commits := u.sortOut(ctx, refs)
	if len(named) > 0 {
		if err := u.named(ctx, named); err != nil {
			return err
		}
	}
	if len(commits) > 0 {
		return u.commits(ctx, commits)
	}
	return nil
}

// sortOut answers what needs no network (malformed refs, commits that are here) and splits the rest.
func (u *updating) sortOut(ctx context.Context, refs []Ref) (named, commits []Ref) {
	for _, ref := range refs {
		switch {
		case ref.Validate() != nil:
			u.results[ref] = Result{Err: ref.Validate()}
		case ref.Commit == "":
			named = append(named, ref)
		default:
			res, err := u.m.Resolve(ctx, ref)
			if err != nil {
				commits = append(commits, ref)
				continue
			}
			if err := u.m.checkFiles(ctx, res.Tree, ""); err != nil {
				u.results[ref] = Result{Err: err}
				continue
			}
			u.results[ref] = Result{Resolved: res}
		}
	}
	return named, commits
}

// named handles branches, tags, ranges and full names: one listing, and one fetch when something moved. A ref that
// vanishes between the two is found by listing once more.
func (u *updating) named(ctx context.Context, refs []Ref) error {
	var fetched map[string]string
	for attempt := 1; ; attempt++ {
		if err := u.list(ctx, refs); err != nil {
			return err
		}
		var specs []string
		for _, ref := range refs {
			if t, err := u.choose(ref); err == nil && u.m.local(t.Name) != t.OID && !slices.Contains(specs, t.Name) {
				specs = append(specs, t.Name)
			}
		}
		var err error
		if fetched, err = u.m.fetch(ctx, u.e, specs); err == nil {
			break
		}
		if attempt > 1 || !fault.Is(err, fault.RefNotFound) {
			return err
		}
	}
	return u.record(ctx, refs, fetched)
}

// list fills the listing with the refs in use, and notices a repository without any ref.
func (u *updating) list(ctx context.Context, refs []Ref) error {
	ctx, cancel := context.WithTimeout(ctx, u.e.limits.Timeout)
	defer cancel()
	prefixes := []string{headName}
	for _, ref := range refs {
		p := ref.remoteName()
		if ref.Semver != "" {
			p = tagPrefix
		}
		if !slices.Contains(prefixes, p) {
			prefixes = append(prefixes, p)
		}
	}
	listed, err := u.m.store.list(ctx, u.e, prefixes)
	if err == nil && len(listed) == 0 {
		listed, err = u.m.store.list(ctx, u.e, []string{headPrefix, tagPrefix})
		u.empty = err == nil && len(listed) == 0
	}
	if err != nil {
		return err
	}
	u.listing = make(map[string]remoteRef, len(listed))
	for _, l := range listed {
		if l.Name == headName || validRefName(l.Name) {
			u.listing[l.Name] = l
		}
	}
	return nil
}

// choose finds the server's ref for what was asked.
func (u *updating) choose(ref Ref) (remoteRef, error) {
	if u.empty {
		return remoteRef{}, failf(fault.Blocked, fault.RepositoryEmpty, "push a first commit", "%s has no commit yet", u.m.shown)
	}
	name := ref.remoteName()
	if ref.Semver != "" {
		names := make([]string, 0, len(u.listing))
		for n := range u.listing {
			names = append(names, n)
		}
		if name = bestTag(ref.Semver, names); name == "" {
			return remoteRef{}, failf(fault.Blocked, fault.RefNotFound, "", "no tag of %s is in the range %q", u.m.shown, ref.Semver)
		}
	}
	t, ok := u.listing[name]
	if !ok {
		return remoteRef{}, failf(fault.Blocked, fault.RefNotFound, "check the name, or push it", "%s has no %s", u.m.shown, ref)
	}
	if name == headName && validRefName(t.Target) {
		t.Name = t.Target
	}
	return t, nil
}

// record checks what was fetched, moves the mirror's refs and answers.
func (u *updating) record(ctx context.Context, refs []Ref, fetched map[string]string) error {
	moves := map[string]string{}
	names := map[Ref]string{}
	for _, ref := range refs {
		t, err := u.choose(ref)
		if err != nil {
			u.results[ref] = u.m.lastGood(ctx, []Ref{ref}, err)[ref]
			continue
		}
		oid := fetched[t.Name]
		if oid == "" {
			oid = t.OID
		}
		res, err := u.resolved(ctx, ref, t.Name, oid)
		if err != nil {
			u.results[ref] = u.m.lastGood(ctx, []Ref{ref}, err)[ref]
			continue
		}
		u.results[ref] = Result{Resolved: res}
		names[ref] = t.Name
		if u.m.local(t.Name) != oid {
			moves[t.Name] = oid
		}
	}
	if err := u.m.moveRefs(ctx, moves); err != nil {
		return err
	}
	return u.m.setState(func(s *state) {
		for ref, name := range names {
			switch {
			case ref == (Ref{}):
				s.Head = name
			case ref.Semver != "":
				s.Ranges[ref.Semver] = name
			}
		}
	})
}

// resolved describes the move of one ref to oid, before the mirror's refs are moved.
func (u *updating) resolved(ctx context.Context, ref Ref, name, oid string) (Resolved, error) {
	c, err := u.m.peel(ctx, ref, oid)
	if err != nil {
		return Resolved{}, err
	}
	res := Resolved{Ref: ref, Commit: c.SHA, Tree: c.Tree, Name: name}
	old, err := u.m.Resolve(ctx, ref)
	if err != nil || old.Commit == c.SHA {
		return res, u.m.checkFiles(ctx, c.Tree, "")
	}
	res.Previous = old.Commit
	switch {
	case old.Name != name:
	case strings.HasPrefix(name, tagPrefix):
		res.Rewritten = true
	case slices.Contains(c.Parents, old.Commit): // the usual case, without a process
	default:
		ancestor, err := u.m.isAncestor(ctx, old.Commit, c.SHA)
		if err != nil {
			return Resolved{}, err
		}
		res.Rewritten = !ancestor
	}
	return res, u.m.checkFiles(ctx, c.Tree, old.Tree)
}

func (m *Mirror) isAncestor(ctx context.Context, old, now string) (bool, error) {
	_, err := m.git(ctx, "merge-base", "--is-ancestor", old, now)
	var ee *exitError
	if errors.As(err, &ee) && ee.code == 1 {
		return false, nil
	}
	return err == nil, err
}

// commits fetches commits that are not here: by id, which most servers allow, else by everything that a branch or tag
// reaches.
func (u *updating) commits(ctx context.Context, refs []Ref) error {
	if u.listing == nil { // the greeting follows redirects and tells errors apart
		if err := u.list(ctx, nil); err != nil {
			return err
		}
	}
	if u.empty {
		for _, ref := range refs {
			_, err := u.choose(ref)
			u.results[ref] = Result{Err: err}
		}
		return nil
	}
	var missing []Ref
	for _, ref := range refs {
		if len(ref.Commit) == 40 {
			_, err := u.m.fetch(ctx, u.e, []string{strings.ToLower(ref.Commit)})
			if err != nil && !fault.Is(err, fault.RefNotFound) {
				return err
			}
			if u.answer(ctx, ref) {
				continue
			}
		}
		missing = append(missing, ref)
	}
	if len(missing) == 0 {
		return nil
	}
	if err := u.fetchAll(ctx); err != nil {
		return err
	}
	for _, ref := range missing {
		if !u.answer(ctx, ref) {
			_, err := u.m.Resolve(ctx, ref)
			u.results[ref] = Result{Err: err}
		}
	}
	return nil
}

// fetchAll brings whatever a branch or tag reaches. A ref that vanishes meanwhile leaves it to the next Update.
func (u *updating) fetchAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, u.e.limits.Timeout)
	defer cancel()
	listed, err := u.m.store.list(ctx, u.e, []string{headPrefix, tagPrefix})
	if err != nil {
		return err
	}
	var specs []string
	for _, l := range listed {
		if validRefName(l.Name) && (strings.HasPrefix(l.Name, headPrefix) || strings.HasPrefix(l.Name, tagPrefix)) && u.m.local(l.Name) != l.OID {
			specs = append(specs, l.Name)
		}
	}
	if _, err = u.m.fetch(ctx, u.e, specs); fault.Is(err, fault.RefNotFound) {
		return nil
	}
	return err
}

// answer resolves a commit that should be here now, and keeps it here.
func (u *updating) answer(ctx context.Context, ref Ref) bool {
	res, err := u.m.Resolve(ctx, ref)
	if err != nil {
		return false
	}
	if err := u.m.checkFiles(ctx, res.Tree, ""); err != nil {
		u.results[ref] = Result{Err: err}
		return true
	}
	if _, err := u.m.git(ctx, "update-ref", commitRefs+res.Commit, res.Commit); err != nil {
		u.results[ref] = Result{Err: fmt.Errorf("keeping commit %s: %w", res.Commit, err)}
		return true
	}
	u.results[ref] = Result{Resolved: res}
	return true
}

// Resolve answers from what is local: the commit that the ref had at the last good Update.
func (m *Mirror) Resolve(ctx context.Context, ref Ref) (Resolved, error) {
	if err := ref.Validate(); err != nil {
		return Resolved{}, err
	}
	if err := m.ensure(ctx); err != nil {
		return Resolved{}, err
	}
	if ref.Commit != "" {
		return m.resolveCommit(ctx, ref)
	}
	m.mu.Lock()
	name := ref.remoteName()
	switch {
	case ref.Semver != "":
		name = m.state.Ranges[ref.Semver]
		if name == "" {
			names := make([]string, 0, len(m.refs))
			for n := range m.refs {
				names = append(names, n)
			}
			name = bestTag(ref.Semver, names)
		}
	case name == headName && m.state.Head != "":
		name = m.state.Head
	}
	oid := m.refs[name]
	m.mu.Unlock()
	if oid == "" {
		return Resolved{}, failf(fault.Blocked, fault.RefNotFound, "", "%s of %s has not been fetched", ref, m.shown)
	}
	c, err := m.peel(ctx, ref, oid)
	if err != nil {
		return Resolved{}, err
	}
	return Resolved{Ref: ref, Commit: c.SHA, Tree: c.Tree, Name: name}, nil
}

func (m *Mirror) resolveCommit(ctx context.Context, ref Ref) (Resolved, error) {
	id, _, data, err := m.lookup(ctx, strings.ToLower(ref.Commit)+"^{commit}", maxCommitBytes)
	switch {
	case errors.Is(err, errAmbiguous):
		return Resolved{}, failf(fault.Invalid, fault.RefNotFound, "give more digits", "%s of %s is ambiguous", ref, m.shown)
	case errors.Is(err, errMissing):
		return Resolved{}, failf(fault.Blocked, fault.RefNotFound, "check the id", "%s has no %s", m.shown, ref)
	case err != nil:
		return Resolved{}, err
	}
	c, err := parseCommit(id, data)
	if err != nil {
		return Resolved{}, err
	}
	return Resolved{Ref: ref, Commit: c.SHA, Tree: c.Tree}, nil
}
