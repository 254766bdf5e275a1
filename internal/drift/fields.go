package drift

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// fieldsV1 is a set of fields as managedFields write it: "f:NAME" is a field, "k:{...}" a list element by its key,
// "v:VALUE" an element of a set of scalars, "i:N" an element by its index, "." the item itself.
type fieldsV1 = map[string]any

// entry is one element of metadata.managedFields.
type entry struct {
	manager, operation, sub string
	time                    string
	fields                  fieldsV1
}

func (e entry) when() time.Time {
	t, err := time.Parse(time.RFC3339, e.time)
	if err != nil {
		return time.Time{}
	}
	return t
}

// entries reads managedFields as they lie in the object, without copying. What is malformed is left out.
func entries(obj *unstructured.Unstructured) []entry {
	meta, _ := obj.Object["metadata"].(map[string]any)
	list, _ := meta["managedFields"].([]any)
	out := make([]entry, 0, len(list))
	for _, raw := range list {
		m, ok := raw.(map[string]any)
		if !ok {
			continue
		}
		var e entry
		e.manager, _ = m["manager"].(string)
		e.operation, _ = m["operation"].(string)
		e.sub, _ = m["subresource"].(string)
		e.time, _ = m["time"].(string)
		if e.fields, ok = m["fieldsV1"].(map[string]any); ok {
			out = append(out, e)
		}
	}
	return out
}

// ours reports whether e is the entry that our applies keep.
func (f *Fingerprinter) ours(e entry) bool {
	return e.manager == f.manager && e.operation == "Apply" && e.sub == ""
}

// people reports whether e was written by a person's tool and holds what a person can mean by it: the object itself or
// its scale, never its status.
func (f *Fingerprinter) people(e entry) bool {
	return (e.sub == "" || e.sub == "scale") && e.manager != f.manager && f.persons.has(e.manager)
}

// leaf reports whether nothing is listed below n: the field is owned as a whole.
func leaf(n fieldsV1) bool {
	if len(n) == 0 {
		return true
	}
	_, self := n["."]
	return self && len(n) == 1
}

func child(n fieldsV1, key string) (fieldsV1, bool) {
	c, ok := n[key]
	if !ok {
		return nil, false
	}
	m, _ := c.(map[string]any)
	return m, true
}

// merge unites two sets. Neither is changed; the result may share parts with both.
func merge(a, b fieldsV1) fieldsV1 {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	out := make(fieldsV1, len(a)+len(b))
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		have, ok := out[k].(map[string]any)
		if more, isMap := v.(map[string]any); ok && isMap {
			out[k] = merge(have, more)
		} else {
			out[k] = v
		}
	}
	return out
}

// place is where a step of a field set leads in a value.
type place struct {
	value any
	index int    // of a list element; -1 otherwise, or when it is not there
	field string // of a map; empty otherwise
	found bool
}

// step follows one key of a field set into v.
func step(v any, key string) place {
	if name, ok := strings.CutPrefix(key, "f:"); ok {
		m, _ := v.(map[string]any)
		val, found := m[name]
		return place{value: val, index: -1, field: name, found: found}
	}
	list, _ := v.([]any)
	if i := elementOf(list, key); i >= 0 {
		return place{value: list[i], index: i, found: true}
	}
	return place{index: -1}
}

// elementOf finds the list element that key means, or -1.
func elementOf(list []any, key string) int {
	if len(key) < 2 {
		return -1
	}
	kind, rest := key[:2], key[2:]
	switch kind {
	case "i:":
		if i, err := strconv.Atoi(rest); err == nil && i >= 0 && i < len(list) {
			return i
		}
	case "v:":
		want, _, ok := scalarAt(rest)
		if !ok {
			return elementSlow(list, rest)
		}
		for i, e := range list {
			if want.equal(e) {
				return i
			}
		}
	case "k:":
		var buf [4]pair
		pairs, ok := parseKey(rest, buf[:0])
		if !ok {
			return elementSlowKey(list, rest)
		}
		for i, e := range list {
			if matches(pairs, e) {
				return i
			}
		}
	}
	return -1
}

