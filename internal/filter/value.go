package filter

import "strings"

// Value is a text with stars. Its parts are in lower case.
type Value struct {
	parts []string // what stands between the stars; one part: no star
}

// Literal is the value that means exactly this text.
func Literal(text string) Value { return Value{parts: []string{strings.ToLower(text)}} }

func valueOf(chars []char) Value {
	var v Value
	var b strings.Builder
	for _, c := range chars {
		switch {
		case c.r == '*' && !c.quoted:
			v.parts = append(v.parts, strings.ToLower(b.String()))
			b.Reset()
		case c.r != 0:
			b.WriteRune(c.r)
		}
	}
	v.parts = append(v.parts, strings.ToLower(b.String()))
	return v
}

// is says whether the whole of s, which is in lower case, is the value.
func (v Value) is(s string) bool {
	first, last := v.parts[0], v.parts[len(v.parts)-1]
	if len(v.parts) == 1 {
		return s == first
	}
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	return v.between(s[len(first):len(s)-len(last)], v.parts[1:len(v.parts)-1])
}

// in says whether the value is somewhere in s. With stars it must be the whole of it.
func (v Value) in(s string) bool {
	if len(v.parts) > 1 {
		return v.is(s)
	}
	if v.parts[0] == "" {
		return s == ""
	}
	return strings.Contains(s, v.parts[0])
}

// within says whether the value is somewhere in s, stars or not.
func (v Value) within(s string) bool { return v.between(s, v.parts) }

// between finds the parts in this order. The leftmost place is always a right one, so there is no going back.
func (Value) between(s string, parts []string) bool {
	for _, p := range parts {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return true
}

// String is the value as it would be written after a key.
func (v Value) String() string { return v.print(false) }

// print writes the value; a word of its own has more to quote.
func (v Value) print(word bool) string {
	special := inValue
	if word {
		special = inWord
	}
	parts := make([]string, len(v.parts))
	for i, p := range v.parts {
		parts[i] = p
		if p != "" || len(v.parts) == 1 {
			parts[i] = quoted(p, special)
		}
	}
	out := strings.Join(parts, "*")
	if word && strings.HasPrefix(out, "-") {
		out = quoted(v.parts[0], inWord+"-") + out[len(parts[0]):]
	}
	return out
}

// What has to be quoted, besides spaces.
const (
	inValue = `",*\`
	inWord  = `"*\:=`
	inLabel = `",*\=:`
)

// quoted puts text in quotes where it needs them.
func quoted(text, special string) string {
	if text != "" && !strings.ContainsAny(text, special) && !hasSpace(text) {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
