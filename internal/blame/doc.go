// Package blame finds the places in files that set a field of a rendered object. It knows no renderer: it proposes places
// where the field's value is written, and for each the file with another value there. Whoever renders that again and finds
// the other value in the field has the place. Pure.
package blame

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Leaf is one field with a value of its own.
type Leaf struct {
	Path  string // as in object.Change: .spec.template.spec.containers[name=web].image
	Value any    // string, bool, int64, float64, nil; an empty map or list
	keys  []string
}

// Leaves lists the fields of an object, in path order.
func Leaves(body map[string]any) []Leaf {
	var out []Leaf
	walk(body, "", nil, &out)
	return out
}

func walk(v any, path string, keys []string, out *[]Leaf) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			walk(v[k], path+step(k), append(slices.Clip(keys), k), out)
		}
		if len(v) > 0 {
			return
		}
	case []any:
		for i, e := range v {
			walk(e, path+index(v, i), keys, out)
		}
		if len(v) > 0 {
			return
		}
	}
	*out = append(*out, Leaf{Path: path, Value: v, keys: keys})
}

// step writes a key as object.Change does.
func step(key string) string {
	if key == "" || strings.ContainsAny(key, `.[]"/ `) {
		return "[" + strconv.Quote(key) + "]"
	}
	return "." + key
}

// index names an element by its key where that is unique, by its number otherwise.
func index(list []any, i int) string {
	for _, key := range []string{"name", "containerPort", "port", "mountPath", "key", "ip", "type"} {
		if named(list, key) {
			return fmt.Sprintf("[%s=%v]", key, list[i].(map[string]any)[key])
		}
	}
	return "[" + strconv.Itoa(i) + "]"
}

func named(list []any, key string) bool {
	seen := map[string]bool{}
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok || m[key] == nil {
			return false
		}
		name := fmt.Sprint(m[key])
		if seen[name] {
			return false
		}
		seen[name] = true
	}
	return len(list) > 0
}

// last is the name of the field itself.
func (l Leaf) last() string {
	if len(l.keys) == 0 {
		return ""
	}
	return l.keys[len(l.keys)-1]
}

// text is the value as it may be written in a file; false for what is not written as one word or line.
func (l Leaf) text() (string, bool) {
	switch v := l.Value.(type) {
	case string:
		first, _, more := strings.Cut(strings.TrimRight(v, "\n"), "\n")
		return first, first != "" && (!more || len(first) > 2)
	case bool, int64, float64, int:
		return fmt.Sprint(v), true
	}
	return "", false
}
