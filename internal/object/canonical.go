package object

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"
)

// Canonical gives the one byte form of a JSON-like value: compact JSON, keys sorted, exactly as encoding/json writes it.
// Equal values give equal bytes. It fails only on values that JSON has no form for.
func Canonical(v any) ([]byte, error) {
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	defer e.reset()
	if err := e.value(v); err != nil {
		return nil, err
	}
	return slices.Clone(e.buf), nil
}

// AppendCanonical appends the canonical form of v to b.
func AppendCanonical(b []byte, v any) ([]byte, error) {
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	own := e.buf
	e.buf = b
	err := e.value(v)
	b, e.buf = e.buf, own
	e.reset()
	return b, err
}

// DigestValue is the digest of a value's canonical form.
func DigestValue(v any) (Digest, error) {
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	defer e.reset()
	if err := e.value(v); err != nil {
		return "", err
	}
	return DigestOf(e.buf), nil
}

var encoders = sync.Pool{New: func() any { return &encoder{} }}

// encoder is scratch memory: it keeps nothing of a value after reset.
type encoder struct {
	buf  []byte
	keys []string // sorted keys of the levels being walked, one after the other
}

func (e *encoder) reset() {
	clear(e.buf)
	clear(e.keys[:cap(e.keys)])
	e.buf, e.keys = e.buf[:0], e.keys[:0]
	const keep = 1 << 20
	if cap(e.buf) > keep {
		e.buf = nil
	}
	if cap(e.keys) > keep {
		e.keys = nil
	}
}

func (e *encoder) value(v any) error {
	switch x := v.(type) {
	case nil:
		e.buf = append(e.buf, "null"...)
	case string:
		return e.text(x)
	case bool:
		e.buf = strconv.AppendBool(e.buf, x)
	case int64:
		e.buf = strconv.AppendInt(e.buf, x, 10)
	case int:
		e.buf = strconv.AppendInt(e.buf, int64(x), 10)
	case map[string]any:
		return e.mapping(x)
	case []any:
		return e.list(x)
	default: // floats, and whatever else somebody put into an object
		return e.other(v)
	}
	return nil
}

func (e *encoder) mapping(m map[string]any) error {
	if m == nil {
		e.buf = append(e.buf, "null"...)
		return nil
	}
	from := len(e.keys)
	for k := range m {
		e.keys = append(e.keys, k)
	}
	to := len(e.keys)
	slices.Sort(e.keys[from:to])
	e.buf = append(e.buf, '{')
	for i := from; i < to; i++ {
		if i > from {
			e.buf = append(e.buf, ',')
		}
		k := e.keys[i]
		if err := e.text(k); err != nil {
			return err
		}
		e.buf = append(e.buf, ':')
		if err := e.value(m[k]); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, '}')
	e.keys = e.keys[:from]
	return nil
}

func (e *encoder) list(l []any) error {
	if l == nil {
		e.buf = append(e.buf, "null"...)
		return nil
	}
	e.buf = append(e.buf, '[')
	for i, v := range l {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		if err := e.value(v); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, ']')
	return nil
}

// text writes a string as encoding/json does, which escapes what HTML would take for its own.
func (e *encoder) text(s string) error {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || !plain[c] {
			return e.other(s)
		}
	}
	e.buf = append(append(append(e.buf, '"'), s...), '"')
	return nil
}

// other writes what is rare.
func (e *encoder) other(v any) error {
	b, err := json.Marshal(v)
	e.buf = append(e.buf, b...)
	return err
}

// plain are the ASCII characters that stand for themselves.
var plain = func() (out [utf8.RuneSelf]bool) {
	for c := range out {
		out[c] = c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return out
}()
