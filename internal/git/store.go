package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"plumb.cd/plumb/internal/fault"
)

// Store is a directory of bare mirrors. It is safe for concurrent use, and several processes may share the directory.
type Store struct {
	dir     string
	session string // private directory of this process, removed by Close
	lock    *os.File
	git     string
	ssh     string // empty when there is no ssh program
	env     []string

	mu         sync.Mutex
	closed     bool
	mirrors    map[string]*Mirror
	transports map[[32]byte]*http.Transport
	work       sync.WaitGroup // goroutines started by mirrors
}

// Options of a store.
type Options struct {
	// Env is where the search path for git and ssh and the proxy variables are taken from, as KEY=value. Nothing else
	// of it reaches a child.
	Env []string
}

// envKept are the only variables that children inherit.
var envKept = map[string]bool{
	"PATH": true, "http_proxy": true, "https_proxy": true, "no_proxy": true, "all_proxy": true,
	"HTTP_PROXY": true, "HTTPS_PROXY": true, "NO_PROXY": true, "ALL_PROXY": true,
	"SSL_CERT_FILE": true, "SSL_CERT_DIR": true, "TMPDIR": true,
}

// OpenStore opens, or creates, the store in dir, with the path and proxies of this process.
func OpenStore(dir string) (*Store, error) { return OpenStoreWith(dir, Options{Env: os.Environ()}) }

// OpenStoreWith opens, or creates, the store in dir. Close ends it.
func OpenStoreWith(dir string, o Options) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the Git store: %w", err)
	}
	gitPath, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("opening the Git store: the git program (2.39 or newer) is not installed: %w", err)
	}
	sshPath, err := exec.LookPath("ssh")
	if err != nil {
		sshPath = "" // only remotes over ssh need it
	}
	s := &Store{dir: abs, git: gitPath, ssh: sshPath, mirrors: map[string]*Mirror{}, transports: map[[32]byte]*http.Transport{}}
	for _, kv := range o.Env {
		if k, _, ok := strings.Cut(kv, "="); ok && envKept[k] {
			s.env = append(s.env, kv)
		}
	}
	if err := s.openSession(); err != nil {
		return nil, fmt.Errorf("opening the Git store: %w", err)
	}
	return s, nil
}

// openSession makes the private directory of this process and sweeps those that dead processes left behind, which may
// hold keys. A live session holds the lock on its "lock" file.
func (s *Store) openSession() error {
	root := filepath.Join(s.dir, "tmp")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		sweepSession(filepath.Join(root, e.Name()))
	}
	dir, err := os.MkdirTemp(root, "s-")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	s.session, s.lock = dir, f
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

func sweepSession(dir string) {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		return // being made, or being removed
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		_ = os.RemoveAll(dir)
	}
}

// Mirror returns the mirror of the repository at url, the same one for every spelling of it. It touches neither the
// network nor the disk.
func (s *Store) Mirror(url string) (*Mirror, error) {
	l, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	key := l.key()
	m := s.mirrors[key]
	if m == nil {
		sum := sha256.Sum256([]byte(key))
		name := readable(l) + "-" + hex.EncodeToString(sum[:12]) + ".git"
		m = &Mirror{store: s, key: key, shown: l.String(), dir: filepath.Join(s.dir, name), limits: Limits{}.withDefaults(), writing: make(chan struct{}, 1)}
		m.reader = newReader(m)
		s.mirrors[key] = m
	}
	return m, nil
}

var errClosed = errors.New("the Git store is closed")

// readable is a short, safe hint at the URL for people who look into the directory.
func readable(l location) string {
	name := []byte(filepath.Base(strings.TrimSuffix(strings.TrimRight(l.path, "/"), ".git")))
	for i, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			name[i] = '_'
		}
	}
	return string(name[:min(len(name), 40)])
}

// Close ends every child process and background work of the store, and waits for them. What is on disk stays.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	mirrors := s.mirrors
	s.mirrors = map[string]*Mirror{}
	for _, t := range s.transports {
		t.CloseIdleConnections()
	}
	s.mu.Unlock()
	for _, m := range mirrors {
		m.close()
	}
	s.work.Wait()
	return errors.Join(os.RemoveAll(s.session), s.lock.Close())
}

// mirror lock: one writer at a time across processes.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return f, nil
	}
	var refused error
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		refused = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	}()
	select {
	case <-answered:
		if refused != nil {
			_ = f.Close()
			return nil, refused
		}
		return f, nil
	case <-ctx.Done():
		go func() { <-answered; _ = f.Close() }() // ends with the other process's work
		return nil, failf(fault.Transient, fault.Unreachable, "", "another process works on the mirror: %v", context.Cause(ctx))
	}
}
