package helm

import (
	"reflect"
	"testing"
)

var documents = []string{
	"a: 1\nb: [1, 2.5, -3, 1e3, 1.0, .5, 0x10, 0o14, 014, 1_000]\n",
	"a: yes\nb: 'yes'\nc: on\nd: ~\ne: null\nf:\ng: \"\"\n",
	"1: a\ntrue: b\n1.5: c\nnull: d\n",
	"date: 2001-01-01\ntime: 2001-01-01T10:00:00Z\n",
	"big: 12345678901234567890\nmax: 9223372036854775807\nneg: -9223372036854775808\nfloat: 1e400\n",
	"x: &a {b: 1}\ny: *a\nz: {<<: *a, c: 2}\n",
	"dup: 1\ndup: 2\n",
	"bin: !!binary aGVsbG8=\nstr: !!str 1\nint: !!int '3'\n",
	"text: |\n  a\n  b\nfold: >\n  a\n  b\n",
	"- a\n", "plain\n", "# nothing\n", "{}\n", "a: 1\n---\nb: 2\n", "a: .inf\n", "a: .nan\n", "a: [b\n", "? [x]\n: y\n", "\tx: 1\n",
	"a: 1e21\nb: 1e18\nc: 1e19\nd: -0.0\ne: 100000000000000000000000\n",
}

// The short way gives what the way through JSON gives, or fails where that fails.
func sameAsByJSON(t *testing.T, doc string) {
	got, err := decode(doc)
	want, wantErr := decodeByJSON(doc)
	if len(want) == 0 && len(got) == 0 {
		return // a document without content is decode's own business
	}
	if (err == nil) != (wantErr == nil) || !reflect.DeepEqual(got, want) {
		t.Errorf("%q gives %#v, %v; by JSON %#v, %v", doc, got, err, want, wantErr)
	}
}

func TestDecodeIsTheWayThroughJSON(t *testing.T) {
	for _, d := range documents {
		sameAsByJSON(t, d)
	}
}

func FuzzDecode(f *testing.F) {
	for _, d := range documents {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, doc string) { sameAsByJSON(t, doc) })
}

func TestSplitDocumentsAsHelmDoes(t *testing.T) {
	for text, want := range map[string][]string{
		"":                      nil,
		"\n \n":                 nil,
		"a: 1\n":                {"a: 1\n"},
		"---\na: 1\n---\n---\n": {"a: 1\n"},
		"a: 1\n---b: 2\n":       {"a: 1\n", "b: 2\n"},
		"a: |\n  ---\nb: 1\n":   {"a: |\n  ---\nb: 1\n"},
		"a: 1\n--- # c\nb: 2\n": {"a: 1\n", "# c\nb: 2\n"},
	} {
		if got := splitDocuments(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q gives %q", text, got)
		}
	}
}
