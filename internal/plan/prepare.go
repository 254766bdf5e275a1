package plan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// PrepareOptions say where a bundle goes. Owner is required; without Scope only kinds of CRDs in the bundle are known.
type PrepareOptions struct {
	Owner     object.Owner
	Namespace string // destination, for objects that name none
	// Scope tells what the cluster knows of a kind.
	Scope  func(schema.GroupVersionKind) (namespaced, known bool)
	Policy Policy
	// Attempt makes the names of hooks that only have a generateName: the same for one attempt, others for the next.
	Attempt string
}

// Prepare turns a bundle's entries into the objects that are sent: namespace resolved, fields of the cluster's own
// removed, list elements that server-side apply refuses collapsed, stamped with owner and wave. The entries are not
// changed, and their order is kept (a Namespace made by Policy.CreateNamespace comes first).
//
// All faults are found, not only the first: the error is the most lasting one and tells how many there are; Faults
// gives them all.
func Prepare(entries []bundle.Entry, o PrepareOptions) ([]Desired, []string, error) {
	p := newPreparer(entries, o)
	if err := p.all(entries); err != nil {
		return nil, p.warnings, err
	}
	return p.out, p.warnings, nil
}

func newPreparer(entries []bundle.Entry, o PrepareOptions) *preparer {
	return &preparer{o: o, kinds: bundleKinds(entries), seen: make(map[object.ID]object.Origin, len(entries))}
}

// all prepares the entries of a whole bundle.
func (p *preparer) all(entries []bundle.Entry) error {
	p.out, p.warned = make([]Desired, 0, len(entries)+1), make([]bool, len(entries))
	for i, e := range entries {
		before := len(p.warnings)
		d, ok := p.entry(e)
		if ok {
			p.out = append(p.out, d)
		}
		p.warned[i] = len(p.warnings) > before
	}
	p.ensureNamespace()
	p.raiseWaves()
	if len(p.faults) > 0 {
		return combine(p.faults)
	}
	for i := range p.out {
		if err := p.finish(&p.out[i]); err != nil {
			return err
		}
	}
	return nil
}

// PrepareOne prepares a single entry, as Prepare does with the whole bundle, for a heal that does not want to read the
// others. wave is the one that the object was applied in. What needs the rest of the bundle (its CRDs, a created
// namespace) must be in the cluster already.
func PrepareOne(e bundle.Entry, wave int, o PrepareOptions) (Desired, error) {
	p := &preparer{o: o, kinds: bundleKinds([]bundle.Entry{e}), seen: map[object.ID]object.Origin{}}
	d, ok := p.entry(e)
	if !ok {
		return Desired{}, combine(p.faults)
	}
	d.Wave = wave
	return d, p.finish(&d)
}

// Faults lists every fault that err stands for.
func Faults(err error) []*fault.Error {
	var all *problems
	if errors.As(err, &all) {
		return all.faults
	}
	if err == nil {
		return nil
	}
	return []*fault.Error{fault.Of(err)}
}

type problems struct{ faults []*fault.Error }

