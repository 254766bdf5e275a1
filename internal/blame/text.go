package blame

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// near lists the places in a template or program where the value is written, as a word of its own.
func near(f File, by By, leaf Leaf, value string) []Place {
	if len(value) < 2 && by == Program {
		return nil // too many
	}
	var out []Place
	lines := lineStarts(f.Content)
	for from := 0; ; {
		i := bytes.Index(f.Content[from:], []byte(value))
		if i < 0 || len(out) == maxPlaces {
			return out
		}
		start := from + i
		end := start + len(value)
		from = end
		if !alone(f.Content, start, end) {
			continue
		}
		line, _ := slices.BinarySearch(lines, start+1)
		p := Place{File: f.Path, Line: line, By: by, Mark: mark(value), Whole: true, score: 4}
		text := lineOf(f.Content, lines, line)
		if last := leaf.last(); last != "" && strings.Contains(text, last) {
			p.score += 6
		}
		p.Changed = slices.Concat(f.Content[:start], []byte(p.Mark), f.Content[end:])
		out = append(out, p)
	}
}

func lineOf(b []byte, lines []int, line int) string {
	end := len(b)
	if line < len(lines) {
		end = lines[line]
	}
	return string(b[lines[line-1]:end])
}

// alone reports whether nothing that belongs to a word stands before or behind.
func alone(b []byte, start, end int) bool {
	before, _ := utf8.DecodeLastRune(b[:start])
	behind, _ := utf8.DecodeRune(b[end:])
	part := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	return (start == 0 || !part(before)) && (end == len(b) || !part(behind))
}
