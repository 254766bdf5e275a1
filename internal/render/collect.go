package render

import (
	"maps"
	"slices"
)

// Collect finds the objects in a value: itself when it has apiVersion or kind, else those in its lists and, in key
// order, in its mappings. Nulls are passed over. A scalar where an object could be is an error at origin; path tells
// where in the value.
func Collect(v any, origin Origin, path string, out *[]Object) error {
	return collect(v, origin, path, 0, out)
}

func collect(v any, origin Origin, path string, depth int, out *[]Object) error {
	if depth > maxDepth {
		return invalid(origin, "objects are nested too deep")
	}
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		for _, e := range v {
			if err := collect(e, origin, path+"[]", depth+1, out); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		if IsObject(v) {
			*out = append(*out, Object{Body: v, Origin: origin})
			return nil
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if err := collect(v[k], origin, path+"."+k, depth+1, out); err != nil {
				return err
			}
		}
		return nil
	default:
		if path == "" {
			return NotAnObject(origin, v)
		}
		return invalid(origin, "the value at "+path+" is no Kubernetes object, and neither is what holds it")
	}
}

// IsObject reports whether a mapping is meant to be a Kubernetes object.
func IsObject(m map[string]any) bool {
	_, hasVersion := m["apiVersion"].(string)
	_, hasKind := m["kind"].(string)
	return hasVersion || hasKind && m["metadata"] != nil
}
