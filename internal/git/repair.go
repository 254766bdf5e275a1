package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"plumb.cd/plumb/internal/fault"
)

// smells reports whether an outcome could come from a damaged mirror: something failed that nobody expected to.
func (u *updating) smells(err error) bool {
	if err != nil {
		return fault.Is(fault.Of(err), fault.Internal)
	}
	for _, res := range u.results {
		if res.Err != nil && fault.Is(fault.Of(res.Err), fault.Internal) {
			return true
		}
	}
	return false
}

// repair looks whether everything that the mirror's refs need is there and readable. If so it returns nil: the fault is
// elsewhere. Else the mirror starts anew, and its pins are returned (never nil), to be fetched again.
func (m *Mirror) repair(ctx context.Context) (map[string]string, error) {
	release, err := m.exclusive(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if _, err := m.git(ctx, "fsck", "--connectivity-only", "--no-dangling", "--no-progress"); err == nil {
		if _, err = m.git(ctx, "rev-list", "--objects", "--all", "--quiet"); err == nil {
			return nil, nil
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	pins, err := m.pinned()
	if err != nil {
		pins = map[string]string{} // lost with the rest
	}
	aside, err := os.MkdirTemp(m.store.session, "broken-")
	if err != nil {
		return nil, err
	}
	m.forget()
	err = os.Rename(m.dir, filepath.Join(aside, "mirror.git"))
	if err := errors.Join(err, os.RemoveAll(aside)); err != nil {
		return nil, fmt.Errorf("putting the damaged mirror of %s away: %w", m.shown, err)
	}
	return pins, nil
}

// pinAgain fetches and pins what was pinned in a mirror that started anew. Commits that the server does not have any
// more are lost with the mirror.
func (m *Mirror) pinAgain(ctx context.Context, r Remote, pins map[string]string) error {
	for name, sha := range pins {
		u := &updating{m: m, results: map[Ref]Result{}}
		ref := Ref{Commit: sha}
		if err := u.run(ctx, r, []Ref{ref}); err != nil {
			return err
		}
		if u.results[ref].Err != nil {
			continue
		}
		if err := m.Pin(ctx, name, sha); err != nil {
			return err
		}
	}
	return nil
}

// forget drops what is known of the mirror's directory, which is gone or about to go.
func (m *Mirror) forget() {
	m.reader.drop()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ready = false
	m.refs = nil
	m.whole = nil
	m.pins.mu.Lock()
	m.pins.at, m.pins.lines = nil, 0
	m.pins.mu.Unlock()
}
