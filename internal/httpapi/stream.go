package httpapi

// The event stream: GET /api/v1/stream?topics=&filter= , as server-sent events. One is enough for a browser.
//
// topics, separated by commas, say what is told of: apps (a list: those that filter lets through; the default), and
// app:<namespace>/<name> (one App, for who may get it; at most 50). filter is for a list alone: not with single Apps.
//
// A reader without an ID is told the number of Apps at once (of a list) and how each single App is, one that is not there or
// that they may not see as gone; and changes from then on; ?since=<epoch>-<seq> (as a page of a
// list has them) is for those that cannot send the header the first time.
//
// An event's ID is "<epoch>-<seq>". A reader that comes back with Last-Event-ID gets what it missed; with an ID of another
// epoch, or one that is too old, the first event is "reset" (data: {"epoch":...}), and it reads its lists again.
// Changes are told at most every 250 ms, each App once, with its newest state. A comment comes every 15 seconds.
//
//	event: apps      data: AppsDelta
//	event: reset     data: {"epoch":"...","seq":n}
//	event: signout   data: Problem   the sign-in ended: do not come back with it

// AppsDelta is what changed.
type AppsDelta struct {
	Rows   []AppRow    `json:"rows,omitempty"`
	Gone   []string    `json:"gone,omitempty"`   // "namespace/name"
	Counts StateCounts `json:"counts,omitempty"` // of all that the reader may list; none without the topic apps
}

// Reset says that the lists are to be read again.
type Reset struct {
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
}
