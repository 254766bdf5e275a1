package git

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"plumb.cd/plumb/internal/fault"
)

// fetch downloads what the refs (names, globs or commit ids) need, and returns the object that each name has. Objects
// arrive in a directory of their own and join the mirror when the download is whole and within its limit.
func (m *Mirror) fetch(ctx context.Context, e *endpoint, specs []string) (map[string]string, error) {
	if len(specs) == 0 {
		return nil, nil
	}
	slices.Sort(specs)
	incoming, err := os.MkdirTemp(m.store.session, "incoming-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(incoming)
	heads := filepath.Join(m.dir, "FETCH_HEAD")
	_ = os.Remove(heads)
	c := e.command(m.store, command{
		dir: m.dir,
		args: []string{"fetch", "--quiet", "--force", "--no-tags", "--no-auto-maintenance", "--no-recurse-submodules",
			"--no-show-forced-updates", "--stdin", "--", e.at.String()},
		env: []string{"GIT_OBJECT_DIRECTORY=" + incoming, "GIT_ALTERNATE_OBJECT_DIRECTORIES=" + filepath.Join(m.dir, "objects")},
	})
	c.stdin = strings.NewReader(strings.Join(specs, "\n") + "\n")
	if err := m.watched(ctx, e, c, incoming); err != nil {
		return nil, err
	}
	if err := m.accept(incoming); err != nil {
		return nil, fmt.Errorf("storing what was fetched: %w", err)
	}
	b, err := os.ReadFile(heads)
	if err != nil {
		return nil, fmt.Errorf("reading what was fetched: %w", err)
	}
	return parseFetchHead(string(b)), nil
}

// watched runs the fetch and ends it when it downloads more than allowed or takes too long.
func (m *Mirror) watched(ctx context.Context, e *endpoint, c command, incoming string) error {
	ctx, cancel := context.WithTimeout(ctx, e.limits.Timeout)
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	tooMuch := failf(fault.Invalid, fault.LimitExceeded, "raise the limit of the Repository, or make the repository smaller",
		"%s: the fetch downloads more than the %d bytes that are allowed", e.at, e.limits.PackBytes)
	watcher := make(chan struct{})
	go func() {
		defer close(watcher)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if dirBytes(incoming) > e.limits.PackBytes {
					stop(tooMuch)
					return
				}
			}
		}
	}()
	_, err := m.store.run(ctx, c)
	stop(nil)
	<-watcher
	if err == nil && dirBytes(incoming) > e.limits.PackBytes {
		err = tooMuch
	}
	return e.classify(err)
}

func dirBytes(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // files come and go while git works
		}
		if info, ierr := d.Info(); ierr == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// accept moves packs into the mirror. The index goes last: without it a pack is not seen.
func (m *Mirror) accept(incoming string) error {
	from, to := filepath.Join(incoming, "pack"), filepath.Join(m.dir, "objects", "pack")
	entries, err := os.ReadDir(from)
	if err != nil {
		if os.IsNotExist(err) {
			return nil // everything was here
		}
		return err
	}
	for _, last := range []bool{false, true} {
		for _, en := range entries {
			name := en.Name()
			wanted := strings.HasPrefix(name, "pack-") && !strings.HasSuffix(name, ".keep")
			if !wanted || strings.HasSuffix(name, ".idx") != last {
				continue
			}
			if err := os.Rename(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// parseFetchHead reads lines such as "<oid>\t\tbranch 'main' of https://host/repo".
func parseFetchHead(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
		if len(f) != 3 || len(f[0]) != 40 {
			continue
		}
		kind, rest, quoted := strings.Cut(f[2], "'")
		name := headName
		if quoted {
			end := strings.LastIndex(rest, "' of ")
			if end < 0 {
				continue
			}
			name = map[string]string{"branch ": headPrefix, "tag ": tagPrefix, "remote-tracking branch ": "refs/remotes/"}[kind] + rest[:end]
		}
		out[name] = f[0]
	}
	return out
}

// checkFiles refuses a tree with more files than allowed. When the tree before it was counted, only the difference
// is looked at.
func (m *Mirror) checkFiles(ctx context.Context, tree, before string) error {
	m.mu.Lock()
	limit := m.limits.TreeFiles
	n, known := m.sizes[tree]
	base, haveBase := m.sizes[before]
	m.mu.Unlock()
	var err error
	switch {
	case known:
	case haveBase && before != "":
		n, err = m.countFrom(ctx, base, before, tree)
	default:
		n, err = m.countFiles(ctx, tree, limit)
	}
	if err != nil {
		return err
	}
	if n > limit {
		return failf(fault.Invalid, fault.LimitExceeded, "raise the limit of the Repository, or make the repository smaller",
			"%s: the commit has more than the %d files that are allowed", m.shown, limit)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sizes == nil || len(m.sizes) > 256 {
		m.sizes = map[string]int64{}
	}
	m.sizes[tree] = n
	return nil
}

func (m *Mirror) countFrom(ctx context.Context, base int64, before, tree string) (int64, error) {
	changes, err := m.Diff(ctx, before, tree)
	if err != nil {
		return 0, err
	}
	for _, c := range changes {
		switch {
		case c.Kind == Added && c.Mode.Type() != ModeDir:
			base++
		case c.Kind == Removed && c.OldMode.Type() != ModeDir:
			base--
		}
	}
	return base, nil
}

// countFiles stops shortly after limit.
func (m *Mirror) countFiles(ctx context.Context, tree string, limit int64) (int64, error) {
	if tree == emptyTree {
		return 0, nil
	}
	c := command{dir: m.dir, args: []string{"ls-tree", "-r", "-z", "--name-only", "--full-tree", tree}}
	count := &nulCounter{limit: limit}
	cmd := m.store.prepare(ctx, c)
	errs := &tailBuffer{}
	cmd.Stdout, cmd.Stderr = count, errs
	err := cmd.Run()
	switch {
	case count.n > limit:
		return count.n, nil
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case err != nil:
		return 0, exitFailure(c, err, errs.String())
	}
	return count.n, nil
}

// nulCounter counts NUL bytes and fails its writer above the limit.
type nulCounter struct{ n, limit int64 }

func (c *nulCounter) Write(p []byte) (int, error) {
	for _, b := range p {
		if b == 0 {
			c.n++
		}
	}
	if c.n > c.limit {
		return 0, errOutput
	}
	return len(p), nil
}
