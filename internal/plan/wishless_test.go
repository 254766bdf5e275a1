package plan

import (
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/object"
)

// TestWhatIsCalledWishlessHasNoWishes draws objects with all keys that mean something, and others.
func TestWhatIsCalledWishlessHasNoWishes(t *testing.T) {
	keys := []string{object.AnnotationOwner, object.AnnotationWave, object.LabelApp, "plumb.cd/typo", "app", "helm.sh/chart", "app.kubernetes.io/name", "x/y/z"}
	for _, d := range Annotations() {
		keys = append(keys, d.Key)
	}
	called := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		carried := rapid.MapOfN(rapid.SampledFrom(keys), rapid.SampledFrom([]string{"", "1", "true", "Sync", "pre-install", "enabled"}), 0, 2)
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Pod"}}
		u.SetAnnotations(carried.Draw(t, "annotations"))
		u.SetLabels(carried.Draw(t, "labels"))
		wishless := Wishless(u)
		called[wishless]++
		options, hook, wave, warnings := ParseAnnotations(u)
		if wishless && (!reflect.ValueOf(options).IsZero() || hook != nil || wave != 0 || len(warnings) > 0) {
			t.Fatalf("%v has wishes: %v %v %v %v", u.Object, options, hook, wave, warnings)
		}
	})
	if called[true] == 0 || called[false] == 0 {
		t.Errorf("it never says something else: %v", called)
	}
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Pod"}}
	object.Owner{Installation: "plumb", Namespace: "apps", Name: "a"}.Stamp(u)
	if !Wishless(u) {
		t.Error("our own marks count as wishes")
	}
}
