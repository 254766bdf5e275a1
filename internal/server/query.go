package server

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// names is a parameter that is a list in one text, separated by commas.
type names []string

// queryOf reads the query into a struct whose fields carry `query:"name"`: string, []string (repeatable), names, int, bool,
// time.Time (RFC 3339) and time.Duration (90s, 5m). minimum and maximum bound numbers, enum closes strings. What cannot be
// read is a Problem with status 400 that names the parameter.
func queryOf[T any](c *call) (T, error) {
	var out T
	values := c.URL.Query()
	v := reflect.ValueOf(&out).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		given := values[f.Tag.Get("query")]
		if len(given) == 0 || len(given) == 1 && given[0] == "" {
			continue
		}
		if err := setParameter(v.Field(i), f, given); err != nil {
			return out, badParameter(f.Tag.Get("query"), err.Error())
		}
	}
	return out, nil
}

func badParameter(name, why string) Problem {
	return Problem{Status: http.StatusBadRequest, Message: name + ": " + why}
}

func setParameter(to reflect.Value, f reflect.StructField, given []string) error {
	if into, ok := to.Addr().Interface().(*[]string); ok {
		*into = given
		return inEnum(f, given)
	}
	if len(given) > 1 {
		return fmt.Errorf("want it once")
	}
	text := given[0]
	switch into := to.Addr().Interface().(type) {
	case *string:
		*into = text
		return inEnum(f, given)
	case *names:
		*into = strings.Split(text, ",")
		return inEnum(f, *into)
	case *int:
		n, err := strconv.Atoi(text)
		*into = n
		if low, high := bounds(f); err != nil || n < low || n > high {
			return fmt.Errorf("want a number from %d to %d", low, high)
		}
	case *bool:
		b, err := strconv.ParseBool(text)
		*into = b
		if err != nil {
			return fmt.Errorf("want true or false")
		}
	case *time.Time:
		t, err := time.Parse(time.RFC3339, text)
		*into = t
		if err != nil {
			return fmt.Errorf("want a time like 2026-01-31T18:00:00Z")
		}
	case *time.Duration:
		d, err := time.ParseDuration(text)
		*into = d
		if err != nil || d < 0 {
			return fmt.Errorf("want a duration like 90s or 5m")
		}
	default:
		panic("server: no parameter can be a " + to.Type().String()) // a defect, seen by every test of the call
	}
	return nil
}

func bounds(f reflect.StructField) (low, high int) {
	low, high = 0, 1<<31-1
	if n, err := strconv.Atoi(f.Tag.Get("minimum")); err == nil {
		low = n
	}
	if n, err := strconv.Atoi(f.Tag.Get("maximum")); err == nil {
		high = n
	}
	return low, high
}

func inEnum(f reflect.StructField, given []string) error {
	enum := f.Tag.Get("enum")
	if enum == "" {
		return nil
	}
	for _, g := range given {
		if !slices.Contains(strings.Split(enum, ","), g) {
			return fmt.Errorf("want one of %s", strings.ReplaceAll(enum, ",", ", "))
		}
	}
	return nil
}

// checkQuery refuses parameters that the call does not know, so that a typing error is no silent no-op.
func checkQuery(query any, given url.Values) error {
	var known []string
	if query != nil {
		t := reflect.TypeOf(query)
		for i := range t.NumField() {
			known = append(known, t.Field(i).Tag.Get("query"))
		}
	}
	for name := range given {
		if !slices.Contains(known, name) {
			why := "this call takes no such parameter"
			if len(known) > 0 {
				why += "; it takes " + strings.Join(known, ", ")
			}
			return badParameter(strconv.Quote(name), why)
		}
	}
	return nil
}
