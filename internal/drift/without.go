package drift

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Without gives obj without the fields at the paths, written as in object.Change: a changed copy, or obj itself when it
// has none of them. A path that cannot be read is passed over.
func Without(obj *unstructured.Unstructured, paths []string) *unstructured.Unstructured {
	var out *unstructured.Unstructured
	for _, text := range paths {
		p, err := parseChangePath(text)
		if err != nil || len(p) == 0 || !reaches(obj.Object, p) {
			continue
		}
		if out == nil {
			out = obj.DeepCopy()
		}
		out.Object, _ = cut(out.Object, p).(map[string]any)
	}
	if out == nil {
		return obj
	}
	return out
}

func reaches(v any, p []pathStep) bool {
	for _, s := range p {
		at := s.in(v)
		if !at.found {
			return false
		}
		v = at.value
	}
	return true
}

// cut removes what p leads to from v, which it may change.
func cut(v any, p []pathStep) any {
	at := p[0].in(v)
	if !at.found {
		return v
	}
	switch x := v.(type) {
	case map[string]any:
		if len(p) == 1 {
			delete(x, at.field)
		} else {
			x[at.field] = cut(at.value, p[1:])
		}
	case []any:
		if len(p) == 1 {
			return slices.Delete(x, at.index, at.index+1)
		}
		x[at.index] = cut(at.value, p[1:])
	}
	return v
}
