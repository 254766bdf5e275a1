package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
)

// namespace creates one and waits until Pods can be created in it.
func namespace(t *testing.T, c *kubernetes.Clientset) string {
	t.Helper()
	ns, err := c.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) (bool, string) {
		_, err := c.CoreV1().ServiceAccounts(ns.Name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, fmt.Sprint(err)
	})
	return ns.Name
}

func template(labels map[string]string, image string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: image}}},
	}
}

func deploy(t *testing.T, c *kubernetes.Clientset, ns, name, image string, replicas int32) {
	t.Helper()
	labels := map[string]string{"app": name}
	_, err := c.AppsV1().Deployments(ns).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: metav1.SetAsLabelSelector(labels), Template: template(labels, image),
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// onePod waits until the only Pod of app satisfies done, and returns it.
func onePod(t *testing.T, c *kubernetes.Clientset, ns, app string, done func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	var found *corev1.Pod
	eventually(t, func(ctx context.Context) (bool, string) {
		list, err := c.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
		if err != nil || len(list.Items) != 1 {
			return false, fmt.Sprintf("%v, %d Pods of %s", err, len(list.Items), app)
		}
		found = &list.Items[0]
		return done(found), fmt.Sprintf("Pod of %s: %+v", app, found.Status)
	})
	return found
}

// expectEvents waits for events about a Pod, each "Type Reason".
func expectEvents(t *testing.T, c *kubernetes.Clientset, p *corev1.Pod, want ...string) {
	t.Helper()
	eventually(t, func(ctx context.Context) (bool, string) {
		list, err := c.CoreV1().Events(p.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=" + p.Name})
		if err != nil {
			return false, err.Error()
		}
		var seen []string
		for _, e := range list.Items {
			if e.Source.Component == "kubelet" {
				seen = append(seen, e.Type+" "+e.Reason)
			}
		}
		for _, w := range want {
			if !strings.Contains(strings.Join(seen, ","), w) {
				return false, fmt.Sprintf("event %q; there are %q", w, seen)
			}
		}
		return true, ""
	})
}

func TestADeploymentBecomesAvailableAndItsServiceHasEndpoints(t *testing.T) {
	c := admin(t)
	ns := namespace(t, c)
	deploy(t, c, ns, "web", "web:1", 3)
	_, err := c.CoreV1().Services(ns).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, Selector: map[string]string{"app": "web"},
			Ports: []corev1.ServicePort{{Port: 80}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) (bool, string) {
		d, err := c.AppsV1().Deployments(ns).Get(ctx, "web", metav1.GetOptions{})
		return err == nil && d.Status.AvailableReplicas == 3, fmt.Sprintf("%v %+v", err, d.Status)
	})
	eventually(t, func(ctx context.Context) (bool, string) {
		slices, err := c.DiscoveryV1().EndpointSlices(ns).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=web"})
		addresses := map[string]bool{}
		for _, s := range slices.Items {
			for _, e := range s.Endpoints {
				addresses[e.Addresses[0]] = *e.Conditions.Ready
			}
		}
		return len(addresses) == 3, fmt.Sprintf("%v, endpoints %v", err, addresses)
	})
	eventually(t, func(ctx context.Context) (bool, string) {
		s, err := c.CoreV1().Services(ns).Get(ctx, "web", metav1.GetOptions{})
		return err == nil && len(s.Status.LoadBalancer.Ingress) == 1, fmt.Sprintf("%v, a load balancer", err)
	})
}

func TestStatefulSetsGetVolumesAndIngressesAddresses(t *testing.T) {
	c := admin(t)
	ns := namespace(t, c)
	labels, two := map[string]string{"app": "db"}, int32(2)
	_, err := c.AppsV1().StatefulSets(ns).Create(t.Context(), &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "db"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: &two, Selector: metav1.SetAsLabelSelector(labels), Template: template(labels, "db:1"), ServiceName: "db",
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "data"},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources: corev1.VolumeResourceRequirements{
						Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
					},
				},
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	prefix := networkingv1.PathTypePrefix
	_, err = c.NetworkingV1().Ingresses(ns).Create(t.Context(), &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "db"},
		Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &prefix, Backend: networkingv1.IngressBackend{
					Service: &networkingv1.IngressServiceBackend{Name: "db", Port: networkingv1.ServiceBackendPort{Number: 80}},
				}}},
			}},
		}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) (bool, string) {
		s, err := c.AppsV1().StatefulSets(ns).Get(ctx, "db", metav1.GetOptions{})
		return err == nil && s.Status.AvailableReplicas == 2, fmt.Sprintf("%v %+v", err, s.Status)
	})
	var volume string
	eventually(t, func(ctx context.Context) (bool, string) {
		claim, err := c.CoreV1().PersistentVolumeClaims(ns).Get(ctx, "data-db-0", metav1.GetOptions{})
		volume = claim.Spec.VolumeName
		return err == nil && claim.Status.Phase == corev1.ClaimBound, fmt.Sprintf("%v %+v", err, claim.Status)
	})
	eventually(t, func(ctx context.Context) (bool, string) {
		i, err := c.NetworkingV1().Ingresses(ns).Get(ctx, "db", metav1.GetOptions{})
		return err == nil && len(i.Status.LoadBalancer.Ingress) == 1, fmt.Sprintf("%v, an address", err)
	})
	if err := c.CoreV1().Namespaces().Delete(t.Context(), ns, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) (bool, string) {
		_, err := c.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
		return err != nil, "the deleted namespace is still there"
	})
	eventually(t, func(ctx context.Context) (bool, string) {
		_, err := c.CoreV1().PersistentVolumes().Get(ctx, volume, metav1.GetOptions{})
		return err != nil, "the volume of a deleted claim is still there"
	})
}