func (p *problems) Error() string {
	lines := make([]string, len(p.faults))
	for i, f := range p.faults {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// combine makes one fault of several: an invalid input comes before one that waits, since waiting does not mend it.
func combine(faults []*fault.Error) error {
	if len(faults) == 1 {
		return faults[0]
	}
	first := faults[0]
	for _, f := range faults {
		if f.Class == fault.Invalid {
			first = f
			break
		}
	}
	const shown = 5
	all := *first
	all.Err = &problems{faults}
	var more []string
	for _, f := range faults {
		if f != first && len(more) < shown {
			more = append(more, f.Error())
		}
	}
	if rest := len(faults) - 1 - len(more); rest > 0 {
		more = append(more, fmt.Sprintf("%d others", rest))
	}
	all.Message = fmt.Sprintf("%s; and %d more: %s", first.Message, len(faults)-1, strings.Join(more, "; "))
	return &all
}

type preparer struct {
	o        PrepareOptions
	kinds    map[schema.GroupKind]crdScope
	seen     map[object.ID]object.Origin
	out      []Desired
	warnings []string
	warned   []bool // of the entries, in their order
	faults   []*fault.Error
}

func (p *preparer) refuse(class fault.Class, reason fault.Reason, e bundle.Entry, next, format string, args ...any) {
	p.faults = append(p.faults, &fault.Error{
		Class: class, Reason: reason, Where: bundle.Where(e.Origin), Message: fmt.Sprintf(format, args...), Next: next,
	})
}

func (p *preparer) warn(e bundle.Entry, format string, args ...any) {
	p.warnings = append(p.warnings, bundle.Where(e.Origin)+": "+fmt.Sprintf(format, args...))
}

// entry prepares one object up to its wave; ok is false when it was refused.
func (p *preparer) entry(e bundle.Entry) (d Desired, ok bool) {
	body, err := bundle.Copy(e.Body)
	if err != nil {
		p.refuse(fault.Invalid, fault.ObjectInvalid, e, "", "%s has no JSON form: %s", e.ID(), err)
		return d, false
	}
	u := &unstructured.Unstructured{Object: body}
	sanitize(u)
	d = Desired{Object: u, Origin: e.Origin, Random: e.Random}
	if !Wishless(u) {
		var warnings []string
		d.Options, d.Hook, d.Wave, warnings = ParseAnnotations(u)
		for _, w := range warnings {
			p.warn(e, "%s", w)
		}
	}
	if !p.name(e, &d) || !p.namespace(e, &d) {
		return d, false
	}
	d.ID = object.Of(u)
	if first, twice := p.seen[d.ID]; twice {
		p.refuse(fault.Invalid, fault.DuplicateObject, e, "remove one of the two",
			"%s is there twice: here and at %s", d.ID, bundle.Where(first))
		return d, false
	}
	p.seen[d.ID] = e.Origin
	for _, c := range collapse(u.Object) {
		p.warn(e, "%s: %s", d.ID, c)
	}
	return d, true
}

// namespace resolves scope and namespace.
func (p *preparer) namespace(e bundle.Entry, d *Desired) bool {
	u := d.Object
	gvk, given := u.GroupVersionKind(), u.GetNamespace()
	namespaced, known := p.scope(gvk)
	if !known && !d.Options.Unmanaged && !d.Options.LateKind {
		p.refuse(fault.Blocked, fault.KindUnknown, e,
			"install the CRD, or annotate the object with argocd.argoproj.io/sync-options: SkipDryRunOnMissingResource=true when an earlier wave brings it",
			"%s: the cluster has no kind %s in %s%s", object.Of(u), gvk.Kind, gvk.GroupVersion(), p.served(gvk))
		return false
	}
	if !known {
		namespaced = given != "" || p.o.Namespace != ""
	}
	switch {
	case namespaced && given == "" && p.o.Namespace != "":
		u.SetNamespace(p.o.Namespace)
	case namespaced && given == "":
		p.refuse(fault.Invalid, fault.NamespaceRequired, e, "name a namespace in the object, or in the App's destination",
			"%s names no namespace, and the App's destination has none", object.Of(u))
		return false
	case !namespaced && given != "":
		u.SetNamespace("")
		p.warn(e, "%s: the kind is cluster-scoped, its namespace %q is left out", object.Of(u), given)
	}
	return true
}

// scope asks the bundle's own CRDs first, since they are applied before their resources.
func (p *preparer) scope(gvk schema.GroupVersionKind) (namespaced, known bool) {
	if crd, ok := p.kinds[gvk.GroupKind()]; ok && crd.versions[gvk.Version] {
		return crd.namespaced, true
	}
	if p.o.Scope == nil {
		return false, false
	}
	return p.o.Scope(gvk)
}

// served adds what the bundle's CRD has instead of the version that was asked for.
func (p *preparer) served(gvk schema.GroupVersionKind) string {
	crd, ok := p.kinds[gvk.GroupKind()]
	if !ok {
		return ""
	}
	return fmt.Sprintf("; the CRD in this App serves %s", sortedKeys(crd.versions))
}

type crdScope struct {
	namespaced bool
	versions   map[string]bool
}

// bundleKinds reads what the CRDs among the entries define.
func bundleKinds(entries []bundle.Entry) map[schema.GroupKind]crdScope {
	out := map[schema.GroupKind]crdScope{}
	for _, e := range entries {
		u := &unstructured.Unstructured{Object: e.Body}
		if u.GroupVersionKind().GroupKind() != crdKind {
			continue
		}
		group, _, _ := unstructured.NestedString(e.Body, "spec", "group")
		kind, _, _ := unstructured.NestedString(e.Body, "spec", "names", "kind")
		scope, _, _ := unstructured.NestedString(e.Body, "spec", "scope")
		spec, _ := e.Body["spec"].(map[string]any)
		list, _ := spec["versions"].([]any)
		versions := map[string]bool{}
		for _, v := range list {
			m, _ := v.(map[string]any)
			name, _ := m["name"].(string)
			if served, _ := m["served"].(bool); served {
				versions[name] = true
			}
		}
		out[schema.GroupKind{Group: group, Kind: kind}] = crdScope{scope != "Cluster", versions}
	}
	return out
}

// builtin are the namespaces that every cluster has.
var builtin = map[string]bool{"default": true, "kube-system": true, "kube-public": true, "kube-node-lease": true}

// ensureNamespace adds the destination namespace when the App asks for it and the bundle does not bring it.
func (p *preparer) ensureNamespace() {
	name := p.o.Namespace
	id := object.ID{Kind: "Namespace", Name: name}
	if _, there := p.seen[id]; there || !p.o.Policy.CreateNamespace || name == "" || builtin[name] {
		return
	}
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
	}}
	d := Desired{ID: id, Object: u, Options: Options{Prune: Off, Delete: Off, SkipIfExists: true, IgnoreHealth: true, Ensure: true}}
	p.out = append([]Desired{d}, p.out...)
}

// finish stamps the object and takes its digest.
func (p *preparer) finish(d *Desired) error {
	if !d.Options.Ensure && !d.Options.Unmanaged {
		p.o.Owner.Stamp(d.Object)
		if d.Wave != 0 {
			annotations := d.Object.GetAnnotations()
			annotations[object.AnnotationWave] = strconv.Itoa(d.Wave)
			d.Object.SetAnnotations(annotations)
		}
	}
	var err error
	if d.Digest, err = bundle.BodyDigest(d.Object.Object, d.Random); err != nil {
		return &fault.Error{
			Class: fault.Invalid, Reason: fault.ObjectInvalid, Where: bundle.Where(d.Origin), Message: err.Error(), Err: err,
		}
	}
	return nil
}
