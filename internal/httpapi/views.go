package httpapi

import "time"

// View is a name that a reader gave to a page as it stood: its path and its query. GET /api/v1/views lists the reader's own.
// PUT /api/v1/views/{name} takes Page and Query; with Changed, as it was read, it is refused (409) when somebody changed the
// view since.
type View struct {
	Name    string    `json:"name,omitempty"` // in a PUT: empty, or that of the path
	Page    string    `json:"page"`           // path of the page: apps, changes
	Query   string    `json:"query"`          // without the question mark
	Changed time.Time `json:"changed,omitzero"`
}
