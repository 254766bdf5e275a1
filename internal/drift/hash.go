package drift

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
)

const (
	lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
	restartedAt = "kubectl.kubernetes.io/restartedAt"
)

// digester writes owned fields and their values in one unambiguous form into a buffer and hashes it with the key. It is
// scratch memory: it keeps nothing of an object after sum.
type digester struct {
	buf    []byte
	keys   []string   // sorted keys of the levels being walked, one after the other
	path   []string   // keys of the field set from the root to here
	others []fieldsV1 // sets of managers that are neither ours nor people's
	rules  *Rules
}

var scratch = sync.Pool{New: func() any { return &digester{} }}

// pads are the key blocks of HMAC (RFC 2104) over SHA-256, whose block is 64 bytes.
type pads struct{ inner, outer [sha256.BlockSize]byte }

func padsOf(key []byte) *pads {
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	p := &pads{}
	copy(p.inner[:], key)
	copy(p.outer[:], key)
	for i := range p.inner {
		p.inner[i] ^= 0x36
		p.outer[i] ^= 0x5c
	}
	return p
}

func (d *digester) start(p *pads, rules *Rules) {
	d.buf = append(d.buf[:0], p.inner[:]...)
	d.keys, d.path, d.others, d.rules = d.keys[:0], d.path[:0], d.others[:0], rules
}

// sum ends the message and clears what was kept of it.
func (d *digester) sum(p *pads) (h Hash) {
	inner := sha256.Sum256(d.buf)
	var last [sha256.BlockSize + sha256.Size]byte
	copy(last[:], p.outer[:])
	copy(last[sha256.BlockSize:], inner[:])
	outer := sha256.Sum256(last[:])
	copy(h[:], outer[:])
	clear(d.buf)
	clear(d.keys[:cap(d.keys)])
	clear(d.others)
	const keep = 1 << 20
	if cap(d.buf) > keep {
		d.buf = nil
	}
	return h
}

func (d *digester) text(s string) {
	d.buf = binary.AppendUvarint(d.buf, uint64(len(s)))
	d.buf = append(d.buf, s...)
}

// fields writes what ours and people own below v, in key order; people's share only where ours has none.
func (d *digester) fields(v any, ours, people fieldsV1, ignored []pattern) {
	from := len(d.keys)
	for k := range ours {
		if k != "." {
			d.keys = append(d.keys, k)
		}
	}
	for k := range people {
		if _, both := ours[k]; !both && k != "." {
			d.keys = append(d.keys, k)
		}
	}
	to := len(d.keys)
	slices.Sort(d.keys[from:to])
	for i := from; i < to; i++ {
		d.field(v, d.keys[i], ours, people, ignored)
	}
	d.keys = d.keys[:from]
}

func (d *digester) field(v any, key string, ours, people fieldsV1, ignored []pattern) {
	if excluded(d.path, key, d.rules.Restarts) {
		return
	}
	at := step(v, key)
	below, whole := advance(ignored, at)
	if whole {
		return
	}
	mark := len(d.buf)
	d.text(key)
	begun := len(d.buf)
	d.path = append(d.path, key)
	mine, isOurs := child(ours, key)
	theirs, _ := child(people, key)
	switch {
	case isOurs && leaf(mine):
		d.buf = append(d.buf, 'o')
		d.owned(at, below)
	case !isOurs && leaf(theirs):
		d.buf = append(d.buf, 'p')
		d.value(at, nil, below)
	default:
		d.fields(at.value, mine, theirs, below)
	}
	d.path = d.path[:len(d.path)-1]
	if len(d.buf) == begun {
		d.buf = d.buf[:mark] // all of it is ignored: leave no trace
		return
	}
	d.buf = append(d.buf, 'x')
}

// owned writes a field that we own as a whole. An empty map of ours is such a field too, and others may own parts
// inside it (securityContext: {}), which are not ours.
func (d *digester) owned(at place, ignored []pattern) {
	var inside []fieldsV1
	if m, ok := at.value.(map[string]any); ok && len(m) > 0 {
		inside = d.inside()
	}
	d.value(at, inside, ignored)
}

