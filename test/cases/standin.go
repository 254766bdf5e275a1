package main

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// standIns are the statuses that the controllers of other products would give, for the kinds whose health cannot be told
// without one.
var standIns = map[schema.GroupVersionResource]string{
	{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}:     `{"status":{"phase":"Healthy","observedGeneration":"1"}}`,
	{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}: `{"status":{"health":{"status":"Healthy"},"sync":{"status":"Synced"}}}`,
}

// startStandIns starts to give these statuses. The function that it returns ends that.
func (l *lab) startStandIns(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for resource, status := range standIns {
		running.Go(func() { l.standIn(ctx, resource, status) })
	}
	return func() { cancel(); running.Wait() }
}

func (l *lab) standIn(ctx context.Context, resource schema.GroupVersionResource, status string) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		list, err := l.client.Resource(resource).List(ctx, metav1.ListOptions{})
		if err != nil {
			continue // asked again at the next tick
		}
		for _, o := range list.Items {
			if _, has, _ := unstructured.NestedMap(o.Object, "status"); !has {
				_, _ = l.client.Resource(resource).Namespace(o.GetNamespace()).
					Patch(ctx, o.GetName(), types.MergePatchType, []byte(status), metav1.PatchOptions{FieldManager: "stand-in"}, "status")
			}
		}
	}
}
