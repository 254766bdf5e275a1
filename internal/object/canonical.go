package object

import (
	"encoding/json"
	"math"
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
		e.text(x)
	case bool:
		e.buf = strconv.AppendBool(e.buf, x)
	case int64:
		e.buf = strconv.AppendInt(e.buf, x, 10)
	case int:
		e.buf = strconv.AppendInt(e.buf, int64(x), 10)
	case float64:
		return e.float(x)
	case map[string]any:
		return e.mapping(x)
	case []any:
		return e.list(x)
	default: // whatever else somebody put into an object
		b, err := json.Marshal(v)
		e.buf = append(e.buf, b...)
		return err
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
		e.text(k)
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

// float writes a number as encoding/json does, which is as ECMAScript does.
func (e *encoder) float(f float64) error {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		_, err := json.Marshal(f)
		return err
	}
	format := byte('f')
	const small, large = 1e-6, 1e21
	if abs := math.Abs(f); abs != 0 && (abs < small || abs >= large) {
		format = 'e'
	}
	e.buf = strconv.AppendFloat(e.buf, f, format, -1, 64)
	if n := len(e.buf); format == 'e' && n >= 4 && e.buf[n-4] == 'e' && (e.buf[n-3] == '-' || e.buf[n-3] == '+') && e.buf[n-2] == '0' {
		e.buf[n-2] = e.buf[n-1] // e-09 is e-9
		e.buf = e.buf[:n-1]
	}
	return nil
}

const hexDigits = "0123456789abcdef"

// text writes a string as encoding/json does, which escapes what HTML would take for its own.
func (e *encoder) text(s string) {
	e.buf = append(e.buf, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if plain[c] {
				i++
				continue
			}
			e.buf = append(e.buf, s[from:i]...)
			e.escape(c)
			i++
			from = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			e.buf = append(append(e.buf, s[from:i]...), `\ufffd`...)
			from = i + size
		case r == '\u2028', r == '\u2029':
			e.buf = append(append(e.buf, s[from:i]...), `\u202`...)
			e.buf = append(e.buf, hexDigits[r&0xf])
			from = i + size
		}
		i += size
	}
	e.buf = append(append(e.buf, s[from:]...), '"')
}

func (e *encoder) escape(c byte) {
	switch c {
	case '"', '\\':
		e.buf = append(e.buf, '\\', c)
	case '\b':
		e.buf = append(e.buf, `\b`...)
	case '\f':
		e.buf = append(e.buf, `\f`...)
	case '\n':
		e.buf = append(e.buf, `\n`...)
	case '\r':
		e.buf = append(e.buf, `\r`...)
	case '\t':
		e.buf = append(e.buf, `\t`...)
	default:
		e.buf = append(e.buf, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
}

// plain are the ASCII characters that stand for themselves.
var plain = func() (out [utf8.RuneSelf]bool) {
	for c := range out {
		out[c] = c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return out
}()
