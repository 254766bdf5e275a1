package transform

import "maps"

// Metadata adds labels and annotations to the metadata of every object, over the ones that are there. Selectors and
// templates stay as they are.
func Metadata(labels, annotations map[string]string) Step {
	return each(func(o Object) (Object, error) {
		if len(labels)+len(annotations) == 0 {
			return o, nil
		}
		o.Body = maps.Clone(o.Body)
		meta, _ := o.Body["metadata"].(map[string]any)
		meta = maps.Clone(meta)
		if meta == nil {
			meta = map[string]any{}
		}
		o.Body["metadata"] = meta
		overlay(meta, "labels", labels)
		overlay(meta, "annotations", annotations)
		return o, nil
	})
}

func overlay(meta map[string]any, field string, add map[string]string) {
	if len(add) == 0 {
		return
	}
	have, _ := meta[field].(map[string]any)
	merged := make(map[string]any, len(have)+len(add))
	maps.Copy(merged, have)
	for k, v := range add {
		merged[k] = v
	}
	meta[field] = merged
}

// StripNamespace takes the namespace off every object, so that the destination's is used.
func StripNamespace() Step {
	return each(func(o Object) (Object, error) {
		meta, _ := o.Body["metadata"].(map[string]any)
		if _, ok := meta["namespace"]; !ok {
			return o, nil
		}
		o.Body, meta = maps.Clone(o.Body), maps.Clone(meta)
		delete(meta, "namespace")
		o.Body["metadata"] = meta
		return o, nil
	})
}
