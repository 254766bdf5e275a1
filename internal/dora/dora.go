// Package dora turns what happened into measures: how often there are deployments, how long a commit takes to be healthy,
// how many changes fail, how long it takes to restore, and how much drift was found. It is pure: it reads no clock and no
// store. What the measures mean is in Definitions, and nowhere else.
package dora

import "time"

// Kind of a Record.
type Kind string

const (
	Attempt  Kind = "Attempt"  // a deployment attempt ended
	Reverted Kind = "Reverted" // a commit that takes earlier ones back was made for the App: what it brings is a rollback
	Unwell   Kind = "Unwell"   // an object of the App became Degraded
	Well     Kind = "Well"     // the App is healthy again
)

// Record is one thing that happened to an App.
type Record struct {
	Kind Kind
	App  string // namespace/name
	At   time.Time

	// Of an Attempt:
	ID        string
	Bundle    string // what was deployed: attempts at one bundle, one after the other, are one deployment
	Commit    string
	Outcome   string // Succeeded, Failed, Superseded, Cancelled; anything else is left out
	Reason    string
	Actor     string
	Cluster   string
	Trigger   string
	Started   time.Time
	Committed time.Time     // zero: not known
	Lead      time.Duration // commit to healthy; zero: not known, or no new commit
	Rollback  bool          // it went back to what ran before
}

// Drift is how many findings an App had on a day, UTC.
type Drift struct {
	App   string
	Day   time.Time
	Count int
}

// Period is From ≤ t < To.
type Period struct{ From, To time.Time }

func (p Period) has(t time.Time) bool { return !t.Before(p.From) && t.Before(p.To) }

// Days are the beginnings of the period's days, UTC; the first and the last may be cut.
func (p Period) Days() []time.Time {
	var out []time.Time
	for d := p.From.UTC().Truncate(day); d.Before(p.To); d = d.Add(day) {
		out = append(out, d)
	}
	return out
}

// length in days; at least a second's worth, so that it divides.
func (p Period) length() float64 { return max(p.To.Sub(p.From), time.Second).Hours() / 24 }

const day = 24 * time.Hour

// Margin is how much before and after a period must be read so that its edges are judged: an attempt before it may be the
// beginning of a deployment in it, a restoration may come after it.
const Margin = 24 * time.Hour

// DegradedWithin is how soon after its success a deployment is held responsible for an unhealthy App.
const DegradedWithin = time.Hour

// Failure says why a deployment counts as failed.
type Failure string

const (
	NoFailure  Failure = ""
	Failed     Failure = "Failed"     // an attempt at it failed
	RolledBack Failure = "RolledBack" // it succeeded, and the next deployment of the App took it back
	Degraded   Failure = "Degraded"   // it succeeded, and the App became Degraded within DegradedWithin
)

// Outcome of a Deployment.
type Outcome string

const (
	Succeeded  Outcome = "Succeeded"
	NotYet     Outcome = "Failed" // no attempt at it has succeeded
	Superseded Outcome = "Superseded"
	Cancelled  Outcome = "Cancelled"
)

// Deployment is one change of an App: all attempts at one bundle, one after the other.
type Deployment struct {
	Record           // the last attempt; Started is that of the first
	End      Outcome // of the change as a whole
	Ended    time.Time
	Attempts int

	Failure    Failure
	FailedAt   time.Time     // of the first sign
	Restored   time.Time     // when the App was healthy again; zero: not yet, as far as was read
	RolledBack bool          // whether or not it counts as failed for another reason first
	Lead       time.Duration // zero: not measured
}

// Counts reports whether the deployment counts: it is neither a rollback, nor superseded or cancelled.
func (d Deployment) Counts() bool {
	return !d.Rollback && (d.End == Succeeded || d.End == NotYet)
}

// Definition says what a measure means.
type Definition struct{ Measure, Text string }

// Definitions are the measures in words, in the order in which they are shown.
func Definitions() []Definition {
	return []Definition{
		{"deployments", "Changes of an App that were carried out, whether they succeeded or failed. All attempts at the same bundle, one after the other, are one deployment; it is counted on the day on which its first attempt ended. Applying again what runs already, and undoing drift, is none. Rollbacks, and attempts that were superseded by a newer revision or cancelled, are shown beside and not counted."},
		{"perDay", "Deployments divided by the days of the period."},
		{"leadTime", "Time from the commit (committer's time of the deployed revision) to the moment when every object of the App was healthy, for deployments that succeeded and brought a commit that the App did not run before. A first deployment, a change of the App resource, a hold, a rollback, a chart from a registry and a commit from the future have none."},
		{"failureRate", "Failures divided by deployments."},
		{"failures", "Deployments of which an attempt failed, or that succeeded and then were rolled back by the next deployment of the App, or after which an object of the App became Degraded within 60 minutes, before the next deployment began. Each is counted once, under the first of these that it showed. A revision that could not be rendered or planned was not deployed, and is no failure here."},
		{"restore", "Time from the first sign of a failure (the failed attempt's end, the first Degraded object, the beginning of the rollback) to the moment when the App was healthy again, by whatever means. Failures that are not restored yet are counted as open and have no time."},
		{"drift", "Findings that an object differs from what was applied though Git did not change. One finding is one object; the same state of an object is found once. It is counted whether it was undone or left to another manager."},
	}
}
