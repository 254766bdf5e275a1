package compare

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/resource"

	"plumb.cd/plumb/internal/object"
)

// mergeStringData moves a Secret's stringData to where the API server stores it. It changes body, not what is in it.
func mergeStringData(body map[string]any) {
	plain, ok := body["stringData"].(map[string]any)
	delete(body, "stringData")
	if !ok {
		return
	}
	data, _ := body["data"].(map[string]any)
	data = maps.Clone(data)
	if data == nil {
		data = map[string]any{}
	}
	for k, v := range plain {
		data[k] = base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(v)))
	}
	body["data"] = data
}

// size is that of the larger side: lines as YAML would have about, bytes as JSON would.
func size(sides ...map[string]any) (lines, bytes int) {
	for _, s := range sides {
		l, b := measure(s)
		lines, bytes = max(lines, l), max(bytes, b)
	}
	return lines, bytes
}

func measure(v any) (lines, bytes int) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			l, b := measure(e)
			if _, scalar := e.(string); !scalar && l > 0 && isContainer(e) {
				l++
			}
			lines, bytes = lines+max(l, 1), bytes+b+len(k)+4
		}
		return lines, bytes + 2
	case []any:
		for _, e := range x {
			l, b := measure(e)
			lines, bytes = lines+max(l, 1), bytes+b+1
		}
		return lines, bytes + 2
	case string:
		return 1 + strings.Count(x, "\n"), len(x) + 2
	}
	return 1, 8
}

func isContainer(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// MaxValue is how long a value may be, as JSON, before it is cut.
const MaxValue = 4 << 10

// Clip gives the field with values of at most about MaxValue bytes. Long texts are shown around their first difference.
func (f Field) Clip() Field {
	left, right := textOf(f.Left), textOf(f.Right)
	if len(left) <= MaxValue && len(right) <= MaxValue {
		return f
	}
	from := 0
	if f.Left != nil && f.Right != nil {
		from = firstDifference(left, right)
	}
	f.Cut = true
	f.Left, f.Right = window(f.Left, left, from), window(f.Right, right, from)
	return f
}

// Bytes is about how much the field's values take.
func (f Field) Bytes() int { return len(textOf(f.Left)) + len(textOf(f.Right)) + len(f.Path) }

func textOf(v any) string {
	if s, ok := v.(string); ok || v == nil {
		return s
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

func firstDifference(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// window is a part of the text that begins on the line before from.
func window(v any, text string, from int) any {
	if v == nil || len(text) <= MaxValue {
		return v
	}
	const before = 200
	start := min(from, len(text)-1)
	if start <= before {
		start = 0
	} else {
		start -= before
		if nl := strings.IndexByte(text[start:start+before], '\n'); nl >= 0 {
			start += nl + 1
		}
	}
	for start > 0 && start < len(text) && !utf8.RuneStart(text[start]) {
		start++
	}
	end := min(start+MaxValue, len(text))
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end--
	}
	out := text[start:end]
	if start > 0 {
		out = "…" + out
	}
	if end < len(text) {
		out += "…"
	}
	return out
}

// Redacted values stand for a Secret's.
const (
	redacted        = object.Redacted
	redactedChanged = "[redacted, changed]"
)

// Redact leaves of a Secret's differences which fields they are, and of their values nothing. Labels and the type are
// no secrets.
func (r Result) Redact() Result {
	fields := make([]Field, len(r.Fields))
	for i, f := range r.Fields {
		if f.Path != ".type" && !strings.HasPrefix(f.Path, ".metadata.labels") {
			both := f.Left != nil && f.Right != nil
			if f.Left != nil {
				f.Left = redacted
			}
			if f.Right != nil {
				f.Right = redacted
				if both {
					f.Right = redactedChanged
				}
			}
		}
		fields[i] = f
	}
	r.Fields = fields
	return r
}

// RedactBody gives a Secret's body without its values. other is another state of it, or nil: values that differ say so.
func RedactBody(body, other map[string]any) map[string]any {
	body, other = normalSecret(body), normalSecret(other)
	out := maps.Clone(body)
	before, _ := other["data"].(map[string]any)
	if data, ok := body["data"].(map[string]any); ok {
		hidden := map[string]any{}
		for k, v := range data {
			hidden[k] = redacted
			if other != nil && !object.Equal(before[k], v) {
				hidden[k] = redactedChanged
			}
		}
		out["data"] = hidden
	}
	if meta, ok := body["metadata"].(map[string]any); ok {
		if annotations, ok := meta["annotations"].(map[string]any); ok {
			meta, hidden := maps.Clone(meta), map[string]any{}
			for k := range annotations {
				hidden[k] = redacted
			}
			meta["annotations"], out["metadata"] = hidden, meta
		}
	}
	return out
}

func normalSecret(body map[string]any) map[string]any {
	if body == nil {
		return nil
	}
	out := maps.Clone(body)
	mergeStringData(out)
	return out
}

func storage(pvc map[string]any) string {
	v := any(pvc)
	for _, k := range []string{"spec", "resources", "requests", "storage"} {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func less(a, b string) bool {
	x, err := resource.ParseQuantity(a)
	if err != nil {
		return false
	}
	y, err := resource.ParseQuantity(b)
	return err == nil && x.Cmp(y) < 0
}
