package object

import "errors"

// ErrNotFound is in the chain of every error that means: this object is not in the cluster.
var ErrNotFound = errors.New("not found")

// ErrExists is in the chain of the error of a Create, when an object of that name is there already.
var ErrExists = errors.New("already exists")

// WriteOptions of one write.
type WriteOptions struct {
	Force  bool // take conflicting fields
	DryRun bool
	// UID makes an apply refuse every object but this one; it never creates then. Empty: any, or none.
	UID string
}

// Preconditions make a delete refuse another object than the one that was planned.
type Preconditions struct {
	UID         string // empty: any
	Owner       Owner  // proven on the live object in the function that deletes
	Propagation string // Foreground, Background, Orphan; empty: Background
}

// AnnotationAttempt marks a hook with the attempt and phase that it runs for.
const AnnotationAttempt = "plumb.cd/attempt"
