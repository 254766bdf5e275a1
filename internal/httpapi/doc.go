// Package httpapi holds the shapes of Plumb's HTTP API, version 1: what the server answers, what the command line and
// the console read. It is a contract: fields are added, never renamed or given another meaning. All times are RFC 3339
// in UTC, all durations are seconds. Every list is a List; an error is a Problem.
package httpapi

// List is the answer of every list. Next is the cursor of the next page; empty: this is the last one.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
	Total int    `json:"total,omitempty"` // of all pages, where it is known
}

// Problem is every error: what failed, where, why, and what to do next.
type Problem struct {
	Status  int    `json:"status"` // HTTP
	Reason  string `json:"reason"` // closed list, docs/reasons.md
	Message string `json:"message"`
	Where   string `json:"where,omitempty"` // file:line, or an object
	Next    string `json:"next,omitempty"`  // a command, or a step in words
}
