package kubelet

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestBehaviourIsReadFromTheImage(t *testing.T) {
	for image, want := range map[string]behaviour{
		"nginx":                                  {},
		"nginx:1.29":                             {},
		"web:crash":                              {kind: crashes},
		"web:fail":                               {kind: crashes},
		"web:fail-pull":                          {kind: failsPull},
		"registry.example:5000/shop/web:1-crash": {kind: crashes},
		"registry.example:5000/shop/crash":       {kind: crashes},
		"registry.example:5000/never-ready:1.0":  {kind: neverReady},
		"registry.example:5000/web":              {},
		"web:1.4-fail-pull":                      {kind: failsPull},
		"web:1.4-never-ready@sha256:0123":        {kind: neverReady},
		"web:slow-5s":                            {slow: 5 * time.Second},
		"web:1.4-slow-90s":                       {slow: 90 * time.Second},
		"web:slow-x":                             {},
		"web:slow-s":                             {},
		"web:never-fail":                         {},
		"crash/web:1":                            {},
		"crash-reporter:1":                       {},
	} {
		if got := behaviourOf(image); got != want {
			t.Errorf("%s: %+v, want %+v", image, got, want)
		}
	}
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// played carries out Next from the creation of pod until nothing more is due, or for the time given, with a clock that
// jumps from step to step.
func played(t *testing.T, pod *corev1.Pod, during time.Duration) (events []string) {
	t.Helper()
	now := epoch
	for range 200 {
		step := Next(pod, now)
		if step.Status != nil {
			pod.Status = *step.Status
			for _, e := range step.Events {
				events = append(events, e.kind+" "+e.reason)
			}
			continue
		}
		if step.Due == 0 || now.Add(step.Due).After(epoch.Add(during)) {
			return events
		}
		now = now.Add(step.Due)
	}
	t.Fatal("no end after 200 steps")
	return nil
}

func pod(policy corev1.RestartPolicy, images ...string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u1", Generation: 1},
		Spec:       corev1.PodSpec{RestartPolicy: policy, NodeName: "node-0"},
		Status:     corev1.PodStatus{Phase: corev1.PodPending},
	}
	for i, image := range images {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: string(rune('a' + i)), Image: image})
	}
	return p
}

func withInit(p *corev1.Pod, containers ...corev1.Container) *corev1.Pod {
	p.Spec.InitContainers = containers
	return p
}

func state(s corev1.ContainerStatus) string {
	switch {
	case s.State.Running != nil && s.Ready:
		return "ready"
	case s.State.Running != nil:
		return "running"
	case s.State.Terminated != nil:
		return s.State.Terminated.Reason
	case s.State.Waiting != nil:
		return s.State.Waiting.Reason
	}
	return "none"
}

func states(statuses []corev1.ContainerStatus) string {
	var out []string
	for _, s := range statuses {
		out = append(out, state(s))
	}
	return strings.Join(out, " ")
}

func conditionOf(p *corev1.Pod, of corev1.PodConditionType) string {
	for _, c := range p.Status.Conditions {
		if c.Type == of {
			return strings.TrimSpace(string(c.Status) + " " + c.Reason)
		}
	}
	return "none"
}

