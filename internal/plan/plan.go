// Package plan turns desired × live × owned into a Plan: a value that prints, marshals and has a digest. Compute is
// pure, and it is the only place that orders objects or decides to delete. Package apply carries a Plan out and accepts
// nothing else.
package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// Action is what a step does to one object.
type Action string

const (
	Create   Action = "Create"   // believed absent: applied without force
	Apply    Action = "Apply"    // server-side apply with force
	Adopt    Action = "Adopt"    // Apply, after taking over from the managers that own it now
	Replace  Action = "Replace"  // PUT, then Apply, so that ownership stays Apply
	Recreate Action = "Recreate" // delete and create; apply decides it only when a field is immutable and force allows it
	Hook     Action = "Hook"     // create, run to completion, clean up
	Prune    Action = "Prune"    // delete with preconditions
	Orphan   Action = "Orphan"   // take our marks off and leave the object
)

// Phase groups steps; phases run in this order.
type Phase string

const (
	Before       Phase = "Before"     // hooks before anything
	Foundation   Phase = "Foundation" // Namespaces and CRDs, waited for
	Main         Phase = "Main"       // the waves, with hooks that run during them
	After        Phase = "After"      // hooks when all is healthy
	Pruning      Phase = "Pruning"    // last, in reverse order of the live waves
	OnFailure    Phase = "OnFailure"  // hooks when the attempt failed
	BeforeDelete Phase = "BeforeDelete"
	AfterDelete  Phase = "AfterDelete"
)

// Desired is an object in the form in which it is sent: namespace resolved, stamped with its owner.
type Desired struct {
	ID      object.ID
	Object  *unstructured.Unstructured // nil: it is known by its Digest to be what it was, see Memo
	Kind    schema.GroupVersionKind    // where Object is nil; see GVK
	Origin  object.Origin
	Wave    int
	Options Options
	Hook    *HookSpec     // nil for an ordinary object
	Digest  object.Digest // of Object
	Random  []string
}

// GVK is the kind of the object, with its version.
func (d *Desired) GVK() schema.GroupVersionKind {
	if d.Object == nil {
		return d.Kind
	}
	return d.Object.GroupVersionKind()
}

// Tri is an option that may be left to the App.
type Tri int

const (
	Inherit Tri = iota
	On
	Off
)

// Options are the wishes of one object, read from its annotations (annotations.go has the table).
type Options struct {
	Prune            Tri  // Off: never pruned
	ConfirmPrune     bool // a prune waits for approval
	Delete           Tri  // Off: kept when the App is deleted
	ConfirmDelete    bool
	Replace          Tri
	Force            Tri
	SkipIfExists     bool // create-only
	Unmanaged        bool // neither applied nor pruned (reconcile disabled, Skip)
	Merge            bool // leave what people's tools added on top
	IgnoreExtraneous bool // when not in Git, does not make the App OutOfSync
	IgnoreHealth     bool
	DependsOn        []object.ID // kpt's depends-on: raised to a wave after theirs
	IgnoreFields     []string    // paths, from plumb.cd/ignore-fields
	Propagation      string      // Foreground, Background, Orphan; empty: Background
	Adopt            bool        // may be taken over when no App owns it
	AdoptFrom        string      // "namespace/app": may be taken over from that App
	LateKind         bool        // its kind may be unknown until an earlier wave ran
	Ensure           bool        // made when absent, and that is all: owned by nobody, never changed, never deleted
}

// HookSpec says when a hook runs and when it is cleaned up.
type HookSpec struct {
	Phases          []Phase
	DeleteBefore    bool // before a new one is created; the default when no policy is given
	DeleteOnSuccess bool
	DeleteOnFailure bool
	InRollback      bool // declared to run in rollbacks too
}

// Policy is the App's share of the decision.
type Policy struct {
	Prune           bool
	AdoptForeign    bool // take over objects that no App owns
	Replace, Force  bool
	SkipIfExists    bool
	ApplyUnchanged  bool // send objects that are in sync too
	CreateNamespace bool
	// PruneLimit is the share of an App's objects (0..1) that one plan may delete without approval; 0 means the
	// default of 0.5, 1 switches the guard off. Apps of fewer than five objects are exempt.
	PruneLimit                 float64
	AllowEmpty                 bool          // with approval only: an empty render never prunes by itself
	WaveDeadline, HookDeadline time.Duration // zero: 10 and 15 minutes
}

// Live is what is known of an object in the cluster.
type Live struct {
	ID       object.ID
	Kind     schema.GroupVersionKind
	UID      string
	Owner    *object.Owner // nil: no proof that any App owns it
	Applied  object.Digest // digest of the Desired that was last applied; empty: unknown
	InSync   bool          // the fingerprint matches what was applied
	Wave     int           // from its annotation
	Options  Options       // as its live annotations say (prune off, ...)
	Deleting bool
	Hook     bool // it was created by a hook
}

