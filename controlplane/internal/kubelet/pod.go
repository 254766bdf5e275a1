package kubelet

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Step is what a kubelet does next with a Pod.
type Step struct {
	Status *corev1.PodStatus // to write; nil: unchanged
	Events []event           // to send once Status is written
	Delete bool              // the Pod has ended: remove the object
	Due    time.Duration     // look again after this time; zero: when the Pod changes
}

// Next says what a kubelet does with pod at the time now. It does not change pod. Addresses are not its business.
func Next(pod *corev1.Pod, now time.Time) Step {
	if pod.DeletionTimestamp != nil {
		return end(pod, now)
	}
	if isFinished(pod) {
		return Step{}
	}
	status := pod.Status.DeepCopy()
	if status.StartTime == nil {
		t := metav1.NewTime(now)
		status.StartTime = &t
	}
	step := Step{Status: status}
	pending := play(pod, now, &step)
	status.Phase = phase(pod, status, pending)
	setConditions(pod, status, now)
	if equality.Semantic.DeepEqual(status, &pod.Status) {
		step.Status = nil
	}
	return step
}

// end removes a Pod that is to be deleted. One that a finalizer keeps is first marked as ended, as its controller
// counts on.
func end(pod *corev1.Pod, now time.Time) Step {
	if len(pod.Finalizers) > 0 && !isFinished(pod) {
		status := pod.Status.DeepCopy()
		status.Phase = corev1.PodFailed
		for i := range status.ContainerStatuses {
			s := &status.ContainerStatuses[i]
			if s.State.Running != nil {
				*s = life{now: now}.exit(*s, 137, "Error").status
			}
		}
		setConditions(pod, status, now)
		return Step{Status: status}
	}
	return Step{Delete: pod.DeletionGracePeriodSeconds == nil || *pod.DeletionGracePeriodSeconds > 0}
}

func isFinished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// play advances the containers of pod, init containers one after the other, and adds to step. It reports whether the
// app containers have to wait for an init container.
func play(pod *corev1.Pod, now time.Time, step *Step) (pending bool) {
	run := pod.Spec.RestartPolicy
	status := step.Status
	inits := make([]corev1.ContainerStatus, 0, len(pod.Spec.InitContainers))
	for _, c := range pod.Spec.InitContainers {
		was := statusOf(pod.Status.InitContainerStatuses, c.Name)
		if pending {
			inits = append(inits, waiting(c, was))
			continue
		}
		l := life{pod: pod, now: now, completes: !isSidecar(c), restarts: run != corev1.RestartPolicyNever || isSidecar(c)}
		s := step.take(l.advance(c, was))
		if s.State.Running != nil && !isSidecar(c) {
			s = step.take(l.advance(c, s)) // most end at once: one write instead of two
		}
		s.Ready = initDone(c, s)
		inits = append(inits, s)
		pending = !initDone(c, s)
	}
	apps := make([]corev1.ContainerStatus, 0, len(pod.Spec.Containers))
	l := life{
		pod: pod, now: now,
		completes: run != corev1.RestartPolicyAlways,
		restarts:  run != corev1.RestartPolicyNever,
	}
	for _, c := range pod.Spec.Containers {
		was := statusOf(pod.Status.ContainerStatuses, c.Name)
		if pending {
			apps = append(apps, waiting(c, was))
			continue
		}
		apps = append(apps, step.take(l.advance(c, was)))
	}
	status.InitContainerStatuses, status.ContainerStatuses = nilIfEmpty(inits), apps
	return pending
}

// take adds the outcome of one container.
func (s *Step) take(m moved) corev1.ContainerStatus {
	s.Events = append(s.Events, m.events...)
	if m.due > 0 && (s.Due == 0 || m.due < s.Due) {
		s.Due = m.due
	}
	return m.status
}

func isSidecar(c corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// initDone reports whether the next container may start after the init container c, which is also what "ready" means
// for one.
func initDone(c corev1.Container, s corev1.ContainerStatus) bool {
	if isSidecar(c) {
		return s.State.Running != nil
	}
	return s.State.Terminated != nil && s.State.Terminated.ExitCode == 0
}

func waiting(c corev1.Container, was corev1.ContainerStatus) corev1.ContainerStatus {
	if was.State.Waiting != nil {
		return was
	}
	return corev1.ContainerStatus{
		Name: c.Name, Image: c.Image, Started: new(bool),
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reasonInitializing}},
	}
}

