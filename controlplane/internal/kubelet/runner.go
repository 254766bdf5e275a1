package kubelet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// workers write Pod statuses at the same time.
const workers = 8

// Runner carries out Next for the Pods of all nodes.
type Runner struct {
	client    kubernetes.Interface
	informers informers.SharedInformerFactory
	pods      listers.PodLister
	nodes     listers.NodeLister
	synced    []cache.InformerSynced
	queue     workqueue.TypedRateLimitingInterface[cache.ObjectName]
	addresses *addresses
}

// NewRunner returns a runner that works with client, which should have no rate limit.
func NewRunner(client kubernetes.Interface) (*Runner, error) {
	// Pods that no node has are not a kubelet's business.
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.InformerFor(&corev1.Pod{}, scheduledPods)
	nodes := factory.Core().V1().Nodes()
	r := &Runner{
		client:    client,
		informers: factory,
		pods:      listers.NewPodLister(pods.GetIndexer()),
		nodes:     nodes.Lister(),
		synced:    []cache.InformerSynced{pods.HasSynced, nodes.Informer().HasSynced},
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[cache.ObjectName](5*time.Millisecond, 10*time.Second)),
		addresses: newAddresses(),
	}
	_, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    r.enqueue,
		UpdateFunc: func(_, pod any) { r.enqueue(pod) },
		DeleteFunc: r.forget,
	})
	return r, err
}

func scheduledPods(client kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
	scheduled := func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermNotEqualSelector("spec.nodeName", "").String()
	}
	source := cache.NewFilteredListWatchFromClient(client.CoreV1().RESTClient(), "pods", metav1.NamespaceAll, scheduled)
	return cache.NewSharedIndexInformer(source, &corev1.Pod{}, resync, cache.Indexers{
		cache.NamespaceIndex: cache.MetaNamespaceIndexFunc,
	})
}

// Run works until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: r.client.CoreV1().Events("")})
	defer broadcaster.Shutdown()

	r.informers.StartWithContext(ctx)
	defer r.informers.Shutdown()
	if !cache.WaitForCacheSync(ctx.Done(), r.synced...) {
		return context.Cause(ctx)
	}
	all, err := r.pods.List(everything)
	if err != nil {
		return err
	}
	for _, pod := range all {
		r.addresses.claim(pod.Status.PodIP)
	}
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for r.one(ctx, broadcaster) {
			}
		})
	}
	<-ctx.Done()
	r.queue.ShutDown()
	wait.Wait()
	return nil
}

func (r *Runner) enqueue(obj any) {
	if name, err := cache.ObjectToName(obj); err == nil {
		r.queue.Add(name)
	}
}

func (r *Runner) forget(obj any) {
	if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	if pod, ok := obj.(*corev1.Pod); ok && !pod.Spec.HostNetwork {
		r.addresses.release(pod.Status.PodIP)
	}
}

// one takes a Pod from the queue and lets it make its next step; false: the queue is shut.
func (r *Runner) one(ctx context.Context, events record.EventBroadcaster) bool {
	name, shut := r.queue.Get()
	if shut {
		return false
	}
	defer r.queue.Done(name)
	due, err := r.step(ctx, name, events)
	switch {
	case err == nil:
		r.queue.Forget(name)
		if due > 0 {
			r.queue.AddAfter(name, due)
		}
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		// What we saw was old; the news is on its way.
		r.queue.Forget(name)
	default:
		klog.ErrorS(err, "playing a Pod", "pod", name)
		r.queue.AddRateLimited(name)
	}
	return true
}

func (r *Runner) step(ctx context.Context, name cache.ObjectName, events record.EventBroadcaster) (time.Duration, error) {
	pod, err := r.pods.Pods(name.Namespace).Get(name.Name)
	if err != nil {
		return 0, err
	}
	step := Next(pod, time.Now())
	if step.Delete {
		options := metav1.DeleteOptions{GracePeriodSeconds: new(int64), Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}
		return 0, r.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, options)
	}
	if step.Status == nil {
		return step.Due, nil
	}
	if err := r.setAddresses(pod, step.Status); err != nil {
		return 0, err
	}
	next := *pod
	next.Status = *step.Status
	if _, err := r.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, &next, metav1.UpdateOptions{}); err != nil {
		return 0, err
	}
	recorder := events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet", Host: pod.Spec.NodeName})
	for _, e := range step.Events {
		recorder.Event(reference(pod, e.container), e.kind, e.reason, e.message)
	}
	return step.Due, nil
}

func reference(pod *corev1.Pod, container string) *corev1.ObjectReference {
	list := "containers"
	for _, c := range pod.Spec.InitContainers {
		if c.Name == container {
			list = "initContainers"
		}
	}
	return &corev1.ObjectReference{
		APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		ResourceVersion: pod.ResourceVersion, FieldPath: fmt.Sprintf("spec.%s{%s}", list, container),
	}
}

// setAddresses gives status the addresses of the node and, unless the Pod has one, an address out of the node's range.
func (r *Runner) setAddresses(pod *corev1.Pod, status *corev1.PodStatus) error {
	if status.HostIP != "" {
		return nil
	}
	node, err := r.nodes.Get(pod.Spec.NodeName)
	if apierrors.IsNotFound(err) {
		return errors.New("no node " + pod.Spec.NodeName) // the Pod waits for it: tried again
	}
	if err != nil {
		return err
	}
	for _, a := range node.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			status.HostIP = a.Address
			status.HostIPs = []corev1.HostIP{{IP: a.Address}}
		}
	}
	status.PodIP = status.HostIP
	if !pod.Spec.HostNetwork {
		if status.PodIP, err = r.addresses.next(node.Spec.PodCIDR); err != nil {
			return fmt.Errorf("node %s: %w", node.Name, err)
		}
	}
	status.PodIPs = []corev1.PodIP{{IP: status.PodIP}}
	return nil
}