func TestPodsGoThroughTheirLife(t *testing.T) {
	const (
		always = corev1.RestartPolicyAlways
		never  = corev1.RestartPolicyNever
		onFail = corev1.RestartPolicyOnFailure
	)
	sidecar := corev1.ContainerRestartPolicyAlways
	const noEvents = "begin,end"
	for _, c := range []struct {
		name       string
		pod        *corev1.Pod
		during     time.Duration
		phase      corev1.PodPhase
		init       string
		containers string
		ready      string // condition Ready
		events     string // those that must be among the events, in order; they are between "begin" and "end"
	}{
		{
			name: "an ordinary Pod is ready at once, without an event", pod: pod(always, "web:1", "proxy:1"),
			phase: corev1.PodRunning, containers: "ready ready", ready: "True", events: noEvents,
		}, {
			name: "an image that cannot be pulled keeps the Pod pending", pod: pod(always, "web:fail-pull", "proxy:1"),
			during: time.Minute, phase: corev1.PodPending, containers: "ImagePullBackOff ready", ready: "False ContainersNotReady",
			events: "Normal Pulling,Warning Failed,Warning Failed,Normal BackOff,Warning Failed",
		}, {
			name: "the first failed pull is an ErrImagePull", pod: pod(always, "web:fail-pull"),
			phase: corev1.PodPending, containers: "ErrImagePull", ready: "False ContainersNotReady",
		}, {
			name: "a crashing container ends in a crash loop", pod: pod(always, "web:crash"), during: 10 * time.Second,
			phase: corev1.PodRunning, containers: "CrashLoopBackOff", ready: "False ContainersNotReady",
			events: "Normal Pulled,Normal Created,Normal Started,Warning BackOff",
		}, {
			name: "a Pod whose readiness probe fails runs", pod: pod(always, "web:never-ready"), during: time.Hour,
			phase: corev1.PodRunning, containers: "running", ready: "False ContainersNotReady", events: "Warning Unhealthy",
		}, {
			name: "a slow Pod is not ready before its time", pod: pod(always, "web:slow-5s"), during: 4 * time.Second,
			phase: corev1.PodRunning, containers: "running", ready: "False ContainersNotReady",
		}, {
			name: "a slow Pod is ready after its time", pod: pod(always, "web:slow-5s"), during: 5 * time.Second,
			phase: corev1.PodRunning, containers: "ready", ready: "True",
		}, {
			name: "a Pod of a Job completes", pod: pod(never, "migrate:1"),
			phase: corev1.PodSucceeded, containers: "Completed", ready: "False PodCompleted",
		}, {
			name: "a failing Pod of a Job fails", pod: pod(never, "migrate:fail"), during: time.Minute,
			phase: corev1.PodFailed, containers: "Error", ready: "False PodFailed", events: "Normal Started",
		}, {
			name: "a failing Pod of a Job that restarts on failure goes into a crash loop", pod: pod(onFail, "migrate:fail"),
			during: 5 * time.Second, phase: corev1.PodRunning, containers: "CrashLoopBackOff", ready: "False ContainersNotReady",
		}, {
			name: "a slow Pod of a Job runs first", pod: pod(never, "migrate:slow-5s"), during: 4 * time.Second,
			phase: corev1.PodRunning, containers: "running", ready: "False ContainersNotReady",
		}, {
			name:  "init containers complete and sidecars run before the Pod is ready",
			pod:   withInit(pod(always, "web:1"), corev1.Container{Name: "i", Image: "init:1"}, corev1.Container{Name: "s", Image: "mesh:1", RestartPolicy: &sidecar}),
			phase: corev1.PodRunning, init: "Completed ready", containers: "ready", ready: "True",
		}, {
			name:   "a crashing init container keeps the others waiting",
			pod:    withInit(pod(always, "web:1"), corev1.Container{Name: "i", Image: "init:crash"}, corev1.Container{Name: "j", Image: "init:1"}),
			during: 5 * time.Second, phase: corev1.PodPending, init: "CrashLoopBackOff PodInitializing",
			containers: "PodInitializing", ready: "False ContainersNotReady", events: "Warning BackOff",
		}, {
			name:   "a failing init container of a Job fails the Pod",
			pod:    withInit(pod(never, "migrate:1"), corev1.Container{Name: "i", Image: "init:fail"}),
			during: 5 * time.Second, phase: corev1.PodFailed, init: "Error", containers: "PodInitializing", ready: "False PodFailed",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			events := played(t, c.pod, c.during)
			s := c.pod.Status
			if s.Phase != c.phase {
				t.Errorf("phase %s, want %s", s.Phase, c.phase)
			}
			if got := states(s.InitContainerStatuses); got != c.init {
				t.Errorf("init containers %q, want %q", got, c.init)
			}
			if got := states(s.ContainerStatuses); got != c.containers {
				t.Errorf("containers %q, want %q", got, c.containers)
			}
			if got := conditionOf(c.pod, corev1.PodReady); got != c.ready {
				t.Errorf("Ready is %q, want %q", got, c.ready)
			}
			if got := "begin," + strings.Join(append(events, "end"), ","); !strings.Contains(got, c.events) {
				t.Errorf("events %q, want %q among them", got, c.events)
			}
		})
	}
}

