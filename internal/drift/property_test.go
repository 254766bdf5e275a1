package drift

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/object"
)

// mutateAt gives the object with another value at the path.
func mutateAt(t *rapid.T, obj *unstructured.Unstructured, path string) *unstructured.Unstructured {
	p, err := parseChangePath(path)
	if err != nil || !reaches(obj.Object, p) {
		t.Fatalf("%s does not lead anywhere: %v", path, err)
	}
	out := obj.DeepCopy()
	var v any = out.Object
	for _, s := range p[:len(p)-1] {
		v = s.in(v).value
	}
	last := p[len(p)-1]
	old := last.in(v).value
	fresh := anotherValue(t, old)
	switch x := v.(type) {
	case map[string]any:
		x[last.field] = fresh
	case []any:
		x[last.in(v).index] = fresh
	}
	return out
}

func anotherValue(t *rapid.T, old any) any {
	switch x := old.(type) {
	case string:
		return x + rapid.StringN(1, 5, -1).Draw(t, "more")
	case int64:
		return x + int64(rapid.IntRange(1, 100).Draw(t, "more"))
	case bool:
		return !x
	case []any:
		return append(append([]any{}, x...), "more")
	case map[string]any:
		out := map[string]any{"more": "x"}
		for k, v := range x {
			out[k] = v
		}
		return out
	}
	return fmt.Sprint(old) + "x"
}

// bump makes the object a later event.
func bump(u *unstructured.Unstructured) *unstructured.Unstructured {
	out := u.DeepCopy()
	out.SetResourceVersion("99999999")
	return out
}

var settledCases = []string{"settled", "coapply", "controller-adds", "restart", "patch-service", "patch-configmap", "widget-people", "widget-controller"}

func TestChangingAnyOwnedLeafDiffers(t *testing.T) {
	f := New(testKey, "plumb", Rules{})
	for _, name := range settledCases {
		c := capturedCase(t, name)
		rec, err := f.Fingerprint(c.Answer)
		if err != nil {
			t.Fatal(err)
		}
		paths := f.Owned(c.Answer)
		if len(paths) < 2 {
			t.Fatalf("%s owns only %v", name, paths)
		}
		rapid.Check(t, func(t *rapid.T) {
			path := rapid.SampledFrom(paths).Draw(t, "path")
			changed := bump(mutateAt(t, c.Answer, path))
			if same(f, rec, changed) {
				t.Fatalf("%s: changing %s", name, path)
			}
		})
	}
}

func TestRemovingAnyOwnedLeafDiffers(t *testing.T) {
	f := New(testKey, "plumb", Rules{})
	for _, name := range settledCases {
		c := capturedCase(t, name)
		rec, _ := f.Fingerprint(c.Answer)
		for _, path := range f.Owned(c.Answer) {
			removed := Without(bump(c.Answer), []string{path})
			if same(f, rec, removed) {
				t.Errorf("%s: removing %s", name, path)
			}
		}
	}
}

func TestStatusAndUnownedFieldsAreTheSame(t *testing.T) {
	f := New(testKey, "plumb", Rules{})
	c := capturedCase(t, "settled")
	rec, _ := f.Fingerprint(c.Answer)
	unowned := [][]string{
		{"status", "replicas"}, {"status", "new"}, {"spec", "progressDeadlineSeconds"}, {"spec", "strategy", "type"},
		{"spec", "template", "spec", "dnsPolicy"}, {"spec", "template", "spec", "schedulerName"}, {"metadata", "generation"},
		{"metadata", "annotations", "deployment.kubernetes.io/revision"}, {"metadata", "labels", "added-by-a-controller"},
	}
	rapid.Check(t, func(t *rapid.T) {
		u := bump(c.Answer)
		for range rapid.IntRange(1, 5).Draw(t, "changes") {
			path := rapid.SampledFrom(unowned).Draw(t, "path")
			if err := unstructured.SetNestedField(u.Object, rapid.String().Draw(t, "value"), path...); err != nil {
				t.Fatal(err)
			}
		}
		if !same(f, rec, u) {
			t.Fatal("it is taken for changed")
		}
	})
}

func TestTheHashDoesNotDependOnOrderOfMapsOrNumberTypes(t *testing.T) {
	f := New(testKey, "plumb", Rules{})
	c := capturedCase(t, "settled")
	rec, _ := f.Fingerprint(c.Answer)
	for range 50 {
		u := bump(c.Answer)
		_ = unstructured.SetNestedField(u.Object, float64(3), "spec", "replicas")
		if !same(f, rec, u) {
			t.Fatal("it is taken for changed")
		}
	}
}

