package notify

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// OneLine makes a hostile text harmless where one line is wanted: line breaks, control characters and those that turn the
// direction of reading become spaces, and spaces are joined.
func OneLine(s string) string { return strings.Join(strings.FieldsFunc(s, blank), " ") }

// Plain does the same for a text of several lines, which it keeps.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r' || r == utf8.RuneError:
			return -1
		case blank(r):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// blank are characters that show nothing, or that make others show something else.
func blank(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == '\uFEFF' || r == utf8.RuneError
}

// Cut shortens s to n characters, the last of which then is "…".
func Cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	runes := []rune(s)
	return string(runes[:n-1]) + "…"
}

// ShortSHA is the form of a commit for people.
func ShortSHA(sha string) string { return sha[:min(len(sha), 7)] }
