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

func matchParts(pattern, name []string) (bool, error) {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for i := range len(name) + 1 {
				if ok, err := matchParts(pattern[1:], name[i:]); ok || err != nil {
					return ok, err
				}
			}
			return false, nil
		}
		if len(name) == 0 {
			_, err := path.Match(pattern[0], "")
			return false, err
		}
		if ok, err := path.Match(pattern[0], name[0]); !ok || err != nil {
			return false, err
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0, nil
}
