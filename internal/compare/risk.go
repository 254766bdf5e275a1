package compare

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/object"
)

// Risk is the worst that a difference can mean, were left to become right. The order is that in which people want to
// see objects.
type Risk string

const (
	DataLoss  Risk = "data"      // what cannot be brought back from Git goes: volumes, namespaces, definitions, versions
	Deleted   Risk = "delete"    // the object goes
	Immutable Risk = "immutable" // a field that cannot be changed in place: the object must be made anew
	CRD       Risk = "crd"       // a definition changes: all its objects are read by it
	RBAC      Risk = "rbac"      // rights change
	NoRisk    Risk = ""
)

var riskOrder = []Risk{DataLoss, Deleted, Immutable, CRD, RBAC, NoRisk}

// Order sorts results: the riskiest first, then what goes, what changes, what comes, and what is quiet.
func Order(a, b Result) int {
	return cmp.Or(
		slices.Index(riskOrder, a.Risk)-slices.Index(riskOrder, b.Risk),
		bulk(a)-bulk(b),
		a.ID.Compare(b.ID),
	)
}

func bulk(r Result) int {
	switch {
	case r.Quiet():
		return 3
	case r.Action == Removed:
		return 0
	case r.Action == Changed:
		return 1
	}
	return 2
}

const rbacGroup = "rbac.authorization.k8s.io"

func isDefinition(id object.ID) bool {
	return id.Group == "apiextensions.k8s.io" && id.Kind == "CustomResourceDefinition"
}

// Precious reports whether deleting an object of this kind loses what Git cannot bring back.
func Precious(id object.ID) bool {
	switch {
	case id.Group == "" && (id.Kind == "PersistentVolumeClaim" || id.Kind == "PersistentVolume" || id.Kind == "Namespace"):
		return true
	}
	return isDefinition(id)
}

func riskOf(r Result, left, right map[string]any) Risk {
	switch {
	case r.Action == Removed && Precious(r.ID):
		return DataLoss
	case r.Action == Removed:
		return Deleted
	case r.Quiet():
		return NoRisk
	case r.Action == Changed && len(Losses(r.ID, left, right)) > 0:
		return DataLoss
	case r.Action == Changed && slices.ContainsFunc(r.Fields, func(f Field) bool { return f.Class == Ours && immutable(r.ID, f.Path, left) }):
		return Immutable
	case isDefinition(r.ID):
		return CRD
	case r.ID.Group == rbacGroup:
		return RBAC
	}
	return NoRisk
}

// Losses says, in sentences, what of the left side's data would be lost if right took its place. right is nil when the
// object goes.
func Losses(id object.ID, left, right map[string]any) []string {
	if left == nil {
		return nil
	}
	if right == nil {
		switch {
		case isDefinition(id):
			return []string{fmt.Sprintf("%s is deleted, and with it every object of its kind", id)}
		case id.Kind == "Namespace" && id.Group == "":
			return []string{fmt.Sprintf("%s is deleted, and with it everything in it", id)}
		case Precious(id):
			return []string{fmt.Sprintf("%s is deleted; what is stored in it may be lost", id)}
		}
		return nil
	}
	switch {
	case isDefinition(id):
		return lostVersions(id, left, right)
	case id.Kind == "PersistentVolumeClaim" && id.Group == "":
		return smaller(id, left, right)
	}
	return nil
}

func lostVersions(id object.ID, left, right map[string]any) []string {
	var out []string
	after := versions(right)
	for _, v := range versions(left) {
		i := slices.IndexFunc(after, func(o version) bool { return o.name == v.name })
		switch {
		case i < 0:
			out = append(out, fmt.Sprintf("%s no longer has the version %s: objects stored in it could not be read", id, v.name))
		case v.served && !after[i].served:
			out = append(out, fmt.Sprintf("%s no longer serves the version %s", id, v.name))
		case v.storage && !after[i].storage:
			out = append(out, fmt.Sprintf("%s no longer stores the version %s", id, v.name))
		}
	}
	return out
}

type version struct {
	name            string
	served, storage bool
}

func versions(crd map[string]any) []version {
	spec, _ := crd["spec"].(map[string]any)
	list, _ := spec["versions"].([]any)
	var out []version
	for _, e := range list {
		m, _ := e.(map[string]any)
		name, _ := m["name"].(string)
		served, _ := m["served"].(bool)
		storage, _ := m["storage"].(bool)
		out = append(out, version{name, served, storage})
	}
	return out
}

func smaller(id object.ID, left, right map[string]any) []string {
	before, after := storage(left), storage(right)
	if before == "" || after == "" || drift.SameQuantity(before, after) {
		return nil
	}
	if less(after, before) {
		return []string{fmt.Sprintf("%s would shrink from %s to %s, which Kubernetes refuses", id, before, after)}
	}
	return nil
}

// immutableFields are prefixes of paths that cannot be changed in place, by group and kind.
var immutableFields = map[string][]string{
	"Deployment.apps":  {".spec.selector"},
	"DaemonSet.apps":   {".spec.selector"},
	"ReplicaSet.apps":  {".spec.selector"},
	"StatefulSet.apps": {".spec.selector", ".spec.serviceName", ".spec.podManagementPolicy", ".spec.volumeClaimTemplates"},
	"Job.batch":        {".spec.template", ".spec.selector", ".spec.completionMode"},
	"Service":          {".spec.clusterIP"},
	"PersistentVolumeClaim": {
		".spec.storageClassName", ".spec.accessModes", ".spec.volumeName", ".spec.volumeMode", ".spec.selector", ".spec.dataSource",
	},
	"StorageClass.storage.k8s.io":                   {".provisioner", ".parameters", ".reclaimPolicy", ".volumeBindingMode"},
	"RoleBinding." + rbacGroup:                      {".roleRef"},
	"ClusterRoleBinding." + rbacGroup:               {".roleRef"},
	"IngressClass.networking.k8s.io":                {".spec.controller"},
	"PriorityClass.scheduling.k8s.io":               {".value", ".preemptionPolicy"},
	"CustomResourceDefinition.apiextensions.k8s.io": {".spec.scope", ".spec.group", ".spec.names.kind", ".spec.names.plural"},
	"Secret": {".type"},
	"Pod":    {".spec.containers", ".spec.volumes", ".spec.nodeName", ".spec.serviceAccountName"},
}

func immutable(id object.ID, path string, left map[string]any) bool {
	name := id.Kind
	if id.Group != "" {
		name += "." + id.Group
	}
	if fixed, _ := left["immutable"].(bool); fixed && (name == "ConfigMap" || name == "Secret") {
		return strings.HasPrefix(path, ".data") || strings.HasPrefix(path, ".binaryData") || path == ".immutable"
	}
	for _, prefix := range immutableFields[name] {
		if rest, ok := strings.CutPrefix(path, prefix); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return !(name == "Pod" && strings.HasSuffix(path, ".image"))
		}
	}
	return false
}
