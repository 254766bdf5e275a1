package git

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Mirror is the bare mirror of one repository. It is safe for concurrent use.
//
// The commit that the server's ref refs/heads/x had at the last good update is kept in refs/plumb/up/refs%2Fheads%2Fx:
// in one component, so that a branch "a" that is gone upstream does not stand in the way of a new branch "a/b".
type Mirror struct {
	store  *Store
	key    string
	shown  string // the URL without credentials, for messages
	dir    string
	reader *reader
	trees  treeCache

	mu      sync.Mutex
	limits  Limits
	ready   bool
	refs    map[string]string // server's ref name → object id, as last seen
	state   state
	pending []*batch
	current *batch // under way
	running bool
	sizes   map[string]int64 // tree → files below it, for the few last commits
	whole   map[string]bool  // commits whose submodules are all here
	pins    pins

	writing chan struct{} // holds one token: one update, push or maintenance at a time in this process
}

// state is what a mirror remembers beside its refs, in plumb.json.
type state struct {
	Head    string            `json:"head,omitempty"`    // the ref that the server's HEAD names
	Ranges  map[string]string `json:"ranges,omitempty"`  // semver range → tag ref chosen last
	Modules map[string]string `json:"modules,omitempty"` // submodule commit → URL of its mirror, without credentials
}

const (
	upRefs     = "refs/plumb/up/"
	commitRefs = "refs/plumb/commits/" // commits that were asked for by id
	stateFile  = "plumb.json"
)

var (
	refEncode = strings.NewReplacer("%", "%25", "/", "%2F")
	refDecode = strings.NewReplacer("%2F", "/", "%25", "%")
)

// Dir is where the mirror is on disk.
func (m *Mirror) Dir() string { return m.dir }

func (m *Mirror) currentLimits() Limits {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.limits
}

// git runs the git program in the mirror.
func (m *Mirror) git(ctx context.Context, args ...string) ([]byte, error) {
	return m.store.run(ctx, command{dir: m.dir, args: args})
}

// ensure makes the mirror's directory if need be and reads its refs once.
func (m *Mirror) ensure(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ready {
		return nil
	}
	if err := m.open(ctx); err != nil {
		return fmt.Errorf("opening the mirror of %s: %w", m.shown, err)
	}
	m.ready = true
	return nil
}

func (m *Mirror) open(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(m.dir, "HEAD")); errors.Is(err, fs.ErrNotExist) {
		if err := m.create(ctx); err != nil {
			return err
		}
	}
	out, err := m.git(ctx, "for-each-ref", "--format=%(objectname) %(refname)", upRefs)
	if err != nil {
		return err
	}
	m.refs = map[string]string{}
	for line := range strings.Lines(string(out)) {
		if oid, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			m.refs[refDecode.Replace(strings.TrimPrefix(name, upRefs))] = oid
		}
	}
	return m.readState()
}

// create makes the repository beside its place and moves it there, so that a half-made one is never met.
func (m *Mirror) create(ctx context.Context) error {
	tmp, err := os.MkdirTemp(m.store.session, "init-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if _, err := m.store.run(ctx, command{args: []string{"init", "--quiet", "--bare", "--template=", "--initial-branch=plumb", "--", tmp}}); err != nil {
		return err
	}
	if err := os.Rename(tmp, m.dir); err != nil {
		if _, serr := os.Stat(filepath.Join(m.dir, "HEAD")); serr == nil {
			return nil // another process was faster
		}
		return err
	}
	return nil
}

func (m *Mirror) readState() error {
	m.state = state{Ranges: map[string]string{}, Modules: map[string]string{}}
	b, err := os.ReadFile(filepath.Join(m.dir, stateFile))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := json.Unmarshal(b, &m.state); err != nil {
		m.state = state{} // the next update fills it again
	}
	if m.state.Ranges == nil {
		m.state.Ranges = map[string]string{}
	}
	if m.state.Modules == nil {
		m.state.Modules = map[string]string{}
	}
	return nil
}

// setState changes the state and writes it when it differs from what is on disk.
func (m *Mirror) setState(change func(*state)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, err := json.Marshal(m.state)
	if err != nil {
		return err
	}
	change(&m.state)
	after, err := json.Marshal(m.state)
	if err != nil || string(before) == string(after) {
		return err
	}
	tmp := filepath.Join(m.dir, stateFile+".new")
	if err := os.WriteFile(tmp, after, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(m.dir, stateFile))
}

// local is the object that the server's ref had at the last good update, "" when it was never seen.
func (m *Mirror) local(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refs[name]
}

// moveRefs sets refs of the server, all or none.
func (m *Mirror) moveRefs(ctx context.Context, refs map[string]string) error {
	if len(refs) == 0 {
		return nil
	}
	var in strings.Builder
	for name, oid := range refs {
		fmt.Fprintf(&in, "update %s%s %s\n", upRefs, refEncode.Replace(name), oid)
	}
	if _, err := m.store.run(ctx, command{dir: m.dir, args: []string{"update-ref", "--stdin"}, stdin: strings.NewReader(in.String())}); err != nil {
		return fmt.Errorf("recording refs: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, oid := range refs {
		m.refs[name] = oid
	}
	return nil
}

// exclusive keeps other writers out, of this process and of others, until the returned function is called. A mirror
// whose directory was removed behind our back starts anew here.
func (m *Mirror) exclusive(ctx context.Context) (func(), error) {
	select {
	case m.writing <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	f, err := lockFile(ctx, m.dir+".lock")
	if err != nil {
		<-m.writing
		return nil, err
	}
	release := func() {
		_ = f.Close()
		<-m.writing
	}
	if _, err := os.Stat(filepath.Join(m.dir, "HEAD")); errors.Is(err, fs.ErrNotExist) {
		m.forget()
	}
	if err := m.ensure(ctx); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// close ends the mirror's background work and processes.
func (m *Mirror) close() {
	m.mu.Lock()
	for _, b := range m.pending {
		b.cancel()
	}
	if m.current != nil {
		m.current.cancel()
	}
	m.mu.Unlock()
	m.reader.close()
}
