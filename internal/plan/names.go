package plan

import (
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// name checks that the object says what it is, and names hooks that only have a generateName.
func (p *preparer) name(e bundle.Entry, d *Desired) bool {
	u := d.Object
	if u.GetAPIVersion() == "" || u.GetKind() == "" {
		p.refuse(fault.Invalid, fault.ObjectInvalid, e, "", "an object (%q) without %s", u.GetName(), missing(u))
		return false
	}
	if field := mistyped(u); field != "" {
		p.refuse(fault.Invalid, fault.ObjectInvalid, e, "put the value in quotes", "%s: metadata.%s must be text", u.GetKind()+" "+clip(u.GetName()), field)
		return false
	}
	if prefix := u.GetGenerateName(); u.GetName() == "" && prefix != "" {
		if d.Hook == nil {
			p.refuse(fault.Invalid, fault.ObjectInvalid, e, "give it a name", "%s has a generateName, which only hooks may have", u.GetKind())
			return false
		}
		if err := p.generateName(u, prefix, e.Random); err != nil {
			p.refuse(fault.Invalid, fault.ObjectInvalid, e, "", "%s %s: %s", u.GetKind(), prefix, err)
			return false
		}
	}
	name := u.GetName()
	id := object.Of(u)
	switch limit := nameLimit(id); {
	case name == "":
		p.refuse(fault.Invalid, fault.ObjectInvalid, e, "", "a %s without a name", u.GetKind())
	case len(name) > limit:
		p.refuse(fault.Invalid, fault.ObjectInvalid, e, "", "%s %s: the name is %d characters long, the most is %d", u.GetKind(), clip(name), len(name), limit)
	case name == "." || name == ".." || strings.ContainsAny(name, "/%"):
		p.refuse(fault.Invalid, fault.ObjectInvalid, e, "", "%s: %q is not a name", id, name)
	default:
		return true
	}
	return false
}

// mistyped finds metadata that YAML read as a number or a truth value: labels: {version: 1.5}, namespace: on.
func mistyped(u *unstructured.Unstructured) string {
	meta, _ := u.Object["metadata"].(map[string]any)
	for _, field := range []string{"name", "generateName", "namespace"} {
		if v, ok := meta[field]; ok && v != nil {
			if _, text := v.(string); !text {
				return field
			}
		}
	}
	for _, field := range []string{"labels", "annotations"} {
		m, ok := meta[field].(map[string]any)
		if !ok && meta[field] != nil {
			return field
		}
		first, wrong := "", false // in order, so that it is the same one each time
		for k, v := range m {
			if _, text := v.(string); !text && (!wrong || k < first) {
				first, wrong = k, true
			}
		}
		if wrong {
			return field + object.Field(first)
		}
	}
	return ""
}

// clip shortens a name for a message.
func clip(name string) string {
	const limit = 40
	if len(name) > limit {
		return name[:limit] + "…"
	}
	return name
}

func missing(u *unstructured.Unstructured) string {
	switch {
	case u.GetAPIVersion() != "":
		return "kind"
	case u.GetKind() != "":
		return "apiVersion"
	default:
		return "apiVersion and kind"
	}
}

func (p *preparer) generateName(u *unstructured.Unstructured, prefix string, random []string) error {
	d, err := bundle.BodyDigest(u.Object, random)
	if err != nil {
		return err
	}
	const tail, limit = 8, 63 // what a Job's name may have
	suffix := object.DigestOf([]byte(p.o.Attempt), []byte(d)).Short()[:tail]
	if len(prefix) > limit-tail {
		prefix = prefix[:limit-tail]
	}
	u.SetName(prefix + suffix)
	u.SetGenerateName("")
	return nil
}

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// sanitize removes what only the cluster may say, and our own marks, which belong to what was live where they were
// copied from.
func sanitize(u *unstructured.Unstructured) {
	delete(u.Object, "status")
	meta, ok := u.Object["metadata"].(map[string]any)
	if !ok {
		return
	}
	for _, f := range []string{"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"} {
		delete(meta, f)
	}
	for _, field := range []string{"annotations", "labels"} {
		m, _ := meta[field].(map[string]any)
		maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	}
	drop(meta, "annotations", lastApplied, object.AnnotationOwner, object.AnnotationWave)
	drop(meta, "labels", object.LabelApp)
}

// drop removes keys from a map of metadata, and the map when nothing is left.
func drop(meta map[string]any, field string, keys ...string) {
	m, ok := meta[field].(map[string]any)
	if !ok {
		if v, there := meta[field]; there && v == nil {
			delete(meta, field)
		}
		return
	}
	for _, k := range keys {
		delete(m, k)
	}
	if len(m) == 0 {
		delete(meta, field)
	}
}