func job(image string, limit int32) *batchv1.Job {
	spec := template(nil, image)
	spec.Spec.RestartPolicy = corev1.RestartPolicyNever
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "job"},
		Spec:       batchv1.JobSpec{Template: spec, BackoffLimit: &limit},
	}
}

func TestAJobCompletesOrFailsAsItsImageSays(t *testing.T) {
	c := admin(t)
	for image, want := range map[string]batchv1.JobConditionType{
		"migrate:1": batchv1.JobComplete, "migrate:fail": batchv1.JobFailed, "migrate:crash": batchv1.JobFailed,
	} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t, c)
			if _, err := c.BatchV1().Jobs(ns).Create(t.Context(), job(image, 0), metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			eventually(t, func(ctx context.Context) (bool, string) {
				j, err := c.BatchV1().Jobs(ns).Get(ctx, "job", metav1.GetOptions{})
				if err != nil {
					return false, err.Error()
				}
				for _, condition := range j.Status.Conditions {
					if condition.Type == want && condition.Status == corev1.ConditionTrue {
						return true, ""
					}
				}
				return false, fmt.Sprintf("%s is not %s: %+v", image, want, j.Status)
			})
			background := metav1.DeletePropagationBackground
			if err := c.BatchV1().Jobs(ns).Delete(t.Context(), "job", metav1.DeleteOptions{PropagationPolicy: &background}); err != nil {
				t.Fatal(err)
			}
			eventually(t, func(ctx context.Context) (bool, string) {
				pods, err := c.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
				return err == nil && len(pods.Items) == 0, fmt.Sprintf("%v, Pods of a deleted Job are still there", err)
			})
		})
	}
}

func waitingFor(p *corev1.Pod, reason string) bool {
	for _, s := range p.Status.ContainerStatuses {
		if s.State.Waiting != nil && s.State.Waiting.Reason == reason {
			return true
		}
	}
	return false
}

func TestImagesFailAsTheyAreNamed(t *testing.T) {
	c := admin(t)
	ns := namespace(t, c)
	deploy(t, c, ns, "pull", "shop/web:1.4-fail-pull", 1)
	deploy(t, c, ns, "crash", "shop/web:crash", 1)
	deploy(t, c, ns, "unready", "shop/never-ready:1", 1)
	deploy(t, c, ns, "slow", "shop/web:slow-2s", 1)

	p := onePod(t, c, ns, "pull", func(p *corev1.Pod) bool { return waitingFor(p, "ImagePullBackOff") })
	if p.Status.Phase != corev1.PodPending {
		t.Errorf("phase %s, want Pending", p.Status.Phase)
	}
	expectEvents(t, c, p, "Normal Pulling", "Warning Failed", "Normal BackOff")

	p = onePod(t, c, ns, "crash", func(p *corev1.Pod) bool {
		return waitingFor(p, "CrashLoopBackOff") && p.Status.ContainerStatuses[0].RestartCount > 1
	})
	if last := p.Status.ContainerStatuses[0].LastTerminationState.Terminated; last == nil || last.ExitCode != 1 {
		t.Errorf("last state %+v, want exit code 1", last)
	}
	expectEvents(t, c, p, "Normal Started", "Warning BackOff")

	p = onePod(t, c, ns, "unready", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning })
	expectEvents(t, c, p, "Warning Unhealthy")

	p = onePod(t, c, ns, "slow", func(p *corev1.Pod) bool {
		return len(p.Status.ContainerStatuses) == 1 && p.Status.ContainerStatuses[0].Ready
	})
	var ready metav1.Time
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodReady {
			ready = condition.LastTransitionTime
		}
	}
	if took := ready.Sub(p.Status.StartTime.Time); took.Seconds() < 1 {
		t.Errorf("ready after %v, want about 2s", took)
	}
	for _, name := range []string{"pull", "crash", "unready"} {
		d, err := c.AppsV1().Deployments(ns).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil || d.Status.AvailableReplicas != 0 {
			t.Errorf("%s: %v, %d replicas available, want 0", name, err, d.Status.AvailableReplicas)
		}
	}
}

func TestABadRolloutIsStoppedByItsUnreadyPods(t *testing.T) {
	c := admin(t)
	ns := namespace(t, c)
	deploy(t, c, ns, "web", "web:1", 2)
	available := func(ctx context.Context) (bool, string) {
		d, err := c.AppsV1().Deployments(ns).Get(ctx, "web", metav1.GetOptions{})
		return err == nil && d.Status.AvailableReplicas == 2, fmt.Sprintf("%v %+v", err, d.Status)
	}
	eventually(t, available)
	d, err := c.AppsV1().Deployments(ns).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	seconds, none := int32(1), intstr.FromInt32(0)
	d.Spec.ProgressDeadlineSeconds = &seconds
	d.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxUnavailable: &none}
	d.Spec.Template.Spec.Containers[0].Image = "web:crash"
	if _, err := c.AppsV1().Deployments(ns).Update(t.Context(), d, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) (bool, string) {
		d, err := c.AppsV1().Deployments(ns).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		for _, condition := range d.Status.Conditions {
			if condition.Reason == "ProgressDeadlineExceeded" {
				return d.Status.AvailableReplicas == 2, "the old Pods are gone"
			}
		}
		return false, fmt.Sprintf("the rollout is not given up: %+v", d.Status)
	})
}
