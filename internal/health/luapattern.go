package health

import "strings"

// Lua's patterns, matched with a limit on the work: the library's matcher recurses once for each character and cannot be
// stopped. The language is the one of the Lua 5.1 manual, section 5.4.1.

const maxCaptures = 32

// patternError is a malformed pattern.
type patternError string

func (e patternError) Error() string { return string(e) }

// capture is a part of the subject; length open while it is being matched, position for "()".
type capture struct{ start, length int }

const (
	captureOpen     = -1
	capturePosition = -2
)

// luaMatcher matches one pattern against one subject. spend is called with the work done and may panic to stop.
type luaMatcher struct {
	src, pat string
	captures []capture
	spend    func(int)
}

// find gives the first match at or after init, as [start, end) in bytes; ok is false when there is none.
func (m *luaMatcher) find(init int) (start, end int, ok bool) {
	p, anchored := 0, strings.HasPrefix(m.pat, "^")
	if anchored {
		p = 1
	}
	for s := init; s <= len(m.src); s++ {
		m.captures = m.captures[:0]
		if e := m.match(s, p); e >= 0 {
			return s, e, true
		}
		if anchored {
			break
		}
	}
	return 0, 0, false
}

// match matches pat[p:] at src[s:] and gives where it ends, or -1.
func (m *luaMatcher) match(s, p int) int {
	for p < len(m.pat) {
		m.spend(1)
		switch {
		case m.pat[p] == '(':
			return m.open(s, p)
		case m.pat[p] == ')':
			return m.close(s, p)
		case m.pat[p] == '$' && p+1 == len(m.pat):
			if s == len(m.src) {
				return s
			}
			return -1
		case m.pat[p] == '%' && p+1 < len(m.pat) && m.pat[p+1] == 'b':
			if s = m.balanced(s, p); s < 0 {
				return -1
			}
			p += 4
			continue
		case m.pat[p] == '%' && p+1 < len(m.pat) && m.pat[p+1] == 'f':
			q := m.classEnd(p + 2)
			if !m.frontier(s, p+2, q) {
				return -1
			}
			p = q
			continue
		case m.pat[p] == '%' && p+1 < len(m.pat) && m.pat[p+1] >= '0' && m.pat[p+1] <= '9':
			if s = m.backReference(s, m.pat[p+1]); s < 0 {
				return -1
			}
			p += 2
			continue
		}
		q := m.classEnd(p)
		if q < len(m.pat) && strings.IndexByte("?*+-", m.pat[q]) >= 0 {
			return m.repeat(s, p, q)
		}
		if !m.one(s, p, q) {
			return -1
		}
		s, p = s+1, q
	}
	return s
}

// repeat matches the single class pat[p:q] under the quantifier at q, then what follows.
func (m *luaMatcher) repeat(s, p, q int) int {
	switch m.pat[q] {
	case '?':
		if m.one(s, p, q) {
			if e := m.match(s+1, q+1); e >= 0 {
				return e
			}
		}
		return m.match(s, q+1)
	case '-':
		for {
			if e := m.match(s, q+1); e >= 0 {
				return e
			}
			if !m.one(s, p, q) {
				return -1
			}
			s++
		}
	}
	n := 0
	for m.one(s+n, p, q) {
		n++
	}
	least := 0
	if m.pat[q] == '+' {
		least = 1
	}
	for ; n >= least; n-- {
		if e := m.match(s+n, q+1); e >= 0 {
			return e
		}
	}
	return -1
}

func (m *luaMatcher) open(s, p int) int {
	if len(m.captures) >= maxCaptures {
		panic(patternError("too many captures"))
	}
	c, next := capture{s, captureOpen}, p+1
	if next < len(m.pat) && m.pat[next] == ')' {
		c.length, next = capturePosition, p+2
	}
	m.captures = append(m.captures, c)
	level := len(m.captures)
	e := m.match(s, next)
	if e < 0 {
		m.captures = m.captures[:level-1]
	}
	return e
}

