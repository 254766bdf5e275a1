package app

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/controller/wake"
)

// workers reconcile in parallel. A reconcile is a conversion and at most a write or two: they wait for the API server.
const workers = 16

// Add registers r with the manager. engine wakes it.
func Add(m manager.Manager, r *Reconciler, engine *wake.Source) error {
	return builder.ControllerManagedBy(m).
		Named("app").
		For(&v1alpha1.App{}).
		WatchesRawSource(engine).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](50*time.Millisecond, 30*time.Second),
		}).
		Complete(r)
}
