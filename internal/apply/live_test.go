package apply

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestWithLive(t *testing.T) {
	tests := map[string]struct {
		want, live, out string
		paths           []string
	}{
		"a leaf takes its live value":               {`{"a":{"b":"new","c":1}}`, `{"a":{"b":"old"}}`, `{"a":{"b":"old","c":1}}`, []string{".a.b"}},
		"a name with dots":                          {`{"data":{"tls.key":"new"}}`, `{"data":{"tls.key":"old"}}`, `{"data":{"tls.key":"old"}}`, []string{`.data["tls.key"]`}},
		"an element by its name":                    {`{"l":[{"name":"x","v":1},{"name":"y","v":2}]}`, `{"l":[{"name":"y","v":9}]}`, `{"l":[{"name":"x","v":1},{"name":"y","v":9}]}`, []string{".l[name=y].v"}},
		"an element by its index":                   {`{"l":["new"]}`, `{"l":["old"]}`, `{"l":["old"]}`, []string{".l[0]"}},
		"what live lacks keeps its rendered value":  {`{"a":"new"}`, `{}`, `{"a":"new"}`, []string{".a"}},
		"text of a Secret is found in its data":     {`{"stringData":{"p":"new"}}`, `{"data":{"p":"b2xk"}}`, `{"stringData":{"p":"old"}}`, []string{".stringData.p"}},
		"a path that cannot be read is passed over": {`{"a":"new"}`, `{"a":"old"}`, `{"a":"new"}`, []string{".a[", `["a`, "a]"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			want := parse(t, tt.want)
			got := withLive(want, parse(t, tt.live), tt.paths)
			if d := cmp.Diff(parse(t, tt.out).Object, got.Object); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(parse(t, tt.want).Object, want.Object); d != "" {
				t.Errorf("the input was changed: %s", d)
			}
		})
	}
}

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}
