package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// Seal makes a bundle of rendered objects. Digest covers the objects in canonical order, whatever the order of entries,
// and leaves the values of random leaves out, so that two renders of one input have one digest. Entries keep their
// order; bodies are copied into plain JSON values (string, bool, int64, float64, nil, maps and lists of these). The
// error is a fault of class Invalid that names the object which has no JSON form.
func Seal(renderer string, objects []Entry, warnings []string) (Bundle, error) {
	b := Bundle{Renderer: renderer, Objects: make([]Entry, len(objects)), Warnings: slices.Clone(warnings)}
	for i, e := range objects {
		body, err := Copy(e.Body)
		if err != nil {
			return Bundle{}, noForm(e, err)
		}
		b.Objects[i] = Entry{Body: body, Origin: e.Origin, Random: slices.Clone(e.Random)}
	}
	var err error
	b.Digest, err = digest(b.Objects)
	return b, err
}

func noForm(e Entry, err error) error {
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.ObjectInvalid, Where: Where(e.Origin),
		Message: fmt.Sprintf("%s has no JSON form: %s", e.ID(), err), Err: err,
	}
}

func digest(objects []Entry) (object.Digest, error) {
	lines := make([][]byte, len(objects))
	for i, e := range objects {
		d, err := BodyDigest(e.Body, e.Random)
		if err != nil {
			return "", unsealable(e, err)
		}
		lines[i] = append(append(e.ID().Append(nil), ' '), d...)
	}
	return sortedDigest(lines), nil
}

// sortedDigest is the digest of lines in their order as bytes. It sorts them.
func sortedDigest(lines [][]byte) object.Digest {
	slices.SortFunc(lines, bytes.Compare)
	return object.DigestOf(lines...)
}

func unsealable(e Entry, err error) error {
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.ObjectInvalid, Where: Where(e.Origin), Message: err.Error(), Err: err,
	}
}

// BodyDigest is the digest of an object's canonical form without the values of its random leaves (object.Change paths).
// That a leaf is random is part of the digest, its value is not. body is not changed.
func BodyDigest(body map[string]any, random []string) (object.Digest, error) {
	if len(random) > 0 {
		c, err := Copy(body)
		if err != nil {
			return "", err
		}
		for _, p := range random {
			path, err := parsePath(p)
			if err != nil {
				return "", err
			}
			blank(c, path)
		}
		body = c
	}
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	canonical, err := object.AppendCanonical((*buf)[:0], body)
	if err != nil {
		return "", err
	}
	if cap(canonical) <= maxScratch {
		*buf = canonical
	}
	return object.DigestOf(canonical), nil
}

// scratch holds buffers for what is only hashed; a large one is given back.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

const maxScratch = 64 << 10

// ID names the entry as it was rendered: a namespace that the destination will give is empty still.
func (e Entry) ID() object.ID { return object.Of(&unstructured.Unstructured{Object: e.Body}) }

// Copy is a deep copy of an object's body in plain JSON values. It fails on values that JSON has no form for.
func Copy(body map[string]any) (map[string]any, error) {
	if body == nil {
		return map[string]any{}, nil
	}
	v, err := plain(body, 0)
	if err != nil {
		return nil, err
	}
	return v.(map[string]any), nil
}

// maxDepth bounds the nesting of an object; the API server refuses far less.
const maxDepth = 1000

func plain(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	switch t := v.(type) {
	case nil, string, bool, int64:
		return t, nil
	case float64:
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return nil, fmt.Errorf("the number %v", t)
		}
		return t, nil
	case int:
		return int64(t), nil
	case int32:
		return int64(t), nil
	case uint64:
		if t > math.MaxInt64 {
			return float64(t), nil
		}
		return int64(t), nil
	case json.Number:
		return plainNumber(t)
	case map[string]any:
		return plainMap(t, depth)
	case []any:
		out := make([]any, len(t))
		for i, e := range t {
			var err error
			if out[i], err = plain(e, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	default:
		return plainOther(t)
	}
}

func plainMap(m map[string]any, depth int) (any, error) {
	out := make(map[string]any, len(m))
	for k, e := range m {
		var err error
		if out[k], err = plain(e, depth+1); err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
	}
	return out, nil
}

func plainNumber(n json.Number) (any, error) {
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	return n.Float64()
}

// plainOther takes the rare typed value (map[string]string, []string, ...) through JSON.
func plainOther(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return decodeJSON(raw)
}

// ShortCommit is a commit's first twelve digits; a chart's "version@digest" keeps its version.
func ShortCommit(commit string) string {
	version, digest, chart := cutLast(commit, '@')
	if chart {
		return version + "@" + object.Digest(digest).Short()
	}
	if len(commit) > 12 {
		return commit[:12]
	}
	return commit
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}
