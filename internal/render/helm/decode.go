package helm

import (
	"errors"
	"math"

	yamlv2 "go.yaml.in/yaml/v2"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

var errNoObject = errors.New("it is no object but a list or a plain value")

// decode gives a document in the form that the Kubernetes libraries give it: YAML 1.1 as sigs.k8s.io/yaml reads it, whole
// numbers as int64. A document without content is nil. It spares the way through JSON where the outcome is the same.
func decode(doc string) (map[string]any, error) {
	var v any
	if err := yamlv2.Unmarshal([]byte(doc), &v); err != nil {
		return nil, err
	}
	if v == nil {
		return nil, nil
	}
	out, ok := convert(v)
	if !ok {
		return decodeByJSON(doc)
	}
	m, ok := out.(map[string]any)
	if !ok {
		return nil, errNoObject
	}
	return m, nil
}

func decodeByJSON(doc string) (map[string]any, error) {
	j, err := yaml.YAMLToJSON([]byte(doc))
	if err != nil {
		return nil, err
	}
	var v any
	if err := json.Unmarshal(j, &v); err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errNoObject
	}
	return m, nil
}

// convert says false for what it leaves to the way through JSON: keys that are no strings, and odd numbers.
func convert(v any) (any, bool) {
	switch v := v.(type) {
	case map[any]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			key, ok := k.(string)
			if !ok {
				return nil, false
			}
			if out[key], ok = convert(e); !ok {
				return nil, false
			}
		}
		return out, true
	case []any:
		for i, e := range v {
			var ok bool
			if v[i], ok = convert(e); !ok {
				return nil, false
			}
		}
		return v, true
	case int:
		return int64(v), true
	case int64, bool, nil:
		return v, true
	case string:
		return v, true
	case float64:
		if v != math.Trunc(v) && !math.IsNaN(v) {
			return v, true
		}
		return nil, false
	default:
		return nil, false
	}
}
