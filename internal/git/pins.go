package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// pinFile holds the pins of a mirror, a line each: commit, name; the last line of a name counts, and a commit of zeros
// lets go of it. The pins are not refs of Git, because every fetch looks at all refs: with one for each of ten thousand
// Apps it takes ten times as long. Only while Git tidies up are the pinned commits named by refs (keptRefs).
const (
	pinFile  = "plumb-pins"
	keptRefs = "refs/plumb/kept/"
)

var unpinned = strings.Repeat("0", 40)

// pins are what the file says, once it was read, and how many lines it has.
type pins struct {
	mu    sync.Mutex
	at    map[string]string
	lines int
}

// Pin keeps a commit and all it needs from being collected, under a name of the caller's. Pinning a name again moves it.
func (m *Mirror) Pin(ctx context.Context, name, sha string) error {
	if name == "" || strings.ContainsAny(name, "\n\r") || len(sha) != 40 || !isHex(sha) {
		return fmt.Errorf("pin %q of %q: not a valid name or commit", name, sha)
	}
	if _, err := m.Commit(ctx, sha); err != nil {
		return fmt.Errorf("pinning: %w", err)
	}
	if err := m.setPin(name, sha); err != nil {
		return fmt.Errorf("pinning %s in the mirror of %s: %w", sha, m.shown, err)
	}
	return nil
}

// Unpin lets go of a name. Unpinning what is not pinned is fine.
func (m *Mirror) Unpin(ctx context.Context, name string) error {
	if name == "" || strings.ContainsAny(name, "\n\r") {
		return fmt.Errorf("unpin %q: not a valid name", name)
	}
	if err := m.ensure(ctx); err != nil {
		return err
	}
	if err := m.setPin(name, unpinned); err != nil {
		return fmt.Errorf("unpinning in the mirror of %s: %w", m.shown, err)
	}
	return nil
}

func (m *Mirror) setPin(name, sha string) error {
	p := &m.pins
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		at, lines, err := readPins(m.dir)
		if err != nil {
			return err
		}
		p.at, p.lines = at, lines
	}
	if old, ok := p.at[name]; old == sha || (!ok && sha == unpinned) {
		return nil
	}
	if p.lines > 2*len(p.at)+1000 {
		if err := writePins(m.dir, p.at); err != nil {
			return err
		}
		p.lines = len(p.at)
	}
	if err := appendPin(m.dir, name, sha); err != nil {
		return err
	}
	p.lines++
	if sha == unpinned {
		delete(p.at, name)
	} else {
		p.at[name] = sha
	}
	return nil
}

// pinned gives the pins of a mirror: name → commit.
func (m *Mirror) pinned() (map[string]string, error) {
	m.pins.mu.Lock()
	defer m.pins.mu.Unlock()
	at, _, err := readPins(m.dir)
	return at, err
}

func readPins(dir string) (at map[string]string, lines int, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, pinFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	at = map[string]string{}
	for line := range strings.Lines(string(raw)) {
		lines++
		sha, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch {
		case !ok || !strings.HasSuffix(line, "\n") || len(sha) != 40 || !isHex(sha): // cut off by a crash
		case sha == unpinned:
			delete(at, name)
		default:
			at[name] = sha
		}
	}
	return at, lines, nil
}

func appendPin(dir, name, sha string) error {
	f, err := os.OpenFile(filepath.Join(dir, pinFile), os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	line := sha + " " + name + "\n"
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			line = "\n" + line // the line before was cut off by a crash
		}
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}

// writePins writes the file anew, with a line for each name.
func writePins(dir string, at map[string]string) error {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(at)) {
		b.WriteString(at[name] + " " + name + "\n")
	}
	next := filepath.Join(dir, pinFile+".new")
	if err := os.WriteFile(next, b.Bytes(), 0o600); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(dir, pinFile))
}

// namePins makes a ref for each pinned commit, so that Git keeps what it needs. A commit that is not here any more is
// left out. Refs that an interrupted tidying left are dropped.
func (m *Mirror) namePins(ctx context.Context) error {
	if err := m.dropKept(ctx); err != nil {
		return err
	}
	at, err := m.pinned()
	if err != nil {
		return err
	}
	var in bytes.Buffer
	for _, sha := range slices.Compact(slices.Sorted(maps.Values(at))) {
		if _, err := m.Commit(ctx, sha); err == nil {
			fmt.Fprintf(&in, "update %s%s %s\n", keptRefs, sha, sha)
		}
	}
	_, err = m.store.run(ctx, command{dir: m.dir, args: []string{"update-ref", "--stdin"}, stdin: &in})
	return err
}

func (m *Mirror) dropKept(ctx context.Context) error {
	out, err := m.git(ctx, "for-each-ref", "--format=delete %(refname)", keptRefs)
	if err != nil || len(out) == 0 {
		return err
	}
	_, err = m.store.run(ctx, command{dir: m.dir, args: []string{"update-ref", "--stdin"}, stdin: bytes.NewReader(out)})
	return err
}
