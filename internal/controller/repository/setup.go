package repository

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
	"plumb.cd/plumb/internal/convert"
)

// bySecret indexes Repositories by the names of the Secrets that they use.
const bySecret = "secrets"

const workers = 4

// Add registers r with the manager. engine wakes it. ctx is for the set-up alone.
func Add(ctx context.Context, m manager.Manager, r *Reconciler, engine *wake.Source) error {
	index := func(o client.Object) []string { return convert.SecretsOf(o.(*v1alpha1.Repository)) }
	if err := m.GetFieldIndexer().IndexField(ctx, &v1alpha1.Repository{}, bySecret, index); err != nil {
		return err
	}
	return builder.ControllerManagedBy(m).
		Named("repository").
		For(&v1alpha1.Repository{}).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.users)).
		WatchesRawSource(engine).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// users are the Repositories that use a Secret.
func (r *Reconciler) users(ctx context.Context, secret client.Object) []reconcile.Request {
	var list v1alpha1.RepositoryList
	err := r.hub.List(ctx, &list, client.InNamespace(secret.GetNamespace()), client.MatchingFields{bySecret: secret.GetName()},
		client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil // the cache is stopping
	}
	var out []reconcile.Request
	for i := range list.Items {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return out
}
