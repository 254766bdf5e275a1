package object

import (
	"errors"
	"hash/maphash"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrNoObject says that bytes are no JSON object.
var ErrNoObject = errors.New("it is no JSON object")

// deepest is how far values may be nested; it is what the decoder of Kubernetes allows.
const deepest = 10_000

// Parse reads one JSON object as the decoder of Kubernetes does: whole numbers that fit are int64, all others float64; of
// a key that comes twice, the last value counts; what is no UTF-8 becomes U+FFFD. The result shares nothing with data.
// null is a nil map. What stands below a fieldsV1 of metadata.managedFields may be shared with other results, and is not
// to be changed: most objects have the same few sets of fields.
func Parse(data []byte) (map[string]any, error) {
	p := parsers.Get().(*parser)
	defer parsers.Put(p)
	p.data, p.at, p.depth = data, 0, 0
	m, err := p.document()
	p.data = nil
	return m, err
}

var parsers = sync.Pool{New: func() any { return &parser{} }}

// parser reads a document from its begin to its end, once.
type parser struct {
	data  []byte
	at    int
	depth int
	text  []byte // scratch, for strings with escapes
	words [1024]word
}

// word is a name that comes again and again, such as a key: it is allocated once. The table is direct-mapped: of two names
// with the same place the later one stays.
type word struct {
	s string
	v any // s, in the form that a value has
}

// longestWord bounds what the table of words holds on to.
const longestWord = 64

func (p *parser) document() (map[string]any, error) {
	p.blanks()
	var out map[string]any
	switch p.peek() {
	case '{':
		v, err := p.object(elsewhere)
		if err != nil {
			return nil, err
		}
		out = v
	case 'n':
		if !p.literal("null") {
			return nil, ErrNoObject
		}
	default:
		return nil, ErrNoObject
	}
	if p.blanks(); p.at != len(p.data) {
		return nil, ErrNoObject
	}
	return out, nil
}

func (p *parser) blanks() {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// peek gives the next byte; 0 at the end, which no JSON text has.
func (p *parser) peek() byte {
	if p.at < len(p.data) {
		return p.data[p.at]
	}
	return 0
}

func (p *parser) literal(s string) bool {
	if len(p.data)-p.at < len(s) || string(p.data[p.at:p.at+len(s)]) != s {
		return false
	}
	p.at += len(s)
	return true
}

func (p *parser) enter() error {
	if p.depth++; p.depth > deepest {
		return ErrNoObject
	}
	p.at++
	p.blanks()
	return nil
}

func (p *parser) leave() {
	p.depth--
	p.at++
}

func (p *parser) object(in room) (map[string]any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	out := map[string]any{}
	if p.peek() == '}' {
		p.leave()
		return out, nil
	}
	for {
		key, err := p.key()
		if err != nil {
			return nil, err
		}
		v, err := p.value(key, in)
		if err != nil {
			return nil, err
		}
		out[key] = v
		p.blanks()
		switch p.peek() {
		case ',':
			p.at++
			p.blanks()
		case '}':
			p.leave()
			return out, nil
		default:
			return nil, ErrNoObject
		}
	}
}

// key reads a key and its colon.
func (p *parser) key() (string, error) {
	if p.peek() != '"' {
		return "", ErrNoObject
	}
	raw, err := p.str()
	if err != nil {
		return "", err
	}
	key := p.word(raw).s
	p.blanks()
	if p.peek() != ':' {
		return "", ErrNoObject
	}
	p.at++
	p.blanks()
	return key, nil
}

func (p *parser) array(in room) ([]any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	out := []any{}
	if p.peek() == ']' {
		p.leave()
		return out, nil
	}
	for {
		v, err := p.value("", in)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		p.blanks()
		switch p.peek() {
		case ',':
			p.at++
			p.blanks()
		case ']':
			p.leave()
			return out, nil
		default:
			return nil, ErrNoObject
		}
	}
}

// value reads the value of a key (empty: an element of a list), after blanks. in is where the value stands.
func (p *parser) value(key string, in room) (any, error) {
	switch c := p.peek(); {
	case c == '"':
		raw, err := p.str()
		switch {
		case err != nil:
			return nil, err
		case repeats(key):
			return p.word(raw).v, nil
		}
		return string(raw), nil
	case c == '{' && in == entry && key == "fieldsV1":
		return orNil(p.fields())
	case c == '{':
		return orNil(p.object(in.object(key)))
	case c == '[' && in == metadata && key == "managedFields":
		return orNil(p.array(entries))
	case c == '[':
		return orNil(p.array(elsewhere))
	case c == 't' && p.literal("true"):
		return true, nil
	case c == 'f' && p.literal("false"):
		return false, nil
	case c == 'n' && p.literal("null"):
		return nil, nil
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	}
	return nil, ErrNoObject
}

// fields reads a set of fields, or takes it from an object that had the same.
func (p *parser) fields() (map[string]any, error) {
	from := p.at
	text := p.data[from:extent(p.data, from)]
	if len(text) > longestSet {
		return p.object(elsewhere)
	}
	h := maphash.Bytes(setSeed, text)
	first, second := &sets[h%uint64(len(sets))], &sets[h>>32%uint64(len(sets))]
	for _, place := range [...]*atomic.Pointer[fieldSet]{first, second} {
		if have := place.Load(); have != nil && have.text == string(text) {
			p.at += len(text)
			return have.fields, nil
		}
	}
	m, err := p.object(elsewhere)
	if err == nil && p.at-from == len(text) {
		if first.Load() != nil {
			first = second
		}
		first.Store(&fieldSet{string(text), m})
	}
	return m, err
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

// extent finds the end of the object or list that begins at from, by its brackets alone. Of what is no JSON, it is anywhere.
func extent(data []byte, from int) int {
	open, quoted := 0, false
	for i := from; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			open++
		case c == '}', c == ']':
			if open--; open == 0 {
				return i + 1
			}
		}
	}
	return len(data)
}

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

// str reads a string. What it gives is good until the next call.
func (p *parser) str() ([]byte, error) {
	p.at++
	from := p.at
	ascii := true
	for i := from; i < len(p.data); i++ {
		switch c := p.data[i]; {
		case c == '"':
			raw := p.data[from:i]
			p.at = i + 1
			if !ascii && !utf8.Valid(raw) {
				p.text = appendValid(p.text[:0], raw)
				return p.text, nil
			}
			return raw, nil
		case c == '\\':
			p.at = i
			return p.escaped(from)
		case c < ' ':
			return nil, ErrNoObject
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, ErrNoObject
}

// escaped reads the rest of a string that has an escape at p.at.
func (p *parser) escaped(from int) ([]byte, error) {
	p.text = appendValid(p.text[:0], p.data[from:p.at])
	for {
		begin := p.at
		for p.at < len(p.data) && p.data[p.at] != '"' && p.data[p.at] != '\\' && p.data[p.at] >= ' ' {
			p.at++
		}
		p.text = appendValid(p.text, p.data[begin:p.at])
		switch p.peek() {
		case '"':
			p.at++
			return p.text, nil
		case '\\':
			if err := p.escape(); err != nil {
				return nil, err
			}
		default:
			return nil, ErrNoObject
		}
	}
}

func (p *parser) escape() error {
	if p.at+1 >= len(p.data) {
		return ErrNoObject
	}
	c := p.data[p.at+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return p.unicode()
	default:
		return ErrNoObject
	}
	p.text = append(p.text, c)
	p.at += 2
	return nil
}

// unicode reads \uXXXX, or two of them that are a pair. Half a pair is U+FFFD.
func (p *parser) unicode() error {
	r, ok := p.hex()
	if !ok {
		return ErrNoObject
	}
	p.at += 6
	if utf16.IsSurrogate(r) {
		low, ok := p.hex()
		if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
			p.at += 6
			r = pair
		} else {
			r = utf8.RuneError
		}
	}
	p.text = utf8.AppendRune(p.text, r)
	return nil
}

// hex reads \uXXXX at p.at, and stays there.
func (p *parser) hex() (rune, bool) {
	if len(p.data)-p.at < 6 || p.data[p.at] != '\\' || p.data[p.at+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range p.data[p.at+2 : p.at+6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendValid appends text; each byte that is no part of UTF-8 becomes U+FFFD.
func appendValid(to, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		to = utf8.AppendRune(to, r)
		text = text[size:]
	}
	return to
}

// number reads a number as JSON writes it.
func (p *parser) number() (any, error) {
	from := p.at
	if p.peek() == '-' {
		p.at++
	}
	switch c := p.peek(); {
	case c == '0':
		p.at++
	case '1' <= c && c <= '9':
		p.digits()
	default:
		return nil, ErrNoObject
	}
	whole := true
	if p.peek() == '.' {
		whole = false
		p.at++
		if !p.digits() {
			return nil, ErrNoObject
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		whole = false
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !p.digits() {
			return nil, ErrNoObject
		}
	}
	text := string(p.data[from:p.at])
	if whole {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, ErrNoObject
	}
	return f, nil
}

func (p *parser) digits() bool {
	from := p.at
	for p.at < len(p.data) && '0' <= p.data[p.at] && p.data[p.at] <= '9' {
		p.at++
	}
	return p.at > from
}
