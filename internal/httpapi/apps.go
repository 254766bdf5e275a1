package httpapi

import "time"

// AppRow is an App in a list: what one line of a table needs. GET /api/v1/apps?filter=&sort=&cursor=&limit=&fields=
//
// sort is one of state (worst first, then newest), name, -name, deployed (newest first), cluster; default state.
// limit is 1 to 500, default 100. fields are names of the fields below, separated by commas: a row has no others then, but
// always its namespace and name.
type AppRow struct {
	Namespace   string     `json:"namespace"`
	Name        string     `json:"name"`
	Cluster     string     `json:"cluster"`
	Environment string     `json:"environment,omitempty"` // label plumb.cd/environment, environment or env
	Component   string     `json:"component,omitempty"`   // label plumb.cd/component or app.kubernetes.io/name; else the name without its environment
	Labels      Labels     `json:"labels,omitempty"`
	State       string     `json:"state"`
	Since       time.Time  `json:"since"`
	Reason      string     `json:"reason,omitempty"`
	Message     string     `json:"message,omitempty"` // cut to 120 characters
	Sync        string     `json:"sync"`              // Synced, OutOfSync, Unknown
	Health      string     `json:"health"`
	Commit      *CommitRef `json:"commit,omitempty"` // what Git says, by the commit that last changed the App
	Images      []string   `json:"images,omitempty"` // at most 3, as name:tag without the registry
	DeployedAt  time.Time  `json:"deployedAt,omitzero"`
	Drifted     int        `json:"drifted,omitempty"` // objects
	Objects     int        `json:"objects"`
	Source      string     `json:"source,omitempty"` // repository URL and path, short
}

// Labels are those of the App resource.
type Labels map[string]string

// CommitRef is a commit, short.
type CommitRef struct {
	SHA     string    `json:"sha"`
	Subject string    `json:"subject,omitempty"`
	Author  string    `json:"author,omitempty"`
	When    time.Time `json:"when,omitzero"`
	URL     string    `json:"url,omitempty"` // on the forge, when its address is known
	Links   []Link    `json:"links,omitempty"`
}

// Link is a place that a commit message names (a ticket, a thread), by the patterns of the installation.
type Link struct {
	Text string `json:"text"`
	URL  string `json:"url"` // https or http only
}

// AppPage is a page of Apps.
type AppPage struct {
	List[AppRow]
	Epoch string     `json:"epoch"`          // of the event stream: an event ID of another epoch is unknown
	Seq   uint64     `json:"seq"`            // events up to this one are in the answer
	Hint  *EmptyHint `json:"hint,omitempty"` // when nothing matches: which term does it
}

// EmptyHint says which term of a filter leaves nothing over.
type EmptyHint struct {
	Term    string `json:"term"`    // e.g. cluster:prod-x
	Without int    `json:"without"` // how many Apps match without it
}

// Facets counts the Apps that match a filter, by value. GET /api/v1/apps/facets?filter=
// For each facet the filter's own terms on that facet are left out, so that other values can be chosen.
type Facets struct {
	Total  int           `json:"total"`
	Facets []FacetValues `json:"facets"` // state, health, sync, namespace, cluster, environment, source, then labels: the configured ones, and those most in use
}

// FacetValues are the values of one facet, most frequent first, at most 20. The values of source are repositories, and the
// count of each is what source:VALUE lets through: of every repository whose address has it in it.
type FacetValues struct {
	Key    string       `json:"key"` // the key in the filter grammar: state, cluster, namespace, label:team ...
	Values []FacetCount `json:"values"`
	More   int          `json:"more,omitempty"` // values that were left out
}

// FacetCount is a value and how many Apps have it.
type FacetCount struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Wall is the fleet at a glance. GET /api/v1/apps/wall?group=cluster|namespace|environment&filter=
// Cells is one string a group: per App, worst first, one letter of its state: F Failed, G Degraded, D Drifted,
// P Deploying, W Waiting, H Paused, U Unknown, S Synced. Problems name the first 200 that are not Synced.
type Wall struct {
	Total    int         `json:"total"`
	Counts   StateCounts `json:"counts"`
	Groups   []WallGroup `json:"groups"`
	Problems []AppRow    `json:"problems"`
	Causes   []Cause     `json:"causes"`
	Day      DaySummary  `json:"day"`   // the last 24 hours
	Epoch    string      `json:"epoch"` // as in AppPage
	Seq      uint64      `json:"seq"`
}

// StateCounts is how many Apps are in each state.
type StateCounts map[string]int

// WallGroup is one group of the wall.
type WallGroup struct {
	Name  string   `json:"name"`
	Cells string   `json:"cells"`
	Apps  []string `json:"apps,omitempty"` // "namespace/name" by cell, only where the group has 500 Apps or fewer
}

// Cause is one reason that several Apps share: one incident, not many rows.
type Cause struct {
	State   string   `json:"state"`
	Reason  string   `json:"reason"`
	Message string   `json:"message"`
	Count   int      `json:"count"`
	Apps    []string `json:"apps"`   // "namespace/name", at most 10
	Filter  string   `json:"filter"` // gives exactly these Apps
}

// DaySummary is what happened in a day.
type DaySummary struct {
	Deployments int     `json:"deployments"`
	Failed      int     `json:"failed"`
	RolledBack  int     `json:"rolledBack"`
	Drift       int     `json:"drift"`
	LeadTime    float64 `json:"leadTime,omitempty"` // seconds, median
}

// SearchHit is an answer of the palette. GET /api/v1/search?q=&limit=20, best first.
type SearchHit struct {
	Kind  string `json:"kind"`  // app, object, cluster, repository, page
	Title string `json:"title"` // e.g. payments-api
	Where string `json:"where"` // e.g. namespace, or "Deployment in app payments-api"
	State string `json:"state,omitempty"`
	Path  string `json:"path"` // of the console, e.g. /a/team/payments-api
}
