package bundle

import (
	"fmt"
	"strconv"
	"strings"
)

// step is one step of a path as object.Diff writes it: a field, an element by index, or an element by a key's value.
type step struct {
	field string
	key   string // with value: [key=value]
	value string
	index int // when neither field nor key is set
}

// parsePath reads a path as object.Diff writes it: `.spec.containers[name=web].env[0]`, `.labels["a.b/c"]`.
func parsePath(path string) ([]step, error) {
	var out []step
	for rest := path; rest != ""; {
		var s step
		var err error
		switch rest[0] {
		case '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			s, rest = step{field: rest[1 : 1+end]}, rest[1+end:]
		case '[':
			s, rest, err = parseBracket(rest)
		default:
			err = fmt.Errorf("want '.' or '['")
		}
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", path, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func parseBracket(s string) (step, string, error) {
	if strings.HasPrefix(s, `["`) {
		quoted, err := strconv.QuotedPrefix(s[1:])
		if err != nil || !strings.HasPrefix(s[1+len(quoted):], "]") {
			return step{}, "", fmt.Errorf("quoted field without end at %q", s)
		}
		name, err := strconv.Unquote(quoted)
		return step{field: name}, s[len(quoted)+2:], err
	}
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return step{}, "", fmt.Errorf("bracket without end at %q", s)
	}
	inner, rest := s[1:end], s[end+1:]
	if key, value, ok := strings.Cut(inner, "="); ok {
		return step{key: key, value: value}, rest, nil
	}
	index, err := strconv.Atoi(inner)
	return step{index: index}, rest, err
}

// blank replaces the leaf at path, where it exists, by a fixed mark. It changes body.
func blank(body map[string]any, path []step) {
	const mark = "\x00random"
	var at any = body
	for i, s := range path {
		last := i == len(path)-1
		switch v := at.(type) {
		case map[string]any:
			next, ok := v[s.field]
			if !ok {
				return
			}
			if last {
				v[s.field] = mark
			}
			at = next
		case []any:
			n := s.find(v)
			if n < 0 {
				return
			}
			if last {
				v[n] = mark
			}
			at = v[n]
		default:
			return
		}
	}
}

// find gives the index of the element that the step means, or -1.
func (s step) find(list []any) int {
	if s.key == "" {
		if s.field != "" || s.index < 0 || s.index >= len(list) {
			return -1
		}
		return s.index
	}
	for i, e := range list {
		if m, ok := e.(map[string]any); ok && fmt.Sprint(m[s.key]) == s.value {
			return i
		}
	}
	return -1
}
