// Package engine is the only package that knows the order of the stages: Git → tree → render → transform → bundle →
// plan → apply → health → drift. It is fed with values (App, Repository, Target), never reads a custom resource, and
// tells what it did in Snapshots.
package engine

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/render"
)

// Key names a resource of ours on the hub.
type Key struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

func (k Key) String() string { return k.Namespace + "/" + k.Name }

// Repository is where sources come from. An App may also name a URL directly; then the zero credentials are used.
type Repository struct {
	Key           Key
	Generation    int64
	URL           string
	Auth          git.Auth      // for Git
	ChartAuth     chart.Auth    // for oci:// and Helm repositories
	Interval      time.Duration // zero: one minute
	Limits        git.Limits
	Submodules    bool
	Suspend       bool
	WebhookSecret string
	Err           error // set when it could not be converted (a Secret is missing): Apps on it say so
}

// Target is a cluster.
type Target struct {
	Name       string // of the Cluster resource; "in-cluster" always exists where the daemon runs in one
	Generation int64
	Kubeconfig []byte // nil: in-cluster or the daemon's own
	Err        error
}

// Source is one input of an App.
type Source struct {
	Name       string
	Repository string // name of a Repository in the App's namespace; or
	URL        string // directly; or
	Dir        string // a directory of this machine: one-shot runs of the command line
	Ref        git.Ref
	Chart      *chart.Reference // a chart of a Helm repository or OCI registry, instead of Git
	Render     render.Request   // Kind, Path and options; Target is filled in by the engine
	ValuesOnly bool             // rendered by nobody: other sources read its files as "$name/path"
}

// SyncMode says what a new bundle needs before it is applied.
type SyncMode string

const (
	Auto    SyncMode = "Auto"
	Approve SyncMode = "Approve" // each plan waits until its digest is approved
	Manual  SyncMode = "Manual"  // each plan waits for a sync request
)

// Dependency is something that must be ready before an App is applied.
type Dependency struct {
	App     *Key // another App, on whatever cluster; or
	Cluster string
	Object  *object.ID // any object, on Cluster (empty: the App's own), that must be healthy
	Kind    schema.GroupVersionKind
}

// Hold pins an App to a bundle or revision.
type Hold struct {
	Revision string        // commit to render; or
	Bundle   object.Digest // an earlier bundle, as it was
	Owner    string
	Reason   string
	Until    time.Time // zero: until released
}

// Request is somebody's wish, handled once by its ID.
type Request struct {
	ID    string
	Actor string
	Plan  object.Digest // approves exactly this plan; empty: whatever is current (Manual mode), guards excepted
	Only  []object.ID
	All   bool // apply what is in sync too, and run hooks again
	At    time.Time
}

// App is what the engine is told about an App: its spec, and what its status remembers.
type App struct {
	Key               Key
	UID               string
	Generation        int64
	Sources           []Source
	Cluster           string
	Namespace         string // destination
	Mode              SyncMode
	Policy            plan.Policy
	Heal              bool
	Substitute        map[string]string
	Own               map[string]string // labels of the App resource itself; shown and filtered by, never applied
	Labels            map[string]string // on every object
	Annotations       map[string]string
	Health            []health.Rule
	Ignore            []drift.Ignore
	DependsOn         []Dependency
	Deadline          time.Duration // of a whole attempt, health included; zero: 15 minutes
	RollbackOnFailure bool
	Hold              *Hold
	Suspend           bool
	Deleting          bool
	Orphan            bool // spec.deletion: Orphan
	Request           *Request
	Refresh           string // a changed value asks for a look at Git now
	Cancel            string // a changed value cancels the running attempt
	Memory            Memory // from status; read only when the engine meets the App for the first time
	Err               error  // the spec could not be converted
}

// Memory is what must survive the loss of every local file. It lives in the App's status and is bounded: it never
// grows with the number of objects.
type Memory struct {
	Targets     []TargetUse    `json:"targets,omitempty"`
	Attempt     *Attempt       `json:"attempt,omitempty"`
	Applied     *Deployed      `json:"applied,omitempty"`
	Healthy     *Deployed      `json:"healthy,omitempty"`
	RolledBack  *RolledBack    `json:"rolledBack,omitempty"`
	Rewritten   string         `json:"rewritten,omitempty"` // why deletions wait for approval: history was replaced
	LastRequest string         `json:"lastRequest,omitempty"`
	LastRefresh string         `json:"lastRefresh,omitempty"`
	LastCancel  string         `json:"lastCancel,omitempty"`
	Charts      []chart.Locked `json:"charts,omitempty"`

	// Version grows with each change, as long as the process lives. What stores it never puts an older one over a newer.
	Version int64 `json:"-"`
}

