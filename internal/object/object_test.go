package object

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"
)

func TestIDReadsBackWhatItWrites(t *testing.T) {
	word := rapid.StringMatching(`[a-z][a-z0-9-]{0,20}`)
	rapid.Check(t, func(t *rapid.T) {
		id := ID{Kind: rapid.StringMatching(`[A-Z][a-z]{1,8}`).Draw(t, "kind"), Name: word.Draw(t, "name")}
		if rapid.Bool().Draw(t, "namespaced") {
			id.Namespace = word.Draw(t, "namespace")
		}
		if rapid.Bool().Draw(t, "grouped") {
			id.Group = "apps.example.com"
		}
		got, err := ParseID(id.String())
		if err != nil || got != id {
			t.Fatalf("ParseID(%q) = %v, %v", id, got, err)
		}
	})
}

func TestParseIDRefusesWhatIsNoObject(t *testing.T) {
	for _, s := range []string{"", "pod", "a/b/c/d", "/x", "Pod/"} {
		if id, err := ParseID(s); err == nil {
			t.Errorf("ParseID(%q) = %v, want an error", s, id)
		}
	}
}

func TestOwnerMarkCopiedToAnotherObjectProvesNothing(t *testing.T) {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion("v1")
	u.SetKind("ConfigMap")
	u.SetNamespace("shop")
	u.SetName("one")
	owner := Owner{Installation: "main", Namespace: "apps", Name: "shop"}
	owner.Stamp(u)
	if got, ok := OwnerOf(Of(u), u.GetAnnotations()); !ok || got != owner {
		t.Fatalf("OwnerOf = %v, %v", got, ok)
	}
	u.SetName("two")
	if got, ok := OwnerOf(Of(u), u.GetAnnotations()); ok {
		t.Fatalf("a copied mark was believed: %v", got)
	}
}

func TestOwnerLabelFitsALabel(t *testing.T) {
	a := Owner{Namespace: strings.Repeat("n", 40), Name: strings.Repeat("a", 60) + "1"}
	b := Owner{Namespace: strings.Repeat("n", 40), Name: strings.Repeat("a", 60) + "2"}
	if len(a.Label()) > 63 || a.Label() == b.Label() {
		t.Fatalf("labels %q (%d) and %q", a.Label(), len(a.Label()), b.Label())
	}
}

func TestDiff(t *testing.T) {
	tests := map[string]struct {
		from, to string
		want     []string
	}{
		"nothing differs":                         {`{"a":1}`, `{"a":1.0}`, nil},
		"a changed leaf is named by its path":     {`{"spec":{"replicas":1}}`, `{"spec":{"replicas":3}}`, []string{".spec.replicas 1>3"}},
		"list elements are matched by their name": {`{"c":[{"name":"a","image":"x"},{"name":"b"}]}`, `{"c":[{"name":"b"},{"name":"a","image":"y"}]}`, []string{".c[name=a].image x>y"}},
		"scalars in lists are matched by index":   {`{"args":["a","b"]}`, `{"args":["a","c","d"]}`, []string{".args[1] b>c", ".args[2] <nil>>d"}},
		"keys with dots are quoted":               {`{"l":{"a.b/c":"1"}}`, `{"l":{}}`, []string{`.l["a.b/c"] 1><nil>`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range Diff(parse(t, tt.from), parse(t, tt.to)) {
				got = append(got, c.Path+" "+text(c.From)+">"+text(c.To))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestCoveredIgnoresWhatLiveHasOnTop(t *testing.T) {
	got := Covered(parse(t, `{"a":1,"c":[{"name":"x"}]}`), parse(t, `{"a":2,"b":1,"c":[{"name":"x","y":1},{"name":"side"}]}`))
	if len(got) != 1 || got[0].Path != ".a" {
		t.Fatalf("got %v", got)
	}
}

func TestRedactKeepsPathsOnly(t *testing.T) {
	got := Redact([]Change{{Path: ".data.key", From: "old", To: "new"}})
	if got[0].From != Redacted || got[0].To != Redacted || got[0].Path != ".data.key" {
		t.Fatalf("got %v", got)
	}
}

func parse(t *testing.T, s string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func text(v any) string {
	if v == nil {
		return "<nil>"
	}
	b, _ := json.Marshal(v)
	return strings.Trim(string(b), `"`)
}
