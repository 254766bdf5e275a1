package plan

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/object"
)

// AnnotationDoc is one row of the table of annotations that users' manifests may carry.
type AnnotationDoc struct {
	Key    string
	Value  string // a literal, or a description of the form in angle brackets
	Effect string
}

// Annotations lists what ParseAnnotations honours, in the order of precedence. docs/annotations.md is made of it.
func Annotations() []AnnotationDoc {
	var out []AnnotationDoc
	for _, a := range table {
		for _, c := range a.choices {
			out = append(out, AnnotationDoc{a.key, c.value, c.effect})
		}
		if a.read != nil {
			out = append(out, AnnotationDoc{a.key, a.form, a.effect})
		}
	}
	return out
}

// annotation is one key of the table: either choices among literal values, or a form that read understands.
type annotation struct {
	key     string
	list    bool // comma-separated choices
	labels  bool // a label of this key counts as well
	choices []choice

	form, effect string
	read         func(r *reader, value string) error
}

// choice is one value of an annotation. Values are compared without regard to case. A nil set accepts the value, and
// effect says why there is nothing to do.
type choice struct {
	value, effect string
	set           func(*reader)
}

// reader collects what the annotations of one object say. The first family of keys that speaks about a matter (a slot)
// decides it: plumb.cd before argocd.argoproj.io before helm.sh and so on, the order of the table.
type reader struct {
	options               Options
	phases                []Phase
	deletes               HookSpec
	wave                  int
	helmHook, helmSkipped bool

	family   string
	slots    map[string]string
	warnings []string
}

func (r *reader) claim(slot string) bool {
	if by, taken := r.slots[slot]; taken && by != r.family {
		return false
	}
	r.slots[slot] = r.family
	return true
}

// option makes a choice's set function out of a change to the options.
func option(slot string, f func(*Options)) func(*reader) {
	return func(r *reader) {
		if r.claim(slot) {
			f(&r.options)
		}
	}
}

// phase makes a choice's set function for a hook.
func phase(p Phase) func(*reader) {
	return func(r *reader) {
		if r.claim("hook") && !slices.Contains(r.phases, p) {
			r.phases = append(r.phases, p)
		}
	}
}

func cleanup(f func(*HookSpec)) func(*reader) {
	return func(r *reader) {
		if r.claim("hook-delete") {
			f(&r.deletes)
		}
	}
}

// ParseAnnotations reads the wishes that an object carries. hook is nil for an ordinary object. wave is the one that
// the object was applied in when a live object says so (object.AnnotationWave). Every value that is not understood gives
// a warning that names object, key and value; it has no other effect.
func ParseAnnotations(obj *unstructured.Unstructured) (o Options, hook *HookSpec, wave int, warnings []string) {
	annotations := obj.GetAnnotations()
	labels := obj.GetLabels()
	if len(annotations) == 0 && len(labels) == 0 {
		return Options{}, nil, 0, nil
	}
	r := &reader{slots: map[string]string{}}
	id := object.Of(obj)
	if v, ok := annotations[object.AnnotationWave]; ok {
		if n, err := strconv.ParseInt(v, 10, 32); err == nil {
			r.wave, r.slots["wave"] = int(n), "live"
		}
	}
	for i := range table {
		a := &table[i]
		value, ok := annotations[a.key]
		if !ok && a.labels {
			value, ok = labels[a.key]
		}
		if ok {
			r.take(id, a, value)
		}
	}
	r.unknownKeys(id, annotations)
	hook = r.hook()
	if _, decided := r.slots["hook"]; hook == nil && !decided && r.helmSkipped {
		r.options.Unmanaged = true
	}
	return r.options, hook, r.wave, r.warnings
}

func (r *reader) take(id object.ID, a *annotation, value string) {
	r.family, _, _ = strings.Cut(a.key, "/")
	if a.read != nil {
		if err := a.read(r, strings.TrimSpace(value)); err != nil {
			r.warn(id, a.key, value, err.Error())
		}
		return
	}
	values := []string{value}
	if a.list {
		values = strings.Split(value, ",")
	}
	for _, v := range values {
		v = strings.TrimSpace(v)
		if v == "" && a.list {
			continue
		}
		i := slices.IndexFunc(a.choices, func(c choice) bool { return strings.EqualFold(c.value, v) })
		if i < 0 {
			r.warn(id, a.key, v, "want "+a.wanted())
			continue
		}
		if set := a.choices[i].set; set != nil {
			set(r)
		}
	}
}

