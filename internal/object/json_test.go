package object

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// documents are JSON texts, good and bad, that begin the search for others.
var documents = []string{
	`{}`, `null`, ` { "a" : [ 1 , -0, 1.0, 1e3, -1.5E-7, 9223372036854775807, 9223372036854775808, 0.1e1, 123456789012345678901234567890 ] } `,
	`{"a":1,"a":{"b":2},"a":[null,true,false]}`, `{"a":{"x":1},"a":{"y":1}}`,
	`{"t":"\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00\ud83d\ud83dx\ude00\u0000"}`, "{\"u\":\"\xff\xc3\xa4\xed\xa0\x80\u2028\"}", "{\"\xff\":\"a\\n\xff\"}",
	`{"e":1e400}`, `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":"x}`, `{"a":"\x"}`, `{"a":"\u12g4"}`, "{\"a\":\"\n\"}",
	`{"a":tru}`, `{"a":nul}`, `{,}`, `{"a":1,}`, `{"a" 1}`, `{a:1}`, `[1,]`, `[]`, `"x"`, `1`, ``, `{} x`, `{`, `{"a":[1 2]}`, `{"a":{}`, "{}\x00", "\ufeff{}",
	`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","managedFields":[{"manager":"plumb","operation":"Apply","fieldsV1":{"f:data":{".":{},"f:a":{}}}}]},"data":{"a":"<b>&\u2028"}}`,
	`{"metadata":{"managedFields":[{"fieldsV1":{"f:k:{\"a\":\"}\"}":{}, "x":1}},{"fieldsV1":{"f:k:{\"a\":\"}\"}":{}, "x":1}}]}}`,
	`{"metadata":{"managedFields":[{"fieldsV1":{"a":{}},"fieldsV1":{"a":}}]}}`, `{"metadata":{"managedFields":[{"fieldsV1":{"a":{}`,
	`{"metadata":{"managedFields":[{"fieldsV1":{"a":{}}}]},"spec":{"managedFields":[{"fieldsV1":{"a":{}}}]}}`,
	`{"` + strings.Repeat("k", 100) + `":"` + strings.Repeat("v", 100) + `"}`,
	`{"a":` + strings.Repeat("[", 9_999) + strings.Repeat("]", 9_999) + `}`, `{"a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`,
}

// sameAsTheMachinery holds Parse and Canonical against the libraries that they stand in for.
func sameAsTheMachinery(t *testing.T, data []byte) {
	t.Helper()
	before := bytes.Clone(data)
	var want map[string]any
	wantErr := utiljson.Unmarshal(data, &want)
	got, err := Parse(data)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("Parse(%.200q) says %v, the API machinery says %v", data, err, wantErr)
	}
	if err != nil {
		return
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("Parse(%.200q) = %.500v, the API machinery gives %.500v", data, got, want)
	}
	if !bytes.Equal(before, data) {
		t.Fatal("Parse changed what it was given")
	}
	form, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	clear(data) // the result shares nothing with it
	ours, err := Canonical(got)
	if err != nil || !bytes.Equal(form, ours) {
		t.Fatalf("Canonical gives %s, %v; encoding/json gives %s", ours, err, form)
	}
	if digest, err := DigestValue(got); err != nil || digest != DigestOf(form) {
		t.Fatalf("DigestValue gives %s, %v", digest, err)
	}
}

func TestParseReadsWhatTheAPIMachineryReads(t *testing.T) {
	for _, d := range documents {
		sameAsTheMachinery(t, []byte(d))
	}
	for _, file := range captured(t) {
		sameAsTheMachinery(t, file)
	}
}

func TestSetsOfFieldsAreSharedAndNothingElseIs(t *testing.T) {
	const text = `{"metadata":{"managedFields":[{"fieldsV1":{"f:a":{}}}]},"spec":{"managedFields":[{"fieldsV1":{"f:a":{}}}]}}`
	set := func(m map[string]any, at string) map[string]any {
		return m[at].(map[string]any)["managedFields"].([]any)[0].(map[string]any)["fieldsV1"].(map[string]any)
	}
	for _, at := range []string{"metadata", "spec"} { // the latter may be anybody's
		one, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		two, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		same := reflect.ValueOf(set(one, at)).Pointer() == reflect.ValueOf(set(two, at)).Pointer()
		if want := at == "metadata"; same != want {
			t.Errorf("the sets below %s are the same map: %v, want %v", at, same, want)
		}
	}
}

// glanceAgrees holds Glance against what Parse reads of an event.
func glanceAgrees(t *testing.T, event []byte) (glanced bool) {
	t.Helper()
	g, ok := Glance(event)
	e, err := Parse(event)
	if !ok || err != nil {
		return ok
	}
	text := func(from any, path ...string) string {
		for _, p := range path {
			m, _ := from.(map[string]any)
			from = m[p]
		}
		s, _ := from.(string)
		return s
	}
	want := Glimpse{
		Type: text(e, "type"), Namespace: text(e, "object", "metadata", "namespace"), Name: text(e, "object", "metadata", "name"),
		UID: text(e, "object", "metadata", "uid"), Version: text(e, "object", "metadata", "resourceVersion"),
	}
	if g != want {
		t.Fatalf("Glance(%q) = %+v, Parse reads %+v", event, g, want)
	}
	return true
}

