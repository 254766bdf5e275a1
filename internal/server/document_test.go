package server

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// doc is what the test reads of the document.
type doc struct {
	OpenAPI    string
	Paths      map[string]map[string]docOperation
	Components struct{ Schemas map[string]any }
}

type docOperation struct {
	OperationID string
	Summary     string
	Parameters  []struct{ Name, In, Description string }
	RequestBody *docContent
	Responses   map[string]docContent
}

type docContent struct {
	Content map[string]struct{ Schema map[string]any }
}

func readDocument(t *testing.T) (doc, string) {
	t.Helper()
	raw, err := Document("v1")
	if err != nil {
		t.Fatal(err)
	}
	var d doc
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return d, string(raw)
}

func TestEveryOperationIsInTheDocumentWithItsShapes(t *testing.T) {
	d, _ := readDocument(t)
	ids, count := map[string]bool{}, 0
	for _, op := range (&Server{}).operations() {
		name := op.method + " " + op.path
		have, ok := d.Paths[op.path][strings.ToLower(op.method)]
		if !ok {
			t.Errorf("%s is not in the document", name)
			continue
		}
		count++
		if ids[have.OperationID] || have.OperationID == "" || have.Summary == "" {
			t.Errorf("%s: operation ID %q, summary %q", name, have.OperationID, have.Summary)
		}
		ids[have.OperationID] = true
		if (op.body != nil) != (have.RequestBody != nil) {
			t.Errorf("%s: body %T, in the document %v", name, op.body, have.RequestBody)
		}
		answered := false
		for status, r := range have.Responses {
			answered = answered || status != "default" && (op.answer == nil) == (len(r.Content) == 0)
		}
		if _, problem := have.Responses["default"]; !answered || !problem {
			t.Errorf("%s: answers %v", name, have.Responses)
		}
		if op.query != nil && len(have.Parameters) < reflect.TypeOf(op.query).NumField() {
			t.Errorf("%s: parameters %v", name, have.Parameters)
		}
		for _, p := range have.Parameters {
			if p.In == "query" && p.Description == "" {
				t.Errorf("%s: nobody knows what %s is", name, p.Name)
			}
		}
	}
	for path, methods := range d.Paths {
		count -= len(methods)
		if !strings.HasPrefix(path, "/api/v1/") && !strings.HasPrefix(path, "/signin") {
			t.Errorf("%s is no path of the API", path)
		}
	}
	if count != 0 {
		t.Errorf("the document has %d operations too many", -count)
	}
}

func TestEveryShapeInTheDocumentIsThere(t *testing.T) {
	d, raw := readDocument(t)
	if !strings.HasPrefix(d.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s", d.OpenAPI)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(raw, -1) {
		used[m[1]] = true
		if d.Components.Schemas[m[1]] == nil {
			t.Errorf("the schema %s is used and not there", m[1])
		}
	}
	for name := range d.Components.Schemas {
		if !used[name] {
			t.Errorf("the schema %s is there and not used", name)
		}
	}
	for _, name := range []string{"AppPage", "AppRow", "Facets", "Wall", "AppsDelta", "ListSearchHit", "Me", "Can", "Problem"} {
		if !used[name] {
			t.Errorf("%s is not in the document", name)
		}
	}
	again, err := Document("v1")
	if err != nil || string(again) != raw {
		t.Errorf("a second time, the document is another one (%v)", err)
	}
}

func TestEveryRouteIsAnOperation(t *testing.T) {
	s := &Server{}
	seen := map[string]bool{}
	mux := http.NewServeMux()
	for _, op := range s.operations() {
		pattern := op.method + " " + op.path
		if seen[pattern] {
			t.Errorf("%s is there twice", pattern)
			continue
		}
		seen[pattern] = true
		mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {}) // panics where two patterns cannot be told apart
		if op.needs.kind == needUnset || op.handle == nil || op.doc == "" || !strings.HasSuffix(op.doc, ".") {
			t.Errorf("%s is not complete", pattern)
		}
		if op.needs.kind == needRight && (op.needs.verb == "" || op.needs.resource == "") {
			t.Errorf("%s: which right?", pattern)
		}
	}
}
