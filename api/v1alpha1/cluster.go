package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Cluster is a target. It is cluster-scoped: Apps of every namespace name it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=pcluster,categories=plumb
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`,priority=1
type Cluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec   ClusterSpec   `json:"spec"`
	Status ClusterStatus `json:"status,omitempty"`
}

// ClusterList is a list of Clusters.
//
// +kubebuilder:object:root=true
type ClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Cluster `json:"items"`
}

// ClusterSpec says how to reach a cluster.
//
// +kubebuilder:validation:XValidation:rule="has(self.inCluster) != has(self.kubeconfig)",message="give either inCluster or kubeconfig"
type ClusterSpec struct {
	// The cluster that Plumb itself runs in, or was started for.
	InCluster *InCluster `json:"inCluster,omitempty"`
	// A kubeconfig in a Secret. Programs named in it (exec, auth-provider) are not run.
	Kubeconfig *KubeconfigSecret `json:"kubeconfig,omitempty"`
}

// InCluster has no options yet.
type InCluster struct{}

// KubeconfigSecret names a key of a Secret.
type KubeconfigSecret struct {
	Name      Name      `json:"name"`
	Namespace Namespace `json:"namespace"`
	// +kubebuilder:default=kubeconfig
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// ClusterStatus is where a Cluster stands.
type ClusterStatus struct {
	ObservedGeneration int64  `json:"observedGeneration,omitempty"`
	Reason             string `json:"reason,omitempty"`
	Message            string `json:"message,omitempty"`
	Next               string `json:"next,omitempty"`
	// Of its API server.
	Version string `json:"version,omitempty"`
	// When it was connected, or lost.
	Since *metav1.Time `json:"since,omitempty"`
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