func matches(pairs []pair, e any) bool {
	m, ok := e.(map[string]any)
	if !ok {
		return false
	}
	for i := range pairs {
		v, ok := m[pairs[i].name]
		if !ok || !pairs[i].value.equal(v) {
			return false
		}
	}
	return true
}

// scalar is a JSON scalar out of a key, read without allocating.
type scalar struct {
	kind byte // 's', 'n', 't', 'f' or '0' (null)
	text string
	num  float64
}

type pair struct {
	name  string
	value scalar
}

func (s scalar) equal(v any) bool {
	switch x := v.(type) {
	case string:
		return s.kind == 's' && s.text == x
	case int64:
		return s.kind == 'n' && s.num == float64(x)
	case float64:
		return s.kind == 'n' && s.num == x
	case int:
		return s.kind == 'n' && s.num == float64(x)
	case bool:
		return (x && s.kind == 't') || (!x && s.kind == 'f')
	case nil:
		return s.kind == '0'
	}
	return false
}

// scalarAt reads the scalar that s begins with and gives what follows. ok is false for what it does not understand,
// such as escapes, which the slow way then reads.
func scalarAt(s string) (v scalar, rest string, ok bool) {
	switch {
	case s == "":
		return v, s, false
	case s[0] == '"':
		end := strings.IndexAny(s[1:], `"\`)
		if end < 0 || s[1+end] == '\\' {
			return v, s, false
		}
		return scalar{kind: 's', text: s[1 : 1+end]}, s[end+2:], true
	case strings.HasPrefix(s, "true"):
		return scalar{kind: 't'}, s[4:], true
	case strings.HasPrefix(s, "false"):
		return scalar{kind: 'f'}, s[5:], true
	case strings.HasPrefix(s, "null"):
		return scalar{kind: '0'}, s[4:], true
	}
	end := strings.IndexAny(s, ",}")
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.ParseFloat(s[:end], 64)
	return scalar{kind: 'n', num: n}, s[end:], err == nil
}

// parseKey reads {"a":1,"b":"x"} as the API server writes it: no blanks, scalars only.
func parseKey(s string, out []pair) ([]pair, bool) {
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return out, false
	}
	s = s[1:]
	for {
		name, rest, ok := scalarAt(s)
		if !ok || name.kind != 's' || rest == "" || rest[0] != ':' {
			return out, false
		}
		v, rest, ok := scalarAt(rest[1:])
		if !ok || rest == "" {
			return out, false
		}
		out = append(out, pair{name.text, v})
		if rest == "}" {
			return out, true
		}
		if rest[0] != ',' {
			return out, false
		}
		s = rest[1:]
	}
}

func scalarOf(v any) scalar {
	switch x := v.(type) {
	case string:
		return scalar{kind: 's', text: x}
	case float64:
		return scalar{kind: 'n', num: x}
	case bool:
		if x {
			return scalar{kind: 't'}
		}
		return scalar{kind: 'f'}
	case nil:
		return scalar{kind: '0'}
	}
	return scalar{}
}

func elementSlow(list []any, text string) int {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return -1
	}
	want := scalarOf(v)
	for i, e := range list {
		if want.equal(e) {
			return i
		}
	}
	return -1
}

func elementSlowKey(list []any, text string) int {
	pairs, ok := keyPairs(text)
	if !ok {
		return -1
	}
	for i, e := range list {
		if matches(pairs, e) {
			return i
		}
	}
	return -1
}

// keyPairs reads a list element's key, escapes and all.
func keyPairs(text string) ([]pair, bool) {
	if pairs, ok := parseKey(text, nil); ok {
		return pairs, true
	}
	var m map[string]any
	if json.Unmarshal([]byte(text), &m) != nil {
		return nil, false
	}
	var pairs []pair
	for k, v := range m {
		pairs = append(pairs, pair{k, scalarOf(v)})
	}
	return pairs, true
}
