package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// Store keeps sealed records by name. Names are 40 hexadecimal digits.
type Store interface {
	Create(ctx context.Context, name string, r Record) error
	Get(ctx context.Context, name string) (Record, error)    // ErrGone: not there
	Update(ctx context.Context, name string, r Record) error // ErrGone: deleted meanwhile, and it stays so
	Delete(ctx context.Context, name string) error           // ErrGone: of several callers, one gets nil
	Sweep(ctx context.Context, now time.Time) error          // deletes what ended before now
}

// Record is one entry. Until is in the clear, so that old ones can be deleted.
type Record struct {
	Sealed []byte    `json:"sealed"`
	Until  time.Time `json:"until"`
}

// ErrGone means that a Store has no such record.
var ErrGone = errors.New("no such session")

// Dir is a Store of files in a directory, for one process.
type Dir struct {
	path string
	root *os.Root
	mu   sync.Mutex
}

// OpenDir makes the directory where it is missing; nobody else may look into it.
func OpenDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of sessions: %w", err)
	}
	root, err := os.OpenRoot(path) // closed with the process
	if err != nil {
		return nil, fmt.Errorf("opening the directory of sessions: %w", err)
	}
	return &Dir{path: path, root: root}, nil
}

func file(name string) string { return name + ".json" }

// Create writes a new record.
func (d *Dir) Create(_ context.Context, name string, r Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.write(name, r)
}

// Get reads a record.
func (d *Dir) Get(_ context.Context, name string) (Record, error) {
	var r Record
	raw, err := d.root.ReadFile(file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return r, ErrGone
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, ErrGone // a file that was damaged opens nothing
	}
	return r, nil
}

// Update replaces a record that is there.
func (d *Dir) Update(_ context.Context, name string, r Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.root.Stat(file(name)); errors.Is(err, fs.ErrNotExist) {
		return ErrGone
	}
	return d.write(name, r)
}

// Delete removes a record.
func (d *Dir) Delete(_ context.Context, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.root.Remove(file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrGone
	}
	return err
}

// Sweep removes what ended before now.
func (d *Dir) Sweep(ctx context.Context, now time.Time) error {
	names, err := fs.Glob(d.root.FS(), file("*"))
	if err != nil {
		return err
	}
	var problems []error
	for _, name := range names {
		name = strings.TrimSuffix(name, file(""))
		r, err := d.Get(ctx, name)
		if err == nil && r.Until.After(now) {
			continue
		}
		if err := d.Delete(ctx, name); err != nil && !errors.Is(err, ErrGone) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// write replaces a file at once: a reader finds the old or the new one.
func (d *Dir) write(name string, r Record) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	next := name + ".new"
	if err := d.root.WriteFile(next, raw, 0o600); err != nil {
		return err
	}
	return d.root.Rename(next, file(name))
}