func (m *luaMatcher) close(s, p int) int {
	for i := len(m.captures) - 1; i >= 0; i-- {
		if m.captures[i].length != captureOpen {
			continue
		}
		m.captures[i].length = s - m.captures[i].start
		e := m.match(s, p+1)
		if e < 0 {
			m.captures[i].length = captureOpen
		}
		return e
	}
	panic(patternError("malformed pattern (a ) without its ()"))
}

func (m *luaMatcher) balanced(s, p int) int {
	if p+3 >= len(m.pat) {
		panic(patternError("malformed pattern (%b needs two characters)"))
	}
	if s >= len(m.src) || m.src[s] != m.pat[p+2] {
		return -1
	}
	depth := 1
	for i := s + 1; i < len(m.src); i++ {
		m.spend(1)
		switch m.src[i] {
		case m.pat[p+3]:
			if depth--; depth == 0 {
				return i + 1
			}
		case m.pat[p+2]:
			depth++
		}
	}
	return -1
}

func (m *luaMatcher) frontier(s, p, q int) bool {
	var before, after byte
	if s > 0 {
		before = m.src[s-1]
	}
	if s < len(m.src) {
		after = m.src[s]
	}
	return !m.class(before, p, q) && m.class(after, p, q)
}

func (m *luaMatcher) backReference(s int, digit byte) int {
	i := int(digit - '1')
	if i < 0 || i >= len(m.captures) || m.captures[i].length == captureOpen {
		panic(patternError("invalid capture index"))
	}
	c := m.captures[i]
	m.spend(max(c.length, 0))
	if c.length < 0 || !strings.HasPrefix(m.src[s:], m.src[c.start:c.start+c.length]) {
		return -1
	}
	return s + c.length
}

// classEnd gives where the single-character class at p ends.
func (m *luaMatcher) classEnd(p int) int {
	if p >= len(m.pat) {
		panic(patternError("malformed pattern (a class is missing)"))
	}
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pat) {
			panic(patternError("malformed pattern (ends with %)"))
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; first || p >= len(m.pat) || m.pat[p] != ']'; first = false {
			if p >= len(m.pat) {
				panic(patternError("malformed pattern (a ] is missing)"))
			}
			if m.pat[p] == '%' {
				p++
			}
			p++
		}
		return p + 1
	}
	return p
}

// one reports whether src[s] is in the class pat[p:q].
func (m *luaMatcher) one(s, p, q int) bool {
	m.spend(1)
	return s < len(m.src) && m.class(m.src[s], p, q)
}

func (m *luaMatcher) class(c byte, p, q int) bool {
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.set(c, p+1, q-1)
	}
	return m.pat[p] == c
}

// set reports whether c is in the set whose text, between the brackets, is pat[p:q].
func (m *luaMatcher) set(c byte, p, q int) bool {
	want := true
	if m.pat[p] == '^' {
		want = false
		p++
	}
	for p < q {
		m.spend(1)
		switch {
		case m.pat[p] == '%':
			if inClass(c, m.pat[p+1]) {
				return want
			}
			p += 2
		case p+2 < q && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return want
			}
			p += 3
		default:
			if m.pat[p] == c {
				return want
			}
			p++
		}
	}
	return !want
}

// inClass reports whether c is in the class %name; a name that is no letter means itself.
func inClass(c, name byte) bool {
	lowerCase, upperCase := c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z'
	digit := c >= '0' && c <= '9'
	var in bool
	switch name | 0x20 {
	case 'a':
		in = lowerCase || upperCase
	case 'c':
		in = c < ' ' || c == 127
	case 'd':
		in = digit
	case 'l':
		in = lowerCase
	case 'p':
		in = c > ' ' && c < 127 && !lowerCase && !upperCase && !digit
	case 's':
		in = c == ' ' || c >= '\t' && c <= '\r'
	case 'u':
		in = upperCase
	case 'w':
		in = lowerCase || upperCase || digit
	case 'x':
		in = digit || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
	case 'z':
		in = c == 0
	default:
		return name == c
	}
	if name >= 'A' && name <= 'Z' {
		return !in
	}
	return in
}