// events are events of a watch, and whether a glance tells what they are about.
var events = map[string]bool{
	`{"type":"ADDED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"7"},"data":{"metadata":"]}"}}}`: true,
	`{"object":{"spec":[{"metadata":{"name":"x"}},[],"]"],"metadata":{"resourceVersion":"7","labels":{"name":"y"},"uid":"u","name":"a"},"x":-1.5e3},"type":"ADDED"}`:    true,
	` { "type" : "MODIFIED" , "object" : { "metadata" : { "name" : "\u0061\"" , "uid" : "u" , "resourceVersion" : "7" } , "a" : true , "b" : null } } `:                 true,
	`{"type":"ADDED","object":{"metadata":{"name":"a","name":"b","uid":"u","resourceVersion":"7"}}}`:                                                                    false,
	`{"type":"ADDED","object":{"metadata":{"name":"a","uid":"u","resourceVersion":"7"},"metadata":{"name":"b"}}}`:                                                       false,
	`{"type":"ADDED","object":{"metadata":{"name":"a","uid":"u","resourceVersion":"7"}},"object":{"metadata":{"uid":"v"}}}`:                                             false,
	`{"type":"ADDED","object":{"metadata":{"name":"a","uid":"u","resourceVersion":"7"}},"object":{}}`:                                                                   false,
	`{"type":"ADDED","object":{"metadata":{"name":"a","uid":"u","resourceVersion":"7"},"metadata":null}}`:                                                               false,
	`{"type":"ADDED","type":"DELETED","object":{"metadata":{"name":"a","uid":"u","resourceVersion":"7"}}}`:                                                              false,
	`{"type":"ADDED","object":{"metadata":{"name":"a","uid":"u","resourceVersion":7}}}`:                                                                                 false,
	`{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"7"}}}`:                                                                                         false,
	`{"type":"ADDED","object":{"metadata":{"name":"a","uid":"u","resourceVersion":"7"}`:                                                                                 false,
	`{"type":"ADDED","object":[{"metadata":{"name":"a","uid":"u","resourceVersion":"7"}}]}`:                                                                             false,
	`{}`: false, `[]`: false, ``: false,
}

func TestAGlanceAtAnEventTellsWhatParsingTells(t *testing.T) {
	for e, want := range events {
		if got := glanceAgrees(t, []byte(e)); got != want {
			t.Errorf("Glance(%s) tells: %v, want %v", e, got, want)
		}
	}
	for _, d := range documents {
		glanceAgrees(t, []byte(d))
	}
}

func FuzzGlance(f *testing.F) {
	for e := range events {
		f.Add([]byte(e))
	}
	f.Fuzz(func(t *testing.T, event []byte) { glanceAgrees(t, event) })
}

func FuzzParseAndCanonical(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, data []byte) { sameAsTheMachinery(t, data) })
}

func TestCanonicalWritesWhatEncodingJSONWrites(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for name, v := range map[string]any{
		"every byte":                  string(every),
		"characters of all lengths":   "aä€😀\u2028\u2029\ufffd\x7f",
		"nil maps and lists":          map[string]any{"a": map[string]any(nil), "b": []any(nil), "c": nil},
		"values of other Go types":    map[string]any{"a": []string{"x", "<"}, "b": map[string]string{"k": "v"}, "c": int32(3), "d": float32(0.1), "e": json.Number("12"), "f": json.RawMessage(`{"b": 1}`)},
		"floats at the edges":         []any{0.0, math.Copysign(0, -1), 1e20, 1e21, 1e-6, 1e-7, 1.5e-9, 1e100, math.MaxFloat64, math.SmallestNonzeroFloat64, 100.0},
		"whole numbers at the edges":  []any{int64(math.MaxInt64), int64(math.MinInt64), 0, -1},
		"a number that is none":       math.NaN(),
		"infinity inside of a map":    map[string]any{"a": math.Inf(1)},
		"what JSON has no form for":   map[string]any{"a": func() {}},
		"keys that want to be sorted": map[string]any{"b": 1, "a": 2, "": 3, "B": 4, "ä": map[string]any{"z": 1, "y": 2}, "c": []any{map[string]any{"2": 1, "1": 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			want, wantErr := json.Marshal(v)
			for range 2 { // the scratch memory of the first is used again
				got, err := AppendCanonical([]byte("begin"), v)
				if got = bytes.TrimPrefix(got, []byte("begin")); err != nil {
					got = nil
				}
				if (err == nil) != (wantErr == nil) || !bytes.Equal(want, got) {
					t.Errorf("%s, %v; want %s, %v", got, err, want, wantErr)
				}
			}
		})
	}
}

// captured are objects as real API servers sent them.
func captured(tb testing.TB) [][]byte {
	tb.Helper()
	files, err := filepath.Glob("../drift/testdata/captured/*.json")
	if err != nil || len(files) == 0 {
		tb.Fatalf("%d captured objects, %v", len(files), err)
	}
	var out [][]byte
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			tb.Fatal(err)
		}
		out = append(out, compact.Bytes())
	}
	return out
}

// answers are a ConfigMap and a Deployment as an API server sent them.
func answers(b *testing.B) map[string][]byte {
	b.Helper()
	out := map[string][]byte{}
	for i, name := range []string{"ConfigMap", "Deployment"} {
		var file struct{ Answer json.RawMessage }
		if err := json.Unmarshal(captured(b)[i], &file); err != nil {
			b.Fatal(err)
		}
		out[name] = file.Answer
	}
	return out
}

func BenchmarkParse(b *testing.B) {
	for name, raw := range answers(b) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+" by the API machinery", func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				var m map[string]any
				if err := utiljson.Unmarshal(raw, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGlance(b *testing.B) {
	event := append(append([]byte(`{"type":"ADDED","object":`), answers(b)["ConfigMap"]...), '}')
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Glance(event); !ok {
			b.Fatal("it does not tell")
		}
	}
}

func BenchmarkDigestValue(b *testing.B) {
	m, err := Parse(answers(b)["Deployment"])
	if err != nil {
		b.Fatal(err)
	}
	b.Run("", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := DigestValue(m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			raw, err := json.Marshal(m)
			if err != nil {
				b.Fatal(err)
			}
			DigestOf(raw)
		}
	})
}