// TestGeneratedObjects makes objects of any shape, with a field set for a part of their leaves.
func TestGeneratedObjects(t *testing.T) {
	f := New(testKey, "plumb", Rules{})
	rapid.Check(t, func(t *rapid.T) {
		spec, set := genMap(t, 3)
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Widget", "spec": spec}}
		u.SetName("w")
		u.SetUID("u")
		u.SetResourceVersion("5")
		_ = unstructured.SetNestedSlice(u.Object, []any{map[string]any{
			"manager": "plumb", "operation": "Apply", "apiVersion": "example.com/v1", "fieldsType": "FieldsV1",
			"fieldsV1": map[string]any{"f:spec": set},
		}}, "metadata", "managedFields")
		rec, err := f.Fingerprint(u)
		if err != nil {
			t.Fatal(err)
		}
		if !same(f, rec, bump(u)) {
			t.Fatal("an equal object")
		}
		owned := f.Owned(u)
		for _, path := range owned {
			if same(f, rec, bump(mutateAt(t, u, path))) {
				t.Fatalf("changing %s", path)
			}
		}
		if got := f.Attribute(u.Object, u, nil); len(got) != 0 {
			t.Fatalf("an object differs from itself: %v", lines(got))
		}
		for _, c := range object.Diff(u.Object, Without(u, owned).Object) {
			if _, err := parseChangePath(c.Path); err != nil {
				t.Fatalf("%s: %v", c.Path, err)
			}
		}
	})
}

func genMap(t *rapid.T, depth int) (map[string]any, map[string]any) {
	value, set := map[string]any{}, map[string]any{}
	for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b.c/d", "e f", "g", "replicas", "x=y"}), 1, 4, rapid.ID[string]).Draw(t, "keys") {
		v, s := genValue(t, depth)
		value[k] = v
		if rapid.IntRange(0, 3).Draw(t, "owned") > 0 {
			set["f:"+k] = s
		}
	}
	return value, set
}

func genValue(t *rapid.T, depth int) (any, map[string]any) {
	kind := rapid.IntRange(0, 4).Draw(t, "kind")
	switch {
	case kind == 0 || depth == 0 && kind > 2:
		return rapid.StringN(0, 5, -1).Draw(t, "string"), map[string]any{}
	case kind == 1:
		return int64(rapid.IntRange(-5, 5).Draw(t, "int")), map[string]any{}
	case kind == 2:
		return rapid.Bool().Draw(t, "bool"), map[string]any{}
	case kind == 3:
		v, s := genMap(t, depth-1)
		return v, s
	}
	var list []any
	set := map[string]any{}
	for i := range rapid.IntRange(1, 3).Draw(t, "elements") {
		v, s := genMap(t, depth-1)
		name := fmt.Sprintf("n%d\"\\", i)
		v["name"] = name
		s["f:name"] = map[string]any{}
		list = append(list, v)
		set[fmt.Sprintf(`k:{"name":%q}`, name)] = s
	}
	return list, set
}

func BenchmarkCompareDeployment(b *testing.B) {
	c := capturedCase(b, "settled")
	f := New(testKey, "plumb", Rules{})
	rec, _ := f.Fingerprint(c.Answer)
	b.ReportAllocs()
	for b.Loop() {
		if !same(f, rec, c.Event) {
			b.Fatal("differs")
		}
	}
}

func BenchmarkCompareWithIgnores(b *testing.B) {
	c := capturedCase(b, "settled")
	f := New(testKey, "plumb", Rules{Ignores: mustCompile(b, Ignore{Pointers: []string{"/spec/replicas"}}, Ignore{Paths: []string{".spec.template.spec.containers[].image"}})})
	rec, _ := f.Fingerprint(c.Answer)
	b.ReportAllocs()
	for b.Loop() {
		if !same(f, rec, c.Event) {
			b.Fatal("differs")
		}
	}
}

func BenchmarkAttribute(b *testing.B) {
	c := capturedCase(b, "set-image")
	f := New(testKey, "plumb", Rules{})
	b.ReportAllocs()
	for b.Loop() {
		f.Attribute(c.Want, c.Event, nil)
	}
}
