package filter

import (
	"strings"
	"unicode"
)

// char is one character of a term, and whether it stood in quotes: then it means nothing but itself.
type char struct {
	r      rune
	quoted bool
}

// raw is a term as it was written, without its quotes.
type raw struct {
	at    int
	chars []char
	text  string // with the quotes
}

func (r raw) String() string { return r.text }

// split cuts a filter at its spaces.
func split(text string) ([]raw, error) {
	var out []raw
	all := []rune(text)
	for i := 0; i < len(all); {
		if unicode.IsSpace(all[i]) {
			i++
			continue
		}
		one, end, err := scan(all, i)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
		i = end
	}
	return out, nil
}

// scan reads the term that begins at a place, and says where it ends.
func scan(all []rune, at int) (raw, int, error) {
	out := raw{at: at}
	opened := -1
	i := at
	for ; i < len(all); i++ {
		r := all[i]
		switch {
		case opened < 0 && unicode.IsSpace(r):
			out.text = string(all[at:i])
			return out, i, nil
		case r == '"' && opened < 0:
			opened = i
		case r == '"':
			if opened == i-1 {
				out.chars = append(out.chars, char{quoted: true}) // remembers that a value is there, though empty
			}
			opened = -1
		case r == '\\' && opened >= 0 && i+1 < len(all) && (all[i+1] == '"' || all[i+1] == '\\'):
			i++
			out.chars = append(out.chars, char{all[i], true})
		case r == 0:
			return out, i, &Error{At: i, Message: "a filter holds no NUL"}
		default:
			out.chars = append(out.chars, char{r, opened >= 0})
		}
	}
	if opened >= 0 {
		return out, i, &Error{At: opened, Term: string(all[at:]), Message: "the quote is not closed"}
	}
	out.text = string(all[at:])
	return out, i, nil
}

// cut splits at the first unquoted character that is one of seps.
func cut(chars []char, seps string) (before, after []char, sep rune) {
	for i, c := range chars {
		if !c.quoted && strings.ContainsRune(seps, c.r) {
			return chars[:i], chars[i+1:], c.r
		}
	}
	return chars, nil, 0
}

// fields splits at every unquoted separator.
func fields(chars []char, sep rune) [][]char {
	var out [][]char
	for {
		before, after, found := cut(chars, string(sep))
		out = append(out, before)
		if found == 0 {
			return out
		}
		chars = after
	}
}

// literal is the text of characters, whether they were quoted or not.
func literal(chars []char) string {
	var b strings.Builder
	for _, c := range chars {
		if c.r != 0 {
			b.WriteRune(c.r)
		}
	}
	return b.String()
}
