// Package notify decides what is told to whom: which change of an App, Repository or Cluster is an event, which events
// have the same cause, and what the message says. It is pure: time arrives as an argument, and nothing is sent here.
package notify

import (
	"cmp"
	"slices"
	"time"
)

// Event is something that a channel can tell.
type Event string

const (
	Deployed              Event = "Deployed"
	Failed                Event = "Failed"
	Degraded              Event = "Degraded"
	Drifted               Event = "Drifted"
	Fight                 Event = "Fight" // a field is left to another manager
	WaitingForApproval    Event = "WaitingForApproval"
	RolledBack            Event = "RolledBack"
	Recovered             Event = "Recovered"
	RepositoryUnreachable Event = "RepositoryUnreachable"
	ClusterUnreachable    Event = "ClusterUnreachable"
	// Test is what a test sends. No channel can ask for it.
	Test Event = "Test"
)

// Events are all that a channel can ask for.
func Events() []Event {
	return []Event{
		Deployed, Failed, Degraded, Drifted, Fight, WaitingForApproval, RolledBack, Recovered, RepositoryUnreachable, ClusterUnreachable,
	}
}

// trouble are the events that last, and after which there is a recovery.
func (e Event) trouble() bool {
	return slices.Contains([]Event{Failed, Degraded, Drifted, RepositoryUnreachable, ClusterUnreachable}, e)
}

// Kind of a subject.
type Kind string

const (
	App        Kind = "App"
	Repository Kind = "Repository"
	Cluster    Kind = "Cluster"
)

