package object

import (
	"bytes"
	"errors"
	"hash/maphash"
	"io"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrNoObject says that bytes are no JSON object.
var ErrNoObject = errors.New("it is no JSON object")

// Parse reads one JSON object as the decoder of Kubernetes does: whole numbers that fit are int64, all others float64; of
// a key that comes twice, the last value counts; what is no UTF-8 becomes U+FFFD. The result shares nothing with data.
// null is a nil map. What stands below a fieldsV1 of metadata.managedFields may be shared with other results, and is not
// to be changed: most objects have the same few sets of fields.
func Parse(data []byte) (map[string]any, error) {
	p := parserOf(data)
	defer p.release()
	v, err := p.value("", elsewhere)
	if err != nil || !p.ended() {
		return nil, ErrNoObject
	}
	out, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, ErrNoObject
	}
	return out, nil
}

// parser makes values of what the decoder reads.
type parser struct {
	*jsontext.Decoder
	text  []byte // scratch, for strings with escapes
	words [1024]word
}

var parsers = sync.Pool{New: func() any { return &parser{Decoder: new(jsontext.Decoder)} }}

// lenient is what the decoder of Kubernetes takes although it is not well formed.
var lenient = jsontext.AllowInvalidUTF8(true)

func parserOf(data []byte) *parser {
	p := parsers.Get().(*parser)
	p.Reset(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true), lenient)
	return p
}

func (p *parser) release() {
	p.Reset(bytes.NewBuffer(nil)) // it keeps nothing of what it read
	parsers.Put(p)
}

// ended reports whether nothing follows.
func (p *parser) ended() bool {
	_, err := p.ReadToken()
	return errors.Is(err, io.EOF)
}

// value reads the value of a key (empty: there is none). in is where the value stands.
func (p *parser) value(key string, in room) (any, error) {
	switch p.PeekKind() {
	case '{':
		if in == entry && key == "fieldsV1" {
			return orNil(p.fields())
		}
		return orNil(p.object(in.object(key)))
	case '[':
		if in == metadata && key == "managedFields" {
			return orNil(p.array(entries))
		}
		return orNil(p.array(elsewhere))
	case '"':
		raw, err := p.str()
		switch {
		case err != nil:
			return nil, err
		case repeats(key):
			return p.word(raw).v, nil
		}
		return string(raw), nil
	case '0':
		raw, err := p.ReadValue()
		if err != nil {
			return nil, err
		}
		return numeral(string(raw))
	default:
		t, err := p.ReadToken()
		if k := t.Kind(); err != nil || k != 't' && k != 'f' {
			return nil, err
		}
		return t.Bool(), nil
	}
}

func (p *parser) object(in room) (map[string]any, error) {
	if _, err := p.ReadToken(); err != nil {
		return nil, err
	}
	out := map[string]any{}
	for p.PeekKind() != '}' {
		raw, err := p.str()
		if err != nil {
			return nil, err
		}
		key := p.word(raw).s
		if out[key], err = p.value(key, in); err != nil {
			return nil, err
		}
	}
	_, err := p.ReadToken()
	return out, err
}

func (p *parser) array(in room) ([]any, error) {
	if _, err := p.ReadToken(); err != nil {
		return nil, err
	}
	out := []any{}
	for p.PeekKind() != ']' {
		v, err := p.value("", in)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	_, err := p.ReadToken()
	return out, err
}

// str reads a string. What it gives is good until the next call.
func (p *parser) str() ([]byte, error) {
	raw, err := p.ReadValue()
	if err != nil || raw.Kind() != '"' {
		return nil, ErrNoObject
	}
	plain := true
	for _, c := range raw {
		plain = plain && c != '\\' && c < utf8.RuneSelf
	}
	if plain {
		return raw[1 : len(raw)-1], nil
	}
	if !utf8.Valid(raw) {
		raw = valid(raw)
	}
	// Half of a pair is an error to it, and U+FFFD in what it gives.
	p.text, _ = jsontext.AppendUnquote(p.text[:0], raw)
	return p.text, nil
}

// valid is text with U+FFFD for each byte that is no part of UTF-8.
func valid(text []byte) []byte {
	out := make([]byte, 0, len(text)+utf8.UTFMax)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		out = utf8.AppendRune(out, r)
		text = text[size:]
	}
	return out
}

func numeral(text string) (any, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, ErrNoObject
	}
	return f, nil
}

// fields reads a set of fields, or takes it from an object that had the same.
func (p *parser) fields() (map[string]any, error) {
	raw, err := p.ReadValue()
	if err != nil {
		return nil, err
	}
	if len(raw) > longestSet {
		return Parse(raw)
	}
	h := maphash.Bytes(setSeed, raw)
	first, second := &sets[h%uint64(len(sets))], &sets[h>>32%uint64(len(sets))]
	for _, place := range [...]*atomic.Pointer[fieldSet]{first, second} {
		if have := place.Load(); have != nil && have.text == string(raw) {
			return have.fields, nil
		}
	}
	m, err := Parse(raw)
	if err != nil {
		return nil, err
	}
	if first.Load() != nil {
		first = second
	}
	first.Store(&fieldSet{string(raw), m})
	return m, nil
}

// fieldSet is a set of fields in both its forms.
type fieldSet struct {
	text   string
	fields map[string]any
}

// sets are sets of fields that were read. Each has two places where it may be; who came first stays in its first one.
var (
	sets    [128]atomic.Pointer[fieldSet]
	setSeed = maphash.MakeSeed()
)

// longestSet bounds what the table holds on to, in bytes of text; the maps take about ten times as much.
const longestSet = 2 << 10

func orNil[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// room is the part of an object that values stand in.
type room int

const (
	elsewhere room = iota
	metadata       // directly in an object "metadata"
	entries        // in its list "managedFields"
	entry          // in an element of that
)

// object is the room that an object under a key makes.
func (in room) object(key string) room {
	switch {
	case in == entries:
		return entry
	case key == "metadata":
		return metadata
	}
	return elsewhere
}

// repeats names the keys whose values are the same in most objects. No value that somebody may want to keep secret stands
// under them.
func repeats(key string) bool {
	switch key {
	case "apiVersion", "kind", "manager", "operation", "fieldsType", "subresource", "namespace":
		return true
	}
	return false
}

// word is a name that comes again and again, such as a key: it is allocated once. The table is direct-mapped: of two names
// with the same place the later one stays.
type word struct {
	s string
	v any // s, in the form that a value has
}

// longestWord bounds what the table of words holds on to.
const longestWord = 64

// word gives the string for a name out of the table.
func (p *parser) word(raw []byte) word {
	if len(raw) > longestWord {
		s := string(raw)
		return word{s, s}
	}
	h := uint32(2166136261) // FNV-1a
	for _, c := range raw {
		h = (h ^ uint32(c)) * 16777619
	}
	w := &p.words[(h^h>>16)%uint32(len(p.words))]
	if w.v == nil || w.s != string(raw) {
		s := string(raw)
		*w = word{s, s}
	}
	return *w
}
