// Package drift decides, without asking the API server, whether a live object still says what was applied.
//
// The answer to an apply tells which fields we own and their stored values. Fingerprint keeps a keyed hash of exactly
// those (plus what people's tools put on top); an event whose fingerprint is another one was changed. Attribution names
// the managers and fields behind a difference. Fights recognises a field that another manager keeps taking back.
// It decides; others act.
package drift

import (
	"time"

	"plumb.cd/plumb/internal/object"
)

// Hash is a keyed hash of the owned fields and their values.
type Hash [16]byte

// Record is what is remembered of an applied object: enough to see drift, nothing of the object itself.
type Record struct {
	UID     string
	Version int64 // resourceVersion that the hash was taken at
	Hash    Hash
	// Schema is the version that was applied (apiVersion) and, for custom resources, the CRD's generation: when it
	// changes, the hash means nothing and a dry-run must rebuild it.
	Schema string
}

// Culprit is one manager's share in a difference.
type Culprit struct {
	Manager   string          `json:"manager"`
	Operation string          `json:"operation,omitempty"` // Apply or Update
	Sub       string          `json:"subresource,omitempty"`
	Time      time.Time       `json:"time,omitzero"`
	Fields    []object.Change `json:"fields"` // From what git says, To what is live; secrets redacted
}
