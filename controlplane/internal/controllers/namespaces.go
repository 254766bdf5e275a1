package controllers

import (
	"context"
	"errors"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/namespace/deletion"
)

const (
	namespaceWorkers = 4
	// namespaceGrace is the pause before a deleted namespace is emptied: the admission of new objects must have seen
	// the deletion. The original waits for 5 s, because it may have several API servers to wait for.
	namespaceGrace = 200 * time.Millisecond
	// A namespace that is not empty yet is tried again after a pause that grows between these.
	namespaceRetry    = 100 * time.Millisecond
	namespaceRetryMax = 5 * time.Second
)

// RunNamespaces empties and removes deleted namespaces until ctx ends. It does what the namespace controller of
// kube-controller-manager does, with the same code for the emptying, but does not wait for the termination grace period
// of Pods that need none here.
func RunNamespaces(ctx context.Context, client kubernetes.Interface, objects metadata.Interface) error {
	queue := workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[string](namespaceRetry, namespaceRetryMax))
	factory := informers.NewSharedInformerFactory(client, 0)
	enqueue := func(obj any) {
		if n, ok := obj.(*corev1.Namespace); ok && n.DeletionTimestamp != nil {
			queue.AddAfter(n.Name, namespaceGrace)
		}
	}
	_, err := factory.Core().V1().Namespaces().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: enqueue,
		// The emptying itself writes the status; that must not bring the namespace back before its pause is over.
		UpdateFunc: func(old, obj any) {
			if n, ok := old.(*corev1.Namespace); ok && n.DeletionTimestamp == nil {
				enqueue(obj)
			}
		},
	})
	if err != nil {
		return err
	}
	deleter := deletion.NewNamespacedResourcesDeleter(ctx, client.CoreV1().Namespaces(), objects, client.CoreV1(),
		client.Discovery().ServerPreferredNamespacedResources, corev1.FinalizerKubernetes)
	factory.StartWithContext(ctx)
	defer factory.Shutdown()
	var wait sync.WaitGroup
	for range namespaceWorkers {
		wait.Go(func() {
			for emptyNext(ctx, queue, deleter) {
			}
		})
	}
	<-ctx.Done()
	queue.ShutDown()
	wait.Wait()
	return nil
}

// emptyNext takes one namespace from queue; false: the queue is shut.
func emptyNext(ctx context.Context, queue workqueue.TypedRateLimitingInterface[string], deleter deletion.NamespacedResourcesDeleterInterface) bool {
	name, shut := queue.Get()
	if shut {
		return false
	}
	defer queue.Done(name)
	err := deleter.Delete(ctx, name)
	if err == nil {
		queue.Forget(name)
		return true
	}
	var remaining *deletion.ResourcesRemainingError
	if !errors.As(err, &remaining) && ctx.Err() == nil {
		klog.ErrorS(err, "emptying a namespace", "namespace", name)
	}
	queue.AddRateLimited(name)
	return true
}