// Subject is what an event is about. Clusters have no namespace.
type Subject struct {
	Kind      Kind   `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String is "namespace/name", or the name of a Cluster.
func (s Subject) String() string {
	if s.Namespace == "" {
		return s.Name
	}
	return s.Namespace + "/" + s.Name
}

// Commit is a revision in Git. Only SHA and Repository are always there.
type Commit struct {
	SHA        string    `json:"sha,omitempty"`
	Ref        string    `json:"ref,omitempty"`
	Repository string    `json:"repository,omitempty"` // address, without credentials
	Subject    string    `json:"subject,omitempty"`
	Author     string    `json:"author,omitempty"`
	When       time.Time `json:"when,omitzero"`
}

// Condition is what a channel cares about in the state of a subject.
type Condition string

const (
	Unclear   Condition = ""          // nothing can be said yet: what was told stands
	Calm      Condition = "Calm"      // as it should be
	Moving    Condition = "Moving"    // on the way: what was told stands
	Paused    Condition = "Paused"    // by somebody: trouble is over, without a recovery
	InTrouble Condition = "InTrouble" // Facts.Trouble says which
	Waiting   Condition = "Waiting"   // for an approval
)

// Facts are what is known of a subject now.
type Facts struct {
	Subject
	Condition Condition `json:"condition"`
	Trouble   Event     `json:"trouble,omitempty"`
	State     string    `json:"state,omitempty"` // the word that people know
	Reason    string    `json:"reason,omitempty"`
	Message   string    `json:"message,omitempty"`
	Next      string    `json:"next,omitempty"`
	Object    string    `json:"object,omitempty"` // to blame
	File      string    `json:"file,omitempty"`   // file:line of it
	Cluster   string    `json:"cluster,omitempty"`
	Commit    Commit    `json:"commit,omitzero"`
	Plan      string    `json:"plan,omitempty"` // that waits for approval
	// Mark tells this trouble from the next one of the same reason, over restarts; empty: the commit does.
	Mark string `json:"mark,omitempty"`

	// The newest deployment that ended well.
	Deployment string    `json:"deployment,omitempty"`
	DeployedAt time.Time `json:"deployedAt,omitzero"`

	// The newest rollback after a failure.
	RolledBack    string    `json:"rolledBack,omitempty"`
	RolledBackAt  time.Time `json:"rolledBackAt,omitzero"`
	RolledBackWhy string    `json:"rolledBackWhy,omitempty"`
}

// Rules are what a channel tells.
type Rules struct {
	Events []Event
	// Statuses follows the state of each App on its commit instead of telling events.
	Statuses bool
	// Since is when the channel was first met: deployments and rollbacks before it are not told.
	Since time.Time
	// Repeat tells trouble that lasts again after this long; zero: once.
	Repeat time.Duration
}

func (r Rules) tells(e Event) bool { return slices.Contains(r.Events, e) }

// recovers reports whether the end of a trouble is told: to whom the trouble was told, or who asked for no trouble at all.
func (r Rules) recovers(e Event) bool {
	return r.tells(Recovered) && (r.tells(e) || !slices.ContainsFunc(r.Events, Event.trouble))
}

// Told is what a channel has said about a subject. It is kept over restarts, so that nothing is told twice.
type Told struct {
	Trouble    Event     `json:"trouble,omitempty"` // that stands
	Mark       string    `json:"mark,omitempty"`    // tells this trouble from the next one of the same kind
	At         time.Time `json:"at,omitzero"`       // when it was last told
	Plan       string    `json:"plan,omitempty"`
	Deployment string    `json:"deployment,omitempty"`
	RolledBack string    `json:"rolledBack,omitempty"`
	Status     Status    `json:"status,omitzero"`  // of the commit
	Ended      time.Time `json:"ended,omitzero"`   // when trouble last ended
	Flaps      int       `json:"flaps,omitempty"`  // how often it came back within flapWindow
	Flapped    time.Time `json:"flapped,omitzero"` // when it was last told that it comes and goes
	Quiet      time.Time `json:"quiet,omitzero"`   // trouble stands that was not told because of that; from then on it is
}

// An App whose trouble comes back flapLimit times, each within flapWindow of its end, comes and goes: that is told once in
// a flapWindow, and its recoveries are not told, until it stays well for that long.
const (
	flapLimit  = 3
	flapWindow = time.Hour
)

// Notice is one event of one subject.
type Notice struct {
	Event Event
	// Ends is the trouble that a recovery ends. While that was not sent yet, neither needs to be.
	Ends  Event
	Again bool // told before; it lasts
	Flaps bool // it comes and goes
	Facts Facts
}

// Decide says what a channel has to tell about a subject, given what it has told and what is now.
func Decide(r Rules, told Told, f Facts, now time.Time) (Told, []Notice) {
	if f.Condition == Unclear {
		return told, nil
	}
	var out []Notice
	say := func(n Notice) {
		if n.Facts = f; r.tells(n.Event) || n.Event == Recovered {
			out = append(out, n)
		}
	}
	if f.Deployment != "" && f.Deployment != told.Deployment && f.Condition != Moving && f.Condition != Waiting { // where it leads shows in a moment
		if told.Deployment = f.Deployment; !f.DeployedAt.Before(r.Since) {
			say(Notice{Event: Deployed})
		}
	}
	if f.RolledBack != "" && f.RolledBack != told.RolledBack {
		if told.RolledBack = f.RolledBack; !f.RolledBackAt.Before(r.Since) {
			say(Notice{Event: RolledBack})
		}
	}
	if f.Condition == Waiting && f.Plan != told.Plan {
		told.Plan = f.Plan
		say(Notice{Event: WaitingForApproval})
	}
	told = decideTrouble(r, told, f, now, say)
	if len(out) > 1 && out[0].Event == Deployed && out[1].Event == Recovered {
		out[0], out[1] = out[1], out[0]
	}
	return told, out
}

func decideTrouble(r Rules, told Told, f Facts, now time.Time, say func(Notice)) Told {
	switch f.Condition {
	case InTrouble:
		mark := f.Reason + "\n" + cmp.Or(f.Mark, f.Commit.SHA)
		switch {
		case told.Trouble != f.Trouble || told.Mark != mark:
			told = onset(told, now)
			told.Trouble, told.Mark, told.At, told.Quiet = f.Trouble, mark, now, time.Time{}
			flaps := told.Flaps >= flapLimit
			if flaps && !told.Flapped.IsZero() && now.Sub(told.Flapped) < flapWindow {
				told.Quiet = told.Flapped.Add(flapWindow)
				return told
			}
			if flaps {
				told.Flapped = now
			}
			say(Notice{Event: f.Trouble, Flaps: flaps})
		case !told.Quiet.IsZero() && !now.Before(told.Quiet):
			told.Quiet, told.Flapped, told.At = time.Time{}, now, now
			say(Notice{Event: f.Trouble, Flaps: true})
		case r.Repeat > 0 && now.Sub(told.At) >= r.Repeat:
			told.At = now
			say(Notice{Event: f.Trouble, Again: true})
		}
	case Calm:
		if told.Trouble != "" {
			if told.Flaps < flapLimit && r.recovers(told.Trouble) {
				say(Notice{Event: Recovered, Ends: told.Trouble})
			}
			told.Ended = now
		}
		told.Trouble, told.Mark, told.At, told.Quiet = "", "", time.Time{}, time.Time{}
	case Paused:
		told.Trouble, told.Mark, told.At, told.Quiet, told.Ended = "", "", time.Time{}, time.Time{}, time.Time{}
	case Unclear, Moving, Waiting:
	}
	return told
}

// onset counts how often trouble came back.
func onset(told Told, now time.Time) Told {
	switch {
	case told.Trouble != "":
	case !told.Ended.IsZero() && now.Sub(told.Ended) < flapWindow:
		told.Flaps++
	default:
		told.Flaps, told.Flapped = 0, time.Time{}
	}
	return told
}