func (a *annotation) wanted() string {
	const many = 12
	if len(a.choices) > many {
		return "one of the values in docs/annotations.md"
	}
	var values []string
	for _, c := range a.choices {
		values = append(values, c.value)
	}
	return strings.Join(values, ", ")
}

func (r *reader) warn(id object.ID, key, value, why string) {
	const limit = 80
	if len(value) > limit {
		value = value[:limit] + "…"
	}
	r.warnings = append(r.warnings, fmt.Sprintf("%s: annotation %s: %q is not understood: %s", id, key, value, why))
}

// unknownKeys warns of keys in our own name that nobody reads, so that a typing error is seen.
func (r *reader) unknownKeys(id object.ID, annotations map[string]string) {
	if id.Group == ours {
		return // our own resources carry keys for the controllers
	}
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		if !strings.HasPrefix(k, ours+"/") || k == object.AnnotationOwner || k == object.AnnotationWave {
			continue
		}
		if !slices.ContainsFunc(table, func(a annotation) bool { return a.key == k }) {
			r.warnings = append(r.warnings, fmt.Sprintf("%s: annotation %s is not known", id, k))
		}
	}
}

func (r *reader) hook() *HookSpec {
	if len(r.phases) == 0 {
		return nil
	}
	h := r.deletes
	h.Phases = r.phases
	if _, given := r.slots["hook-delete"]; !given {
		h.DeleteBefore = true
	}
	return &h
}

// readWave reads the number of a wave.
func readWave(r *reader, value string) error {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return fmt.Errorf("want a whole number")
	}
	if r.claim("wave") {
		r.wave = int(n)
	}
	return nil
}

// readWeight reads Helm's hook-weight, which means something on hooks only.
func readWeight(r *reader, value string) error {
	if !r.helmHook {
		return nil
	}
	return readWave(r, value)
}

func readIgnoreFields(r *reader, value string) error {
	var paths []string
	for _, p := range strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == '\n' }) {
		p = strings.TrimSpace(p)
		if p == "" {
			continue
		}
		if p[0] != '.' && p[0] != '/' && p[0] != '[' {
			return fmt.Errorf("%q does not begin with '.' or '/'", p)
		}
		paths = append(paths, p)
	}
	if r.claim("ignore-fields") {
		r.options.IgnoreFields = paths
	}
	return nil
}

func readAdopt(r *reader, value string) error {
	ns, name, app := strings.Cut(value, "/")
	switch {
	case strings.EqualFold(value, "enabled"):
		r.options.Adopt = true
	case app && ns != "" && name != "" && !strings.Contains(name, "/"):
		r.options.AdoptFrom = value
	default:
		return fmt.Errorf("want enabled, or NAMESPACE/APP")
	}
	return nil
}

// readDependsOn reads kpt's list: GROUP/namespaces/NAMESPACE/KIND/NAME, or GROUP/KIND/NAME for cluster-scoped objects.
func readDependsOn(r *reader, value string) error {
	var ids []object.ID
	for _, ref := range strings.Split(value, ",") {
		parts := strings.Split(strings.TrimSpace(ref), "/")
		var id object.ID
		switch {
		case len(parts) == 5 && parts[1] == "namespaces":
			id = object.ID{Group: parts[0], Namespace: parts[2], Kind: parts[3], Name: parts[4]}
		case len(parts) == 3:
			id = object.ID{Group: parts[0], Kind: parts[1], Name: parts[2]}
		}
		if id.Kind == "" || id.Name == "" {
			return fmt.Errorf("%q is no GROUP/namespaces/NAMESPACE/KIND/NAME and no GROUP/KIND/NAME", strings.TrimSpace(ref))
		}
		ids = append(ids, id)
	}
	r.options.DependsOn = ids
	return nil
}
