package helm

import (
	"maps"
	"reflect"
	"slices"
	"sync"
	"text/template"
	"time"
	_ "time/tzdata" // a worker has no files to read time zones from

	"github.com/Masterminds/sprig/v3"
)

// functions are the template functions of one render whose answers are not decided by their arguments. They note that
// they were called. In the second render of the same input they answer differently: a fresh random value each time, and
// another time of day, so that what depends on them shows.
type functions struct {
	first   *functions // the first render, in the second
	random  bool       // one of them was called
	lookups bool       // lookup was called
	answers []any      // of the random functions, in the order of the calls
}

func newFunctions(first *functions) *functions { return &functions{first: first} }

// original are the functions as Helm has them.
var original = sync.OnceValue(sprig.TxtFuncMap)

// randomFunctions give another answer each time.
var randomFunctions = []string{
	"randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes", "randInt", "shuffle", "uuidv4",
	"bcrypt", "htpasswd", "encryptAES", "genPrivateKey",
	"genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
}

// laterBy is how much later the second render takes place: another year, month, day, hour, minute and second.
const laterBy = 400*24*time.Hour + 3*time.Hour + 7*time.Minute + 11*time.Second

func (f *functions) funcMap() template.FuncMap {
	m := template.FuncMap{
		"lookup": func(_, _, _, _ string) (map[string]any, error) {
			f.lookups = true
			return map[string]any{}, nil
		},
		"keys":           sortedKeys,
		"values":         sortedValues,
		"now":            f.now,
		"ago":            f.ago,
		"durationRound":  f.durationRound,
		"date":           func(layout string, t any) string { return f.format(layout, t, "UTC") },
		"htmlDate":       func(t any) string { return f.format(time.DateOnly, t, "UTC") },
		"htmlDateInZone": func(t any, zone string) string { return f.format(time.DateOnly, t, zone) },
		"dateInZone":     f.format,
		"date_in_zone":   f.format,
		"toDate":         func(layout, s string) time.Time { t, _ := parseUTC(layout, s); return t },
		"mustToDate":     parseUTC,
	}
	for _, name := range randomFunctions {
		m[name] = f.watch(original()[name])
	}
	return m
}

// watch wraps a function of Helm's. An answer of the second render that happens to equal the first one's is asked for
// again, a few times: randInt 0 2 has not many.
func (f *functions) watch(fn any) any {
	v := reflect.ValueOf(fn)
	return reflect.MakeFunc(v.Type(), func(in []reflect.Value) []reflect.Value {
		f.random = true
		out := v.Call(in)
		if f.first != nil && len(f.answers) < len(f.first.answers) {
			before := f.first.answers[len(f.answers)]
			for try := 0; try < 32 && reflect.DeepEqual(out[0].Interface(), before); try++ {
				out = v.Call(in)
			}
		}
		f.answers = append(f.answers, out[0].Interface())
		return out
	}).Interface()
}

func (f *functions) now() time.Time {
	f.random = true
	t := original()["now"].(func() time.Time)()
	if f.first != nil {
		t = t.Add(laterBy)
	}
	return t
}

// ago and durationRound tell how long ago a time was.
func (f *functions) ago(t any) string {
	return original()["ago"].(func(any) string)(f.earlier(t))
}

func (f *functions) durationRound(d any) string {
	if t, ok := d.(time.Time); ok {
		d = f.earlier(t)
	}
	return original()["durationRound"].(func(any) string)(d)
}

// earlier moves a time back by as much as the second render is later.
func (f *functions) earlier(t any) any {
	f.random = true
	if f.first == nil {
		return t
	}
	switch v := t.(type) {
	case time.Time:
		return v.Add(-laterBy)
	case int64:
		return v - int64(laterBy/time.Second)
	case int:
		return v - int(laterBy/time.Second)
	}
	return t
}

// format writes a time in a zone; "Local" is UTC here. As Helm has it, what is no time means now.
func (f *functions) format(layout string, t any, zone string) string {
	switch t.(type) {
	case time.Time, *time.Time, int, int32, int64:
	default:
		t = f.now()
	}
	if zone == "Local" {
		zone = "UTC"
	}
	return original()["dateInZone"].(func(string, any, string) string)(layout, t, zone)
}

func parseUTC(layout, s string) (time.Time, error) { return time.ParseInLocation(layout, s, time.UTC) }

func sortedKeys(dicts ...map[string]any) []string {
	out := []string{}
	for _, d := range dicts {
		out = append(out, slices.Sorted(maps.Keys(d))...)
	}
	return out
}

func sortedValues(dict map[string]any) []any {
	out := []any{}
	for _, k := range slices.Sorted(maps.Keys(dict)) {
		out = append(out, dict[k])
	}
	return out
}
