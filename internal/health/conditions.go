package health

import (
	"strings"
	"time"
)

// Condition types in common use, by what they mean. Within a list the first that an object has decides.
var (
	badConditions      = []string{"Stalled", "Failed", "Degraded"}                                                                                // True is a fault
	movingConditions   = []string{"Reconciling", "Progressing"}                                                                                   // True is work under way
	pausedConditions   = []string{"Suspended", "Paused"}                                                                                          // True is standing still on purpose
	positiveConditions = []string{"Ready", "Available", "Healthy", "Succeeded", "Completed", "Complete", "Programmed", "Established", "Accepted"} // True is well
)

// notReadyFor is how long a resource may say that it is not ready, and nothing more, before that counts as a fault. It is
// the progress deadline that Deployments have by default.
const notReadyFor = 10 * time.Minute

// fromConditions judges any kind by its conditions, as kstatus does and a little further:
//
//   - observedGeneration behind generation: Progressing.
//   - Stalled, Failed or Degraded is True: Degraded. Suspended or Paused is True: Suspended.
//   - Reconciling is True, or Progressing is while Ready is not: Progressing.
//   - Ready (or the next best of positiveConditions) is True: Healthy. False or Unknown: Progressing, and Degraded once it
//     has been so for ten minutes, because nobody else reports a deadline.
//   - No condition tells: Degraded when status.phase or status.state is Failed or Error, else Healthy.
func fromConditions(v view, group string) Status {
	if s, ok := notObserved(v); ok {
		return s
	}
	if v.get("status") == nil {
		return noStatus(v, group)
	}
	for _, t := range []struct {
		kinds []string
		level Level
	}{{badConditions, Degraded}, {pausedConditions, Suspended}, {movingConditions, Progressing}} {
		for _, kind := range t.kinds {
			if c, ok := v.conditionIs(kind, "True"); ok && !arrived(v, kind, c) {
				return named(c, kind).as(t.level, "its condition "+kind+" is True")
			}
		}
	}
	for _, kind := range positiveConditions {
		if c, ok := v.condition(kind); ok {
			return positive(v, kind, named(c, kind))
		}
	}
	for _, field := range []string{"phase", "state"} {
		if p := v.str("status", field); p == "Failed" || p == "Error" {
			return Status{Level: Degraded, Reason: p, Message: orElse(v.str("status", "message"), "its status says "+p)}
		}
	}
	if stale(v) {
		return Status{Level: Progressing, Reason: reasonNotObserved, Message: "its conditions are about an older generation"}
	}
	return healthy()
}

// arrived reports whether Progressing only says that the last roll-out arrived, as Deployments and their likes keep it.
func arrived(v view, kind string, c condition) bool {
	_, ready := v.conditionIs("Ready", "True")
	return kind == "Progressing" && (ready || c.reason == "NewReplicaSetAvailable")
}

func positive(v view, kind string, c condition) Status {
	if c.status == "True" {
		return Status{Level: Healthy, Reason: c.reason, Message: c.message}
	}
	s := c.as(Progressing, "its condition "+kind+" is "+orElse(c.status, "Unknown"))
	if c.since.IsZero() {
		return s
	}
	if left := notReadyFor - v.now.Sub(c.since); left > 0 {
		s.RecheckAfter = left
	} else {
		s.Level = Degraded
	}
	return s
}

// named gives a condition without a reason its type as one.
func named(c condition, kind string) condition {
	c.reason = orElse(c.reason, kind)
	return c
}

// stale reports whether there are conditions and all of them were made for an older generation.
func stale(v view) bool {
	conditions := v.list("status", "conditions")
	for _, e := range conditions {
		seen, ok := v.in(e).num("observedGeneration")
		if !ok || seen >= v.count("metadata", "generation") {
			return false
		}
	}
	return len(conditions) > 0
}

// quiet are kinds of common extensions whose controllers write no status.
var quiet = map[string][]string{
	"monitoring.coreos.com": {"ServiceMonitor", "PodMonitor", "PrometheusRule", "Probe", "AlertmanagerConfig", "ScrapeConfig"},
	"argoproj.io":           {"AppProject", "WorkflowTemplate", "ClusterWorkflowTemplate", "AnalysisTemplate", "ClusterAnalysisTemplate"},
	"networking.istio.io":   nil, // nil: all kinds
	"security.istio.io":     nil,
	"telemetry.istio.io":    nil,
	"traefik.io":            nil,
}

// noStatus judges what has no status at all. Kinds of Kubernetes itself and quiet ones have none: Healthy. Any other custom
// resource may just not have been seen by its controller, so it is Progressing while it is younger than five seconds. After
// that it is Healthy with the reason NoStatus, because a kind that never gets a status must not block a wave for ever.
func noStatus(v view, group string) Status {
	if native(group) || isQuiet(group, v.str("kind")) {
		return healthy()
	}
	if _, counted := v.num("metadata", "generation"); counted {
		if s, young := settle(v, "its controller has not seen it yet"); young {
			return s
		}
	}
	return Status{Level: Healthy, Reason: reasonNoStatus, Message: "it has no status to judge by"}
}

// native reports whether the group is one of Kubernetes itself. CRDs may use *.k8s.io too (with approval): those count as
// custom when the group is none that the API server itself serves.
func native(group string) bool {
	if !strings.Contains(group, ".") {
		return true
	}
	for _, own := range []string{
		"rbac.authorization", "networking", "storage", "admissionregistration", "scheduling", "coordination", "node",
		"flowcontrol.apiserver", "discovery", "certificates", "events", "resource", "apiextensions", "apiregistration",
		"authentication", "authorization", "internal.apiserver", "storagemigration",
	} {
		if group == own+".k8s.io" {
			return true
		}
	}
	return false
}

func isQuiet(group, kind string) bool {
	kinds, ok := quiet[group]
	if !ok || kinds == nil {
		return ok
	}
	for _, k := range kinds {
		if k == kind {
			return true
		}
	}
	return false
}
