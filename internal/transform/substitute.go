package transform

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// optOut are the annotations (or labels) that keep an object as it is when their value is "disabled".
var optOut = []string{"plumb.cd/substitute", "kustomize.toolkit.fluxcd.io/substitute"}

// Substitute replaces ${var} expressions (see expander) in every string and key of every object that does not opt out.
// A text that becomes something else than a string where YAML reads it so (replicas: ${n}) becomes that; a text that YAML
// has to quote stays a string. Line ends in values are removed. An undefined variable is a fault SubstitutionError
// that names the object's place and the field.
func Substitute(vars map[string]string) Step {
	clean := make(map[string]string, len(vars))
	for k, v := range vars {
		clean[k] = strings.NewReplacer("\r", "", "\n", "").Replace(v)
	}
	s := substituter{expander{vars: clean}}
	return each(s.object)
}

type substituter struct{ expander }

func (s substituter) object(o Object) (Object, error) {
	meta, _ := o.Body["metadata"].(map[string]any)
	for _, field := range []string{"annotations", "labels"} {
		marks, _ := meta[field].(map[string]any)
		for _, key := range optOut {
			if v, ok := marks[key].(string); ok && strings.EqualFold(v, "disabled") {
				return o, nil
			}
		}
	}
	body, err := s.value("", o.Body)
	if err != nil {
		name, _ := meta["name"].(string)
		kind, _ := o.Body["kind"].(string)
		return o, &fault.Error{
			Class: fault.Invalid, Reason: fault.SubstitutionError, Where: place(o.Origin), Err: err,
			Message: fmt.Sprintf("substituting in %s/%s: %s", kind, name, err),
			Next:    "define the variable in the App's substitute, give it a default with ${name:-value}, or annotate the object with plumb.cd/substitute: disabled",
		}
	}
	if m, ok := body.(map[string]any); ok {
		o.Body = m
	}
	return o, nil
}

func place(o object.Origin) string {
	if o.Line > 0 {
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	return o.File
}

// value gives v with its expressions replaced; parts without any are shared, not copied.
func (s substituter) value(path string, v any) (any, error) {
	switch t := v.(type) {
	case string:
		return s.leaf(path, t)
	case map[string]any:
		return s.fields(path, t)
	case []any:
		out := make([]any, len(t))
		for i, e := range t {
			var err error
			if out[i], err = s.value(fmt.Sprintf("%s[%d]", path, i), e); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

func (s substituter) fields(path string, m map[string]any) (any, error) {
	out := make(map[string]any, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		at := path + object.Field(k)
		name, err := s.expand(k)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("%s: the key %q is there twice", at, name)
		}
		if out[name], err = s.value(at, m[k]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s substituter) leaf(path, text string) (any, error) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	out, err := s.expand(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !isPlain(text) {
		return out, nil
	}
	var typed any
	if yaml.Unmarshal([]byte(out), &typed) != nil {
		return out, nil // no YAML of its own, so it is the text that it looks like
	}
	return whole(typed), nil
}

// whole gives the numbers that JSON made floats of their integer form back.
func whole(v any) any {
	switch t := v.(type) {
	case float64:
		const exact = 1 << 53
		if i := int64(t); float64(i) == t && i > -exact && i < exact {
			return i
		}
	case map[string]any:
		for k, e := range t {
			t[k] = whole(e)
		}
	case []any:
		for i, e := range t {
			t[i] = whole(e)
		}
	}
	return v
}

// isPlain reports whether YAML writes the text without quotes and on one line: only then does what it holds decide
// the type of the result.
func isPlain(text string) bool {
	raw, err := yaml.Marshal(text)
	return err == nil && strings.TrimSuffix(string(raw), "\n") == text
}
