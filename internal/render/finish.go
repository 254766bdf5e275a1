package render

import (
	"fmt"
	"sort"
	"strings"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// Finish is what every renderer's objects go through last: lists are unwrapped, each object must be one that an API
// server could take (see check), no two may be the same object, and the limits hold. It gives the same again for what
// it gave before. Errors: ObjectInvalid, DuplicateObject, LimitExceeded, with file and line.
func Finish(res Result, limits Limits) (Result, error) {
	limits = limits.orDefault()
	out := res
	out.Objects = make([]Object, 0, len(res.Objects))
	for _, o := range res.Objects {
		if err := unwrap(o, 0, &out.Objects); err != nil {
			return Result{}, err
		}
		if len(out.Objects) > limits.Objects {
			return Result{}, tooMuch(fmt.Sprintf("more than %d objects", limits.Objects))
		}
	}
	var size int64
	seen := make(map[object.ID]Origin, len(out.Objects))
	for _, o := range out.Objects {
		if err := check(o); err != nil {
			return Result{}, err
		}
		if size += Weigh(o.Body); size > limits.OutputBytes {
			return Result{}, tooMuch(fmt.Sprintf("more than %d bytes of output", limits.OutputBytes))
		}
		id := IDOf(o.Body)
		if id.Name == "" {
			continue
		}
		if first, dup := seen[id]; dup {
			return Result{}, duplicate(id, first, o.Origin)
		}
		seen[id] = o.Origin
	}
	return out, nil
}

// Allow reports whether an output of so many objects and bytes is within the limits.
func (l Limits) Allow(objects int, bytes int64) bool {
	l = l.orDefault()
	return objects <= l.Objects && bytes <= l.OutputBytes
}

func (l Limits) orDefault() Limits {
	if l.OutputBytes <= 0 {
		l.OutputBytes = DefaultLimits.OutputBytes
	}
	if l.Objects <= 0 {
		l.Objects = DefaultLimits.Objects
	}
	return l
}

func tooMuch(what string) error {
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.LimitExceeded, Message: "the render gives " + what,
		Next: "split the App",
	}
}

func duplicate(id object.ID, first, second Origin) error {
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.DuplicateObject, Where: Place(second),
		Message: fmt.Sprintf("%s is defined twice: first at %s", id, Place(first)),
		Next:    "remove one of the two definitions",
	}
}

// Place is "file:line" of an origin, with the source before it when there are several.
func Place(o Origin) string {
	file := o.File
	if file == "" {
		file = "(unknown file)"
	}
	if o.Source != "" {
		file = "$" + o.Source + "/" + file
	}
	return At(file, o.Line)
}

