package notify

// Verdict is what a commit status says.
type Verdict string

const (
	Pending    Verdict = "Pending"
	Success    Verdict = "Success"
	Failure    Verdict = "Failure"
	Superseded Verdict = "Superseded" // a newer commit took over before this one was deployed
)

// Status is the state of one App on one commit.
type Status struct {
	Repository  string  `json:"repository,omitempty"` // address
	SHA         string  `json:"sha,omitempty"`
	Context     string  `json:"context,omitempty"` // tells the Apps of a commit apart
	Verdict     Verdict `json:"verdict,omitempty"`
	State       string  `json:"state,omitempty"`       // of the App; with the verdict it tells whether there is news
	Description string  `json:"description,omitempty"` // at most 140 characters: what GitHub takes
}

const maxDescription = 140

// DecideStatus says which commit statuses have to be set, given the one that was set last. A commit that was left behind
// while it was pending is closed first, so that none stays pending for ever.
func DecideStatus(told Told, f Facts) (Told, []Status) {
	v, ok := verdictOf(f)
	if !ok || f.Commit.SHA == "" || f.Commit.Repository == "" {
		return told, nil
	}
	next := Status{
		Repository: f.Commit.Repository, SHA: f.Commit.SHA, Context: "plumb/" + f.Subject.String(),
		Verdict: v, State: f.State, Description: Cut(OneLine(describe(f)), maxDescription),
	}
	old := told.Status
	if same := next; old.SHA != "" {
		if same.Description = old.Description; same == old {
			return told, nil // what goes on within a state is no news
		}
	}
	var out []Status
	if old.Verdict == Pending && old.SHA != "" && (old.SHA != next.SHA || old.Repository != next.Repository) {
		old.Verdict, old.Description = Superseded, Cut("superseded by "+ShortSHA(next.SHA)+" before it was deployed", maxDescription)
		out = append(out, old)
	}
	told.Status = next
	return told, append(out, next)
}

func verdictOf(f Facts) (Verdict, bool) {
	switch f.Condition {
	case Calm:
		return Success, true
	case Moving, Waiting, Paused:
		return Pending, true
	case InTrouble:
		// Drift and an unreachable cluster are not the commit's fault, and change nothing of what is known about it.
		return Failure, f.Trouble == Failed || f.Trouble == Degraded
	case Unclear:
	}
	return "", false
}

func describe(f Facts) string {
	if f.Message == "" {
		return f.State
	}
	return f.State + ": " + f.Message
}
