package health

import (
	"fmt"
	"time"
)

// podFailures are reasons for waiting that do not pass by themselves: the image, the configuration or the program is
// wrong.
var podFailures = map[string]bool{
	"CrashLoopBackOff": true, "ImagePullBackOff": true, "ErrImagePull": true, "ErrImageNeverPull": true,
	"InvalidImageName": true, "ImageInspectError": true, "RegistryUnavailable": true, "SignatureValidationFailed": true,
	"CreateContainerConfigError": true, "CreateContainerError": true, "RunContainerError": true,
	"CreatePodSandboxError": true, "PostStartHookError": true, "PreCreateHookError": true, "PreStartHookError": true,
}

// unschedulableFor is how long a Pod may find no node before that counts as a fault; until then a node may still come.
const unschedulableFor = 5 * time.Minute

// pod: one that is meant to end (restartPolicy Never or OnFailure) is Healthy when it succeeded, any other when it is
// ready.
func pod(v view) Status {
	switch v.str("status", "phase") {
	case "Succeeded":
		return Status{Level: Healthy, Reason: "Succeeded", Message: "all its containers ended well"}
	case "Failed":
		return podFailed(v)
	case "Unknown":
		return Status{Level: Unknown, Reason: orElse(v.str("status", "reason"), "PodUnknown"), Message: orElse(v.str("status", "message"), "its node does not answer")}
	}
	if s, ok := containerTrouble(v); ok {
		return s
	}
	if c, ok := v.conditionIs("PodScheduled", "False"); ok {
		return unscheduled(v, c)
	}
	if c, ok := v.conditionIs("Ready", "True"); ok && v.str("spec", "restartPolicy") != "Never" && v.str("spec", "restartPolicy") != "OnFailure" {
		return Status{Level: Healthy, Reason: c.reason, Message: c.message}
	}
	if c, ok := v.conditionIs("Ready", "False"); ok && c.message != "" {
		return c.as(Progressing, "")
	}
	return progressing(orElse(v.str("status", "phase"), "Pending"), "the Pod is %s", lower(orElse(v.str("status", "phase"), "Pending")))
}

func unscheduled(v view, c condition) Status {
	s := c.as(Progressing, "no node was found for it")
	if c.reason != "Unschedulable" || c.since.IsZero() {
		return s
	}
	if left := unschedulableFor - v.now.Sub(c.since); left > 0 {
		s.RecheckAfter = left
	} else {
		s.Level = Degraded
	}
	return s
}

func podFailed(v view) Status {
	s := Status{Level: Degraded, Reason: orElse(v.str("status", "reason"), "PodFailed"), Message: v.str("status", "message")}
	if s.Message != "" {
		return s
	}
	for _, c := range containers(v) {
		if t := c.mapping("state", "terminated"); t != nil && c.count("state", "terminated", "exitCode") != 0 {
			s.Message = exited(c, "state")
			return s
		}
	}
	s.Message = "the Pod failed"
	return s
}

// containerTrouble finds the first container that cannot start or that just crashed.
func containerTrouble(v view) (Status, bool) {
	for _, c := range containers(v) {
		reason := c.str("state", "waiting", "reason")
		if podFailures[reason] {
			message := fmt.Sprintf("container %s: %s", c.str("name"), orElse(c.str("state", "waiting", "message"), reason))
			if reason == "CrashLoopBackOff" && c.mapping("lastState", "terminated") != nil {
				message += "; it " + exitWords(c, "lastState")
			}
			return Status{Level: Degraded, Reason: reason, Message: message}, true
		}
		if c.count("state", "terminated", "exitCode") != 0 && v.str("spec", "restartPolicy") != "OnFailure" {
			return Status{Level: Degraded, Reason: orElse(c.str("state", "terminated", "reason"), "Error"), Message: exited(c, "state")}, true
		}
	}
	return Status{}, false
}

func containers(v view) []view {
	var out []view
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		for _, e := range v.list("status", list) {
			out = append(out, v.in(e))
		}
	}
	return out
}

func exited(c view, state string) string {
	return fmt.Sprintf("container %s %s", c.str("name"), exitWords(c, state))
}

func exitWords(c view, state string) string {
	s := fmt.Sprintf("ended with exit code %d", c.count(state, "terminated", "exitCode"))
	if r := c.str(state, "terminated", "reason"); r != "" {
		s += " (" + r + ")"
	}
	if m := c.str(state, "terminated", "message"); m != "" {
		s += ": " + m
	}
	return s
}
