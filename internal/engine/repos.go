package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/tree"
)

// repoKey names a repository in use: a Repository resource, or a URL that an App names directly.
type repoKey struct {
	resource Key
	url      string
}

type refKey = git.Ref

// repo is one repository that Apps use. One goroutine checks it: one look at its refs per interval, however many Apps
// are on it.
type repo struct {
	e   *Engine
	key repoKey

	mu         sync.Mutex
	spec       Repository
	known      bool // the Repository resource exists (always true for a URL)
	users      map[Key][]Source
	refs       map[refKey]*refState
	charts     map[chart.Reference]*chartState
	started    bool
	kick       chan struct{}
	began      time.Time    // of the newest check
	refreshers map[Key]bool // Apps that wait for a check
	checked    time.Time
	changed    time.Time
	moved      bool         // a ref moved since the last check ended
	told       bool         // RepositoryChanged was called once
	waiting    map[Key]bool // Apps whose pruning waits for a render
	err        error
}

type refState struct {
	resolved git.Resolved
	found    bool
	err      error
	index    *tree.Index[Key] // who read what at resolved.Tree
	fetched  times            // the look that brought resolved
}

type chartState struct {
	locked chart.Locked
	found  bool
	err    error
}

const defaultInterval = time.Minute

func (e *Engine) repoFor(namespace string, s Source) *repo {
	key := repoKey{url: s.URL}
	if s.URL == "" {
		key = repoKey{resource: Key{Namespace: namespace, Name: s.Repository}}
	}
	r := e.repos[key]
	if r == nil {
		r = &repo{
			e: e, key: key, kick: make(chan struct{}, 1),
			users: map[Key][]Source{}, refs: map[refKey]*refState{}, charts: map[chart.Reference]*chartState{},
		}
		r.spec, r.known = e.specs[key.resource], false
		if key.url != "" {
			r.spec, r.known = Repository{URL: key.url}, true
		} else if _, ok := e.specs[key.resource]; ok {
			r.known = true
		}
		e.repos[key] = r
		if e.started {
			e.startRepo(r)
		}
	}
	return r
}

// SetRepository tells the engine about a Repository; a change acts at once.
func (e *Engine) SetRepository(spec Repository) {
	e.mu.Lock()
	e.specs[spec.Key] = spec
	r := e.repos[repoKey{resource: spec.Key}]
	if r == nil { // no App uses it yet: it is checked all the same, so that its status is true
		r = e.repoFor(spec.Key.Namespace, Source{Repository: spec.Key.Name})
	}
	e.mu.Unlock()
	r.mu.Lock()
	if r.spec.URL != spec.URL {
		for _, st := range r.refs {
			*st = refState{}
		}
	}
	r.spec, r.known = spec, true
	users := keysOfUsers(r.users)
	r.mu.Unlock()
	r.poke()
	e.kickKeys(users)
}

// ForgetRepository drops a Repository; Apps on it keep what they have and say that it is gone.
func (e *Engine) ForgetRepository(key Key) {
	e.mu.Lock()
	delete(e.specs, key)
	r := e.repos[repoKey{resource: key}]
	e.mu.Unlock()
	if r == nil {
		return
	}
	r.mu.Lock()
	r.known = false
	users := keysOfUsers(r.users)
	r.mu.Unlock()
	e.kickKeys(users)
}

