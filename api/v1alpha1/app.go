package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// App says what runs where: sources in Git or chart repositories, and the cluster and namespace that they go to.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=papp,categories=plumb
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`
// +kubebuilder:printcolumn:name="Health",type=string,JSONPath=`.status.health.level`
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.status.revision.short`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Sync",type=string,JSONPath=`.status.sync`,priority=1
// +kubebuilder:printcolumn:name="Cluster",type=string,JSONPath=`.spec.destination.cluster`,priority=1
// +kubebuilder:printcolumn:name="Namespace",type=string,JSONPath=`.spec.destination.namespace`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`,priority=1
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="the name of an App may have at most 63 characters"
type App struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec AppSpec `json:"spec"`
	// Plumb alone writes it, and always as a whole: who owns which of its fields need not be told apart.
	// +structType=atomic
	Status AppStatus `json:"status,omitempty"`
}

// AppList is a list of Apps.
//
// +kubebuilder:object:root=true
type AppList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []App `json:"items"`
}

// AppSpec is what a person writes.
//
// +kubebuilder:validation:XValidation:rule="has(self.source) != has(self.sources)",message="give either source or sources"
type AppSpec struct {
	// The only source. Shorthand for a list of one.
	Source *Source `json:"source,omitempty"`

	// Several sources; their objects are one App. Two objects of the same name in two sources are refused.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="size(self) == 1 || (self.all(s, has(s.name)) && self.all(s, self.exists_one(t, t.name == s.name)))",message="with several sources each needs a name of its own"
	// +kubebuilder:validation:XValidation:rule="self.exists(s, !s.valuesOnly)",message="at least one source must be rendered (valuesOnly is set on all)"
	// +listType=atomic
	Sources []Source `json:"sources,omitempty"`

	// Where the objects go.
	// +kubebuilder:default={}
	Destination Destination `json:"destination,omitempty"`

	// How and when they get there.
	// +kubebuilder:default={}
	Sync SyncSpec `json:"sync,omitempty"`

	// What must be ready before this App is applied.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	DependsOn []Dependency `json:"dependsOn,omitempty"`

	// Health rules, tried in this order before the built-in ones.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Health []HealthRule `json:"health,omitempty"`

	// Fields that others may change: neither drift nor part of a plan.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Ignore []IgnoreRule `json:"ignore,omitempty"`

	// Variables to replace in the rendered objects. Without it, nothing is replaced.
	Substitute *Substitute `json:"substitute,omitempty"`

	// Labels and annotations to put on every object.
	CommonMetadata *Metadata `json:"commonMetadata,omitempty"`

	// When a new revision is not healthy by its deadline, go back to the last healthy bundle and stay there, visibly,
	// until Git says something else. Off by default: what Git says is what runs.
	RollbackOnFailure bool `json:"rollbackOnFailure,omitempty"`

	// Pins the App to a revision or an earlier bundle. Changing it takes the verb "hold" on the App.
	Hold *Hold `json:"hold,omitempty"`

	// Stops everything: no new revision, no healing. What runs keeps running.
	Suspend bool `json:"suspend,omitempty"`

	// What becomes of the objects when the App is deleted. Prune deletes them (those marked to be kept excepted); Orphan
	// leaves them and takes Plumb's marks off.
	// +kubebuilder:default=Prune
	Deletion DeletionPolicy `json:"deletion,omitempty"`
}

// DeletionPolicy says what becomes of the objects of a deleted App.
//
// +kubebuilder:validation:Enum=Prune;Orphan
type DeletionPolicy string

const (
	DeletionPrune  DeletionPolicy = "Prune"
	DeletionOrphan DeletionPolicy = "Orphan"
)

// Destination is a cluster and the namespace for objects that name none.
type Destination struct {
	// Name of a Cluster.
	// +kubebuilder:default=in-cluster
	Cluster Name `json:"cluster,omitempty"`

	// For namespaced objects that name no namespace. Without it, such an object is refused.
	Namespace Namespace `json:"namespace,omitempty"`
}

// SyncMode says what a new bundle needs before it is applied.
//
// +kubebuilder:validation:Enum=Auto;Approve;Manual
type SyncMode string

const (
	SyncAuto    SyncMode = "Auto"
	SyncApprove SyncMode = "Approve"
	SyncManual  SyncMode = "Manual"
)

