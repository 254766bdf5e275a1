package object

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// LabelApp selects the objects of an App; its value is Owner.Label.
	LabelApp = "plumb.cd/app"
	// AnnotationOwner proves ownership: it names the installation, the App and the very object that it was put on, so
	// that a label which somebody copied makes no victim.
	AnnotationOwner = "plumb.cd/owner"
	// AnnotationWave records the wave that a live object was applied in, for pruning in reverse order.
	AnnotationWave = "plumb.cd/applied-wave"
)

// Owner names the App that an object belongs to.
type Owner struct {
	Installation string `json:"installation"`
	Namespace    string `json:"namespace"`
	Name         string `json:"name"`
}

func (o Owner) String() string { return o.Namespace + "/" + o.Name }

// Label is the value of LabelApp: "namespace.name", or a shortened form with a hash where that would be too long (63).
func (o Owner) Label() string {
	const limit = 63
	v := o.Namespace + "." + o.Name
	if len(v) <= limit {
		return v
	}
	sum := sha256.Sum256([]byte(v))
	tail := "." + hex.EncodeToString(sum[:6])
	return strings.TrimRight(v[:limit-len(tail)], "-.") + tail
}

// Stamp marks u as owned by o. It changes u.
func (o Owner) Stamp(u *unstructured.Unstructured) {
	id := Of(u)
	meta, ok := u.Object["metadata"].(map[string]any)
	if ok && put(meta, "labels", LabelApp, o.Label()) && put(meta, "annotations", AnnotationOwner, o.mark(id)) {
		return
	}
	labels := u.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[LabelApp] = o.Label()
	u.SetLabels(labels)
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[AnnotationOwner] = o.mark(id)
	u.SetAnnotations(annotations)
}

// put sets a key in a map of metadata in place, where that is one of strings.
func put(meta map[string]any, field, key, value string) bool {
	m, ok := meta[field].(map[string]any)
	if _, there := meta[field]; there && !ok {
		return false
	}
	for _, v := range m {
		if _, text := v.(string); !text {
			return false
		}
	}
	if m == nil {
		m = make(map[string]any, 1)
		meta[field] = m
	}
	m[key] = value
	return true
}

func (o Owner) mark(id ID) string {
	return o.Installation + ":" + o.Namespace + "/" + o.Name + ":" + id.String()
}

// OwnerOf reads the owner of the object id from its annotations. ok is false when there is none, or when the mark was
// made for another object.
func OwnerOf(id ID, annotations map[string]string) (owner Owner, ok bool) {
	return ownerIn(annotations[AnnotationOwner], id)
}

// OwnerOn is OwnerOf for the object under its ID id, whose namespace may be defaulted.
func OwnerOn(u *unstructured.Unstructured, id ID) (owner Owner, ok bool) {
	meta, _ := u.Object["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	mark, _ := annotations[AnnotationOwner].(string)
	return ownerIn(mark, id)
}

func ownerIn(mark string, id ID) (owner Owner, ok bool) {
	installation, rest, _ := strings.Cut(mark, ":")
	app, marked, found := strings.Cut(rest, ":")
	if !found || marked != id.String() {
		return Owner{}, false
	}
	ns, name, found := strings.Cut(app, "/")
	if !found {
		return Owner{}, false
	}
	return Owner{Installation: installation, Namespace: ns, Name: name}, true
}
