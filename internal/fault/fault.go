// Package fault classifies errors at the place where they arise.
//
// Every error that ends an attempt to do something for an App carries a Class (what has to happen before trying again
// makes sense), a Reason (a stable code out of one closed list, see reason.go) and, where known, the place and the next
// step for the reader. Code decides by class and reason, never by an error's text.
package fault

import (
	"errors"
	"strings"
)

// Class says what must happen before another try can succeed.
type Class int

const (
	// Transient: the world was busy or away; back off and try again.
	Transient Class = iota
	// Invalid: the input is wrong; only a new revision or a changed App mends it.
	Invalid
	// Blocked: something else must happen first (an event names it); no polling.
	Blocked
)

func (c Class) String() string {
	switch c {
	case Invalid:
		return "invalid"
	case Blocked:
		return "blocked"
	default:
		return "transient"
	}
}

// Error is a classified error. Only Reason and Message are required.
type Error struct {
	Class   Class
	Reason  Reason
	Where   string // file:line in the repository, or an object ID
	Message string // what failed and why, one sentence, no secrets
	Next    string // what the reader can do, often a command
	Err     error  // the cause, for -v; may be nil
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Where != "" {
		b.WriteString(e.Where + ": ")
	}
	b.WriteString(e.Message)
	if e.Err != nil && e.Message == "" {
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Of finds the classified error in err's chain. An unclassified error becomes Transient with reason Internal;
// nil stays nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	return &Error{Class: Transient, Reason: Internal, Message: err.Error(), Err: err}
}

// Is reports whether err carries the reason.
func Is(err error, r Reason) bool {
	var f *Error
	return errors.As(err, &f) && f.Reason == r
}
