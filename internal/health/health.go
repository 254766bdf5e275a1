// Package health says how an object fares: Compute(object, now) → Status, by rules kept as data. It is pure: no
// cluster, no clock.
package health

import "time"

// Level is an object's health in the field's own words, ordered from best to worst by Worse.
type Level string

const (
	Healthy     Level = "Healthy"
	Suspended   Level = "Suspended"
	Progressing Level = "Progressing"
	Missing     Level = "Missing"
	Degraded    Level = "Degraded"
	Unknown     Level = "Unknown" // never observed by its controller, or not readable
)

var rank = map[Level]int{Healthy: 0, Suspended: 1, Progressing: 2, Missing: 3, Degraded: 4, Unknown: 5}

// Worse reports whether l is worse than o.
func (l Level) Worse(o Level) bool { return rank[l] > rank[o] }

// Status is the verdict on one object.
type Status struct {
	Level   Level  `json:"level"`
	Reason  string `json:"reason,omitempty"`  // CamelCase, from the object's own condition where it has one
	Message string `json:"message,omitempty"` // one sentence for people
	// RecheckAfter, when not zero, says that time alone may change the verdict (a progress deadline that nobody
	// reports), counted from now.
	RecheckAfter time.Duration `json:"-"`
}
