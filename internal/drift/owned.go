package drift

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/object"
)

// Owned gives the paths of the fields that we own, in order, written as in object.Change.
func (f *Fingerprinter) Owned(obj *unstructured.Unstructured) []string {
	var out []string
	for _, e := range entries(obj) {
		if f.ours(e) {
			leaves("", obj.Object, e.fields, &out)
		}
	}
	slices.Sort(out)
	return out
}

func leaves(at string, v any, set fieldsV1, out *[]string) {
	for key := range set {
		if key == "." {
			continue
		}
		here := step(v, key)
		path := at + label(v, here)
		if c, _ := child(set, key); leaf(c) {
			*out = append(*out, path)
		} else {
			leaves(path, here.value, c, out)
		}
	}
}

// Foreign gives, in order, the managers of people's tools that hold fields of the object, ours or beside ours: who heals
// must take those over, or what they added stays. Managers that hold only what counts for nobody are left out.
func (f *Fingerprinter) Foreign(obj *unstructured.Unstructured) []string {
	return f.holders(obj, f.people)
}

// Adoptable is Foreign for adopting an object: managers of other GitOps tools count as well.
func (f *Fingerprinter) Adoptable(obj *unstructured.Unstructured) []string {
	engines := compileNames(OtherEngines)
	return f.holders(obj, func(e entry) bool {
		return f.people(e) || e.sub == "" && e.manager != f.manager && engines.has(e.manager)
	})
}

func (f *Fingerprinter) holders(obj *unstructured.Unstructured, counts func(entry) bool) []string {
	ignored := f.rules.Ignores.ForObject(object.Of(obj))
	found := map[string]bool{}
	for _, e := range entries(obj) {
		if counts(e) && !ignored.manager(e.manager) && f.holdsAny(nil, obj.Object, e.fields, ignored.patterns()) {
			found[e.manager] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func (f *Fingerprinter) holdsAny(path []string, v any, set fieldsV1, ignored []pattern) bool {
	for key := range set {
		if key == "." || excluded(path, key, f.rules.Restarts) {
			continue
		}
		here := step(v, key)
		below, whole := advance(ignored, here)
		if whole {
			continue
		}
		c, _ := child(set, key)
		if leaf(c) || f.holdsAny(append(path, key), here.value, c, below) {
			return true
		}
	}
	return false
}
