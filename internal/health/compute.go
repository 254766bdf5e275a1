package health

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/object"
)

// Annotations with the value "true" that take an object out of health.
const (
	AnnotationIgnore     = "plumb.cd/ignore-health"
	AnnotationIgnoreArgo = "argocd.argoproj.io/ignore-healthcheck"
)

// Reasons that no condition of an object gives.
const (
	reasonIgnored      = "Ignored"      // told so by an annotation
	reasonNotFound     = "NotFound"     // there is no object
	reasonDeleting     = "Deleting"     // waiting for its finalizers
	reasonNotObserved  = "NotObserved"  // its controller has not seen the current generation yet
	reasonNoStatus     = "NoStatus"     // a custom resource that nobody gave a status
	reasonRuleFailed   = "RuleFailed"   // a user's rule could not be evaluated
	reasonRule         = "Rule"         // a user's rule decided and gave no reason of its own
	reasonUpdating     = "Updating"     // a roll-out is under way
	reasonUnavailable  = "Unavailable"  // fewer are available than wanted
	reasonPaused       = "Paused"       // told to stand still
	reasonWaitsAddress = "NoAddressYet" // a load balancer was asked for and gave no address yet
)

// Compute gives the health of one object at the time now. obj is only read; nil is a Missing object. rules are the
// user's, tried first; nil means none.
//
// The order is: the ignore annotations; deletion; the first user's rule that selects the object; the built-in rule of
// its kind; conditions in the common style (see fromConditions); and last, for what has no status at all, see noStatus.
// A message is cut after a kilobyte.
func Compute(obj *unstructured.Unstructured, now time.Time, rules *Rules) Status {
	s := compute(obj, now, rules)
	s.Message = clip(s.Message)
	return s
}

func compute(obj *unstructured.Unstructured, now time.Time, rules *Rules) Status {
	if obj == nil || obj.Object == nil {
		return Status{Level: Missing, Reason: reasonNotFound, Message: "the object does not exist"}
	}
	v := view{obj: obj.Object, now: now}
	id := object.Of(obj)
	switch {
	case v.str("metadata", "annotations", AnnotationIgnore) == "true",
		v.str("metadata", "annotations", AnnotationIgnoreArgo) == "true":
		return Status{Level: Healthy, Reason: reasonIgnored, Message: "its health is ignored, as its annotation says"}
	case v.str("metadata", "deletionTimestamp") != "":
		return deleting(v)
	}
	if s, ok := rules.compute(id, obj, now); ok {
		return s
	}
	if b, ok := builtins[id.GroupKind()]; ok {
		return b.judge(v)
	}
	return fromConditions(v, id.Group)
}

func deleting(v view) Status {
	if f := v.list("metadata", "finalizers"); len(f) > 0 {
		return Status{Level: Progressing, Reason: reasonDeleting, Message: fmt.Sprintf("being deleted, waits for finalizer %v", f[0])}
	}
	return Status{Level: Progressing, Reason: reasonDeleting, Message: "being deleted"}
}

// notObserved gives a verdict while the object's controller has not seen its newest generation. A controller that writes
// the number as a string counts as well.
func notObserved(v view) (Status, bool) {
	generation, ok := v.num("metadata", "generation")
	observed, has := v.num("status", "observedGeneration")
	if ok && has && observed < generation {
		return Status{
			Level: Progressing, Reason: reasonNotObserved,
			Message: fmt.Sprintf("its controller has seen generation %d of %d", observed, generation),
		}, true
	}
	return Status{}, false
}

// neverObserved is notObserved for kinds whose controller always writes observedGeneration.
func neverObserved(v view) (Status, bool) {
	if _, has := v.num("status", "observedGeneration"); !has {
		return Status{Level: Progressing, Reason: reasonNotObserved, Message: "its controller has not seen it yet"}, true
	}
	return notObserved(v)
}
