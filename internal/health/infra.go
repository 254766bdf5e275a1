package health

import (
	"fmt"
	"time"
)

// settling is how long a controller is given for its first word on a new object, where none may ever come.
const settling = 5 * time.Second

// settle gives a Progressing verdict while the object is younger than settling. An object without a creation time is
// never young; one whose creation lies in the future (clocks differ) is no younger than new.
func settle(v view, what string) (Status, bool) {
	created := v.time("metadata", "creationTimestamp")
	if created.IsZero() {
		return Status{}, false
	}
	left := min(settling-v.now.Sub(created), settling)
	if left <= 0 {
		return Status{}, false
	}
	return Status{Level: Progressing, Reason: reasonNotObserved, Message: what, RecheckAfter: left}, true
}

const provisionerAnnotation = "volume.kubernetes.io/storage-provisioner"

// claim: a claim that is Pending although its class exists and no provisioner was asked waits for its first consumer
// (volumeBindingMode: WaitForFirstConsumer). That is Healthy: a Pod of a later wave may be what it waits for, and what is
// wrong with it shows in that Pod.
func claim(v view) Status {
	switch phase := v.str("status", "phase"); phase {
	case "Bound":
		return healthy()
	case "Lost":
		return Status{Level: Degraded, Reason: "Lost", Message: "its volume is gone"}
	}
	waitsForPod := v.str("spec", "storageClassName") != "" && v.str("spec", "volumeName") == "" &&
		v.str("metadata", "annotations", provisionerAnnotation) == ""
	if !waitsForPod {
		return Status{Level: Progressing, Reason: "Pending", Message: "it is not bound to a volume yet"}
	}
	if s, young := settle(v, "it is not bound to a volume yet"); young {
		return s
	}
	return Status{Level: Healthy, Reason: "WaitForFirstConsumer", Message: "it is bound when a Pod uses it"}
}

func volume(v view) Status {
	switch phase := v.str("status", "phase"); phase {
	case "Available", "Bound", "Released":
		return Status{Level: Healthy, Reason: phase}
	case "Failed":
		return Status{Level: Degraded, Reason: phase, Message: orElse(v.str("status", "message"), "its reclamation failed")}
	}
	return Status{Level: Progressing, Reason: "Pending", Message: "the volume is not available yet"}
}

func snapshot(v view) Status {
	switch {
	case v.mapping("status", "error") != nil:
		return Status{Level: Degraded, Reason: "SnapshotError", Message: orElse(v.str("status", "error", "message"), "the snapshot failed")}
	case v.yes("status", "readyToUse"):
		return healthy()
	}
	return Status{Level: Progressing, Reason: "Pending", Message: "the snapshot is not ready to use yet"}
}

func service(v view) Status {
	if v.str("spec", "type") != "LoadBalancer" || len(v.list("spec", "externalIPs")) > 0 || len(v.list("status", "loadBalancer", "ingress")) > 0 {
		return healthy()
	}
	return Status{Level: Progressing, Reason: reasonWaitsAddress, Message: "its load balancer has no address yet"}
}

// metricsFor is how long an autoscaler may fail to scale before that is a fault: metrics of new Pods come late.
const metricsFor = 5 * time.Minute

func autoscaler(v view) Status {
	if s, ok := notObserved(v); ok {
		return s
	}
	if v.list("status", "conditions") == nil && v.str("apiVersion") != "autoscaling/v1" {
		return Status{Level: Progressing, Reason: reasonNotObserved, Message: "its controller has not seen it yet"}
	}
	for _, kind := range []string{"AbleToScale", "ScalingActive"} {
		c, failing := v.conditionIs(kind, "False")
		if !failing || c.reason == "ScalingDisabled" {
			continue
		}
		s := c.as(Degraded, "it cannot scale")
		if left := metricsFor - v.now.Sub(c.since); !c.since.IsZero() && left > 0 {
			s.Level, s.RecheckAfter = Progressing, left
		}
		return s
	}
	return healthy()
}

// disruptionBudget: a budget that allows no disruption now does its work; only one that cannot be computed is a fault.
func disruptionBudget(v view) Status {
	if s, ok := neverObserved(v); ok {
		return s
	}
	if c, ok := v.conditionIs("DisruptionAllowed", "False"); ok && c.reason == "SyncFailed" {
		return c.as(Degraded, "it cannot be computed")
	}
	return healthy()
}

func namespace(v view) Status {
	if phase := v.str("status", "phase"); phase != "Active" {
		return progressing(orElse(phase, reasonNotObserved), "the namespace is %s", lower(orElse(phase, "not active yet")))
	}
	return healthy()
}

func node(v view) Status {
	c, ok := v.condition("Ready")
	switch {
	case !ok:
		return Status{Level: Progressing, Reason: reasonNotObserved, Message: "its kubelet has not reported yet"}
	case c.status != "True":
		return c.as(Degraded, "the node is not ready")
	case v.yes("spec", "unschedulable"):
		return Status{Level: Suspended, Reason: "Cordoned", Message: "no new Pods are placed on the node"}
	}
	return healthy()
}

func definition(v view) Status {
	if c, ok := v.conditionIs("NamesAccepted", "False"); ok {
		return c.as(Degraded, "its names are taken by another definition")
	}
	if _, ok := v.conditionIs("Established", "True"); ok {
		return healthy()
	}
	if c, ok := v.condition("Established"); ok {
		return c.as(Progressing, "it is not served yet")
	}
	return Status{Level: Progressing, Reason: reasonNotObserved, Message: "it is not served yet"}
}

func apiService(v view) Status {
	c, ok := v.condition("Available")
	switch {
	case !ok:
		return Status{Level: Progressing, Reason: reasonNotObserved, Message: "it is not known yet whether its server answers"}
	case c.status == "True":
		return healthy()
	}
	return c.as(Progressing, "its server does not answer")
}

// admissionPolicy: warnings of the type check are told but are no fault, since the policy is enforced all the same.
func admissionPolicy(v view) Status {
	if s, ok := neverObserved(v); ok {
		return s
	}
	if w := v.list("status", "typeChecking", "expressionWarnings"); len(w) > 0 {
		first := v.in(w[0])
		return Status{Level: Healthy, Reason: "TypeWarning", Message: fmt.Sprintf("%s: %s", first.str("fieldRef"), first.str("warning"))}
	}
	return healthy()
}

func rollout(v view) Status {
	if s, ok := notObserved(v); ok {
		return s
	}
	s := Status{Reason: v.str("status", "phase"), Message: v.str("status", "message")}
	switch {
	case s.Reason == "Degraded":
		s.Level = Degraded
	case s.Reason == "Paused", v.yes("spec", "paused"):
		s.Level, s.Reason = Suspended, reasonPaused
	case s.Reason == "Healthy":
		s.Level = Healthy
	case s.Reason == "":
		return Status{Level: Progressing, Reason: reasonNotObserved, Message: "its controller has not seen it yet"}
	default:
		s.Level = Progressing
	}
	return s
}

// argoApplication takes over the health that the other engine computed for its application.
func argoApplication(v view) Status {
	level := Level(v.str("status", "health", "status"))
	if _, known := rank[level]; !known {
		return Status{Level: Progressing, Reason: reasonNotObserved, Message: "its controller has not judged it yet"}
	}
	return Status{Level: level, Reason: string(level), Message: v.str("status", "health", "message")}
}
