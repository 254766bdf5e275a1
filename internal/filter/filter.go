// Package filter is the one grammar by which Apps are chosen: in the API, on the command line, in the console.
//
//	state:failed,drifted cluster:prod-* team=payments image:*:2.14.* since:<1h author:ana -namespace:test "not found"
//
// Terms are separated by spaces and must all hold. A term is key:value, or key=value; values are separated by commas, and
// one must hold. * stands for any text. A minus before a term turns it round. A term without a key is looked for in the name,
// the message and the subject of the commit. Quotes keep spaces, commas, colons and stars as they are; inside of them \" is a
// quote and \\ a backslash. A key that is none of ours is a label's when = follows: team=payments is label:team=payments.
// Upper and lower case are the same.
//
// The package is pure: the time is an argument.
package filter

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a filter, so that a request cannot ask for unbounded work.
const (
	MaxLength = 2000 // bytes
	MaxTerms  = 50
	MaxValues = 100 // of one term
)

// Filter is a parsed filter; the zero value lets everything through.
type Filter struct {
	Terms []Term
}

// Term is one condition.
type Term struct {
	Key     string  // one of Keys; empty: a word
	Label   string  // of key label: the label's name
	Negated bool    // it must not hold
	Values  []Value // one must hold; none: the label must be there, whatever its value
	Age     *Age    // of keys since and deployed, instead of values
	At      int     // where it begins, in characters of what was parsed

	by key // what Key stands for
}

// Age is a bound on how long ago something was.
type Age struct {
	Older bool // more than Bound ago, else less
	Bound time.Duration
	text  string
}

// Error says what is wrong with a filter, and where.
type Error struct {
	At      int    // in characters (code points) from the start
	Term    string // as it was written
	Message string // what is wrong with it
}

func (e *Error) Error() string {
	if e.Term == "" {
		return fmt.Sprintf("at character %d: %s", e.At+1, e.Message)
	}
	return fmt.Sprintf("%s (at character %d): %s", e.Term, e.At+1, e.Message)
}

// Parse reads a filter. An error is an *Error.
func Parse(text string) (Filter, error) {
	if len(text) > MaxLength {
		return Filter{}, &Error{At: MaxLength, Message: fmt.Sprintf("a filter has at most %d bytes", MaxLength)}
	}
	if !utf8.ValidString(text) {
		return Filter{}, &Error{Message: "the filter is not UTF-8"}
	}
	raws, err := split(text)
	if err != nil {
		return Filter{}, err
	}
	var out Filter
	for _, raw := range raws {
		if len(out.Terms) == MaxTerms {
			return Filter{}, &Error{At: raw.at, Term: raw.String(), Message: fmt.Sprintf("a filter has at most %d terms", MaxTerms)}
		}
		t, err := term(raw)
		if err != nil {
			return Filter{}, err
		}
		out.Terms = append(out.Terms, t)
	}
	return out, nil
}

// String is the filter in its canonical form, which parses to the same.
func (f Filter) String() string {
	parts := make([]string, len(f.Terms))
	for i, t := range f.Terms {
		parts[i] = t.String()
	}
	return strings.Join(parts, " ")
}

// Facet is the key under which a term's values are counted: Key, or label:NAME.
func (t Term) Facet() string {
	if t.Label != "" {
		return "label:" + t.Label
	}
	return t.Key
}

// Without is the filter without its terms on a facet.
func (f Filter) Without(facet string) Filter {
	var out Filter
	for _, t := range f.Terms {
		if t.Facet() != facet {
			out.Terms = append(out.Terms, t)
		}
	}
	return out
}

// Drop is the filter without its i-th term.
func (f Filter) Drop(i int) Filter {
	var out Filter
	out.Terms = append(append(out.Terms, f.Terms[:i]...), f.Terms[i+1:]...)
	return out
}

// String is the term in its canonical form.
func (t Term) String() string {
	var b strings.Builder
	if t.Negated {
		b.WriteByte('-')
	}
	if t.Key != "" {
		b.WriteString(t.Key + ":")
	}
	if t.Label != "" {
		b.WriteString(quoted(t.Label, inLabel))
		if len(t.Values) > 0 {
			b.WriteByte('=')
		}
	}
	if t.Age != nil {
		b.WriteString(t.Age.text)
	}
	for i, v := range t.Values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(v.print(t.Key == ""))
	}
	return b.String()
}