func TestACrashLoopCountsItsRestartsAndSlowsDown(t *testing.T) {
	p := pod(corev1.RestartPolicyAlways, "web:crash")
	counts := map[time.Duration]int32{0: 0, time.Second: 1, 2 * time.Second: 2, 4 * time.Second: 3, 8 * time.Second: 4, 2 * time.Minute: 8}
	for during, want := range counts {
		p.Status = corev1.PodStatus{Phase: corev1.PodPending}
		played(t, p, during)
		s := p.Status.ContainerStatuses[0]
		if s.RestartCount != want {
			t.Errorf("after %v: %d restarts, want %d", during, s.RestartCount, want)
		}
		if last := s.LastTerminationState.Terminated; want > 0 && (last == nil || last.ExitCode != 1) {
			t.Errorf("after %v: last state %+v, want exit code 1", during, s.LastTerminationState)
		}
	}
}

func TestAChangedImageStartsTheContainerAgain(t *testing.T) {
	p := pod(corev1.RestartPolicyAlways, "web:crash")
	played(t, p, time.Minute)
	p.Spec.Containers[0].Image = "web:2"
	played(t, p, 0)
	if got := states(p.Status.ContainerStatuses); got != "ready" {
		t.Errorf("container is %s, want ready", got)
	}
}

func TestADeletedPodIsRemovedOnce(t *testing.T) {
	p := pod(corev1.RestartPolicyAlways, "web:1")
	played(t, p, 0)
	deleted, grace := metav1.NewTime(epoch), int64(30)
	p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &deleted, &grace
	if step := Next(p, epoch); !step.Delete {
		t.Error("the Pod is not removed")
	}
	grace = 0
	if step := Next(p, epoch); step.Delete || step.Status != nil {
		t.Errorf("something is done to a Pod that is removed already: %+v", step)
	}
}

func TestADeletedPodWithAFinalizerHasEndedFirst(t *testing.T) {
	p := pod(corev1.RestartPolicyNever, "migrate:never-ready")
	played(t, p, 0)
	deleted, grace := metav1.NewTime(epoch), int64(30)
	p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &deleted, &grace
	p.Finalizers = []string{"batch.kubernetes.io/job-tracking"}
	step := Next(p, epoch)
	if step.Delete || step.Status == nil || step.Status.Phase != corev1.PodFailed {
		t.Fatalf("%+v, want the phase Failed", step)
	}
	if end := step.Status.ContainerStatuses[0].State.Terminated; end == nil || end.ExitCode != 137 {
		t.Errorf("container %+v, want killed", step.Status.ContainerStatuses[0].State)
	}
	p.Status = *step.Status
	if step := Next(p, epoch); !step.Delete {
		t.Error("the ended Pod is not removed")
	}
}

func TestNextDoesNotChangeThePod(t *testing.T) {
	p := withInit(pod(corev1.RestartPolicyAlways, "web:crash"), corev1.Container{Name: "i", Image: "init:1"})
	for i := range 6 {
		before := p.DeepCopy()
		step := Next(p, epoch.Add(time.Duration(i)*10*time.Second))
		if p.String() != before.String() {
			t.Fatalf("step %d changed the Pod", i)
		}
		if step.Status != nil {
			p.Status = *step.Status
		}
	}
}

func TestAddressesAreGivenOnceAndRest(t *testing.T) {
	a := newAddresses()
	a.claim("10.0.0.1")
	var got []string
	for range 5 {
		ip, err := a.next("10.0.0.0/29")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ip)
	}
	if want := []string{"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"}; !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	a.release("10.0.0.2")
	if ip, _ := a.next("10.0.0.0/29"); ip != "10.0.0.7" {
		t.Errorf("%s, want the one that was never used, 10.0.0.7", ip)
	}
	if ip, _ := a.next("10.0.0.0/29"); ip != "10.0.0.2" {
		t.Errorf("%s, want the released 10.0.0.2", ip)
	}
	if ip, err := a.next("10.0.0.0/29"); err == nil {
		t.Errorf("%s out of a full range", ip)
	}
}