// SyncSpec is how and when objects are applied.
type SyncSpec struct {
	// Auto applies each new revision. Approve makes a plan and waits until somebody approves exactly that plan. Manual
	// waits for a sync request.
	// +kubebuilder:default=Auto
	Mode SyncMode `json:"mode,omitempty"`

	// Delete objects that are no longer in Git. Only what this App owns, last, and within pruneLimit.
	// +kubebuilder:default=true
	Prune *bool `json:"prune,omitempty"`

	// The share of the App's objects that one plan may delete without approval. 100% switches the guard off. Apps of
	// fewer than five objects are exempt.
	// +kubebuilder:default="50%"
	PruneLimit Percent `json:"pruneLimit,omitempty"`

	// Let a render without any object delete everything, once somebody approved it. Off: it is refused.
	AllowEmpty bool `json:"allowEmpty,omitempty"`

	// Undo changes that others make to what Git says. Off: they are reported only.
	// +kubebuilder:default=true
	Heal *bool `json:"heal,omitempty"`

	// Take over objects that exist already and belong to no App. Off: they are refused.
	Adopt bool `json:"adopt,omitempty"`

	// Replace objects as a whole, so that fields which are not in Git go away.
	Replace bool `json:"replace,omitempty"`

	// Delete and create an object again when, and only when, an immutable field changed.
	Force bool `json:"force,omitempty"`

	// Leave objects alone that exist already: they are created only.
	SkipIfExists bool `json:"skipIfExists,omitempty"`

	// Create the destination namespace when it does not exist. It is not deleted with the App.
	CreateNamespace bool `json:"createNamespace,omitempty"`

	// Send objects that are in sync too.
	ApplyUnchanged bool `json:"applyUnchanged,omitempty"`

	// How long a whole attempt may take, health included.
	// +kubebuilder:default="15m"
	Deadline Duration `json:"deadline,omitempty"`

	// How long one wave may take to become healthy.
	// +kubebuilder:default="10m"
	WaveDeadline Duration `json:"waveDeadline,omitempty"`

	// How long one hook may take.
	// +kubebuilder:default="15m"
	HookDeadline Duration `json:"hookDeadline,omitempty"`
}

// Dependency is something that must be ready: an App that is Synced, or any object that is healthy.
//
// +kubebuilder:validation:XValidation:rule="has(self.app) != has(self.object)",message="give either app or object"
type Dependency struct {
	App    *AppReference    `json:"app,omitempty"`
	Object *ObjectReference `json:"object,omitempty"`
}

// AppReference names an App.
type AppReference struct {
	Name Name `json:"name"`
	// Default: the namespace of the App that depends on it.
	Namespace Namespace `json:"namespace,omitempty"`
}

// ObjectReference names any object in any cluster.
type ObjectReference struct {
	// "v1", "apps/v1".
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^([-a-z0-9.]+/)?v[0-9][a-z0-9]*$`
	APIVersion string `json:"apiVersion"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Default: the destination namespace, for namespaced kinds.
	Namespace Namespace `json:"namespace,omitempty"`
	// Default: the destination cluster.
	Cluster Name `json:"cluster,omitempty"`
}

// IgnoreRule names fields that others may change. Empty selectors match everything; at least one of pointers, paths and
// managers is needed.
//
// +kubebuilder:validation:XValidation:rule="has(self.pointers) || has(self.paths) || has(self.managers)",message="say what to ignore: pointers, paths or managers"
type IgnoreRule struct {
	// API group; empty is the core group, "*" is any. Counts only with a kind.
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group,omitempty"`
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
	// JSON pointers: "/spec/replicas".
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Pattern=`^/`
	// +kubebuilder:validation:items:MaxLength=1024
	Pointers []string `json:"pointers,omitempty"`
	// Paths as Plumb writes them: ".spec.template.spec.containers[name=web].image".
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Pattern=`^\.`
	// +kubebuilder:validation:items:MaxLength=1024
	Paths []string `json:"paths,omitempty"`
	// Field managers whose changes are theirs to make: "kube-controller-manager".
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=128
	Managers []string `json:"managers,omitempty"`
}

// Substitute replaces ${NAME} in the rendered objects.
type Substitute struct {
	// +kubebuilder:validation:MaxProperties=256
	Vars map[string]string `json:"vars,omitempty"`
}

// Metadata is labels and annotations.
type Metadata struct {
	// +kubebuilder:validation:MaxProperties=64
	Labels map[string]string `json:"labels,omitempty"`
	// +kubebuilder:validation:MaxProperties=64
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Hold pins an App.
//
// +kubebuilder:validation:XValidation:rule="has(self.revision) != has(self.bundle)",message="hold either a revision or a bundle"
type Hold struct {
	// A commit to stay at.
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{7,40}$`
	Revision string `json:"revision,omitempty"`
	// An earlier bundle, as it was.
	// +kubebuilder:validation:Pattern=`^sha256:[0-9a-f]{64}$`
	Bundle string `json:"bundle,omitempty"`
	// Who holds it.
	// +kubebuilder:validation:MaxLength=253
	Owner string `json:"owner,omitempty"`
	// Why.
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
	// When the hold ends by itself; without it, when it is released.
	Until Timestamp `json:"until,omitempty"`
}
