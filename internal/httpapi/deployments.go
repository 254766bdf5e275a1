package httpapi

import "time"

// Deployment is one attempt of an App that ended, or the one that runs. GET /api/v1/apps/{namespace}/{name}/deployments?cursor=&limit=
type Deployment struct {
	ID        string        `json:"id"` // of the attempt
	App       string        `json:"app"`
	Started   time.Time     `json:"started"`
	Ended     time.Time     `json:"ended,omitzero"`
	Duration  float64       `json:"duration,omitempty"` // seconds
	Outcome   string        `json:"outcome"`            // Succeeded, Failed, Superseded, Cancelled; Running
	Mode      string        `json:"mode"`               // Sync, Heal, Rollback
	Reason    string        `json:"reason,omitempty"`
	Message   string        `json:"message,omitempty"`
	Actor     string        `json:"actor,omitempty"` // who asked, or approved; empty: a commit did
	Trigger   string        `json:"trigger"`         // commit, request, rollback, hold, drift
	Bundle    string        `json:"bundle"`
	Commit    *CommitRef    `json:"commit,omitempty"`
	Commits   []CommitRef   `json:"commits,omitempty"` // since the deployment before, only those that touched the App's inputs; newest first, at most 20
	Images    []ImageChange `json:"images,omitempty"`
	Created   int           `json:"created,omitempty"`
	Changed   int           `json:"changed,omitempty"`
	Deleted   int           `json:"deleted,omitempty"`
	LeadTime  float64       `json:"leadTime,omitempty"` // seconds from the newest commit to healthy
	Rollback  bool          `json:"rollback,omitempty"`
	LiveUntil time.Time     `json:"liveUntil,omitzero"` // when another one took over

	// In a sample of /api/v1/dora:
	Failure  string    `json:"failure,omitempty"` // why it counts as failed: Failed, RolledBack, Degraded
	FailedAt time.Time `json:"failedAt,omitzero"`
	Restored time.Time `json:"restored,omitzero"` // when the App was healthy again
	Attempts int       `json:"attempts,omitempty"`
}

// ImageChange is an image that a deployment changed.
type ImageChange struct {
	Name   string `json:"name"`
	Before string `json:"before,omitempty"` // tag or digest; empty: it is new
	After  string `json:"after,omitempty"`
}

// Change is one thing that happened: GET /api/v1/changes?filter=&kind=&app=&cursor=&limit= , newest first.
// Kind: deployment, drift, healed, fight, rollback, request, revision, failure, health. What was found and undone is one change (healed).
type Change struct {
	Seq     int64       `json:"seq"`
	At      time.Time   `json:"at"`
	Kind    string      `json:"kind"`
	App     string      `json:"app"`
	Object  string      `json:"object,omitempty"`
	Actor   string      `json:"actor,omitempty"`   // a person, by their sign-in
	Manager string      `json:"manager,omitempty"` // a tool, by its field manager: it names no person
	Outcome string      `json:"outcome,omitempty"`
	Message string      `json:"message,omitempty"`
	Fields  []FieldDiff `json:"fields,omitempty"` // of drift: left what Git says, right what it was changed to
	Commit  string      `json:"commit,omitempty"`
	By      *CommitRef  `json:"by,omitempty"`      // the commit, up to Commit, that last touched what the App reads; absent: not known
	Repeats int         `json:"repeats,omitempty"` // this many of the same, in a row, were folded into this one
	First   time.Time   `json:"first,omitzero"`    // of the repeats
}

// Plan is what would be done now. POST /api/v1/apps/{namespace}/{name}/plan ; it answers with a digest to give to sync,
// which answers 409 (reason PlanStale) when something changed meanwhile.
type Plan struct {
	Digest   string     `json:"digest"`
	At       time.Time  `json:"at"`
	Empty    bool       `json:"empty"`
	Steps    []PlanStep `json:"steps"`
	Counts   PlanCounts `json:"counts"`
	Warnings []string   `json:"warnings,omitempty"`
	Errors   []Problem  `json:"errors,omitempty"` // why it cannot be applied
	Guards   []string   `json:"guards,omitempty"` // what needs approval, in words
	// Friction is how much a person must do before it is applied: none (a click), list (deletions are shown), type (the App's
	// name is typed: PersistentVolumeClaims, Namespaces, CRDs or more than a fifth of the App are deleted).
	Friction string `json:"friction"`
}

// PlanStep is one step of a plan.
type PlanStep struct {
	Action string `json:"action"` // create, update, delete, replace, hook, keep, adopt
	Object string `json:"object"`
	Phase  string `json:"phase"`
	Wave   int    `json:"wave"`
	Reason string `json:"reason,omitempty"`
	Risk   string `json:"risk,omitempty"`
}

// PlanCounts is how many steps of a kind there are.
type PlanCounts struct {
	Create  int `json:"create"`
	Update  int `json:"update"`
	Delete  int `json:"delete"`
	Replace int `json:"replace"`
	Hooks   int `json:"hooks"`
}

// Comparison is the difference between two deployments. GET /api/v1/apps/{namespace}/{name}/deployments/compare?left=&right=
type Comparison struct {
	Left    Deployment    `json:"left"`
	Right   Deployment    `json:"right"`
	Commits []CommitRef   `json:"commits,omitempty"`
	Images  []ImageChange `json:"images,omitempty"`
	Diff    Diff          `json:"diff"`
}
