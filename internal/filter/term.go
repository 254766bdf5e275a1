package filter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// kind is how a key's values are compared.
type kind int

const (
	whole  kind = iota // with the whole text
	part               // with any part of it, unless there is a star
	closed             // with the whole text, and only known words
	age                // with how long ago it was
	label              // with a label
)

// key is one thing that can be asked for.
type key struct {
	kind  kind
	words []string            // of closed ones
	of    func(*Row) string   // of whole, part and closed
	all   func(*Row) []string // of part, where there are several
	when  func(*Row) time.Time
	doc   string
}

var keys = map[string]key{
	"state": {kind: closed, words: []string{"unknown", "failed", "degraded", "drifted", "deploying", "waiting", "paused", "synced"},
		of: func(r *Row) string { return r.State }, doc: "the App's state"},
	"sync": {kind: closed, words: []string{"synced", "outofsync", "unknown"}, of: func(r *Row) string { return r.Sync }, doc: "is the cluster as Git says"},
	"health": {kind: closed, words: []string{"healthy", "progressing", "degraded", "suspended", "missing", "unknown"},
		of: func(r *Row) string { return r.Health }, doc: "health of the worst object"},
	"namespace":   {of: func(r *Row) string { return r.Namespace }, doc: "of the App resource"},
	"name":        {of: func(r *Row) string { return r.Name }, doc: "of the App resource"},
	"app":         {of: func(r *Row) string { return r.App }, doc: "namespace/name"},
	"cluster":     {of: func(r *Row) string { return r.Cluster }, doc: "where it runs"},
	"environment": {of: func(r *Row) string { return r.Environment }, doc: "by its labels"},
	"component":   {of: func(r *Row) string { return r.Component }, doc: "by its labels, or its name without the environment"},
	"reason":      {of: func(r *Row) string { return r.Reason }, doc: "why it is in its state, one of docs/reasons.md"},
	"cause":       {of: func(r *Row) string { return r.Cause }, doc: "what ails it, as the wall names it"},
	"message":     {kind: part, of: func(r *Row) string { return r.Message }, doc: "part of the message"},
	"source":      {kind: part, of: func(r *Row) string { return r.Source }, doc: "part of repository and path"},
	"author":      {kind: part, of: func(r *Row) string { return r.Author }, doc: "part of the name of who made the commit"},
	"commit":      {kind: part, all: func(r *Row) []string { return r.Commit[:] }, doc: "part of its SHA or subject"},
	"image":       {kind: part, all: func(r *Row) []string { return r.Images }, doc: "part of name:tag"},
	"since":       {kind: age, when: func(r *Row) time.Time { return r.Since }, doc: "how long it has been in its state: <1h, >2d"},
	"deployed":    {kind: age, when: func(r *Row) time.Time { return r.Deployed }, doc: "how long ago it was deployed: <1h, >2d"},
	"label":       {kind: label, doc: "label:team=payments, or label:team for any value"},
}

var aliases = map[string]string{"ns": "namespace", "env": "environment", "repo": "source", "repository": "source", "rev": "commit", "revision": "commit"}

// Keys are the keys that there are, sorted.
func Keys() []string {
	out := make([]string, 0, len(keys))
	for k := range keys {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Describe says what a key stands for, and, of those that take only certain words, which.
func Describe(name string) (doc string, words []string) { return keys[name].doc, keys[name].words }

// term reads one term.
func term(r raw) (Term, error) {
	t := Term{At: r.at}
	chars := r.chars
	fail := func(format string, args ...any) (Term, error) {
		return Term{}, &Error{At: r.at, Term: r.String(), Message: fmt.Sprintf(format, args...)}
	}
	if len(chars) > 0 && chars[0] == (char{r: '-'}) {
		t.Negated, chars = true, chars[1:]
	}
	if len(chars) == 0 {
		return fail("nothing follows the minus")
	}
	before, after, sep := cut(chars, ":=")
	if sep == 0 {
		t.Values = []Value{valueOf(chars)}
		if literal(chars) == "" {
			return fail("there is nothing to look for")
		}
		return t, nil
	}
	name := strings.ToLower(literal(before))
	if name == "" {
		return fail("a key is missing before %c; put the term in quotes to look for it as it is", sep)
	}
	if full, ok := aliases[name]; ok {
		name = full
	}
	k, ok := keys[name]
	if !ok && sep == '=' {
		t.Key, t.Label = "label", name
		return t.values(r, keys["label"], after)
	}
	if !ok {
		return fail("there is no key %s; keys are %s, and %s=... for a label; put the term in quotes to look for it as it is",
			quoted(name, inLabel), strings.Join(Keys(), ", "), quoted(name, inLabel))
	}
	t.Key, t.by = name, k
	if k.kind == label {
		labelled, rest, found := cut(after, "=")
		if t.Label = strings.ToLower(literal(labelled)); t.Label == "" {
			return fail("the label's name is missing: label:team=payments")
		}
		if found == 0 {
			return t, nil
		}
		after = rest
	}
	return t.values(r, k, after)
}

// values reads what stands behind the key.
func (t Term) values(r raw, k key, chars []char) (Term, error) {
	t.by = k
	if k.kind == age {
		a, err := ageOf(literal(chars))
		if err != nil {
			return Term{}, &Error{At: r.at, Term: r.String(), Message: err.Error()}
		}
		t.Age = &a
		return t, nil
	}
	for _, one := range fields(chars, ',') {
		v := valueOf(one)
		problem := ""
		switch {
		case len(one) == 0:
			problem = "a value is missing"
		case len(t.Values) == MaxValues:
			problem = fmt.Sprintf("a term has at most %d values", MaxValues)
		case k.kind == closed && !slices.ContainsFunc(k.words, v.is):
			problem = fmt.Sprintf("%s is never %s; it is one of %s", t.Key, v, strings.Join(k.words, ", "))
		}
		if problem != "" {
			return Term{}, &Error{At: r.at, Term: r.String(), Message: problem}
		}
		t.Values = append(t.Values, v)
	}
	return t, nil
}

var units = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

const longest = 20 * 365 * 24 * time.Hour

// ageOf reads <1h, >2d, 1h30m (which is <1h30m).
func ageOf(text string) (Age, error) {
	text = strings.ToLower(text)
	rest, older := strings.CutPrefix(text, ">")
	if !older {
		rest = strings.TrimPrefix(rest, "<")
	}
	a := Age{Older: older, text: "<" + rest}
	if older {
		a.text = ">" + rest
	}
	wrong := fmt.Errorf("want a time like <1h, >2d or 30m, with the units s, m, h, d and w")
	if rest == "" {
		return a, wrong
	}
	for rest != "" {
		i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if i < 1 || i > 9 {
			return a, wrong
		}
		n, err := strconv.Atoi(rest[:i])
		unit, ok := units[rest[i]]
		if err != nil || !ok {
			return a, wrong
		}
		if time.Duration(n) > (longest-a.Bound)/unit {
			return a, fmt.Errorf("want less than 20 years")
		}
		a.Bound += time.Duration(n) * unit
		rest = rest[i+1:]
	}
	return a, nil
}

func hasSpace(s string) bool { return strings.IndexFunc(s, unicode.IsSpace) >= 0 }