// TargetUse says that an App has, or may have, objects of a kind there. Written before the first apply, removed only
// after an empty list.
type TargetUse struct {
	Cluster    string   `json:"cluster"`
	Group      string   `json:"group,omitempty"`
	Version    string   `json:"version"`
	Kind       string   `json:"kind"`
	Namespaces []string `json:"namespaces,omitempty"`
}

// Attempt is one deployment attempt.
type Attempt struct {
	ID        string            `json:"id"`
	Mode      plan.Mode         `json:"mode"`
	Bundle    object.Digest     `json:"bundle"`
	Plan      object.Digest     `json:"plan,omitempty"`
	Revisions []bundle.Revision `json:"revisions,omitempty"`
	Started   time.Time         `json:"started"`
	Ended     time.Time         `json:"ended,omitzero"`
	Outcome   string            `json:"outcome,omitempty"` // Succeeded, Failed, Superseded, Cancelled; empty while it runs
	Reason    fault.Reason      `json:"reason,omitempty"`
	Message   string            `json:"message,omitempty"`
	Hooks     map[string]string `json:"hooks,omitempty"` // hook key → Starting, Started, Succeeded, Failed
	Actor     string            `json:"actor,omitempty"`
}

// Deployed is a bundle that was applied, or applied and healthy.
type Deployed struct {
	Bundle    object.Digest     `json:"bundle"`
	Revisions []bundle.Revision `json:"revisions,omitempty"`
	At        time.Time         `json:"at"`
}

// RolledBack is a rollback after failure; it holds until a bundle other than Bad comes.
type RolledBack struct {
	Bad     object.Digest `json:"bad"`
	To      object.Digest `json:"to"`
	At      time.Time     `json:"at"`
	Message string        `json:"message"`
}

// State is the one word for an App.
type State string

const (
	StateUnknown   State = "Unknown"
	StateFailed    State = "Failed"
	StateDegraded  State = "Degraded"
	StateDrifted   State = "Drifted"
	StateDeploying State = "Deploying"
	StateWaiting   State = "Waiting"
	StatePaused    State = "Paused"
	StateSynced    State = "Synced"
)

// Snapshot is where an App stands.
type Snapshot struct {
	Key        Key
	Generation int64 // of the App that this speaks about
	State      State
	Since      time.Time
	Reason     fault.Reason
	Message    string
	Next       string // the next step for the reader, often a command
	Blocking   *Blocking
	Actions    []string // verbs that make sense now
	InSync     SyncFact
	Health     health.Blame
	Desired    *Deployed // what Git says, by the commit that last changed it; At is when it was seen
	// Head is the newest commit that the App is known to be up to date with, changed by it or not. Filled in on reading.
	Head     string
	Counts   Counts
	Progress *Progress
	Plan     *plan.Plan // the plan that waits for approval or runs
	Warnings []string
	Memory   Memory
	Deleted  bool     // the deletion is complete: the finalizer may go
	Left     []string // what a deletion could not remove, and why
}

// SyncFact is the field's own word for Git = cluster.
type SyncFact string

const (
	InSync      SyncFact = "Synced"
	OutOfSync   SyncFact = "OutOfSync"
	SyncUnknown SyncFact = "Unknown"
)

// Blocking is the object that an App waits for or fails by.
type Blocking struct {
	Object  object.ID    `json:"object"`
	Level   health.Level `json:"level,omitempty"`
	Reason  string       `json:"reason,omitempty"`
	Message string       `json:"message,omitempty"`
	File    string       `json:"file,omitempty"` // file:line it was rendered from
}

// Counts of an App's objects.
type Counts struct {
	Total       int `json:"total"`
	Healthy     int `json:"healthy"`
	Progressing int `json:"progressing"`
	Degraded    int `json:"degraded"`
	Missing     int `json:"missing"`
	Drifted     int `json:"drifted"`
}

// Progress of a running attempt.
type Progress struct {
	Phase   plan.Phase `json:"phase"`
	Wave    int        `json:"wave"`
	Group   int        `json:"group"`
	Groups  int        `json:"groups"`
	Waiting []Waiting  `json:"waiting,omitempty"`
}

// Waiting is one thing that an attempt waits for, and until when.
type Waiting struct {
	Object   object.ID `json:"object"`
	For      string    `json:"for"`
	Message  string    `json:"message,omitempty"`
	Deadline time.Time `json:"deadline"`
}

// RepositorySnapshot is where a Repository stands.
type RepositorySnapshot struct {
	Key     Key
	URL     string
	Checked time.Time
	Changed time.Time         // when a ref last moved
	Refs    map[string]string // ref in use → commit
	Err     error
	Apps    int
}

// TargetSnapshot is where a cluster stands.
type TargetSnapshot struct {
	Name      string
	Connected bool
	Version   string
	Kinds     int // watched
	Objects   int // managed
	Since     time.Time
	Err       error
}
