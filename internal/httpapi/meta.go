package httpapi

import "time"

// Me is the reader. GET /api/v1/me
type Me struct {
	Name    string    `json:"name"`
	Groups  []string  `json:"groups,omitempty"`
	Expires time.Time `json:"expires,omitzero"` // of the sign-in
	CSRF    string    `json:"csrf,omitempty"`   // sent back as X-Plumb-CSRF with every call that is not GET, when signed in by cookie
	SignOut string    `json:"signOut,omitempty"`
}

// Ways is how one can sign in. GET /api/v1/signin (needs no sign-in)
type Ways struct {
	OIDC  []OIDCWay `json:"oidc,omitempty"`
	Token bool      `json:"token"` // a Kubernetes token may be pasted
}

// OIDCWay is one provider; GET its Path to begin. Down says why it cannot be used now.
type OIDCWay struct {
	Name string `json:"name"`
	Path string `json:"path"`
	Down string `json:"down,omitempty"`
}

// Can answers whether the reader may do things. GET /api/v1/me/can?app=ns/name&verb=sync&verb=approve...
// A verb that could not be asked about is in Unknown, not in the map: "no" and "cannot tell" are two answers.
type Can struct {
	App     string          `json:"app,omitempty"`
	Verbs   map[string]bool `json:"verbs"`
	Unknown []string        `json:"unknown,omitempty"`
}

// Cluster is a target. GET /api/v1/clusters
type Cluster struct {
	Name      string      `json:"name"`
	Connected bool        `json:"connected"`
	Version   string      `json:"version,omitempty"`
	Since     time.Time   `json:"since,omitzero"`
	Problem   *Problem    `json:"problem,omitempty"`
	Apps      int         `json:"apps"`
	States    StateCounts `json:"states"`
	Kinds     int         `json:"kinds"`   // watched
	Objects   int         `json:"objects"` // managed
}

// Repository is where sources come from. GET /api/v1/repositories
// POST /api/v1/repositories/{namespace}/{name}/test asks the server now and answers with a RepositoryTest.
type Repository struct {
	Namespace string     `json:"namespace"`
	Name      string     `json:"name"`
	URL       string     `json:"url"`
	Checked   time.Time  `json:"checked,omitzero"`
	Changed   time.Time  `json:"changed,omitzero"`
	Refs      []RefState `json:"refs,omitempty"`
	Apps      int        `json:"apps"`
	Problem   *Problem   `json:"problem,omitempty"`
}

// RefState is a ref in use and where it stands.
type RefState struct {
	Ref    string `json:"ref"`
	Commit string `json:"commit"`
}

// RepositoryTest is the answer of the server that was asked.
type RepositoryTest struct {
	OK      bool     `json:"ok"`
	Took    float64  `json:"took"` // seconds
	Refs    int      `json:"refs,omitempty"`
	Problem *Problem `json:"problem,omitempty"` // with the exact words of Git or the registry
}

// DORA is the four measures, and drift. GET /api/v1/dora?app=&filter=&from=&to=&measure=&day=&per=&format=json|csv
type DORA struct {
	From        time.Time    `json:"from"`
	To          time.Time    `json:"to"`
	Scope       string       `json:"scope"`
	Deployments int          `json:"deployments"`
	PerDay      float64      `json:"perDay"`
	LeadTime    Quantiles    `json:"leadTime"`    // seconds, commit to healthy
	FailureRate float64      `json:"failureRate"` // 0 to 1
	Failures    int          `json:"failures"`
	Failed      int          `json:"failed"`     // of the failures: an attempt failed
	RolledBack  int          `json:"rolledBack"` // of the failures: taken back after it had succeeded
	Degraded    int          `json:"degraded"`   // of the failures: Degraded within 60 minutes of its success
	Open        int          `json:"open"`       // failures that are not restored
	Restore     Quantiles    `json:"restore"`    // seconds, failure to healthy
	Rollbacks   int          `json:"rollbacks"`  // not counted as deployments, as the next two
	Superseded  int          `json:"superseded"`
	Cancelled   int          `json:"cancelled"`
	Drift       int          `json:"drift"`
	Days        []DORADay    `json:"days"`
	Apps        []DORAApp    `json:"apps,omitempty"` // with per=app: most failures first, at most 1,000
	Definitions []Definition `json:"definitions"`
	Measure     string       `json:"measure,omitempty"` // that Sample is of; empty: all
	Sample      []Deployment `json:"sample,omitempty"`  // the deployments behind the numbers, newest first, at most 200
	More        int          `json:"more,omitempty"`    // deployments that Sample leaves out
}

// DORAApp are the measures of one App.
type DORAApp struct {
	App         string    `json:"app"` // namespace/name
	Deployments int       `json:"deployments"`
	PerDay      float64   `json:"perDay"`
	LeadTime    Quantiles `json:"leadTime"`
	FailureRate float64   `json:"failureRate"`
	Failures    int       `json:"failures"`
	Open        int       `json:"open"`
	Restore     Quantiles `json:"restore"`
	Rollbacks   int       `json:"rollbacks"`
	Superseded  int       `json:"superseded"`
	Cancelled   int       `json:"cancelled"`
	Drift       int       `json:"drift"`
}

// Quantiles of a measure; N is how many values there were.
type Quantiles struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50,omitempty"`
	P90 float64 `json:"p90,omitempty"`
}

// DORADay is one day, UTC.
type DORADay struct {
	Day         string  `json:"day"` // 2026-11-21
	Deployments int     `json:"deployments"`
	Failures    int     `json:"failures"`
	LeadTime    float64 `json:"leadTime,omitempty"` // median, seconds
	Drift       int     `json:"drift"`
}

// Definition says what a measure means here.
type Definition struct {
	Measure string `json:"measure"`
	Text    string `json:"text"`
}

// Channel is where notifications go. GET /api/v1/channels ; POST /api/v1/channels/{namespace}/{name}/test sends one now.
type Channel struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Type      string    `json:"type"`    // Slack, Teams, Email, Webhook, CommitStatus
	Target    string    `json:"target"`  // host only; never a secret
	Waiting   int       `json:"waiting"` // in the outbox
	Sent      time.Time `json:"sent,omitzero"`
	Dead      int64     `json:"dead,omitempty"`    // messages that were given up
	Dropped   int64     `json:"dropped,omitempty"` // events that were not taken in, because too many messages waited
	Problem   *Problem  `json:"problem,omitempty"`
}

// ChannelTest is the answer of a test.
type ChannelTest struct {
	OK      bool     `json:"ok"`
	Problem *Problem `json:"problem,omitempty"`
}
