package drift

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Empty reports whether the API server does not tell a value from an absent one.
func Empty(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case map[string]any:
		for _, e := range x {
			if !Empty(e) {
				return false
			}
		}
		return true
	case []any:
		return len(x) == 0
	}
	return false
}

// SameQuantity reports whether both are one amount in two spellings, as the server rewrites them.
func SameQuantity(a, b any) bool {
	x, err := resource.ParseQuantity(fmt.Sprint(a))
	if err != nil {
		return false
	}
	y, err := resource.ParseQuantity(fmt.Sprint(b))
	return err == nil && x.Cmp(y) == 0
}
