package httpapi

import "time"

// Node is one object of an App's tree, ours or one that a controller made of it.
//
// GET /api/v1/apps/{namespace}/{name}/graph?expand=ID&depth= : nodes are folded: among the children of one parent, more
// than 20 healthy ones of a kind become one Node with Folded set; ?expand=<node id> (repeatable) opens it.
type Node struct {
	ID       string      `json:"id"`               // object ID as the API writes it (group/Kind/namespace/name form of object.ID), or fold:<parent>:<kind>
	Parent   string      `json:"parent,omitempty"` // Node ID; empty: a root, which is an object that we apply
	Group    string      `json:"group,omitempty"`
	Kind     string      `json:"kind"`
	Space    string      `json:"namespace,omitempty"`
	Name     string      `json:"name"`
	Health   string      `json:"health"`
	Reason   string      `json:"reason,omitempty"`
	Message  string      `json:"message,omitempty"` // cut to 200 characters
	Sync     string      `json:"sync,omitempty"`    // Synced, OutOfSync, Missing; empty for what others made
	Ours     bool        `json:"ours"`
	Hook     bool        `json:"hook,omitempty"`
	Wave     int         `json:"wave,omitempty"`
	Facts    []string    `json:"facts,omitempty"` // at most 3 short ones: "3/4 ready", image, age is left to the reader
	Created  time.Time   `json:"created,omitzero"`
	File     string      `json:"file,omitempty"` // file:line
	Folded   int         `json:"folded,omitempty"`
	FoldedBy StateCounts `json:"foldedBy,omitempty"` // health → count
	Children int         `json:"children,omitempty"` // how many there are, when they are not in the answer

	// With a lens:
	Node    string   `json:"node,omitempty"`    // of a Pod: the machine that it is on
	Targets []string `json:"targets,omitempty"` // what it sends traffic to: IDs, also of objects that are not in the answer
	Sources []string `json:"sources,omitempty"` // what it says it gets traffic from; as targets
	Phases  []string `json:"phases,omitempty"`  // of a hook: Before, Main, After, OnFailure, BeforeDelete, AfterDelete
	After   []string `json:"after,omitempty"`   // IDs of what it is applied after
}

// Graph is the tree of an App. GET /api/v1/apps/{namespace}/{name}/graph?expand=&depth=&lens= . With a lens nothing is folded, and only
// what the question is about is in it: traffic (gateways to Pods), dependency (what we apply), nodes (Pods).
type Graph struct {
	Nodes []Node    `json:"nodes"` // parents before children, worst first among siblings
	Total int       `json:"total"` // of the App, whatever the lens leaves out
	AsOf  time.Time `json:"asOf"`
	Lens  string    `json:"lens,omitempty"` // that the answer is for; empty: who made what

	Problem *Problem `json:"problem,omitempty"` // why what controllers made is not in it
}

// Event is a Kubernetes event. GET /api/v1/apps/{namespace}/{name}/events?object= : newest first, at most 200.
type Event struct {
	At      time.Time `json:"at"`
	Type    string    `json:"type"` // Normal, Warning
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Object  string    `json:"object"` // object ID
	Source  string    `json:"source,omitempty"`
	Count   int       `json:"count,omitempty"`
}

// LogLine is one line of a container's log. GET /api/v1/apps/{namespace}/{name}/logs?object=&container=&tail=&previous=true&since=60s&follow=true
// The right `logs` is needed. The answer is server-sent events: "lines" with a []LogLine (many a message when they come
// fast), "dropped" with {"lines":n} when the reader is too slow, "end" with {"message":...} when the container ended,
// "problem" with a Problem. GET .../logs/containers?object= lists the containers.
type LogLine struct {
	At        time.Time `json:"at,omitzero"`
	Pod       string    `json:"pod"`
	Container string    `json:"container"`
	Text      string    `json:"text"` // cut to 16 KiB; control characters are left to the reader to show
}

// Container is one that has a log.
type Container struct {
	Pod      string `json:"pod"`
	Name     string `json:"name"`
	Init     bool   `json:"init,omitempty"`
	State    string `json:"state"` // Running, Waiting, Terminated
	Restarts int    `json:"restarts,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// Manifest is one object as YAML. GET /api/v1/apps/{namespace}/{name}/manifest?object=&side=git|live : secrets' values are
// replaced by "[redacted, changed]" or "[redacted]"; managedFields are left out.
type Manifest struct {
	Object string `json:"object"`
	Side   string `json:"side"`
	YAML   string `json:"yaml"`
	Cut    bool   `json:"cut,omitempty"` // over 1 MiB: the rest is left out
}
