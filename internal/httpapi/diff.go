package httpapi

import "time"

// Diff compares two sides of an App. GET /api/v1/apps/{namespace}/{name}/diff?left=&right=&object=&cursor=
// A side is git (what Git says now), applied (what was applied last), live, or deployment:<attempt id>.
// Default: left=live right=git while something waits, left=applied right=live otherwise.
type Diff struct {
	Left     string       `json:"left"`
	Right    string       `json:"right"`
	At       time.Time    `json:"at"`
	Compared int          `json:"compared"` // objects
	Objects  []ObjectDiff `json:"objects"`  // risk first: deletes, immutable fields, RBAC, CRDs; equal ones are left out
	Next     string       `json:"next,omitempty"`
	Problems []Problem    `json:"problems,omitempty"` // of single objects; the others are compared all the same. Reason DataLoss: what going from left to right loses

	// Quiet counts what differs, by class, in the QuietObjects that are left out because nothing in them wants attention:
	// no field of class ours or drift. ?quiet=true lists them, last.
	Quiet        ClassCounts `json:"quiet,omitempty"`
	QuietObjects int         `json:"quietObjects,omitempty"`
}

// ObjectDiff is how one object differs.
type ObjectDiff struct {
	Object  string      `json:"object"`
	Action  string      `json:"action"`         // added, removed, changed (from left to right)
	Risk    string      `json:"risk,omitempty"` // data, delete, immutable, crd, rbac
	Counts  ClassCounts `json:"counts"`
	Fields  []FieldDiff `json:"fields"` // those of class ours and drift first; at most 200
	More    int         `json:"more,omitempty"`
	Secret  bool        `json:"secret,omitempty"`  // values are not shown, only which keys differ
	Summary string      `json:"summary,omitempty"` // instead of fields, where the object is too large to show at once; ?object= opens it
	Keeps   string      `json:"keeps,omitempty"`   // why a live object that the right side does not have would stay all the same
}

// ClassCounts is how many fields differ, by class.
type ClassCounts map[string]int

// FieldDiff is one differing field.
//
// Class: ours (Git wants it so), defaulted (the API server filled it in), mutated (it was changed at admission: differs
// from what we sent since it was stored), drift (somebody changed what we own), other (another manager's own field), ignored (a rule of the App).
type FieldDiff struct {
	Path  string `json:"path"`           // .spec.template.spec.containers[name=web].image
	Left  any    `json:"left,omitempty"` // absent: not there
	Right any    `json:"right,omitempty"`
	Class string `json:"class"`
	Owner string `json:"owner,omitempty"` // field manager of the live value
	Rule  string `json:"rule,omitempty"`  // of an ignored field
	Cut   bool   `json:"cut,omitempty"`   // the value was longer than 4 KiB
}

// Blame says where one field comes from. GET /api/v1/apps/{namespace}/{name}/blame?object=&field= ; without field: all
// leaves of the object. It renders history, within a budget, and says where it stopped.
type Blame struct {
	Object string      `json:"object"`
	Fields []BlameLine `json:"fields"`
	// Complete is false where the budget ended before every field was explained: Searched commits were looked at, back to Until.
	Complete bool      `json:"complete"`
	Searched int       `json:"searched"`
	Until    time.Time `json:"until,omitzero"`
	Stopped  string    `json:"stopped,omitempty"` // why, in words
}

// BlameLine is one field, the place that sets it, and the commit that last changed its value.
type BlameLine struct {
	Path   string     `json:"path"`
	Value  any        `json:"value"`          // "[redacted]" in a Secret
	File   string     `json:"file,omitempty"` // file:line
	By     string     `json:"by,omitempty"`   // manifest, patch, overlay, values, template, transformer
	Exact  bool       `json:"exact"`          // else derived: the best guess, and why is in Note
	Note   string     `json:"note,omitempty"`
	Commit *CommitRef `json:"commit,omitempty"`
}