// RepositorySnapshot tells where a Repository stands.
func (e *Engine) RepositorySnapshot(key Key) (RepositorySnapshot, bool) {
	e.mu.Lock()
	r := e.repos[repoKey{resource: key}]
	e.mu.Unlock()
	if r == nil {
		return RepositorySnapshot{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := RepositorySnapshot{Key: key, URL: r.spec.URL, Checked: r.checked, Changed: r.changed, Err: r.err, Apps: len(r.users), Refs: map[string]string{}}
	for ref, st := range r.refs {
		if st.found {
			s.Refs[ref.String()] = st.resolved.Commit
		}
	}
	return s, true
}

// Pushed tells that a repository has news, as a webhook says. It returns how many repositories matched.
func (e *Engine) Pushed(match func(Repository) bool) int {
	e.mu.Lock()
	var hit []*repo
	for _, r := range e.repos {
		r.mu.Lock()
		if r.known && match(r.spec) {
			hit = append(hit, r)
		}
		r.mu.Unlock()
	}
	e.mu.Unlock()
	for _, r := range hit {
		r.poke()
	}
	return len(hit)
}

// use registers that an App reads a source of this repository.
func (r *repo) use(key Key, s Source) {
	r.mu.Lock()
	r.users[key] = append(r.users[key], s)
	fresh := false
	if s.Chart != nil {
		if r.charts[*s.Chart] == nil {
			r.charts[*s.Chart], fresh = &chartState{}, true
		}
	} else if r.refs[s.Ref] == nil {
		r.refs[s.Ref], fresh = &refState{}, true
	}
	r.mu.Unlock()
	if fresh {
		r.poke()
	}
}

// release forgets an App's uses; refs that nobody uses are no longer asked for.
func (r *repo) release(key Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.users, key)
	inUse := map[refKey]bool{}
	charts := map[chart.Reference]bool{}
	for _, sources := range r.users {
		for _, s := range sources {
			if s.Chart != nil {
				charts[*s.Chart] = true
			} else {
				inUse[s.Ref] = true
			}
		}
	}
	for ref, st := range r.refs {
		if st.index != nil {
			st.index.Remove(key)
		}
		if !inUse[ref] {
			delete(r.refs, ref)
		}
	}
	for c := range r.charts {
		if !charts[c] {
			delete(r.charts, c)
		}
	}
}

func (s Repository) remote() git.Remote {
	return git.Remote{URL: s.URL, Auth: s.Auth, Limits: s.Limits, Submodules: s.Submodules}
}

// errPending says that the first answer of a repository or cluster is still to come.
var errPending = errors.New("pending")

// at gives the commit of a ref as of the last check.
func (r *repo) at(ref git.Ref) (git.Resolved, Repository, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.usable(); err != nil {
		return git.Resolved{}, r.spec, err
	}
	st := r.refs[ref]
	switch {
	case st == nil:
		return git.Resolved{}, r.spec, errPending
	case st.err != nil:
		return st.resolved, r.spec, st.err
	case !st.found:
		return git.Resolved{}, r.spec, errPending
	}
	return st.resolved, r.spec, nil
}

func (r *repo) chartAt(ref chart.Reference) (chart.Locked, Repository, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.usable(); err != nil {
		return chart.Locked{}, r.spec, err
	}
	st := r.charts[ref]
	switch {
	case st == nil:
		return chart.Locked{}, r.spec, errPending
	case st.err != nil:
		return st.locked, r.spec, st.err
	case !st.found:
		return chart.Locked{}, r.spec, errPending
	}
	return st.locked, r.spec, nil
}

// settings gives the Repository as it is now.
func (r *repo) settings() Repository {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spec
}

// usable says why the repository cannot be used at all. r.mu is held.
func (r *repo) usable() error {
	if !r.known {
		if r.e.listing.Load() {
			return errPending
		}
		return &fault.Error{
			Class: fault.Blocked, Reason: fault.RepositoryUnknown,
			Message: "there is no Repository " + r.key.resource.String(),
			Next:    "create it, or correct spec.sources[].repository",
		}
	}
	return r.spec.Err
}

// settle files what an App read at root tree, and says whether the ref has moved on in a way that touches it meanwhile.
func (r *repo) settle(ctx context.Context, key Key, t sourceTrace) (stale bool) {
	r.mu.Lock()
	st := r.refs[t.ref]
	if st == nil || st.index == nil {
		r.mu.Unlock()
		return true
	}
	st.index.Add(key, t.trace)
	now, url := st.resolved.Tree, r.spec.URL
	r.mu.Unlock()
	if now == t.tree {
		return false
	}
	mirror, err := r.e.o.Mirrors.Mirror(url)
	if err != nil {
		return true
	}
	changes, err := mirror.Diff(ctx, t.tree, now)
	return err != nil || t.trace.Touches(changes)
}

func keysOfUsers(users map[Key][]Source) []Key {
	out := make([]Key, 0, len(users))
	for k := range users {
		out = append(out, k)
	}
	return out
}

func sameError(a, b error) bool {
	if a == nil || b == nil {
		return (a == nil) == (b == nil)
	}
	return a.Error() == b.Error()
}