func (d *digester) inside() []fieldsV1 {
	var out []fieldsV1
next:
	for _, n := range d.others {
		for _, key := range d.path {
			var ok bool
			if n, ok = child(n, key); !ok {
				continue next
			}
		}
		if !leaf(n) {
			out = append(out, n)
		}
	}
	return out
}

func (d *digester) value(at place, except []fieldsV1, ignored []pattern) {
	if !at.found {
		d.buf = append(d.buf, 'a')
		return
	}
	switch v := at.value.(type) {
	case map[string]any:
		d.mapping(v, except, ignored)
	case []any:
		d.list(v, ignored)
	default:
		d.scalar(v)
	}
}

func (d *digester) mapping(m map[string]any, except []fieldsV1, ignored []pattern) {
	d.buf = append(d.buf, '{')
	from := len(d.keys)
	for k := range m {
		d.keys = append(d.keys, k)
	}
	to := len(d.keys)
	slices.Sort(d.keys[from:to])
	for i := from; i < to; i++ {
		k := d.keys[i]
		at := place{value: m[k], index: -1, field: k, found: true}
		inner, gone := without(except, "f:"+k)
		below, whole := advance(ignored, at)
		if gone || whole {
			continue
		}
		d.text(k)
		d.value(at, inner, below)
	}
	d.keys = d.keys[:from]
	d.buf = append(d.buf, '}')
}

// list writes a list, which is owned as a whole: only maps can be shared inside (an empty list owns nothing).
func (d *digester) list(l []any, ignored []pattern) {
	d.buf = append(d.buf, '[')
	for i, e := range l {
		at := place{value: e, index: i, found: true}
		below, whole := advance(ignored, at)
		if whole {
			continue
		}
		d.value(at, nil, below)
	}
	d.buf = append(d.buf, ']')
}

func (d *digester) scalar(v any) {
	switch x := v.(type) {
	case string:
		d.buf = append(d.buf, 's')
		d.text(x)
	case int64:
		d.buf = binary.AppendVarint(append(d.buf, 'i'), x)
	case int:
		d.buf = binary.AppendVarint(append(d.buf, 'i'), int64(x))
	case float64:
		const exact = 1 << 53 // beyond it a float64 no longer tells integers apart
		if x == math.Trunc(x) && math.Abs(x) < exact {
			d.buf = binary.AppendVarint(append(d.buf, 'i'), int64(x))
		} else {
			d.buf = binary.BigEndian.AppendUint64(append(d.buf, 'f'), math.Float64bits(x))
		}
	case bool:
		if x {
			d.buf = append(d.buf, 't')
		} else {
			d.buf = append(d.buf, 'u')
		}
	case nil:
		d.buf = append(d.buf, 'n')
	default:
		d.buf = append(d.buf, '?')
		d.text(fmt.Sprint(x))
	}
}

// without follows key into the sets; gone is true when one of them owns the whole of it.
func without(sets []fieldsV1, key string) (inner []fieldsV1, gone bool) {
	for _, n := range sets {
		c, ok := child(n, key)
		if !ok {
			continue
		}
		if leaf(c) {
			return nil, true
		}
		inner = append(inner, c)
	}
	return inner, false
}

// excluded reports whether a field counts for nobody: the server's own metadata, status, what client-side apply keeps
// for itself, and a rollout restart where that is allowed. path leads to the map that key is in.
func excluded(path []string, key string, restarts Restarts) bool {
	switch len(path) {
	case 0:
		return key == "f:status" || key == "f:apiVersion" || key == "f:kind"
	case 1:
		return path[0] == "f:metadata" && serverMetadata[key]
	case 2:
		return key == "f:"+lastApplied && path[0] == "f:metadata" && path[1] == "f:annotations"
	case 4:
		return restarts == RestartsAllowed && key == "f:"+restartedAt &&
			path[1] == "f:template" && path[2] == "f:metadata" && path[3] == "f:annotations"
	}
	return false
}

var serverMetadata = map[string]bool{
	"f:managedFields": true, "f:resourceVersion": true, "f:generation": true, "f:uid": true, "f:selfLink": true,
	"f:creationTimestamp": true, "f:deletionTimestamp": true, "f:deletionGracePeriodSeconds": true,
	"f:name": true, "f:namespace": true,
}
