package server

import (
	"encoding/json"
	"net/http"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"plumb.cd/plumb/internal/httpapi"
)

// Document is the OpenAPI document (3.1, as JSON) of the API: every operation, with the schemas of what it takes and answers.
func Document(version string) ([]byte, error) {
	s := &Server{o: Options{Version: version}}
	return document(version, s.operations())
}

func (s *Server) openAPI(c *call) error {
	s.documented.Do(func() { s.document, s.documentErr = document(s.o.Version, s.operations()) }) // anyone may ask, and it costs something
	if s.documentErr != nil {
		return s.documentErr
	}
	return c.send(slices.Clone(s.document))
}

const schemaPrefix = "#/components/schemas/"

func document(version string, ops []operation) ([]byte, error) {
	schemas := huma.NewMapRegistry(schemaPrefix, schemaName)
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Plumb", Version: version,
			Description: "All times are RFC 3339 in UTC, all durations are seconds. Fields are added, never renamed. Every error is a Problem.",
		},
		Components: &huma.Components{Schemas: schemas, SecuritySchemes: map[string]*huma.SecurityScheme{
			"bearer": {Type: "http", Scheme: "bearer", Description: "A Kubernetes token, or the local one of plumb up."},
		}},
		Paths: map[string]*huma.PathItem{},
	}
	for _, op := range ops {
		describe(doc, schemas, op)
	}
	for _, schema := range schemas.Map() {
		loosen(schema)
	}
	return json.Marshal(doc)
}

func describe(doc *huma.OpenAPI, schemas huma.Registry, op operation) {
	out := &huma.Operation{
		OperationID: operationID(op), Method: op.method, Path: op.path, Summary: op.summary(), Description: op.doc,
		Parameters: parameters(schemas, op), Responses: map[string]*huma.Response{},
	}
	if op.needs.kind != needNothing {
		out.Security = []map[string][]string{{"bearer": {}}}
	}
	if op.needs.verb != "" {
		out.Extensions = map[string]any{"x-right": op.needs.verb + " " + op.needs.resource}
	}
	if op.body != nil {
		out.RequestBody = &huma.RequestBody{Content: content(schemas, "application/json", op.body)}
	}
	status, media := http.StatusOK, "application/json"
	if op.status != 0 {
		status = op.status
	}
	if op.media != "" {
		media = op.media
	}
	answer := &huma.Response{Description: http.StatusText(status)}
	if op.answer != nil {
		answer.Content = content(schemas, media, op.answer)
	}
	out.Responses[strconv.Itoa(status)] = answer
	out.Responses["default"] = &huma.Response{Description: "What went wrong, and what to do next", Content: content(schemas, "application/json", httpapi.Problem{})}
	doc.AddOperation(out)
}

func content(schemas huma.Registry, media string, v any) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{media: {Schema: schemas.Schema(reflect.TypeOf(v), true, "")}}
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

func parameters(schemas huma.Registry, op operation) []*huma.Param {
	var out []*huma.Param
	for _, m := range pathParameter.FindAllStringSubmatch(op.path, -1) {
		out = append(out, &huma.Param{Name: m[1], In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	if op.query == nil {
		return out
	}
	t := reflect.TypeOf(op.query)
	for i := range t.NumField() {
		f := t.Field(i)
		schema := huma.SchemaFromField(schemas, f, "")
		if schema.Type == huma.TypeInteger && f.Type.String() == "time.Duration" {
			schema = &huma.Schema{Type: huma.TypeString, Examples: []any{"90s"}}
		}
		schema.Nullable = false
		param := &huma.Param{Name: f.Tag.Get("query"), In: "query", Description: f.Tag.Get("doc"), Schema: schema}
		if f.Type == reflect.TypeFor[names]() {
			param.Explode = new(bool) // one text with commas, not one parameter a value
		}
		out = append(out, param)
	}
	return out
}

var notWord = regexp.MustCompile(`[^a-zA-Z0-9]+`)

// operationID is made of method and path: get-apps-namespace-name-tree.
func operationID(op operation) string {
	rest := strings.TrimPrefix(op.path, "/api/v1/")
	return strings.ToLower(op.method) + "-" + strings.Trim(notWord.ReplaceAllString(rest, "-"), "-")
}

// schemaName is the type's own name for the types of the API, and has the package before it for the others.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	pkg := path.Base(t.PkgPath())
	if t.Name() == "" || pkg == "httpapi" || pkg == "." {
		return name
	}
	if pkg == "plan" {
		pkg = "planned" // plan.Step is no httpapi.PlanStep
	}
	return strings.ToUpper(pkg[:1]) + pkg[1:] + name
}

// loosen makes a schema true of what is sent: fields are added in later versions, and our lists are never null.
func loosen(s *huma.Schema) {
	if s == nil {
		return
	}
	if closed, ok := s.AdditionalProperties.(bool); ok && !closed {
		s.AdditionalProperties = nil
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	loosen(s.Items)
	if of, ok := s.AdditionalProperties.(*huma.Schema); ok {
		loosen(of)
	}
	for _, p := range s.Properties {
		loosen(p)
	}
}
