package object

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Digest is "sha256:" and 64 hexadecimal digits; the empty string means none.
type Digest string

// DigestOf hashes the parts, each preceded by its length, so that moving a byte from one part to the next shows.
func DigestOf(parts ...[]byte) Digest {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	return Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))
}

// Short is the first twelve digits, for people.
func (d Digest) Short() string {
	const prefix = len("sha256:")
	if len(d) < prefix+12 {
		return string(d)
	}
	return string(d[prefix : prefix+12])
}

// Canonical gives the one byte form of a JSON-like value: compact JSON, keys sorted, no HTML escaping of ours added.
// Equal values give equal bytes. It fails only on values that JSON has no form for.
func Canonical(v any) ([]byte, error) { return json.Marshal(v) }

// DigestValue is the digest of a value's canonical form.
func DigestValue(v any) (Digest, error) {
	b, err := Canonical(v)
	if err != nil {
		return "", err
	}
	return DigestOf(b), nil
}