// Mode is why a plan is made.
type Mode string

const (
	Sync     Mode = "Sync"
	Heal     Mode = "Heal"     // no new revision: only what drifted, no hooks, no pruning
	Rollback Mode = "Rollback" // an earlier bundle: no hooks unless declared for it
	Delete   Mode = "Delete"   // the App goes: everything is pruned or orphaned
)

// Input is all that a decision depends on.
type Input struct {
	Mode    Mode
	App     object.Owner
	Bundle  object.Digest
	Desired []Desired
	Live    map[object.ID]Live // what we own, and what stands under desired names
	Policy  Policy
	// Only restricts the plan to these objects (selective sync: hooks are skipped); empty: all.
	Only []object.ID
	// HooksDone are hooks of this attempt that already ended; they do not run again.
	HooksDone map[string]bool // HookKey
	// HoldPrune leaves the pruning out, with the reason: other Apps of the revision are not rendered yet.
	HoldPrune string
	// Suspicion says why every deletion waits for approval, however small: the history of the source was rewritten.
	Suspicion string
	Orphan    bool // Delete mode: leave the objects
	// RunHooks says that this is a new attempt: hooks run although no object differs. Without it they run only when the
	// plan has something else to do.
	RunHooks bool
	// Moving are the objects that their former owners gave up at this very revision: handed over, not refused.
	Moving map[object.ID]object.Owner
}

// HookKey names the run of a hook within an attempt: "Before:Job.batch/namespace/name".
func HookKey(p Phase, id object.ID) string { return string(p) + ":" + id.String() }

// Plan is what will be done. Groups run one after the other.
type Plan struct {
	Mode      Mode          `json:"mode"`
	App       object.Owner  `json:"app"`
	Bundle    object.Digest `json:"bundle"`
	Digest    object.Digest `json:"digest"`
	Groups    []Group       `json:"groups"`
	OnFailure []Group       `json:"onFailure,omitempty"` // run instead of the rest when the attempt fails
	Refused   []Refusal     `json:"refused,omitempty"`   // objects that may not be touched; any refusal fails the attempt before it starts
	Guards    []Guard       `json:"guards,omitempty"`    // what needs approval
	Unchanged int           `json:"unchanged"`
	Kept      []Keep        `json:"kept,omitempty"` // owned, no longer in Git, and left alone
	Warnings  []string      `json:"warnings,omitempty"`
}

// Keep is an object of the App that Git does not have and the plan does not delete.
type Keep struct {
	ID  object.ID `json:"id"`
	Why string    `json:"why"`
	// Extraneous: it does not make the App OutOfSync.
	Extraneous bool `json:"extraneous,omitempty"`
}

// Group is a set of steps that run in parallel (by Rank, lower first, without waiting in between). With Await, the
// next group starts when everything in it is healthy, or complete, or gone.
type Group struct {
	Phase    Phase         `json:"phase"`
	Wave     int           `json:"wave"`
	Steps    []Step        `json:"steps"`
	Await    []object.ID   `json:"await,omitempty"` // includes objects that are unchanged but unhealthy
	Deadline time.Duration `json:"deadline,omitempty"`
}

// Step is one action on one object.
type Step struct {
	Action       Action                  `json:"action"`
	ID           object.ID               `json:"id"`
	Kind         schema.GroupVersionKind `json:"-"`
	UID          string                  `json:"uid,omitempty"` // of the live object that it touches
	Rank         int                     `json:"rank"`
	Why          string                  `json:"why"` // "new", "changed in Git", "drifted", "no longer in Git", ...
	Propagation  string                  `json:"propagation,omitempty"`
	ForceAllowed bool                    `json:"forceAllowed,omitempty"` // may become Recreate on an immutable field
	Hook         *HookSpec               `json:"hook,omitempty"`
}

// Refusal is an object that the plan may not touch.
type Refusal struct {
	ID      object.ID    `json:"id"`
	Reason  fault.Reason `json:"reason"`
	Message string       `json:"message"`
	Next    string       `json:"next"`
}

// Guard is a part of the plan that waits for approval of exactly this plan (by digest).
type Guard struct {
	Reason  fault.Reason `json:"reason"`
	Message string       `json:"message"`
	Objects []object.ID  `json:"objects,omitempty"`
}

// Empty reports whether there is nothing to do.
func (p Plan) Empty() bool { return len(p.Groups) == 0 && len(p.Refused) == 0 }
