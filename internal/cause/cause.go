// Package cause finds what messages about different Apps have in common, so that those that suffer from one thing are told as
// one: on the fleet's wall, and in a notification. It is pure.
package cause

import (
	"iter"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Particular stands for what differs from App to App.
const Particular = "…"

var (
	hexadecimal = regexp.MustCompile(`^(sha256:)?[0-9a-f]{6,64}$`)
	uuid        = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	number      = regexp.MustCompile(`[0-9]+`)
	objectID    = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*(\.[a-z0-9.-]+)?/[^\s]+$`) // Deployment.apps/shop/web
	fileLine    = regexp.MustCompile(`^[^\s:]+\.(ya?ml|json|jsonnet|cue|tpl)(:[0-9]+)?$`)
)

// Common leaves out of a message what is particular to one App: the names that it is given (of the App, its namespace, an
// object), what is called after them, objects, files, numbers, hashes. What is left is equal for Apps that suffer from the
// same thing. Line breaks and runs of blanks become one blank.
func Common(message string, names ...string) string {
	low := make([]string, 0, len(names))
	for _, n := range names {
		if len(n) > 1 {
			low = append(low, strings.ToLower(n))
		}
	}
	words := strings.Fields(message)
	for i, w := range words {
		core := strings.TrimFunc(w, func(r rune) bool { return unicode.IsPunct(r) && r != '/' })
		if core == "" {
			continue
		}
		if s := common(core, low); s != core {
			words[i] = strings.Replace(w, core, s, 1)
		}
	}
	return strings.Join(words, " ")
}

func common(word string, names []string) string {
	low := strings.ToLower(word)
	switch {
	case objectID.MatchString(word):
		kind, _, _ := strings.Cut(word, "/")
		kind, _, _ = strings.Cut(kind, ".")
		return kind + " " + Particular
	case fileLine.MatchString(low), uuid.MatchString(low), hexadecimal.MatchString(low) && strings.ContainsAny(low, "0123456789"):
		return Particular
	case slices.ContainsFunc(names, func(name string) bool { return low == name || strings.HasPrefix(low, name+"-") }):
		return Particular // web, and its Pod web-6c5b9d7f8-x2x9z
	case strings.ContainsAny(word, "./:"):
		return inside(word, names) // an address, an image: what is common to the Apps may be exactly this
	}
	return number.ReplaceAllString(word, "#")
}

// inside replaces names where they stand for themselves between the slashes and colons of a word: apps/web/values is one of
// web's.
func inside(word string, names []string) string {
	var b strings.Builder
	for part := range parts(word) {
		if slices.Contains(names, strings.ToLower(part)) {
			part = Particular
		}
		b.WriteString(part)
	}
	return b.String()
}

// parts gives the parts of a word between slashes and colons, and those, in order.
func parts(word string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for word != "" {
			n := strings.IndexAny(word, "/:")
			switch {
			case n < 0:
				n = len(word)
			case n == 0:
				n = 1
			}
			if !yield(word[:n]) {
				return
			}
			word = word[n:]
		}
	}
}
