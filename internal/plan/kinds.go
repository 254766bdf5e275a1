package plan

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/object"
)

var (
	namespaceKind = schema.GroupKind{Kind: "Namespace"}
	crdKind       = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
	claimKind     = schema.GroupKind{Kind: "PersistentVolumeClaim"}
)

// foundation reports whether other objects cannot exist before this one: applied and waited for first, deleted last.
func foundation(id object.ID) bool {
	gk := id.GroupKind()
	return gk == namespaceKind || gk == crdKind
}

// precious reports whether deleting the object loses what Git cannot bring back: data, or everything inside it.
func precious(id object.ID) bool { return foundation(id) || id.GroupKind() == claimKind }

// ranks order the kinds of one wave, in few steps so that much goes in parallel. Kinds that are not here, custom ones
// among them, have rank otherRank.
var ranks = map[string]int{
	"Namespace": 0,
	"CustomResourceDefinition.apiextensions.k8s.io": 1,

	"ResourceQuota":                               2,
	"LimitRange":                                  2,
	"NetworkPolicy.networking.k8s.io":             2,
	"PriorityClass.scheduling.k8s.io":             2,
	"RuntimeClass.node.k8s.io":                    2,
	"StorageClass.storage.k8s.io":                 2,
	"IngressClass.networking.k8s.io":              2,
	"GatewayClass.gateway.networking.k8s.io":      2,
	"ServiceAccount":                              2,
	"ClusterRole.rbac.authorization.k8s.io":       2,
	"Role.rbac.authorization.k8s.io":              2,
	"CSIDriver.storage.k8s.io":                    2,
	"VolumeSnapshotClass.snapshot.storage.k8s.io": 2,

	"Secret":                3,
	"ConfigMap":             3,
	"PersistentVolume":      3,
	"PersistentVolumeClaim": 3,
	"ClusterRoleBinding.rbac.authorization.k8s.io": 3,
	"RoleBinding.rbac.authorization.k8s.io":        3,

	"Service":                        4,
	"Endpoints":                      4,
	"EndpointSlice.discovery.k8s.io": 4,

	"Pod":                   5,
	"ReplicationController": 5,
	"ReplicaSet.apps":       5,
	"DaemonSet.apps":        5,
	"Deployment.apps":       5,
	"StatefulSet.apps":      5,
	"Job.batch":             5,
	"CronJob.batch":         5,

	"HorizontalPodAutoscaler.autoscaling": 7,
	"PodDisruptionBudget.policy":          7,
	"Ingress.networking.k8s.io":           7,

	"APIService.apiregistration.k8s.io":                             8,
	"MutatingWebhookConfiguration.admissionregistration.k8s.io":     8,
	"ValidatingWebhookConfiguration.admissionregistration.k8s.io":   8,
	"ValidatingAdmissionPolicy.admissionregistration.k8s.io":        8,
	"ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io": 8,
	"MutatingAdmissionPolicy.admissionregistration.k8s.io":          8,
	"MutatingAdmissionPolicyBinding.admissionregistration.k8s.io":   8,
}

const (
	otherRank = 6
	lastRank  = 8
)

// rank is the place of a kind within its wave.
func rank(id object.ID) int {
	key := id.Kind
	if id.Group != "" {
		key += "." + id.Group
	}
	if r, ok := ranks[key]; ok {
		return r
	}
	return otherRank
}

// nameLimit is the longest name that the API server takes for a kind.
func nameLimit(id object.ID) int {
	switch id.GroupKind() {
	case namespaceKind, schema.GroupKind{Kind: "Service"}:
		return 63
	}
	return 253
}

// crdGroup is the API group that a CRD's name says it defines.
func crdGroup(name string) string {
	_, group, _ := strings.Cut(name, ".")
	return group
}
