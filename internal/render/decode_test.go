package render_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

func TestDecodeFindsEveryDocumentAndItsLine(t *testing.T) {
	for _, c := range []struct {
		name, file, text string
		want             []render.Document
	}{
		{"comments and separators are no first line", "x.yaml", "# c\n---\n# d\n\na: 1\n---\n\nb: 2\n", []render.Document{
			{map[string]any{"a": int64(1)}, 5, 0}, {map[string]any{"b": int64(2)}, 8, 1},
		}},
		{"empty documents count but hold nothing", "x.yaml", "a: 1\n---\n---\nb: 2\n---\n", []render.Document{
			{map[string]any{"a": int64(1)}, 1, 0}, {nil, 3, 1}, {map[string]any{"b": int64(2)}, 4, 2}, {nil, 6, 3},
		}},
		{"a document end mark", "x.yaml", "a: 1\n...\n---\nb: 2\n", []render.Document{
			{map[string]any{"a": int64(1)}, 1, 0}, {map[string]any{"b": int64(2)}, 4, 1},
		}},
		{"a separator inside a block scalar is text when indented", "x.yaml", "a: |\n  x\n  ---\n  y\n", []render.Document{
			{map[string]any{"a": "x\n---\ny\n"}, 1, 0},
		}},
		{"windows line ends", "x.yaml", "a: 1\r\n---\r\nb: x\r\n", []render.Document{
			{map[string]any{"a": int64(1)}, 1, 0}, {map[string]any{"b": "x"}, 3, 1},
		}},
		{"several JSON values", "x.json", "{\"a\": \"\\ud83d\\ude00\"}\n\n{\"b\":\n1.5}\n", []render.Document{
			{map[string]any{"a": "😀"}, 1, 0}, {map[string]any{"b": 1.5}, 3, 1},
		}},
		{"flow YAML is not taken for JSON", "x.yaml", "{a: 1, b: [x, z]}\n", []render.Document{
			{map[string]any{"a": int64(1), "b": []any{"x", "z"}}, 1, 0},
		}},
		{"an empty file", "x.yaml", "", nil},
		{"only comments", "x.yaml", "# nothing\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := render.Decode(c.file, []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestScalarsAreReadAsKubectlReadsThem has the library that kubectl uses as its oracle.
func TestScalarsAreReadAsKubectlReadsThem(t *testing.T) {
	for _, scalar := range []string{
		"yes", "No", "on", "OFF", "y", "n", "true", "False", `"yes"`, "'no'", "!!str yes", "~", "null", "", "Null", "0644", "0o14", "0x1F", "0b11",
		"1_000", "-7", "+7", "1e3", "1.0", "1.50", ".5", "1.", "{y: 1, on: 2, 3: 4, 1.5: 5, null: 6}", "{~: 1}", "9223372036854775807", "1e21", "2020-01-01",
		"2020-01-01T00:00:00Z", "1:30", "12:30:45", "<<", "=", "!!int 3", "!!float 3", "a: b", "- 1", "|\n  text\n", ">\n  folded\n  text\n",
		`"\u00e9\n"`, "08", "1__0", "-0", "0.10", "!!binary aGVsbG8=", "!custom x", "*a",
	} {
		t.Run(scalar, func(t *testing.T) {
			text := "anchor: &a 5\nv: " + scalar + "\n"
			if strings.HasPrefix(scalar, "-") && strings.Contains(scalar, " ") || strings.Contains(scalar, ": ") {
				text = "anchor: 5\nv:\n  " + scalar + "\n"
			}
			want, wantErr := yaml.YAMLToJSON([]byte(text))
			docs, err := render.Decode("x.yaml", []byte(text))
			if wantErr != nil {
				if err == nil {
					t.Fatalf("kubectl refuses it (%v), we read %v", wantErr, docs)
				}
				return
			}
			if err != nil {
				t.Fatalf("kubectl reads %s, we refuse it: %v", want, err)
			}
			got, err := json.Marshal(docs[0].Value)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("kubectl reads %s, we read %s", want, got)
			}
		})
	}
}

func TestMergeKeys(t *testing.T) {
	docs, err := render.Decode("x.yaml", []byte("base: &b {x: 1, w: 2}\nother: &o {w: 3, z: 4}\nm:\n  <<: [*b, *o]\n  x: 9\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"x": int64(9), "w": int64(2), "z": int64(4)}
	if diff := cmp.Diff(want, docs[0].Value.(map[string]any)["m"]); diff != "" {
		t.Error(diff)
	}
}

func TestBadFilesAreRefusedWithTheirLine(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	for _, c := range []struct{ name, file, text, where, message string }{
		{"a tab", "x.yaml", "a: 1\nb:\n\t- 2\n", "x.yaml:", "invalid YAML"},
		{"a mapping in a scalar", "x.yaml", "a: 1\nb: c: d\n", "x.yaml:2", "mapping values are not allowed"},
		{"in the second document", "x.yaml", "a: 1\n---\nb: [1\n", "x.yaml:", "invalid YAML"},
		{"a duplicate key", "x.yaml", "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", "x.yaml:5", `duplicate key "c"`},
		{"a duplicate key in JSON", "x.json", "{\"a\": 1,\n\"b\": {\n\"a\": 1,\n\"a\": 2}}", "x.json:4", `duplicate key "a"`},
		{"broken JSON", "x.json", "{\"a\": 1,\n\"b\": }", "x.json:2", "invalid JSON"},
		{"cut JSON", "x.json", "{\"a\": 1,\n", "x.json:1", "invalid JSON"},
		{"a NUL byte", "x.yaml", "a: 1\nb: \x00\n", "x.yaml:2", "NUL"},
		{"an alias bomb", "x.yaml", bomb, "x.yaml:", "aliases expand"},
		{"an alias within itself", "x.yaml", "a: &a\n  b: *a\n", "x.yaml:", ""},
		{"not a number", "x.yaml", "a:\n  b: .nan\n", "x.yaml:2", "JSON"},
		{"too deep", "x.yaml", "a: " + strings.Repeat("[", 2000) + strings.Repeat("]", 2000), "x.yaml:1", "deeper"},
		{"too deep in JSON", "x.json", "{\"a\": " + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + "}", "x.json:1", "deeper"},
		{"an unknown anchor", "x.yaml", "a: 1\nb: *nope\n", "x.yaml:2", "anchor"},
		{"on the first line", "x.yaml", "a: @x\n", "x.yaml:1", "cannot start any token"},
		{"an item at the wrong depth", "x.yaml", "a: 1\nb:\n  - x\n c: 2\n", "x.yaml:4", "did not find expected key"},
		{"a list that does not end", "x.yaml", "# c\na: 1\nb: [1, 2\nc: 3\n", "x.yaml:3", "expected ',' or ']'"},
		{"a template that was not rendered", "x.yaml", "a: 1\n{{- if .Values.x }}\nb: 2\n{{- end }}\n", "x.yaml:2", ""},
		{"no text at all", "x.yaml", "\xff\xfe\x80", "x.yaml", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := render.Decode(c.file, []byte(c.text))
			f := fault.Of(err)
			if f == nil || f.Reason != fault.SyntaxInvalid || f.Class != fault.Invalid {
				t.Fatalf("got %v", err)
			}
			if !strings.HasPrefix(f.Where, c.where) || !strings.Contains(f.Message, c.message) {
				t.Errorf("want %q at %s, got %v", c.message, c.where, err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"a: 1\n---\n- b\n", `{"a": [1, 2.5, null]}`, "a: &x {b: *x}\n", "<<: {a: 1}\n", "? [a]\n: b\n", "%YAML 1.1\n---\na: yes\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := render.Decode("x.yaml", []byte(text))
		if err != nil {
			if fault.Of(err).Reason != fault.SyntaxInvalid {
				t.Fatalf("unclassified: %v", err)
			}
			return
		}
		lines := 1 + len(text) // YAML knows more line ends than one
		for _, d := range docs {
			if d.Line < 0 || d.Line > lines+1 {
				t.Errorf("line %d of %d", d.Line, lines)
			}
			if _, err := json.Marshal(d.Value); err != nil {
				t.Errorf("no JSON: %v", err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	text := []byte(strings.Repeat("---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  labels: {a: b}\ndata:\n  key: value\n  other: |\n    text\n", 100))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := render.Decode("x.yaml", text); err != nil {
			b.Fatal(err)
		}
	}
}
