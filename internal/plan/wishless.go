package plan

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/object"
)

// families are the prefixes of all keys that ParseAnnotations honours or warns of.
var families = func() map[string]bool {
	out := map[string]bool{"plumb.cd": true}
	for _, a := range table {
		family, _, _ := strings.Cut(a.key, "/")
		out[family] = true
	}
	return out
}()

// asLabels are the keys that count as labels too.
var asLabels = func() map[string]bool {
	out := map[string]bool{}
	for _, a := range table {
		out[a.key] = a.labels
	}
	return out
}()

// Wishless reports, without looking further than at the keys, that ParseAnnotations would find nothing on obj: most objects
// carry no annotation that we read but the one that says whose they are.
func Wishless(obj *unstructured.Unstructured) bool {
	meta, _ := obj.Object["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	for k := range annotations {
		if family, _, ok := strings.Cut(k, "/"); ok && families[family] && k != object.AnnotationOwner {
			return false
		}
	}
	labels, _ := meta["labels"].(map[string]any)
	for k := range labels {
		if asLabels[k] {
			return false
		}
	}
	return true
}
