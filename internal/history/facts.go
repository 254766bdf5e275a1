package history

import (
	"context"
	"encoding/json"
	"time"
)

// Fact is what measures need of a record of kind Deployment, Rollback or Health. The fields behind Outcome are those of
// the record's Data, by their JSON names: mode, trigger, cluster, previous, started, committed.
type Fact struct {
	Seq                            int64
	At                             time.Time
	Kind                           Kind
	App                            string // namespace/name
	Actor, Attempt, Commit, Bundle string
	Outcome, Reason                string
	Mode, Trigger, Cluster         string
	Previous                       string    // commit that was applied before
	Started, Committed             time.Time // zero: not known
}

// FactOf gives the fact of a record; false for kinds that have none.
func FactOf(e Event) (Fact, bool) {
	if e.Kind != Deployment && e.Kind != Rollback && e.Kind != Health {
		return Fact{}, false
	}
	var data struct {
		Mode, Trigger, Cluster, Previous string
		Started, Committed               time.Time
	}
	if len(e.Data) > 0 {
		_ = json.Unmarshal(e.Data, &data) // another version may have written it: what it does not say is not known
	}
	return Fact{
		Seq: e.Seq, At: e.At, Kind: e.Kind, App: e.App, Actor: e.Actor, Attempt: e.Attempt, Commit: e.Commit, Bundle: e.Bundle,
		Outcome: e.Outcome, Reason: e.Reason, Mode: data.Mode, Trigger: data.Trigger, Cluster: data.Cluster, Previous: data.Previous,
		Started: data.Started.UTC(), Committed: data.Committed.UTC(),
	}, true
}

// Span selects by time: From ≤ At < To, of one App (namespace/name) or, App empty, of all.
type Span struct {
	App      string
	From, To time.Time
}

// Cursor is the place of a Fact in the order of time; the zero value stands before the first.
type Cursor struct {
	At  time.Time
	Seq int64
}

// After gives the cursor behind f.
func (f Fact) After() Cursor { return Cursor{At: f.At, Seq: f.Seq} }

// DriftDay is how many findings of drift an App had on one day, UTC.
type DriftDay struct {
	App   string
	Day   time.Time // its beginning
	Count int
}

// Measured is a Store that answers what measures ask, by reading no more than the span. Implementations pass
// historytest.RunMeasured.
type Measured interface {
	// Facts gives at most limit facts of the span behind the cursor, in the order of time (then Seq).
	Facts(ctx context.Context, s Span, behind Cursor, limit int) ([]Fact, error)
	// DriftDays counts records of kind Drift and Fight, by App and day, in no order.
	DriftDays(ctx context.Context, s Span) ([]DriftDay, error)
}
