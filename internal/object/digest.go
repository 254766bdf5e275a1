package object

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// Digest is "sha256:" and 64 hexadecimal digits; the empty string means none.
type Digest string

// DigestOf hashes the parts, each preceded by its length, so that moving a byte from one part to the next shows.
func DigestOf(parts ...[]byte) Digest {
	h := sha256.New()
	var small [sha256.Size]byte
	for _, p := range parts {
		h.Write(append(strconv.AppendInt(small[:0], int64(len(p)), 10), ':'))
		h.Write(p)
	}
	const prefix = "sha256:"
	var out [len(prefix) + 2*sha256.Size]byte
	copy(out[:], prefix)
	hex.Encode(out[len(prefix):], h.Sum(small[:0]))
	return Digest(out[:])
}

// Short is the first twelve digits, for people.
func (d Digest) Short() string {
	const prefix = len("sha256:")
	if len(d) < prefix+12 {
		return string(d)
	}
	return string(d[prefix : prefix+12])
}
