package kubelet

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// pullBackOff is the time from ErrImagePull to ImagePullBackOff, where the container stays.
	pullBackOff = time.Second
	// crashBackOff is the pause before the second restart; it doubles up to crashBackOffMax. Real kubelets begin at ten
	// seconds and end at five minutes; nobody wants to wait for that in a simulation.
	crashBackOff    = time.Second
	crashBackOffMax = 30 * time.Second
)

// event is one Event about a container; warning says of which type.
type event struct {
	container string // name; empty: about the Pod
	kind      string // corev1.EventTypeNormal or Warning
	reason    string
	message   string
}

// life is what decides how a container goes on, next to its own status.
type life struct {
	pod       *corev1.Pod
	now       time.Time
	completes bool // the container is meant to end by itself
	restarts  bool // the container is started again after exit code 1
}

// moved is the outcome of one step of a container.
type moved struct {
	status corev1.ContainerStatus
	events []event
	due    time.Duration // when to look again; zero: not before something changes
}

// advance gives the next status of a container: was is its present one, of which an empty State means not started.
func (l life) advance(c corev1.Container, was corev1.ContainerStatus) moved {
	b := behaviourOf(c.Image)
	if was.Image != c.Image { // new, or changed in place
		was.State = corev1.ContainerState{}
	}
	switch {
	case was.State.Running != nil:
		return l.running(c, b, was)
	case was.State.Terminated != nil:
		return l.terminated(c, was)
	case was.State.Waiting != nil && was.State.Waiting.Reason == reasonCrashLoop:
		return l.crashLoop(c, was)
	case was.State.Waiting != nil && was.State.Waiting.Reason == reasonErrPull:
		return l.pullBackOff(c, was)
	case was.State.Waiting != nil && was.State.Waiting.Reason == reasonPullBackOff:
		return moved{status: was}
	default:
		return l.begin(c, b, was)
	}
}

const (
	reasonCrashLoop    = "CrashLoopBackOff"
	reasonErrPull      = "ErrImagePull"
	reasonPullBackOff  = "ImagePullBackOff"
	reasonInitializing = "PodInitializing"
)

// begin pulls the image and starts the container.
func (l life) begin(c corev1.Container, b behaviour, was corev1.ContainerStatus) moved {
	s := corev1.ContainerStatus{
		Name: c.Name, Image: c.Image, RestartCount: was.RestartCount, LastTerminationState: was.LastTerminationState,
	}
	if b.kind == failsPull {
		return pullFails(c, s)
	}
	started := true
	s.Started = &started
	s.ImageID = imageID(c.Image)
	s.ContainerID = containerID(l.pod, c.Name, s.RestartCount)
	s.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(l.now)}
	switch b.kind {
	case crashes:
		return moved{status: s, events: startEvents(c)}
	case neverReady:
		return moved{status: s, events: append(startEvents(c), event{
			c.Name, corev1.EventTypeWarning, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503",
		})}
	default:
		s.Ready = b.slow == 0
		return moved{status: s, due: b.slow}
	}
}

func pullFails(c corev1.Container, s corev1.ContainerStatus) moved {
	cause := pullError(c.Image)
	s.State.Waiting = &corev1.ContainerStateWaiting{Reason: reasonErrPull, Message: cause}
	s.Started = new(bool)
	return moved{status: s, due: pullBackOff, events: []event{
		{c.Name, corev1.EventTypeNormal, "Pulling", fmt.Sprintf("Pulling image %q", c.Image)},
		{c.Name, corev1.EventTypeWarning, "Failed", fmt.Sprintf("Failed to pull image %q: %s", c.Image, cause)},
		{c.Name, corev1.EventTypeWarning, "Failed", "Error: " + reasonErrPull},
	}}
}

// running lets the container become ready, complete or crash.
func (l life) running(c corev1.Container, b behaviour, was corev1.ContainerStatus) moved {
	if left := was.State.Running.StartedAt.Add(b.slow).Sub(l.now); left > 0 {
		return moved{status: was, due: left}
	}
	switch {
	case b.kind == crashes:
		return l.exit(was, 1, "Error")
	case b.kind == works && l.completes:
		return l.exit(was, 0, "Completed")
	case b.kind == works:
		was.Ready = true
	}
	return moved{status: was}
}

