package git

import (
	"bytes"
	"context"
	"fmt"
)

// pinning is one ref that waits to be set, for the caller who waits for done.
type pinning struct {
	ref, sha string
	done     chan error // holds one
}

// setPin sets a ref. What is asked for while git runs is set by one process after it: a first sync pins for every App.
func (m *Mirror) setPin(ctx context.Context, ref, sha string) error {
	p := pinning{ref: ref, sha: sha, done: make(chan error, 1)}
	m.mu.Lock()
	m.pins = append(m.pins, p)
	if !m.pinning {
		if !m.store.begin() {
			m.pins = nil
			m.mu.Unlock()
			return errClosed
		}
		m.pinning = true
		go m.setPins(context.WithoutCancel(ctx))
	}
	m.mu.Unlock()
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// setPins works until nobody asks.
func (m *Mirror) setPins(ctx context.Context) {
	defer m.store.work.Done()
	for {
		m.mu.Lock()
		batch := m.pins
		m.pins = nil
		m.pinning = len(batch) > 0
		m.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		err := m.updateRefs(ctx, batch)
		for i, p := range batch {
			one := err
			if err != nil && len(batch) > 1 { // all or none: whose fault was it?
				one = m.updateRefs(ctx, batch[i:i+1])
			}
			p.done <- one
		}
	}
}

func (m *Mirror) updateRefs(ctx context.Context, batch []pinning) error {
	var in bytes.Buffer
	last := map[string]string{} // git takes each ref once
	for _, p := range batch {
		last[p.ref] = p.sha
	}
	for ref, sha := range last {
		fmt.Fprintf(&in, "update %s %s\n", ref, sha)
	}
	_, err := m.store.run(ctx, command{dir: m.dir, args: []string{"update-ref", "--stdin"}, stdin: &in})
	return err
}
