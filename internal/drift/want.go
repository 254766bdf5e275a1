package drift

import (
	"encoding/json"
	"strconv"

	"plumb.cd/plumb/internal/object"
)

// fieldsOf writes the fields that want states as a field set, so that an object without managedFields can be handled
// like any other. List elements go by their key where they have one, by index otherwise; identity is left out.
func fieldsOf(want map[string]any) fieldsV1 {
	out := fieldsV1{}
	for k, v := range want {
		if k != "apiVersion" && k != "kind" && k != "status" {
			out["f:"+k] = fieldsBelow(v)
		}
	}
	return out
}

func fieldsBelow(v any) fieldsV1 {
	out := fieldsV1{}
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			out["f:"+k] = fieldsBelow(e)
		}
	case []any:
		key := object.ListKey(x, nil)
		for i, e := range x {
			out[elementKey(e, key, i)] = fieldsBelow(e)
		}
	}
	return out
}

func elementKey(e any, key string, i int) string {
	if m, ok := e.(map[string]any); ok && key != "" {
		if b, err := json.Marshal(map[string]any{key: m[key]}); err == nil {
			return "k:" + string(b)
		}
	}
	return "i:" + strconv.Itoa(i)
}
