package engine

import (
	"context"
	"math/rand/v2"
	"time"

	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/tree"
)

func (r *repo) poke() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// startRepo starts the repository's goroutine. e.mu is held.
func (e *Engine) startRepo(r *repo) {
	if r.started {
		return
	}
	r.started = true
	e.wg.Add(1)
	go func() {
		defer e.wg.Done()
		r.loop(e.ctx)
	}()
}

func (r *repo) loop(ctx context.Context) {
	for n := 1; ; n++ {
		r.check(ctx)
		if n%maintainEvery == 0 {
			r.maintain(ctx)
		}
		r.mu.Lock()
		interval := r.spec.Interval
		r.mu.Unlock()
		if interval <= 0 {
			interval = defaultInterval
		}
		timer := time.NewTimer(interval + time.Duration(rand.Int64N(int64(interval)/10+1)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-r.kick:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// maintainEvery is the number of checks between two looks at whether a mirror wants packing.
const maintainEvery = 60

func (r *repo) maintain(ctx context.Context) {
	url := r.settings().URL
	if isChartRepository(url) {
		return
	}
	mirror, err := r.e.o.Mirrors.Mirror(url)
	if err == nil {
		_, err = mirror.Maintain(ctx, git.Light)
	}
	if err != nil && ctx.Err() == nil {
		r.e.o.Log.Warn("a mirror could not be maintained", "err", err)
	}
}

// check looks at the refs and charts in use once, and wakes the Apps that what it found concerns.
func (r *repo) check(ctx context.Context) {
	r.mu.Lock()
	spec, known := r.spec, r.known
	refs := make([]git.Ref, 0, len(r.refs))
	for ref := range r.refs {
		refs = append(refs, ref)
	}
	charts := make([]chart.Reference, 0, len(r.charts))
	for c := range r.charts {
		charts = append(charts, c)
	}
	idle := len(r.users) == 0
	r.began = r.e.o.Now()
	r.mu.Unlock()
	if !known || spec.Suspend || r.e.listing.Load() {
		return
	}
	err := spec.Err
	switch {
	case err != nil:
		r.fail(refs, charts, err)
	case len(charts) > 0 || isChartRepository(spec.URL):
		err = r.checkCharts(ctx, spec, charts)
	case len(refs) > 0:
		err = r.checkRefs(ctx, spec, refs)
	case idle:
		err = r.checkRefs(ctx, spec, []git.Ref{{}})
	}
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	r.checked = r.e.o.Now()
	r.e.metrics.looked(spec.URL, err, r.checked.Sub(r.began))
	news := !sameError(r.err, err) || r.moved || !r.told
	r.err, r.moved, r.told = err, false, true
	waiting := keysOf(r.refreshers)
	r.refreshers = nil
	r.mu.Unlock()
	r.e.kickKeys(waiting)
	if r.e.o.RepositoryChanged != nil && r.key.url == "" && news {
		r.e.o.RepositoryChanged(r.key.resource)
	}
}

func isChartRepository(url string) bool { return len(url) > 6 && url[:6] == "oci://" }

func (r *repo) checkRefs(ctx context.Context, spec Repository, refs []git.Ref) error {
	mirror, err := r.e.o.Mirrors.Mirror(spec.URL)
	if err == nil {
		var results map[git.Ref]git.Result
		results, err = mirror.Update(ctx, spec.remote(), refs)
		if err == nil {
			return r.take(ctx, mirror, results)
		}
	}
	if ctx.Err() == nil {
		r.fail(refs, nil, err)
	}
	return err
}

// take stores what a check found and wakes the Apps whose inputs a moved ref changed: those only.
func (r *repo) take(ctx context.Context, mirror *git.Mirror, results map[git.Ref]git.Result) error {
	var firstErr error
	for ref, res := range results {
		if res.Err != nil {
			firstErr = res.Err
			r.fail([]git.Ref{ref}, nil, res.Err)
			continue
		}
		r.mu.Lock()
		st := r.refs[ref]
		if st == nil || (st.found && st.err == nil && st.resolved.Commit == res.Resolved.Commit) {
			r.mu.Unlock()
			continue
		}
		before := *st
		r.mu.Unlock()
		var changes []git.Change
		var err error
		if before.found && before.resolved.Tree != res.Resolved.Tree {
			changes, err = mirror.Diff(ctx, before.resolved.Tree, res.Resolved.Tree)
		}
		rewritten := ""
		if res.Resolved.Rewritten {
			rewritten = "the history of " + ref.String() + " was rewritten"
		}
		r.move(ref, before, res.Resolved, news{changes: changes, unknown: err != nil, rewritten: rewritten})
	}
	return firstErr
}

// news is what is known of how a ref moved.
type news struct {
	changes   []git.Change
	unknown   bool   // changes could not be found out
	rewritten string // why deletions need a second look; empty: history went on
}

// move records that ref stands at a new commit. Apps whose record the changes touch render again; when the changes are
// not known, all of them do.
func (r *repo) move(ref git.Ref, before refState, to git.Resolved, n news) {
	r.mu.Lock()
	st := r.refs[ref]
	if st == nil {
		r.mu.Unlock()
		return
	}
	st.resolved, st.found, st.err = to, true, nil
	r.changed, r.moved = r.e.o.Now(), true
	st.fetched = times{r.began, r.changed}
	if st.index == nil {
		st.index = tree.NewIndex[Key]()
	}
	var affected, pending []Key
	if before.found && !n.unknown {
		affected = st.index.Affected(n.changes)
	} else {
		affected = r.usersOf(ref)
	}
	if !before.found || before.err != nil {
		pending = r.usersOf(ref)
	}
	r.mu.Unlock()
	number := r.e.moves.Add(1)
	for _, k := range affected {
		if a := r.e.app(k); a != nil {
			a.touch(number)
			a.rewrite(n.rewritten)
		}
	}
	r.e.kickKeys(affected) // when all are invalid, so that none prunes what another will want
	r.e.kickKeys(pending)
}

// usersOf lists the Apps on a ref. r.mu is held.
func (r *repo) usersOf(ref git.Ref) []Key {
	var out []Key
	for k, sources := range r.users {
		for _, s := range sources {
			if s.Chart == nil && s.Ref == ref {
				out = append(out, k)
				break
			}
		}
	}
	return out
}

// fail records an error and keeps what is known: an error of Git never takes anything away.
func (r *repo) fail(refs []git.Ref, charts []chart.Reference, err error) {
	r.mu.Lock()
	fresh := false
	for _, ref := range refs {
		if st := r.refs[ref]; st != nil {
			fresh = fresh || !sameError(st.err, err)
			st.err = err
		}
	}
	for _, c := range charts {
		if st := r.charts[c]; st != nil {
			fresh = fresh || !sameError(st.err, err)
			st.err = err
		}
	}
	users := keysOfUsers(r.users)
	r.mu.Unlock()
	if fresh {
		r.e.kickKeys(users)
	}
}

func (r *repo) checkCharts(ctx context.Context, spec Repository, refs []chart.Reference) error {
	var firstErr error
	for _, ref := range refs {
		asked := ref
		asked.Repository = spec.URL
		locked, err := r.e.o.Charts.Resolve(ctx, asked, spec.ChartAuth)
		if err != nil {
			r.fail(nil, []chart.Reference{ref}, err)
			firstErr = err
			continue
		}
		r.mu.Lock()
		st := r.charts[ref]
		moved := st != nil && (!st.found || st.err != nil || st.locked != locked)
		if moved {
			*st = chartState{locked: locked, found: true}
			r.changed, r.moved = r.e.o.Now(), true
		}
		var users []Key
		if moved {
			users = keysOfUsers(r.users)
		}
		r.mu.Unlock()
		for _, k := range users {
			if a := r.e.app(k); a != nil {
				a.invalidate()
				r.e.kick(a)
			}
		}
	}
	return firstErr
}

// checkedSince reports whether a check that began after t has ended; otherwise the App is woken when one has.
func (r *repo) checkedSince(t time.Time, k Key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.began.After(t) && !r.checked.Before(r.began) {
		return true
	}
	if r.refreshers == nil {
		r.refreshers = map[Key]bool{}
	}
	r.refreshers[k] = true
	return false
}
