package drift

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"plumb.cd/plumb/internal/object"
)

// pathStep is one step of a path as object.Diff writes it.
type pathStep struct {
	field    string // of a map; empty for list elements
	key, val string // an element by its key
	index    int    // an element by its index
}

// parseChangePath reads what object.Diff wrote: .name, ["quoted.name"], [key=value] or [index].
func parseChangePath(s string) ([]pathStep, error) {
	var out []pathStep
	for s != "" {
		switch {
		case s[0] == '.':
			end := strings.IndexAny(s[1:], ".[")
			if end < 0 {
				end = len(s) - 1
			}
			out = append(out, pathStep{field: s[1 : 1+end]})
			s = s[1+end:]
		case strings.HasPrefix(s, `["`):
			q, err := strconv.QuotedPrefix(s[1:])
			if err != nil || !strings.HasPrefix(s[1+len(q):], "]") {
				return nil, errors.New("an unfinished quoted name")
			}
			name, _ := strconv.Unquote(q)
			out = append(out, pathStep{field: name})
			s = s[2+len(q):]
		case s[0] == '[':
			inner, rest, ok := strings.Cut(s[1:], "]")
			if !ok {
				return nil, errors.New("] is missing")
			}
			if k, v, keyed := strings.Cut(inner, "="); keyed {
				out = append(out, pathStep{key: k, val: v})
			} else if i, err := strconv.Atoi(inner); err == nil {
				out = append(out, pathStep{index: i})
			} else {
				return nil, errors.New("neither a key nor an index")
			}
			s = rest
		default:
			return nil, fmt.Errorf("%q is no step of a path", s)
		}
	}
	return out, nil
}

// in follows the step into v.
func (s pathStep) in(v any) place {
	if s.field != "" {
		return step(v, "f:"+s.field)
	}
	list, _ := v.([]any)
	if s.key == "" {
		if s.index < len(list) {
			return place{value: list[s.index], index: s.index, found: true}
		}
		return place{index: s.index}
	}
	for i, e := range list {
		if m, ok := e.(map[string]any); ok && fmt.Sprint(m[s.key]) == s.val {
			return place{value: e, index: i, found: true}
		}
	}
	return place{value: map[string]any{s.key: s.val}, index: -1}
}

// owns reports whether the field set holds the path p in root: the field itself, all of something around it, or
// something inside it.
func owns(set fieldsV1, root any, p []pathStep) bool {
	if set == nil {
		return false
	}
	v := root
	for i, s := range p {
		if i > 0 && leaf(set) {
			return true
		}
		at := s.in(v)
		next, ok := childAt(set, s, at)
		if !ok {
			return false
		}
		set, v = next, at.value
	}
	return true
}

// holdsAll reports whether a set that owns names each element of want, where want is a list that is owned by element.
func holdsAll(set fieldsV1, root any, p []pathStep, want any) bool {
	list, ok := want.([]any)
	if !ok {
		return true
	}
	v := root
	for i, s := range p {
		if i > 0 && leaf(set) {
			return true
		}
		at := s.in(v)
		set, _ = childAt(set, s, at)
		v = at.value
	}
	for i, e := range list {
		if _, held := childAt(set, pathStep{index: i}, place{value: e, index: i, found: true}); !held && !leaf(set) {
			return false
		}
	}
	return true
}

func childAt(set fieldsV1, s pathStep, at place) (fieldsV1, bool) {
	if s.field != "" {
		return child(set, "f:"+s.field)
	}
	for key := range set {
		if at.found && elementOf([]any{at.value}, key) == 0 && !strings.HasPrefix(key, "i:") {
			return child(set, key)
		}
		if n, ok := strings.CutPrefix(key, "i:"); ok && n == strconv.Itoa(at.index) {
			return child(set, key)
		}
	}
	return nil, false
}

// label writes the step that at is, as object.Diff would.
func label(list any, at place) string {
	if at.field != "" {
		return object.Field(at.field)
	}
	l, _ := list.([]any)
	if key := object.ListKey(l, nil); key != "" {
		if m, ok := at.value.(map[string]any); ok {
			return fmt.Sprintf("[%s=%v]", key, m[key])
		}
	}
	return fmt.Sprintf("[%d]", at.index)
}
