package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// AppStatus is where an App stands. It never grows with the number of objects.
type AppStatus struct {
	// Generation of the spec that this speaks about.
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// One word: Unknown, Failed, Degraded, Drifted, Deploying, Waiting, Paused or Synced.
	State string `json:"state,omitempty"`
	// When state and reason became what they are.
	Since *metav1.Time `json:"since,omitempty"`
	// A stable code out of a closed list.
	Reason string `json:"reason,omitempty"`
	// One sentence.
	Message string `json:"message,omitempty"`
	// The next step for the reader, often a command.
	Next string `json:"next,omitempty"`
	// The object that the App waits for or fails by.
	Blocking *Blocking `json:"blocking,omitempty"`
	// Verbs that make sense now.
	// +listType=atomic
	Actions []string `json:"actions,omitempty"`
	// Whether the cluster says what Git says: Synced, OutOfSync or Unknown.
	Sync string `json:"sync,omitempty"`
	// The worst of the objects.
	Health *AppHealth `json:"health,omitempty"`
	// Commits (or chart versions) of the source that is rendered first.
	Revision *AppRevision `json:"revision,omitempty"`
	// Digest of the bundle that was applied last.
	Bundle string  `json:"bundle,omitempty"`
	Counts *Counts `json:"counts,omitempty"`
	// Of the attempt that runs.
	Progress *Progress `json:"progress,omitempty"`
	// The plan that waits for approval or runs.
	Plan *PlanSummary `json:"plan,omitempty"`
	// At most ten.
	// +listType=atomic
	Warnings []string `json:"warnings,omitempty"`
	// What a deletion could not remove, and why; at most ten.
	// +listType=atomic
	Left []string `json:"left,omitempty"`
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// What Plumb itself must remember: the attempt, its hooks, the kinds in use. Not for people to change.
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	// +structType=atomic
	Memory *runtime.RawExtension `json:"memory,omitempty"`
}

// Blocking is the object that an App waits for or fails by.
type Blocking struct {
	// KIND[.GROUP]/[NAMESPACE/]NAME
	Object  string `json:"object"`
	Level   string `json:"level,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// File and line that it was rendered from.
	File string `json:"file,omitempty"`
}

// AppHealth is the worst health among an App's objects, and the object to blame.
type AppHealth struct {
	Level   string `json:"level,omitempty"`
	Object  string `json:"object,omitempty"`
	Message string `json:"message,omitempty"`
}

// AppRevision tells what Git says, what was applied, and what was last healthy.
type AppRevision struct {
	Desired string `json:"desired,omitempty"`
	Applied string `json:"applied,omitempty"`
	Healthy string `json:"healthy,omitempty"`
	// Ref and short commit of what was applied, for people.
	Short string `json:"short,omitempty"`
}

// Counts of an App's objects.
type Counts struct {
	Total       int32 `json:"total"`
	Healthy     int32 `json:"healthy"`
	Progressing int32 `json:"progressing"`
	Degraded    int32 `json:"degraded"`
	Missing     int32 `json:"missing"`
	Drifted     int32 `json:"drifted"`
}

// Progress of the attempt that runs.
type Progress struct {
	Phase string `json:"phase,omitempty"`
	Wave  int32  `json:"wave"`
	// Steps run in groups, one after the other.
	Group  int32 `json:"group"`
	Groups int32 `json:"groups"`
	// What it waits for; at most ten.
	// +listType=atomic
	Waiting []Waiting `json:"waiting,omitempty"`
}

// Waiting is one thing that an attempt waits for, and until when.
type Waiting struct {
	Object   string      `json:"object"`
	For      string      `json:"for"`
	Message  string      `json:"message,omitempty"`
	Deadline metav1.Time `json:"deadline,omitzero"`
}

// PlanSummary is what there is to know of a plan before it is approved.
type PlanSummary struct {
	Digest string `json:"digest"`
	Mode   string `json:"mode,omitempty"`
	// Actions and how many of each.
	Steps map[string]int32 `json:"steps,omitempty"`
	// What waits for approval of exactly this plan; at most ten.
	// +listType=atomic
	Guards []string `json:"guards,omitempty"`
}
