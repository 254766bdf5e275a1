package server

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/httpapi"
)

// rowField is a field of httpapi.AppRow as it is written.
type rowField struct {
	name  string
	label []byte // `"name":`
	index int
	// leftOut says of which values nothing is written, as encoding/json does by the field's tag.
	leftOut func(reflect.Value) bool
}

// rowIdentity says which App a row is about; no choice of fields leaves it out.
var rowIdentity = []string{"namespace", "name"}

// rowFields are the fields of a row, in the order in which they are written.
var rowFields = fieldsOfRow()

func fieldsOfRow() []rowField {
	t := reflect.TypeFor[httpapi.AppRow]()
	out := make([]rowField, t.NumField())
	for i := range out {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out[i] = rowField{name: name, label: []byte(`"` + name + `":`), index: i, leftOut: func(reflect.Value) bool { return false }}
		switch options {
		case "omitempty":
			out[i].leftOut = empty
		case "omitzero":
			out[i].leftOut = reflect.Value.IsZero
		}
	}
	return out
}

// empty is what omitempty leaves out, of the kinds that a row has.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	default:
		return v.IsZero()
	}
}

// partialPage is a page whose rows have chosen fields only.
type partialPage struct {
	Items []partialRow `json:"items"` // instead of the page's own
	httpapi.AppPage
}

// partialRow is a row with some of its fields.
type partialRow struct {
	row    *httpapi.AppRow
	fields []rowField
}

// partial is a page with the fields of these names; the names are known ones.
func partial(p httpapi.AppPage, names []string) partialPage {
	fields := slices.DeleteFunc(slices.Clone(rowFields), func(f rowField) bool {
		return !slices.Contains(names, f.name) && !slices.Contains(rowIdentity, f.name)
	})
	out := partialPage{AppPage: p, Items: make([]partialRow, len(p.Items))}
	for i := range p.Items {
		out.Items[i] = partialRow{&p.Items[i], fields}
	}
	return out
}

// MarshalJSON writes the fields as the whole row has them.
func (r partialRow) MarshalJSON() ([]byte, error) {
	v := reflect.ValueOf(r.row).Elem()
	out := bytes.NewBuffer(make([]byte, 0, 256))
	out.WriteByte('{')
	for _, f := range r.fields {
		value := v.Field(f.index)
		if f.leftOut(value) {
			continue
		}
		raw, err := json.Marshal(value.Interface())
		if err != nil {
			return nil, err
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		out.Write(f.label)
		out.Write(raw)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
