package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/controller/wake"
)

// bySecret indexes Clusters by the Secret that they use, as "namespace/name".
const bySecret = "secret"

const workers = 2

// Add registers r with the manager. engine wakes it. ctx is for the set-up alone.
func Add(ctx context.Context, m manager.Manager, r *Reconciler, engine *wake.Source) error {
	index := func(o client.Object) []string {
		if name, ok := secretOf(o.(*v1alpha1.Cluster)); ok {
			return []string{name.String()}
		}
		return nil
	}
	if err := m.GetFieldIndexer().IndexField(ctx, &v1alpha1.Cluster{}, bySecret, index); err != nil {
		return err
	}
	return builder.ControllerManagedBy(m).
		Named("cluster").
		For(&v1alpha1.Cluster{}).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.users)).
		WatchesRawSource(engine).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// users are the Clusters that use a Secret.
func (r *Reconciler) users(ctx context.Context, secret client.Object) []reconcile.Request {
	var list v1alpha1.ClusterList
	match := client.MatchingFields{bySecret: client.ObjectKeyFromObject(secret).String()}
	if err := r.hub.List(ctx, &list, match, client.UnsafeDisableDeepCopy); err != nil {
		return nil // the cache is stopping
	}
	var out []reconcile.Request
	for i := range list.Items {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return out
}