func (l life) exit(s corev1.ContainerStatus, code int32, reason string) moved {
	s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, ContainerID: s.ContainerID,
		StartedAt: s.State.Running.StartedAt, FinishedAt: metav1.NewTime(l.now),
	}}
	s.Ready = false
	s.Started = new(bool)
	m := moved{status: s}
	if code != 0 && l.restarts {
		m.due = crashBackOff
	}
	return m
}

// terminated restarts a container that exited with an error, which crashes again: it is now in a crash loop.
func (l life) terminated(c corev1.Container, was corev1.ContainerStatus) moved {
	end := was.State.Terminated
	if end.ExitCode == 0 || !l.restarts {
		return moved{status: was}
	}
	if left := end.FinishedAt.Add(crashBackOff).Sub(l.now); left > 0 {
		return moved{status: was, due: left}
	}
	return l.restart(c, was)
}

func (l life) crashLoop(c corev1.Container, was corev1.ContainerStatus) moved {
	end := was.LastTerminationState.Terminated
	if end == nil {
		return l.restart(c, was)
	}
	if left := end.FinishedAt.Add(backOff(was.RestartCount)).Sub(l.now); left > 0 {
		return moved{status: was, due: left}
	}
	return l.restart(c, was)
}

// restart is one turn of the crash loop: started, ended with code 1, waiting again.
func (l life) restart(c corev1.Container, was corev1.ContainerStatus) moved {
	b := behaviourOf(c.Image)
	if b.kind != crashes {
		return l.begin(c, b, was)
	}
	s := was
	s.RestartCount++
	s.ContainerID = containerID(l.pod, c.Name, s.RestartCount)
	pause := backOff(s.RestartCount)
	s.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 1, Reason: "Error", ContainerID: s.ContainerID,
		StartedAt: metav1.NewTime(l.now), FinishedAt: metav1.NewTime(l.now),
	}}
	s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
		Reason: reasonCrashLoop,
		Message: fmt.Sprintf("back-off %v restarting failed container=%s pod=%s_%s(%s)",
			pause, c.Name, l.pod.Name, l.pod.Namespace, l.pod.UID),
	}}
	return moved{status: s, due: pause, events: append(startEvents(c), event{
		c.Name, corev1.EventTypeWarning, "BackOff", fmt.Sprintf("Back-off restarting failed container %s in pod %s_%s(%s)",
			c.Name, l.pod.Name, l.pod.Namespace, l.pod.UID),
	})}
}

func (l life) pullBackOff(c corev1.Container, was corev1.ContainerStatus) moved {
	if l.pod.Status.StartTime != nil {
		if left := l.pod.Status.StartTime.Add(pullBackOff).Sub(l.now); left > 0 {
			return moved{status: was, due: left}
		}
	}
	back := fmt.Sprintf("Back-off pulling image %q", c.Image)
	was.State.Waiting = &corev1.ContainerStateWaiting{
		Reason: reasonPullBackOff, Message: back + ": " + reasonErrPull + ": " + pullError(c.Image),
	}
	return moved{status: was, events: []event{
		{c.Name, corev1.EventTypeNormal, "BackOff", back},
		{c.Name, corev1.EventTypeWarning, "Failed", "Error: " + reasonPullBackOff},
	}}
}

func backOff(restarts int32) time.Duration {
	pause := crashBackOff
	for range restarts - 1 {
		if pause *= 2; pause >= crashBackOffMax {
			return crashBackOffMax
		}
	}
	return pause
}

func startEvents(c corev1.Container) []event {
	return []event{
		{c.Name, corev1.EventTypeNormal, "Pulled", fmt.Sprintf("Container image %q already present on machine", c.Image)},
		{c.Name, corev1.EventTypeNormal, "Created", "Container created"},
		{c.Name, corev1.EventTypeNormal, "Started", "Container started"},
	}
}

func pullError(image string) string {
	return fmt.Sprintf("rpc error: code = NotFound desc = failed to pull and unpack image %q: "+
		"failed to resolve reference %q: not found", image, image)
}
