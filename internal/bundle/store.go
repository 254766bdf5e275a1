package bundle

import (
	"cmp"
	"container/list"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/object"
)

// ErrNotFound is in the chain of the errors for what a Store does not have (any more).
var ErrNotFound = errors.New("not in the bundle store")

// Store keeps encoded bundles as files named by their digest. Everything in it can be made again: files may be deleted
// at any time, and the ones longest out of use go first when there are too many. A damaged file is removed and counts
// as absent. Safe for concurrent use by one process.
type Store struct {
	dir   string
	limit int64

	mu    sync.Mutex
	size  int64
	files map[object.Digest]*list.Element
	order *list.List // of stored, most recently used first

	young young
}

type stored struct {
	digest object.Digest
	size   int64
}

// StoreOptions of a Store; the zero value is a good one.
type StoreOptions struct {
	MaxBytes int64 // size of all files; 0: 1 GiB. The newest bundle is kept, whatever its size
}

const suffix = ".bundle"

// OpenStore opens the store in dir and makes the directory (0700) when it is absent.
func OpenStore(dir string, o StoreOptions) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the bundle store: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the bundle store: %w", err)
	}
	s := &Store{dir: dir, limit: cmp.Or(o.MaxBytes, 1<<30), files: map[object.Digest]*list.Element{}, order: list.New()}
	var infos []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil: // gone meanwhile
		case strings.HasPrefix(e.Name(), "tmp-"):
			_ = os.Remove(filepath.Join(dir, e.Name())) // left by a kill; the next start tries again
		case strings.HasSuffix(e.Name(), suffix) && info.Mode().IsRegular():
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, info := range infos {
		s.remember(object.Digest("sha256:"+strings.TrimSuffix(info.Name(), suffix)), info.Size())
	}
	s.evict()
	return s, nil
}

// Put stores b, in place of an earlier one of its digest (whose provenance is older).
func (s *Store) Put(b Bundle) error {
	data, err := Encode(b)
	if err != nil {
		return err
	}
	s.young.put(b.Digest, nil, 0)
	return s.store(b.Digest, data)
}

func (s *Store) store(d object.Digest, data []byte) error {
	path, err := s.path(d)
	if err != nil {
		return err
	}
	if err := writeFile(s.dir, path, data); err != nil {
		return fmt.Errorf("storing bundle %s: %w", d.Short(), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remember(d, int64(len(data)))
	s.evict()
	return nil
}

// writeFile puts data at path in one step; the file is never seen half written. CreateTemp makes it 0600.
func writeFile(dir, path string, data []byte) (err error) {
	f, err := os.CreateTemp(dir, "tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the error that counts is returned
		}
	}()
	if _, err = f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Get reads a bundle; ErrNotFound when it is absent or damaged.
func (s *Store) Get(d object.Digest) (Bundle, error) {
	var b Bundle
	err := s.read(d, func(r *reader) (err error) {
		b, err = r.all()
		return err
	})
	if err == nil && b.Digest != d {
		err = s.drop(d, corrupt("it is bundle %s", b.Digest.Short()))
	}
	if err != nil {
		return Bundle{}, err
	}
	return b, nil
}

// Has reports whether the store holds the bundle, without reading it.
func (s *Store) Has(d object.Digest) bool {
	path, err := s.path(d)
	if err != nil {
		return false
	}
	_, err = os.Stat(path)
	return err == nil
}

// Objects reads the entries of one kind and name, in whatever namespace they say, without decoding the rest of the
// bundle. It is empty when the bundle has none; ErrNotFound when the bundle is absent.
func (s *Store) Objects(d object.Digest, kind schema.GroupKind, name string) ([]Entry, error) {
	var found []Entry
	err := s.read(d, func(r *reader) (err error) {
		found, err = r.find(object.ID{Group: kind.Group, Kind: kind.Kind, Name: name})
		return err
	})
	return found, err
}

// Object reads one entry of a bundle without decoding the others. id may carry the namespace that the destination gave:
// the entry of exactly that namespace is preferred, then one that names none; for a cluster-scoped id, one that names
// a namespace wrongly. ErrNotFound when the bundle or the entry is absent.
func (s *Store) Object(d object.Digest, id object.ID) (Entry, error) {
	found, err := s.Objects(d, id.GroupKind(), id.Name)
	if err != nil {
		return Entry{}, err
	}
	rank := func(e Entry) int {
		switch ns := e.ID().Namespace; {
		case ns == id.Namespace:
			return 0
		case ns == "" || id.Namespace == "":
			return 1
		default:
			return 2
		}
	}
	slices.SortStableFunc(found, func(a, b Entry) int { return cmp.Compare(rank(a), rank(b)) })
	if len(found) == 0 || rank(found[0]) == 2 {
		return Entry{}, fmt.Errorf("%s of bundle %s: %w", id, d.Short(), ErrNotFound)
	}
	return found[0], nil
}

func (s *Store) read(d object.Digest, use func(*reader) error) error {
	path, err := s.path(d)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		s.forget(d)
		return fmt.Errorf("bundle %s: %w", d.Short(), ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("reading bundle %s: %w", d.Short(), err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading bundle %s: %w", d.Short(), err)
	}
	r, err := open(f, info.Size())
	if err == nil {
		err = use(r)
	}
	if errors.Is(err, ErrCorrupt) {
		return s.drop(d, err)
	}
	s.touch(d)
	return err
}

// drop removes a damaged file, so that the bundle is made again.
func (s *Store) drop(d object.Digest, cause error) error {
	s.forget(d)
	path, err := s.path(d)
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(fmt.Errorf("bundle %s: %w (%w, removed)", d.Short(), ErrNotFound, cause), err)
}

func (s *Store) path(d object.Digest) (string, error) {
	digits, ok := strings.CutPrefix(string(d), "sha256:")
	if _, err := hex.DecodeString(digits); !ok || err != nil || len(digits) != 64 {
		return "", fmt.Errorf("bundle %q: %w", string(d), ErrNotFound)
	}
	return filepath.Join(s.dir, digits+suffix), nil
}

// remember needs s.mu, but in OpenStore.
func (s *Store) remember(d object.Digest, size int64) {
	if e, ok := s.files[d]; ok {
		s.size -= e.Value.(stored).size
		s.order.Remove(e)
	}
	s.files[d] = s.order.PushFront(stored{d, size})
	s.size += size
}

func (s *Store) touch(d object.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.files[d]; ok {
		s.order.MoveToFront(e)
	}
}

func (s *Store) forget(d object.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.files[d]; ok {
		s.size -= e.Value.(stored).size
		s.order.Remove(e)
		delete(s.files, d)
	}
}

// evict needs s.mu, but in OpenStore. A file that cannot be removed is tried again after the next start.
func (s *Store) evict() {
	for s.size > s.limit && s.order.Len() > 1 {
		last := s.order.Back()
		old := last.Value.(stored)
		s.order.Remove(last)
		delete(s.files, old.digest)
		s.size -= old.size
		if path, err := s.path(old.digest); err == nil {
			_ = os.Remove(path)
		}
	}
}
