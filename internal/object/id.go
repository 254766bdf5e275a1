package object

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ID names an object within one cluster. The version is no part of it: an object is the same in every served version.
// Namespace is empty for cluster-scoped objects.
type ID struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// Of gives the ID of an object as it stands (its namespace is not defaulted).
func Of(u *unstructured.Unstructured) ID {
	gvk := u.GroupVersionKind()
	return ID{Group: gvk.Group, Kind: gvk.Kind, Namespace: u.GetNamespace(), Name: u.GetName()}
}

// GroupKind is the kind without the version.
func (id ID) GroupKind() schema.GroupKind { return schema.GroupKind{Group: id.Group, Kind: id.Kind} }

// String is "Deployment.apps/namespace/name", "ConfigMap/namespace/name" or "Namespace/name". ParseID reads it back.
func (id ID) String() string {
	kind := id.Kind
	if id.Group != "" {
		kind += "." + id.Group
	}
	if id.Namespace == "" {
		return kind + "/" + id.Name
	}
	return kind + "/" + id.Namespace + "/" + id.Name
}

// Append writes String to b.
func (id ID) Append(b []byte) []byte {
	b = append(b, id.Kind...)
	if id.Group != "" {
		b = append(append(b, '.'), id.Group...)
	}
	if id.Namespace != "" {
		b = append(append(b, '/'), id.Namespace...)
	}
	return append(append(b, '/'), id.Name...)
}

// ParseID reads what String wrote.
func ParseID(s string) (ID, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[len(parts)-1] == "" {
		return ID{}, fmt.Errorf("object %q: want KIND[.GROUP]/[NAMESPACE/]NAME", s)
	}
	kind, group, _ := strings.Cut(parts[0], ".")
	id := ID{Group: group, Kind: kind, Name: parts[len(parts)-1]}
	if len(parts) == 3 {
		id.Namespace = parts[1]
	}
	return id, nil
}

// Compare is the one canonical order of objects: namespace, group, kind, name.
func (id ID) Compare(o ID) int {
	return cmp.Or(
		cmp.Compare(id.Namespace, o.Namespace),
		cmp.Compare(id.Group, o.Group),
		cmp.Compare(id.Kind, o.Kind),
		cmp.Compare(id.Name, o.Name),
	)
}

// Sensitive reports whether the values of an object of this kind must never leave the process.
func (id ID) Sensitive() bool { return id.Group == "" && id.Kind == "Secret" }
