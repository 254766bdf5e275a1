package render

import (
	"path"
	"strings"
)

// Match reports whether a slash-separated path matches a glob. "*", "?" and "[a-z]" stay within one path element,
// "**" spans any number of them; a pattern without a slash is held against the last element. A malformed pattern
// is an error of path.Match.
func Match(pattern, name string) (bool, error) {
	if !strings.Contains(pattern, "/") && pattern != "**" {
		return path.Match(pattern, path.Base(name))
	}
	return matchParts(strings.Split(strings.TrimPrefix(pattern, "./"), "/"), strings.Split(name, "/"))
}

// matchParts goes back to the last "**" alone, so that no pattern takes more than the product of the lengths.
func matchParts(pattern, name []string) (bool, error) {
	p, n := 0, 0
	back, from := -1, 0 // the last "**", and the first part of the name that it does not stand for
	for n < len(name) || p < len(pattern) {
		if p < len(pattern) && pattern[p] == "**" {
			back, from = p, n
			p++
			continue
		}
		if p < len(pattern) {
			part := ""
			if n < len(name) {
				part = name[n]
			}
			ok, err := path.Match(pattern[p], part)
			if err != nil {
				return false, err
			}
			if ok && n < len(name) {
				p, n = p+1, n+1
				continue
			}
		}
		if back < 0 || from >= len(name) {
			return false, nil
		}
		from++
		p, n = back+1, from
	}
	return true, nil
}
