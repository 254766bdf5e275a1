package drift

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/object"
)

// ErrUnowned says that an object carries no field set of ours: it was never applied by us, everything was taken from us,
// or the server keeps no managedFields. For the last case there is FingerprintFields.
var ErrUnowned = errors.New("the object has no managedFields entry of our field manager")

// Fingerprinter makes and compares Records. It is safe for concurrent use, and cheap enough to have one for each App.
type Fingerprinter struct {
	pads    *pads
	manager string
	rules   Rules
	persons names
}

// New makes a Fingerprinter. key keys the hashes (32 random bytes, kept as long as the records are), manager is the field
// manager name that we apply under.
func New(key []byte, manager string, rules Rules) *Fingerprinter {
	people := rules.People
	if people == nil {
		people = DefaultPeople
	}
	return &Fingerprinter{pads: padsOf(key), manager: manager, rules: rules, persons: compileNames(people)}
}

// Fingerprint records an object out of an apply's answer, a dry-run's answer, a read or an event: the fields of our
// Apply entry and of people's tools beside it, with their values. It fails with ErrUnowned only.
func (f *Fingerprinter) Fingerprint(obj *unstructured.Unstructured) (Record, error) {
	es := entries(obj)
	if !slices.ContainsFunc(es, f.ours) {
		return Record{}, fmt.Errorf("%s: %w", object.Of(obj), ErrUnowned)
	}
	r := f.record(obj)
	r.Hash = f.hash(obj, es, r.Schema)
	return r, nil
}

// Baseline records what an object is to be from now on, out of an apply's or dry-run's answer: as Fingerprint does, but
// without what people's tools put on top. An object that has such additions differs from its baseline.
func (f *Fingerprinter) Baseline(obj *unstructured.Unstructured) (Record, error) {
	es := entries(obj)
	if !slices.ContainsFunc(es, f.ours) {
		return Record{}, fmt.Errorf("%s: %w", object.Of(obj), ErrUnowned)
	}
	r := f.record(obj)
	r.Hash = f.hash(obj, slices.DeleteFunc(es, f.people), r.Schema)
	return r, nil
}

// Plain reports whether nobody's tools put anything on top of what we applied: Fingerprint and Baseline are the same.
func (f *Fingerprinter) Plain(obj *unstructured.Unstructured) bool {
	return !slices.ContainsFunc(entries(obj), f.people)
}

// FingerprintBare records an object whose server keeps no managedFields: all of it but its status and what the server
// itself keeps in the metadata. A difference may be nobody's doing; Attribute tells.
func (f *Fingerprinter) FingerprintBare(obj *unstructured.Unstructured) Record {
	body := make(map[string]any, len(obj.Object))
	for k, v := range obj.Object {
		if k != "status" && k != "metadata" && k != "apiVersion" {
			body[k] = v
		}
	}
	kept := map[string]any{}
	meta, _ := obj.Object["metadata"].(map[string]any)
	for _, k := range []string{"labels", "annotations"} {
		if m, ok := meta[k].(map[string]any); ok && len(m) > 0 {
			kept[k] = m
		}
	}
	body["metadata"] = kept
	return f.fingerprintFields(obj, body)
}

// Bare reports whether an object carries no managedFields at all: its server keeps none.
func Bare(obj *unstructured.Unstructured) bool {
	meta, _ := obj.Object["metadata"].(map[string]any)
	list, _ := meta["managedFields"].([]any)
	return len(list) == 0
}

// fingerprintFields records an object whose server keeps no managedFields: the fields that want states, with their live
// values.
func (f *Fingerprinter) fingerprintFields(obj *unstructured.Unstructured, want map[string]any) Record {
	r := f.record(obj)
	r.Hash = f.hashFields(obj, want, r.Schema)
	return r
}

func (f *Fingerprinter) record(obj *unstructured.Unstructured) Record {
	version, _ := version(obj)
	return Record{UID: string(obj.GetUID()), Version: version, Schema: f.schema(obj)}
}

func version(obj *unstructured.Unstructured) (int64, bool) {
	v, err := strconv.ParseInt(obj.GetResourceVersion(), 10, 64)
	return v, err == nil
}

func (f *Fingerprinter) schema(obj *unstructured.Unstructured) string {
	return f.schemaOf(obj.GetAPIVersion(), obj.GroupVersionKind())
}

// Schema is the Schema of the Record of an object of the kind, made now.
func (f *Fingerprinter) Schema(gvk schema.GroupVersionKind) string {
	return f.schemaOf(gvk.GroupVersion().String(), gvk)
}

func (f *Fingerprinter) schemaOf(apiVersion string, gvk schema.GroupVersionKind) string {
	if f.rules.Schema != nil {
		if g := f.rules.Schema(gvk); g != "" {
			return apiVersion + "@" + g
		}
	}
	return apiVersion
}

func (f *Fingerprinter) hash(obj *unstructured.Unstructured, es []entry, schema string) Hash {
	d := scratch.Get().(*digester)
	defer scratch.Put(d)
	d.start(f.pads, &f.rules)
	d.buf = append(d.buf, 'M')
	d.text(string(obj.GetUID()))
	d.text(schema)
	ignored := f.rules.Ignores.ForObject(object.Of(obj))
	var ours, people fieldsV1
	for _, e := range es {
		switch {
		case f.ours(e):
			ours = e.fields
		case ignored.manager(e.manager):
		case f.people(e):
			people = merge(people, e.fields)
		case e.sub != "status":
			d.others = append(d.others, e.fields)
		}
	}
	d.fields(obj.Object, ours, people, ignored.patterns())
	return d.sum(f.pads)
}

func (f *Fingerprinter) hashFields(obj *unstructured.Unstructured, want map[string]any, schema string) Hash {
	d := scratch.Get().(*digester)
	defer scratch.Put(d)
	d.start(f.pads, &f.rules)
	d.buf = append(d.buf, 'W')
	d.text(string(obj.GetUID()))
	d.text(schema)
	ignored := f.rules.Ignores.ForObject(object.Of(obj))
	d.fields(obj.Object, fieldsOf(want), nil, ignored.patterns())
	return d.sum(f.pads)
}
