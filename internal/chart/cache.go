package chart

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"plumb.cd/plumb/internal/fault"
)

// cache keeps files by the digest of their content, and small records by a hash of what they are about. A file that is
// not what its name says is as good as absent. Failing to write is no error: the next one fetches again.
type cache struct{ dir string }

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func checkDigest(d string) error {
	hexed, ok := strings.CutPrefix(d, "sha256:")
	if b, err := hex.DecodeString(hexed); !ok || err != nil || len(b) != sha256.Size || strings.ToLower(hexed) != hexed {
		return failf(fault.Invalid, fault.InvalidSpec, "", "%q is no digest: sha256: and 64 hexadecimal digits in lower case", d)
	}
	return nil
}

func (c cache) blobPath(digest string) string {
	return filepath.Join(c.dir, "sha256", strings.TrimPrefix(digest, "sha256:"))
}

// blob gives the bytes of a digest.
func (c cache) blob(digest string) ([]byte, bool) {
	b, err := os.ReadFile(c.blobPath(digest))
	if err != nil || digestOf(b) != digest {
		return nil, false
	}
	return b, true
}

func (c cache) putBlob(digest string, b []byte) { c.put(c.blobPath(digest), b) }

// record reads what was stored under the parts of a key into v.
func (c cache) record(kind string, v any, key ...string) bool {
	b, err := os.ReadFile(c.recordPath(kind, key))
	return err == nil && json.Unmarshal(b, v) == nil
}

func (c cache) putRecord(kind string, v any, key ...string) {
	if b, err := json.Marshal(v); err == nil {
		c.put(c.recordPath(kind, key), b)
	}
}

func (c cache) recordPath(kind string, key []string) string {
	h := sha256.New()
	for _, k := range key {
		fmt.Fprintf(h, "%d:%s", len(k), k)
	}
	return filepath.Join(c.dir, kind, hex.EncodeToString(h.Sum(nil)))
}

// put writes a file whole or not at all.
func (c cache) put(path string, b []byte) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
}