// IDOf names the object that a body describes. Its namespace is not defaulted; the name may be empty.
func IDOf(body map[string]any) object.ID {
	group, _, hasGroup := strings.Cut(text(body["apiVersion"]), "/")
	if !hasGroup {
		group = ""
	}
	meta, _ := body["metadata"].(map[string]any)
	return object.ID{Group: group, Kind: text(body["kind"]), Namespace: text(meta["namespace"]), Name: text(meta["name"])}
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

const maxListDepth = 8

// unwrap appends o, or what it lists when it is a list.
func unwrap(o Object, depth int, out *[]Object) error {
	items, isList := listItems(o.Body)
	if !isList {
		*out = append(*out, o)
		return nil
	}
	if depth == maxListDepth {
		return invalid(o.Origin, "lists are nested too deep")
	}
	for i, item := range items {
		if item == nil {
			continue
		}
		body, ok := item.(map[string]any)
		if !ok {
			return invalid(o.Origin, fmt.Sprintf("item %d of the %s is not an object", i, text(o.Body["kind"])))
		}
		body = typedItem(o.Body, body)
		if err := unwrap(Object{Body: body, Origin: o.Origin}, depth+1, out); err != nil {
			return err
		}
	}
	return nil
}

func listItems(body map[string]any) ([]any, bool) {
	if !strings.HasSuffix(text(body["kind"]), "List") {
		return nil, false
	}
	items, has := body["items"]
	list, isList := items.([]any)
	if has && (isList || items == nil) {
		return list, true
	}
	return nil, !has && body["kind"] == "List" && body["apiVersion"] == "v1"
}

// typedItem gives an item of a "ConfigMapList" the kind that such items leave out.
func typedItem(list, item map[string]any) map[string]any {
	kind := strings.TrimSuffix(text(list["kind"]), "List")
	if kind == "" || item["kind"] != nil {
		return item
	}
	out := make(map[string]any, len(item)+2)
	for k, v := range item {
		out[k] = v
	}
	out["kind"] = kind
	if out["apiVersion"] == nil {
		out["apiVersion"] = list["apiVersion"]
	}
	return out
}

func invalid(at Origin, message string) error {
	return &fault.Error{Class: fault.Invalid, Reason: fault.ObjectInvalid, Where: Place(at), Message: message}
}

// NotAnObject is the fault of a document whose root is no mapping.
func NotAnObject(at Origin, v any) error {
	what := "a single value"
	if _, isList := v.([]any); isList {
		what = "a list"
	}
	return invalid(at, "the document is "+what+", not a Kubernetes object")
}

// check refuses what no API server would take, whatever the kind.
func check(o Object) error {
	if o.Body == nil {
		return invalid(o.Origin, "the document is empty")
	}
	for _, field := range []string{"apiVersion", "kind"} {
		if v, ok := o.Body[field]; !ok || v == nil || v == "" {
			return invalid(o.Origin, fmt.Sprintf("no %s: every object needs apiVersion, kind and metadata.name", field))
		} else if _, isText := v.(string); !isText {
			return invalid(o.Origin, field+" is not a string")
		}
	}
	kind := text(o.Body["kind"])
	meta, ok := o.Body["metadata"].(map[string]any)
	if !ok {
		return invalid(o.Origin, kind+" has no metadata: every object needs apiVersion, kind and metadata.name")
	}
	if err := checkName(o.Origin, o.Body, meta); err != nil {
		return err
	}
	for _, field := range []string{"labels", "annotations"} {
		if err := checkStrings(o.Origin, kind+" "+text(meta["name"]), field, meta[field]); err != nil {
			return err
		}
	}
	return nil
}

// nameLimits are kinds whose names the API server holds shorter than 253 characters.
var nameLimits = map[string]int{
	"v1/Namespace":     63,
	"v1/Service":       63,
	"batch/v1/Job":     63,
	"batch/v1/CronJob": 52,
}

func checkName(at Origin, body, meta map[string]any) error {
	kind := text(body["kind"])
	for _, field := range []string{"name", "generateName", "namespace"} {
		if v := meta[field]; v != nil {
			if _, isText := v.(string); !isText {
				return invalid(at, fmt.Sprintf("metadata.%s of the %s is not a string; quote it", field, kind))
			}
		}
	}
	name := text(meta["name"])
	if name == "" {
		if text(meta["generateName"]) != "" {
			return nil
		}
		return invalid(at, kind+" has no metadata.name")
	}
	limit, special := nameLimits[text(body["apiVersion"])+"/"+kind]
	if !special {
		limit = 253
	}
	if len(name) > limit {
		return invalid(at, fmt.Sprintf("the name %q of the %s has %d characters; the API allows %d", name, kind, len(name), limit))
	}
	if ns := text(meta["namespace"]); len(ns) > 63 {
		return invalid(at, fmt.Sprintf("the namespace %q of the %s %s has %d characters; the API allows 63", ns, kind, name, len(ns)))
	}
	if name == "." || name == ".." || strings.ContainsAny(name, "/% \t\n") {
		return invalid(at, fmt.Sprintf("the name %q of the %s has characters that no name may have", name, kind))
	}
	return nil
}

func checkStrings(at Origin, who, field string, v any) error {
	if v == nil {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return invalid(at, fmt.Sprintf("metadata.%s of %s is not a mapping", field, who))
	}
	var bad []string
	for k, v := range m {
		s, isText := v.(string)
		if v != nil && !isText {
			bad = append(bad, fmt.Sprintf("metadata.%s of %s: the value of %q is not a string; quote it", field, who, k))
		} else if field == "labels" && len(s) > 63 {
			bad = append(bad, fmt.Sprintf("metadata.labels of %s: the value of %q has %d characters; the API allows 63", who, k, len(s)))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	sort.Strings(bad)
	return invalid(at, bad[0])
}

// Weigh estimates the size of a value as compact JSON: what Limits.OutputBytes counts.
func Weigh(v any) int64 {
	switch v := v.(type) {
	case string:
		return int64(len(v)) + 2
	case map[string]any:
		n := int64(2)
		for k, e := range v {
			n += int64(len(k)) + 4 + Weigh(e)
		}
		return n
	case []any:
		n := int64(2)
		for _, e := range v {
			n += 1 + Weigh(e)
		}
		return n
	default:
		return 8
	}
}
