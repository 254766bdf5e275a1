package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Upkeep says how much Maintain does.
type Upkeep int

const (
	// Light rolls many small packs into few. It forgets nothing.
	Light Upkeep = iota
	// Full also rewrites everything into one pack and forgets what nothing refers to any more (no ref of the server, no
	// pin, no commit asked for by id) and has not been needed for Grace.
	Full
)

// Grace is how long an object that nothing refers to is kept.
const Grace = 14 * 24 * time.Hour

// lightPacks is how many packs a mirror may have before Light does something.
const lightPacks = 12

// Maintain tidies the mirror. It reports whether there was anything to do. Nobody fetches meanwhile; readers go on, on
// the new packs.
func (m *Mirror) Maintain(ctx context.Context, u Upkeep) (bool, error) {
	release, err := m.exclusive(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	packs, err := filepath.Glob(filepath.Join(m.dir, "objects", "pack", "*.pack"))
	if err != nil {
		return false, err
	}
	if u == Light && len(packs) <= lightPacks {
		return false, nil
	}
	if err := m.namePins(ctx); err != nil {
		return false, fmt.Errorf("naming what is pinned in the mirror of %s: %w", m.shown, err)
	}
	defer func() { _ = m.dropKept(context.WithoutCancel(ctx)) }() // what is left is dropped the next time
	steps := [][]string{{"pack-refs", "--all"}}
	if u == Full {
		steps = append(steps,
			[]string{"repack", "-d", "--cruft", "--cruft-expiration=" + fmt.Sprintf("%d.seconds.ago", int(Grace.Seconds())), "--quiet"},
			[]string{"prune", "--expire=" + fmt.Sprintf("%d.seconds.ago", int(Grace.Seconds()))})
	} else {
		steps = append(steps, []string{"repack", "-d", "--geometric=2", "--quiet"})
	}
	steps = append(steps, []string{"commit-graph", "write", "--reachable", "--no-progress"})
	for _, args := range steps {
		if _, err := m.git(ctx, args...); err != nil {
			return false, fmt.Errorf("maintenance of the mirror of %s: %w", m.shown, err)
		}
	}
	m.reader.drop()
	return true, nil
}

// Size is the number of bytes that the mirror takes on disk.
func (m *Mirror) Size() int64 { return dirBytes(m.dir) }

// Remove deletes from the store every mirror whose URL is none of those in use. Close readers of them first.
func (s *Store) Remove(inUse []string) error {
	keep := map[string]bool{}
	for _, u := range inUse {
		m, err := s.Mirror(u)
		if err != nil {
			return err
		}
		keep[filepath.Base(m.dir)] = true
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".git") || keep[e.Name()] {
			continue
		}
		s.mu.Lock()
		for key, m := range s.mirrors {
			if filepath.Base(m.dir) == e.Name() {
				delete(s.mirrors, key)
				defer m.close()
			}
		}
		s.mu.Unlock()
		full := filepath.Join(s.dir, e.Name())
		if err := errors.Join(os.RemoveAll(full), os.RemoveAll(full+".lock")); err != nil {
			return err
		}
	}
	return nil
}
