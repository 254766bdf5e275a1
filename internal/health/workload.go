package health

import "fmt"

// deployment follows the Deployment controller's own notion of complete: everything is of the new revision, nothing of
// the old one is left, and all of it is available.
func deployment(v view) Status {
	if v.yes("spec", "paused") {
		return Status{Level: Suspended, Reason: reasonPaused, Message: "the Deployment is paused"}
	}
	if s, ok := neverObserved(v); ok {
		return s
	}
	if c, ok := v.condition("Progressing"); ok && c.reason == "ProgressDeadlineExceeded" {
		return c.as(Degraded, "it made no progress within its deadline")
	}
	if c, ok := v.conditionIs("ReplicaFailure", "True"); ok {
		return c.as(Degraded, "its Pods cannot be created")
	}
	want := v.or(1, "spec", "replicas")
	updated, all, available := v.count("status", "updatedReplicas"), v.count("status", "replicas"), v.count("status", "availableReplicas")
	switch {
	case updated < want:
		return progressing(reasonUpdating, "%d of %d replicas are updated", updated, want)
	case all > updated:
		return progressing(reasonUpdating, "%d old replicas are still to go", all-updated)
	case available < updated:
		return progressing(reasonUnavailable, "%d of %d updated replicas are available", available, updated)
	}
	return healthy()
}

func progressing(reason, format string, args ...any) Status {
	return Status{Level: Progressing, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// statefulSet is healthy when all replicas are available and those above the partition are of the new revision. With
// the strategy OnDelete people decide when a Pod is replaced, so that old ones are no fault.
func statefulSet(v view) Status {
	if s, ok := neverObserved(v); ok {
		return s
	}
	want := v.or(1, "spec", "replicas")
	ready := v.count("status", "readyReplicas")
	if available, ok := v.num("status", "availableReplicas"); ok {
		ready = min(ready, available)
	}
	onDelete := v.str("spec", "updateStrategy", "type") == "OnDelete"
	partition := v.count("spec", "updateStrategy", "rollingUpdate", "partition")
	moving := v.str("status", "updateRevision") != v.str("status", "currentRevision")
	updated := v.count("status", "updatedReplicas")
	switch {
	case !onDelete && moving && updated < want-partition:
		return progressing(reasonUpdating, "%d of %d replicas are updated", updated, max(want-partition, 0))
	case ready < want:
		return progressing(reasonUnavailable, "%d of %d replicas are available", ready, want)
	case v.count("status", "replicas") > want:
		return progressing(reasonUpdating, "%d replicas are still to go", v.count("status", "replicas")-want)
	}
	return healthy()
}

func daemonSet(v view) Status {
	if s, ok := neverObserved(v); ok {
		return s
	}
	want := v.count("status", "desiredNumberScheduled")
	updated, available := v.count("status", "updatedNumberScheduled"), v.count("status", "numberAvailable")
	switch {
	case v.str("spec", "updateStrategy", "type") != "OnDelete" && updated < want:
		return progressing(reasonUpdating, "%d of %d nodes run the new Pod", updated, want)
	case available < want:
		return progressing(reasonUnavailable, "%d of %d nodes have an available Pod", available, want)
	}
	return healthy()
}

// replicaSet serves ReplicationController too: their status is the same.
func replicaSet(v view) Status {
	if s, ok := neverObserved(v); ok {
		return s
	}
	if c, ok := v.conditionIs("ReplicaFailure", "True"); ok {
		return c.as(Degraded, "its Pods cannot be created")
	}
	want, available := v.or(1, "spec", "replicas"), v.count("status", "availableReplicas")
	if available < want {
		return progressing(reasonUnavailable, "%d of %d replicas are available", available, want)
	}
	if all := v.count("status", "replicas"); all > want {
		return progressing(reasonUpdating, "%d replicas are still to go", all-want)
	}
	return healthy()
}

func job(v view) Status {
	for _, kind := range []string{"Failed", "FailureTarget"} {
		if c, ok := v.conditionIs(kind, "True"); ok {
			return c.as(Degraded, "the Job failed")
		}
	}
	if c, ok := v.conditionIs("Complete", "True"); ok {
		return c.as(Healthy, "the Job is complete")
	}
	if c, ok := v.conditionIs("Suspended", "True"); ok {
		return c.as(Suspended, "the Job is suspended")
	}
	if v.yes("spec", "suspend") {
		return Status{Level: Suspended, Reason: reasonPaused, Message: "the Job is suspended"}
	}
	return progressing("Running", "%d of %d completions, %d Pods failed so far",
		v.count("status", "succeeded"), v.or(1, "spec", "completions"), v.count("status", "failed"))
}

func cronJob(v view) Status {
	if v.yes("spec", "suspend") {
		return Status{Level: Suspended, Reason: reasonPaused, Message: "the CronJob is suspended"}
	}
	return healthy()
}
