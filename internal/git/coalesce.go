package git

import (
	"context"
	"fmt"
	"slices"

	"plumb.cd/plumb/internal/fault"
)

// Result is what Update says about one ref. Both fields may be set: Resolved is then the last good answer, zero when
// there never was one, and Err says why there is no newer one.
type Result struct {
	Resolved Resolved
	Err      error
}

// Resolved is a ref made into a commit.
type Resolved struct {
	Ref    Ref
	Commit string // full id
	Tree   string // its root tree
	Name   string // the server's ref, such as refs/heads/main or the tag that a range chose; empty for a commit
	// Previous is the commit that the ref had before this Update moved it; empty when it did not move or is new.
	Previous string
	// Rewritten says that history was replaced: Previous is no ancestor of Commit, or the tag names another commit.
	Rewritten bool
}

// batch is one conversation with the server, on behalf of everyone who asked before it began.
type batch struct {
	print   [32]byte
	remote  Remote
	refs    []Ref
	cancel  context.CancelFunc
	ctx     context.Context // ends when nobody waits any more
	waiters int
	done    chan struct{}
	results map[Ref]Result
	err     error
}

// Update asks the server for the refs and fetches those that moved. Calls that come while one is under way wait for
// it and then share the next one, so that each sees what the server had after its call.
//
// The map has one entry for each ref, also on error. The error is that of the whole conversation (credentials, network,
// repository); it is then in every Result too. No failure takes away what the mirror holds.
func (m *Mirror) Update(ctx context.Context, r Remote, refs []Ref) (map[Ref]Result, error) {
	return m.updateAll(ctx, r, refs, newNesting(r.Limits))
}

func (m *Mirror) updateAll(ctx context.Context, r Remote, refs []Ref, n *nesting) (map[Ref]Result, error) {
	if r.URL == "" {
		r.URL = m.shown
	}
	at, err := parseURL(r.URL)
	if err == nil && at.key() != m.key {
		err = failf(fault.Invalid, fault.InvalidSpec, "", "the mirror of %s cannot be updated from %s", m.shown, at)
	}
	if err == nil {
		err = m.ensure(ctx)
	}
	if err != nil {
		return m.lastGood(ctx, refs, err), err
	}
	b, err := m.join(ctx, r, refs)
	if err != nil {
		return m.lastGood(ctx, refs, err), err
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		m.leave(b)
		err := fmt.Errorf("updating the mirror of %s: %w", m.shown, context.Cause(ctx))
		return m.lastGood(context.WithoutCancel(ctx), refs, err), err
	}
	out := make(map[Ref]Result, len(refs))
	for _, ref := range refs {
		out[ref] = b.results[ref]
	}
	if r.Submodules && b.err == nil {
		m.fetchNested(ctx, r, out, n)
	}
	return out, b.err
}

// lastGood answers each ref from what is local, beside the error.
func (m *Mirror) lastGood(ctx context.Context, refs []Ref, err error) map[Ref]Result {
	out := make(map[Ref]Result, len(refs))
	for _, ref := range refs {
		res, rerr := m.Resolve(ctx, ref)
		if rerr != nil {
			res = Resolved{}
		}
		out[ref] = Result{Resolved: res, Err: err}
	}
	return out
}

// join adds the call to a conversation that has not begun.
func (m *Mirror) join(ctx context.Context, r Remote, refs []Ref) (*batch, error) {
	id := r.fingerprint()
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.pending, func(b *batch) bool { return b.print == id })
	if i < 0 {
		b := &batch{print: id, remote: r, done: make(chan struct{})}
		b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
		i = len(m.pending)
		m.pending = append(m.pending, b)
	}
	b := m.pending[i]
	if !m.running {
		if !m.store.begin() {
			m.pending = slices.Delete(m.pending, i, i+1)
			b.cancel()
			return nil, errClosed
		}
		m.running = true
		go m.work()
	}
	b.waiters++
	for _, ref := range refs {
		if !slices.Contains(b.refs, ref) {
			b.refs = append(b.refs, ref)
		}
	}
	return b, nil
}

// leave gives up on a conversation; the last to leave ends it.
func (m *Mirror) leave(b *batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.waiters--; b.waiters == 0 {
		b.cancel()
		m.pending = slices.DeleteFunc(m.pending, func(p *batch) bool { return p == b })
	}
}

// work holds one conversation after the other until nobody asks.
func (m *Mirror) work() {
	defer m.store.work.Done()
	for {
		m.mu.Lock()
		if len(m.pending) == 0 {
			m.running = false
			m.current = nil
			m.mu.Unlock()
			return
		}
		b := m.pending[0]
		m.pending = slices.Delete(m.pending, 0, 1)
		m.current = b
		m.mu.Unlock()
		b.results, b.err = m.converse(b.ctx, b.remote, b.refs)
		b.cancel()
		close(b.done)
	}
}

// begin registers background work, unless the store is closed.
func (s *Store) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.work.Add(1)
	}
	return !s.closed
}
