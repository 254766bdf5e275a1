// Package history is the append-only record of what happened: deployments, plans, drift, approvals, holds. Records are
// chained by hash, so that a change to the past shows. Losing it loses history, never correctness.
package history

import (
	"context"
	"encoding/json"
	"time"
)

// Kind of a record.
type Kind string

const (
	Deployment Kind = "Deployment" // an attempt ended; Data is a DeploymentData
	Drift      Kind = "Drift"      // found, before it is undone; Data is a DriftData
	Healed     Kind = "Healed"
	Fight      Kind = "Fight" // a field was yielded
	Rollback   Kind = "Rollback"
	Request    Kind = "Request"  // somebody asked: sync, hold, suspend, cancel, approve ...
	Revision   Kind = "Revision" // a new revision was seen
	Failure    Kind = "Failure"  // a render or plan failed
	Health     Kind = "Health"   // an App became unwell (Outcome Degraded), or is well again (Healthy): once each
)

// Event is one record. Seq, Prev and Hash are set by the store.
type Event struct {
	Seq     int64           `json:"seq"`
	At      time.Time       `json:"at"`
	Kind    Kind            `json:"kind"`
	App     string          `json:"app"`              // namespace/name
	Actor   string          `json:"actor,omitempty"`  // who; empty: Plumb
	Object  string          `json:"object,omitempty"` // object.ID, for Drift, Healed, Fight
	Commit  string          `json:"commit,omitempty"`
	Bundle  string          `json:"bundle,omitempty"`
	Attempt string          `json:"attempt,omitempty"`
	Outcome string          `json:"outcome,omitempty"` // Succeeded, Failed, Superseded, Cancelled ...
	Reason  string          `json:"reason,omitempty"`
	Message string          `json:"message,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
	Prev    string          `json:"prev,omitempty"`
	Hash    string          `json:"hash,omitempty"`
}

// Query selects records, newest first. Zero fields select all; Limit 0 means 50.
type Query struct {
	App    string
	Kinds  []Kind
	Object string
	Since  time.Time
	Before int64 // only records with a smaller Seq: the cursor
	Limit  int
}

// Store keeps records. Implementations pass historytest.Run.
type Store interface {
	Append(ctx context.Context, e Event) (Event, error)
	List(ctx context.Context, q Query) ([]Event, error)
	// Verify walks the chain and names the first record that does not fit.
	Verify(ctx context.Context) error
	Close() error
}

// OwnedStore remembers the fingerprints of applied objects over a restart. It is a cache: losing it costs one dry-run
// an object. Keys are opaque (cluster + UID).
type OwnedStore interface {
	LoadOwned(ctx context.Context, cluster string) (map[string][]byte, error)
	SaveOwned(ctx context.Context, cluster string, set map[string][]byte) error // nil value deletes
}
