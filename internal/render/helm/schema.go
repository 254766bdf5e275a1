package helm

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	chart "helm.sh/helm/v4/pkg/chart/v2"

	"plumb.cd/plumb/internal/fault"
)

// schemaURL is the name that Helm gives a chart's schema.
const schemaURL = "file:///values.schema.json"

// checkSchemas validates the values of the chart and its subcharts against their values.schema.json, as Helm does, but
// that a reference to anything outside of the schema is refused.
func checkSchemas(ch *chart.Chart, vals map[string]any, src *source) error {
	var problems []string
	if err := collectSchemaProblems(ch, vals, src, &problems); err != nil {
		return err
	}
	if len(problems) == 0 {
		return nil
	}
	return invalid(fault.RenderFailed, src.where("values.schema.json"), "the values do not fit the schema: "+strings.Join(problems, "; "), nil)
}

func collectSchemaProblems(ch *chart.Chart, vals map[string]any, src *source, problems *[]string) error {
	if len(ch.Schema) > 0 {
		err := validateSchema(ch.Schema, vals)
		var remote *jsonschema.LoadURLError
		var wrong *jsonschema.ValidationError
		switch {
		case errors.As(err, &remote):
			return &fault.Error{Class: fault.Invalid, Reason: fault.RemoteRefused, Where: src.where("values.schema.json"), Err: err,
				Message: fmt.Sprintf("the schema of chart %s refers to %s, which would be fetched while rendering", ch.Name(), remote.URL),
				Next:    "put the definitions into values.schema.json, or set skipSchemaValidation"}
		case errors.As(err, &wrong):
			found := schemaProblems(ch.ChartPath(), wrong)
			slices.Sort(found) // the library walks maps
			*problems = append(*problems, found...)
		case err != nil:
			return invalid(fault.SyntaxInvalid, src.where("values.schema.json"), fmt.Sprintf("the schema of chart %s cannot be used", ch.Name()), err)
		}
	}
	for _, sub := range ch.Dependencies() {
		switch v := vals[sub.Name()].(type) {
		case nil:
		case map[string]any:
			if err := collectSchemaProblems(sub, v, src, problems); err != nil {
				return err
			}
		default:
			*problems = append(*problems, fmt.Sprintf("%s: the values of a subchart are a table, these are not", sub.ChartPath()))
		}
	}
	return nil
}

func validateSchema(data []byte, vals map[string]any) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource(schemaURL, doc); err != nil {
		return err
	}
	schema, err := c.Compile(schemaURL)
	if err != nil {
		return err
	}
	return schema.Validate(vals)
}

// schemaProblems lists the leaves of a validation error: where, and what the schema wants. Values are not quoted.
func schemaProblems(chartName string, err *jsonschema.ValidationError) []string {
	if len(err.Causes) > 0 {
		var out []string
		for _, c := range err.Causes {
			out = append(out, schemaProblems(chartName, c)...)
		}
		return out
	}
	at := chartName
	if len(err.InstanceLocation) > 0 {
		at += " at ." + strings.Join(err.InstanceLocation, ".")
	}
	return []string{at + ": " + schemaMessage(err)}
}

// english prints the library's sentences.
var english = message.NewPrinter(language.English)

// schemaMessage is the library's own sentence, but that a value is never quoted: it may be a secret.
func schemaMessage(err *jsonschema.ValidationError) string {
	switch k := err.ErrorKind.(type) {
	case *kind.Pattern:
		return fmt.Sprintf("does not match pattern %q", k.Want)
	case *kind.Format:
		return fmt.Sprintf("is no valid %s", k.Want)
	}
	return err.ErrorKind.LocalizedString(english)
}

var errOutsideSchema = errors.New("outside of the schema")

// noLoader refuses every document but those that the library carries. Helm takes an unknown urn for "anything goes".
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	if strings.HasPrefix(url, "urn:") {
		return true, nil
	}
	return nil, errOutsideSchema
}
