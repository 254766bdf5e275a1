package drift

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

func parseYAML(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, raw)
}

func mustCompile(t testing.TB, rules ...Ignore) *Ignores {
	t.Helper()
	i, err := CompileIgnores(rules)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestIgnoreRulesThatCannotBeReadAreNamed(t *testing.T) {
	tests := map[string]struct {
		rule Ignore
		want string
	}{
		"a pointer without a slash":   {Ignore{Pointers: []string{"spec/replicas"}}, "begins with /"},
		"an empty step":               {Ignore{Pointers: []string{"/spec//a"}}, "empty step"},
		"nothing named":               {Ignore{Paths: []string{" "}}, "names no field"},
		"recursive descent":           {Ignore{Paths: []string{"..image"}}, "not supported"},
		"a jq function":               {Ignore{Paths: []string{".spec | keys"}}, "only select"},
		"a select on nothing":         {Ignore{Paths: []string{`.a | select(.name == "x")`}}, "needs a []"},
		"a select with two fields":    {Ignore{Paths: []string{`.a[] | select(.name == "x" and .b == "y")`}}, "select"},
		"a select by another test":    {Ignore{Paths: []string{`.a[] | select(.name | test("x"))`}}, "select compares"},
		"a missing bracket":           {Ignore{Paths: []string{".a[name=x"}}, "] is missing"},
		"an unknown bracket":          {Ignore{Paths: []string{".a[1:3]"}}, "inside []"},
		"an unfinished quoted name":   {Ignore{Paths: []string{`.a."b`}}, "unfinished"},
		"a field name that is absent": {Ignore{Paths: []string{".a. "}}, "missing"},
		"a broken glob":               {Ignore{Name: "[", Pointers: []string{"/a"}}, "glob"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := CompileIgnores([]Ignore{{Pointers: []string{"/spec"}}, tt.rule})
			var f *fault.Error
			if !errors.As(err, &f) || f.Class != fault.Invalid || f.Where != "ignore rule 2" || !strings.Contains(f.Message, tt.want) {
				t.Fatalf("err = %v", err)
			}
		})
	}
}

func TestIgnoreRulesSelectObjects(t *testing.T) {
	web := object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	tests := map[string]struct {
		rule Ignore
		want bool
	}{
		"nothing said means everything":    {Ignore{}, true},
		"the kind and its group":           {Ignore{Group: "apps", Kind: "Deployment"}, true},
		"the kind in another group":        {Ignore{Group: "other", Kind: "Deployment"}, false},
		"no group means the core group":    {Ignore{Kind: "Deployment"}, false},
		"any group":                        {Ignore{Group: "*", Kind: "Deployment"}, true},
		"any kind of the group":            {Ignore{Group: "apps", Kind: "*"}, true},
		"a group alone":                    {Ignore{Group: "batch"}, false},
		"a glob on the name":               {Ignore{Name: "w*"}, true},
		"another name":                     {Ignore{Name: "db"}, false},
		"another namespace":                {Ignore{Namespace: "prod"}, false},
		"a namespace and a name that fit":  {Ignore{Namespace: "sh?p", Name: "web"}, true},
		"a kind that only looks like ours": {Ignore{Group: "apps", Kind: "Deploy"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.rule.Pointers = []string{"/spec"}
			if got := mustCompile(t, tt.rule).ForObject(web) != nil; got != tt.want {
				t.Fatalf("selects = %v", got)
			}
		})
	}
}

