// Package v1alpha1 holds the custom resources of plumb.cd/v1alpha1: App, Repository, Cluster and Channel.
//
// The types are written for the people who fill them in. What the API server accepts never stops a reader: durations,
// times and shares are strings with a pattern, so that no stored value can fail to decode.
//
// +kubebuilder:object:generate=true
// +groupName=plumb.cd
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of everything here.
var GroupVersion = schema.GroupVersion{Group: "plumb.cd", Version: "v1alpha1"}

// AddToScheme registers the kinds.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&App{}, &AppList{},
		&Repository{}, &RepositoryList{},
		&Cluster{}, &ClusterList{},
		&Channel{}, &ChannelList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}

// Annotations by which people and programs ask an App for something that is no part of its spec.
const (
	// AnnotationSyncRequest holds a SyncRequest as JSON. It is handled once, by its ID.
	AnnotationSyncRequest = "plumb.cd/sync-request"
	// AnnotationRefresh asks for a look at Git now whenever its value changes.
	AnnotationRefresh = "plumb.cd/refresh"
	// AnnotationCancel cancels the running attempt whenever its value changes.
	AnnotationCancel = "plumb.cd/cancel"
	// AnnotationUses lists the clusters, kinds and namespaces that an App is about to use for the first time, as JSON. It is
	// written together with the finalizer, before anything is applied; once there is status.memory, that alone counts. An App
	// that was created with the finalizer has none: see internal/controller/app, register.
	AnnotationUses = "plumb.cd/uses"
	// Finalizer keeps an App until its objects are pruned or left behind, as spec.deletion says.
	Finalizer = "plumb.cd/finalizer"
)

// Condition types that every kind carries.
const (
	ConditionReady       = "Ready"       // True: as it should be
	ConditionReconciling = "Reconciling" // True: on the way
	ConditionStalled     = "Stalled"     // True: somebody has to do something
)

// SyncRequest is the value of AnnotationSyncRequest.
type SyncRequest struct {
	// ID tells requests apart; a request is handled once.
	ID string `json:"id"`
	// Actor is who asks, for the history.
	Actor string `json:"actor,omitempty"`
	// Plan approves exactly the plan with this digest. Without it, whatever is current is applied, guards excepted.
	Plan string `json:"plan,omitempty"`
	// Only restricts the sync to these objects, written KIND[.GROUP]/[NAMESPACE/]NAME.
	Only []string `json:"only,omitempty"`
	// All applies what is in sync too, and runs hooks again.
	All bool `json:"all,omitempty"`
	// At is when it was asked.
	At metav1.Time `json:"at,omitzero"`
}

// Duration is a length of time in hours, minutes and seconds: "90s", "5m", "1h30m".
//
// +kubebuilder:validation:Pattern=`^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$`
// +kubebuilder:validation:MinLength=2
// +kubebuilder:validation:MaxLength=21
// +kubebuilder:validation:XValidation:rule="self.matches('[1-9]')",message="must be longer than zero"
type Duration string

// Timestamp is a moment: "2026-01-31T18:00:00Z".
//
// +kubebuilder:validation:Format=date-time
// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$`
// +kubebuilder:validation:MaxLength=25
type Timestamp string

// Percent is a share: "50%".
//
// +kubebuilder:validation:Pattern=`^(100|[1-9][0-9]?)%$`
type Percent string

// Name of another resource of ours, in the same namespace where it has one.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
type Name string

// Namespace is the name of a namespace.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
type Namespace string
