package apply

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// withLive gives want with the live values at the paths, written as in object.Change: values that differ from render to
// render are decided once, when the object is created. A path that live does not have keeps the rendered value. want is
// not changed.
func withLive(want, live *unstructured.Unstructured, paths []string) *unstructured.Unstructured {
	if len(paths) == 0 {
		return want
	}
	out := want.DeepCopy()
	for _, p := range paths {
		steps := splitPath(p)
		if v, ok := lookUp(live.Object, steps); ok {
			store(out.Object, steps, v)
			continue
		}
		if len(steps) == 2 && steps[0] == "stringData" { // the API server keeps it in data
			if v, ok := lookUp(live.Object, []string{"data", steps[1]}); ok {
				if plain, err := base64.StdEncoding.DecodeString(fmt.Sprint(v)); err == nil {
					store(out.Object, steps, string(plain))
				}
			}
		}
	}
	return out
}

// splitPath reads a path as object.Diff writes it: .name, ["quoted.name"], [key=value] or [index]. Steps into lists keep
// their brackets.
func splitPath(path string) []string {
	var out []string
	for path != "" {
		switch {
		case path[0] == '.':
			end := strings.IndexAny(path[1:], ".[")
			if end < 0 {
				end = len(path) - 1
			}
			out, path = append(out, path[1:1+end]), path[1+end:]
		case strings.HasPrefix(path, `["`):
			quoted, err := strconv.QuotedPrefix(path[1:])
			if err != nil {
				return nil
			}
			name, _ := strconv.Unquote(quoted) // QuotedPrefix has checked it
			out, path = append(out, name), strings.TrimPrefix(path[1+len(quoted):], "]")
		default:
			inner, rest, ok := strings.Cut(path, "]")
			if !ok {
				return nil
			}
			out, path = append(out, inner+"]"), rest
		}
	}
	return out
}

// element finds the element of a list that a step "[index]" or "[key=value]" names; -1 when there is none.
func element(list []any, step string) int {
	inner := strings.TrimSuffix(strings.TrimPrefix(step, "["), "]")
	key, value, keyed := strings.Cut(inner, "=")
	if !keyed {
		i, err := strconv.Atoi(inner)
		if err != nil || i < 0 || i >= len(list) {
			return -1
		}
		return i
	}
	for i, e := range list {
		if m, ok := e.(map[string]any); ok && m[key] != nil && fmt.Sprint(m[key]) == value {
			return i
		}
	}
	return -1
}

func lookUp(v any, steps []string) (any, bool) {
	if len(steps) == 0 {
		return nil, false
	}
	for _, s := range steps {
		switch c := v.(type) {
		case map[string]any:
			next, ok := c[s]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i := element(c, s)
			if i < 0 {
				return nil, false
			}
			v = c[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// store sets the value where the path leads, if it leads anywhere.
func store(root map[string]any, steps []string, value any) {
	parent, last := any(root), steps[len(steps)-1]
	if len(steps) > 1 {
		var ok bool
		if parent, ok = lookUp(root, steps[:len(steps)-1]); !ok {
			return
		}
	}
	switch c := parent.(type) {
	case map[string]any:
		c[last] = value
	case []any:
		if i := element(c, last); i >= 0 {
			c[i] = value
		}
	}
}