func TestStripLeavesOutWhatIsIgnored(t *testing.T) {
	const text = `
apiVersion: example.com/v1
kind: Widget
metadata: {name: w, annotations: {a.b/c: x, d: q}}
spec:
  list: [{name: a, v: 1}, {name: b, v: 2}]
  bare: [x, q, z]
`
	tests := map[string]struct {
		rule Ignore
		want string
	}{
		"a quoted field":         {Ignore{Paths: []string{`.metadata.annotations["a.b/c"]`}}, `{"annotations":{"d":"q"},"bare":["x","q","z"],"list":[{"name":"a","v":1},{"name":"b","v":2}]}`},
		"jq's quoted field":      {Ignore{Paths: []string{`.metadata.annotations."a.b/c"`}}, `{"annotations":{"d":"q"},"bare":["x","q","z"],"list":[{"name":"a","v":1},{"name":"b","v":2}]}`},
		"a pointer with ~1":      {Ignore{Pointers: []string{"/metadata/annotations/a.b~1c"}}, `{"annotations":{"d":"q"},"bare":["x","q","z"],"list":[{"name":"a","v":1},{"name":"b","v":2}]}`},
		"a field of each":        {Ignore{Paths: []string{".spec.list[].v"}}, `{"annotations":{"a.b/c":"x","d":"q"},"bare":["x","q","z"],"list":[{"name":"a"},{"name":"b"}]}`},
		"jq's optional elements": {Ignore{Paths: []string{".spec.list[]?.v"}}, `{"annotations":{"a.b/c":"x","d":"q"},"bare":["x","q","z"],"list":[{"name":"a"},{"name":"b"}]}`},
		"one element":            {Ignore{Paths: []string{".spec.list[name=b]"}}, `{"annotations":{"a.b/c":"x","d":"q"},"bare":["x","q","z"],"list":[{"name":"a","v":1}]}`},
		"an index":               {Ignore{Paths: []string{".spec.bare[1]"}}, `{"annotations":{"a.b/c":"x","d":"q"},"bare":["x","z"],"list":[{"name":"a","v":1},{"name":"b","v":2}]}`},
		"everything":             {Ignore{Pointers: []string{"/spec/*", "/metadata/annotations"}}, `{"annotations":null,"bare":null,"list":null}`},
		"nothing that is there":  {Ignore{Pointers: []string{"/status", "/spec/list/7"}}, `{"annotations":{"a.b/c":"x","d":"q"},"bare":["x","q","z"],"list":[{"name":"a","v":1},{"name":"b","v":2}]}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			u := parseYAML(t, text)
			before := u.DeepCopy()
			out := mustCompile(t, tt.rule).Strip(u)
			annotations, _, _ := unstructured.NestedFieldNoCopy(out.Object, "metadata", "annotations")
			spec, _ := out.Object["spec"].(map[string]any)
			got, _ := object.Canonical(map[string]any{"annotations": annotations, "list": spec["list"], "bare": spec["bare"]})
			if d := cmp.Diff(tt.want, string(got)); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(before.Object, u.Object); d != "" {
				t.Errorf("the object itself was changed: %s", d)
			}
		})
	}
}

func TestReconcileSendsIgnoredFieldsUntilAnotherOwnsThem(t *testing.T) {
	replicas := Ignore{Group: "apps", Kind: "Deployment", Pointers: []string{"/spec/replicas"}}
	image := Ignore{Paths: []string{".spec.template.spec.containers[name=web].image"}}
	tests := map[string]struct {
		file  string
		rules []Ignore
		live  func(captured) *unstructured.Unstructured
		path  []string
		want  any // nil: left out
	}{
		"nothing live: Git's value":              {"autoscale", []Ignore{replicas}, nil, []string{"spec", "replicas"}, int64(3)},
		"ours alone: the live value":             {"settled", []Ignore{replicas}, setReplicas(8), []string{"spec", "replicas"}, int64(8)},
		"an autoscaler owns it: left out":        {"autoscale", []Ignore{replicas}, event, []string{"spec", "replicas"}, nil},
		"a field of an element, owned by others": {"set-image", []Ignore{image}, event, []string{"image"}, nil},
		"a field of an element, still ours":      {"settled", []Ignore{image}, event, []string{"image"}, "registry.example.com/shop/web:1.4.2"},
		"by its manager":                         {"set-image", []Ignore{{Managers: []string{"kubectl-set"}}}, event, []string{"image"}, nil},
		"not ignored: Git's value":               {"set-image", []Ignore{replicas}, event, []string{"image"}, "registry.example.com/shop/web:1.4.2"},
		"gone from live: left out":               {"settled", []Ignore{replicas}, setReplicas(0), []string{"spec", "replicas"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := capturedCase(t, tt.file)
			want := &unstructured.Unstructured{Object: c.Want}
			before := want.DeepCopy()
			var live *unstructured.Unstructured
			if tt.live != nil {
				live = tt.live(c)
			}
			out := mustCompile(t, tt.rules...).Reconcile(want, live, "plumb").Object
			if tt.path[0] == "image" {
				list, _, _ := unstructured.NestedSlice(out, "spec", "template", "spec", "containers")
				out = list[0].(map[string]any)
			}
			got, _, _ := unstructured.NestedFieldNoCopy(out, tt.path...)
			if !object.Equal(got, tt.want) {
				t.Fatalf("got %v, want %v", got, tt.want)
			}
			if d := cmp.Diff(before.Object, want.Object); d != "" {
				t.Errorf("want was changed: %s", d)
			}
		})
	}
}

func event(c captured) *unstructured.Unstructured { return c.Event }

// setReplicas gives the live object with that many replicas; with none the field is gone.
func setReplicas(n int64) func(captured) *unstructured.Unstructured {
	return func(c captured) *unstructured.Unstructured {
		u := c.Event.DeepCopy()
		if n == 0 {
			unstructured.RemoveNestedField(u.Object, "spec", "replicas")
		} else {
			_ = unstructured.SetNestedField(u.Object, n, "spec", "replicas")
		}
		return u
	}
}

func TestWithoutRemovesFieldsByThePathsOfChanges(t *testing.T) {
	c := capturedCase(t, "settled")
	u := &unstructured.Unstructured{Object: c.Want}
	before := u.DeepCopy()
	out := Without(u, []string{
		".spec.replicas", ".spec.template.spec.containers[name=web].image", `.spec.template.metadata.annotations["checksum/config"]`,
		".spec.template.spec.containers[name=web].args[0]", ".spec.template.spec.volumes[name=tmp]", ".nothing.here", "broken[",
	})
	var got []string
	for _, ch := range object.Diff(u.Object, out.Object) {
		got = append(got, ch.Path)
	}
	want := []string{
		".spec.replicas", `.spec.template.metadata.annotations["checksum/config"]`,
		".spec.template.spec.containers[name=web].args[0]", ".spec.template.spec.containers[name=web].args[1]",
		".spec.template.spec.containers[name=web].image", ".spec.template.spec.volumes[name=tmp]",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(before.Object, u.Object); d != "" {
		t.Errorf("the object itself was changed: %s", d)
	}
	if same := Without(u, []string{".nothing"}); same != u {
		t.Error("a copy was made for nothing")
	}
}