func statusOf(statuses []corev1.ContainerStatus, name string) corev1.ContainerStatus {
	for _, s := range statuses {
		if s.Name == name {
			return *s.DeepCopy()
		}
	}
	return corev1.ContainerStatus{}
}

func nilIfEmpty(s []corev1.ContainerStatus) []corev1.ContainerStatus {
	if len(s) == 0 {
		return nil
	}
	return s
}

// phase follows the kubelet: Pending until every container has started once, Succeeded or Failed when all have ended
// for good.
func phase(pod *corev1.Pod, status *corev1.PodStatus, pending bool) corev1.PodPhase {
	final := pod.Spec.RestartPolicy == corev1.RestartPolicyNever
	if pending {
		if final && slices.ContainsFunc(status.InitContainerStatuses, failed) {
			return corev1.PodFailed
		}
		return corev1.PodPending
	}
	ended, bad := 0, false
	for _, s := range status.ContainerStatuses {
		if s.State.Waiting != nil && s.LastTerminationState.Terminated == nil {
			return corev1.PodPending
		}
		if s.State.Terminated != nil {
			ended++
			bad = bad || failed(s)
		}
	}
	switch {
	case ended < len(status.ContainerStatuses), pod.Spec.RestartPolicy == corev1.RestartPolicyAlways, bad && !final:
		return corev1.PodRunning
	case bad:
		return corev1.PodFailed
	default:
		return corev1.PodSucceeded
	}
}

func failed(s corev1.ContainerStatus) bool {
	return s.State.Terminated != nil && s.State.Terminated.ExitCode != 0
}

// setConditions derives the conditions of the kubelet from the container statuses.
func setConditions(pod *corev1.Pod, status *corev1.PodStatus, now time.Time) {
	var unready, incomplete []string
	for _, s := range status.ContainerStatuses {
		if !s.Ready {
			unready = append(unready, s.Name)
		}
	}
	for i, c := range pod.Spec.InitContainers {
		if i < len(status.InitContainerStatuses) && !initDone(c, status.InitContainerStatuses[i]) {
			incomplete = append(incomplete, c.Name)
		}
	}
	initialized := condition(corev1.PodInitialized, incomplete, "ContainersNotInitialized", "incomplete")
	ready := condition(corev1.PodReady, unready, "ContainersNotReady", "unready")
	switch status.Phase {
	case corev1.PodSucceeded:
		initialized.Reason = "PodCompleted"
		ready.Reason, ready.Message = "PodCompleted", ""
	case corev1.PodFailed:
		ready.Status, ready.Reason, ready.Message = corev1.ConditionFalse, "PodFailed", ""
	default: // the containers say it
	}
	containersReady := ready
	containersReady.Type = corev1.ContainersReady
	all := []corev1.PodCondition{
		{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue}, initialized, ready, containersReady,
	}
	// Nobody else will ever set a readiness gate here.
	for _, gate := range pod.Spec.ReadinessGates {
		all = append(all, corev1.PodCondition{Type: gate.ConditionType, Status: ready.Status})
	}
	for _, c := range all {
		c.ObservedGeneration = pod.Generation
		setCondition(status, c, now)
	}
	if status.ObservedGeneration < pod.Generation {
		status.ObservedGeneration = pod.Generation
	}
}

func condition(of corev1.PodConditionType, names []string, reason, what string) corev1.PodCondition {
	if len(names) == 0 {
		return corev1.PodCondition{Type: of, Status: corev1.ConditionTrue}
	}
	return corev1.PodCondition{
		Type: of, Status: corev1.ConditionFalse, Reason: reason,
		Message: fmt.Sprintf("containers with %s status: [%s]", what, strings.Join(names, " ")),
	}
}

func setCondition(status *corev1.PodStatus, c corev1.PodCondition, now time.Time) {
	c.LastTransitionTime = metav1.NewTime(now)
	i := slices.IndexFunc(status.Conditions, func(old corev1.PodCondition) bool { return old.Type == c.Type })
	if i < 0 {
		status.Conditions = append(status.Conditions, c)
		return
	}
	if old := status.Conditions[i]; old.Status == c.Status {
		c.LastTransitionTime = old.LastTransitionTime
	}
	status.Conditions[i] = c
}

func imageID(image string) string {
	return fmt.Sprintf("simulated://sha256:%x", sha256.Sum256([]byte(image)))
}

func containerID(pod *corev1.Pod, container string, restarts int32) string {
	return fmt.Sprintf("simulated://%x", sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", pod.UID, container, restarts)))
}
