package object

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Change is one difference between two states of an object. Path is written as people write it:
// ".spec.template.spec.containers[name=web].image", list elements by key where they have one, by index otherwise.
// From is nil when the field was added, To is nil when it was removed.
type Change struct {
	Path string `json:"path"`
	From any    `json:"from,omitempty"`
	To   any    `json:"to,omitempty"`
}

// Redacted stands where a secret value stood.
const Redacted = "[redacted]"

// Redact replaces the values of changes, so that only where something differs is told.
func Redact(changes []Change) []Change {
	out := slices.Clone(changes)
	for i := range out {
		if out[i].From != nil {
			out[i].From = Redacted
		}
		if out[i].To != nil {
			out[i].To = Redacted
		}
	}
	return out
}

// Diff gives what turns from into to, leaf by leaf, in path order. A subtree that only one side has is one change.
func Diff(from, to map[string]any) []Change {
	var out []Change
	diffMap("", from, to, &out)
	return out
}

// Covered gives the differences in the fields that want states, and only in those: what live has on top is no difference.
func Covered(want, live map[string]any) []Change {
	var out []Change
	for _, c := range Diff(live, want) {
		if c.To != nil {
			out = append(out, c)
		}
	}
	return out
}

func diffMap(path string, from, to map[string]any, out *[]Change) {
	keys := make([]string, 0, len(from)+len(to))
	for k := range from {
		keys = append(keys, k)
	}
	for k := range to {
		if _, both := from[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		a, inA := from[k]
		b, inB := to[k]
		p := path + Field(k)
		switch {
		case !inA:
			*out = append(*out, Change{Path: p, To: b})
		case !inB:
			*out = append(*out, Change{Path: p, From: a})
		default:
			diffValue(p, a, b, out)
		}
	}
}

func diffValue(path string, a, b any, out *[]Change) {
	switch av := a.(type) {
	case map[string]any:
		if bv, ok := b.(map[string]any); ok {
			diffMap(path, av, bv, out)
			return
		}
	case []any:
		if bv, ok := b.([]any); ok {
			diffList(path, av, bv, out)
			return
		}
	}
	if !Equal(a, b) {
		*out = append(*out, Change{Path: path, From: a, To: b})
	}
}

func diffList(path string, a, b []any, out *[]Change) {
	key := ListKey(a, b)
	if key == "" {
		diffIndexed(path, a, b, out)
		return
	}
	bs := map[string]any{}
	for _, e := range b {
		bs[keyOf(e, key)] = e
	}
	seen := map[string]bool{}
	for _, e := range a {
		k := keyOf(e, key)
		seen[k] = true
		p := fmt.Sprintf("%s[%s=%s]", path, key, k)
		if other, ok := bs[k]; ok {
			diffValue(p, e, other, out)
		} else {
			*out = append(*out, Change{Path: p, From: e})
		}
	}
	for _, e := range b {
		if k := keyOf(e, key); !seen[k] {
			*out = append(*out, Change{Path: fmt.Sprintf("%s[%s=%s]", path, key, k), To: e})
		}
	}
}

func diffIndexed(path string, a, b []any, out *[]Change) {
	for i := range max(len(a), len(b)) {
		p := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case i >= len(a):
			*out = append(*out, Change{Path: p, To: b[i]})
		case i >= len(b):
			*out = append(*out, Change{Path: p, From: a[i]})
		default:
			diffValue(p, a[i], b[i], out)
		}
	}
}

// listKeys are the fields that Kubernetes lists are keyed by, the likeliest first.
var listKeys = []string{"name", "containerPort", "port", "mountPath", "ip", "type", "key", "uid", "devicePath", "topologyKey"}

// ListKey finds the field that tells the elements of both lists apart: present in every element, a scalar, and unique
// within each list. It is empty when there is none.
func ListKey(a, b []any) string {
	for _, k := range listKeys {
		if uniqueBy(a, k) && uniqueBy(b, k) && len(a)+len(b) > 0 {
			return k
		}
	}
	return ""
}

func uniqueBy(list []any, key string) bool {
	seen := map[string]bool{}
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return false
		}
		v, ok := m[key]
		if !ok {
			return false
		}
		switch v.(type) {
		case map[string]any, []any, nil:
			return false
		}
		s := fmt.Sprint(v)
		if seen[s] {
			return false
		}
		seen[s] = true
	}
	return true
}

func keyOf(e any, key string) string { return fmt.Sprint(e.(map[string]any)[key]) }

// Field writes one step of a path: ".name", or "[name]" in quotes where the name has dots or slashes of its own.
func Field(name string) string {
	if strings.ContainsAny(name, "./[] ") || name == "" {
		return fmt.Sprintf("[%q]", name)
	}
	return "." + name
}

// Equal compares JSON-like values; numbers are equal when their values are, whatever type a decoder chose.
func Equal(a, b any) bool {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	switch av := a.(type) {
	case map[string]any:
		bv, ok := b.(map[string]any)
		if !ok || len(av) != len(bv) {
			return false
		}
		for k, v := range av {
			w, ok := bv[k]
			if !ok || !Equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		bv, ok := b.([]any)
		return ok && slices.EqualFunc(av, bv, Equal)
	}
	return reflect.DeepEqual(a, b)
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case int32:
		return float64(n), true
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}
