package channel

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/controller/wake"
	"plumb.cd/plumb/internal/convert"
)

// bySecret indexes Channels by the name of the Secret that they use.
const bySecret = "secret"

// Add registers r with the manager. courier wakes it. ctx is for the set-up alone.
func Add(ctx context.Context, m manager.Manager, r *Reconciler, courier *wake.Source) error {
	index := func(o client.Object) []string {
		if name := convert.SecretOfChannel(o.(*v1alpha1.Channel)); name != "" {
			return []string{name}
		}
		return nil
	}
	if err := m.GetFieldIndexer().IndexField(ctx, &v1alpha1.Channel{}, bySecret, index); err != nil {
		return err
	}
	return builder.ControllerManagedBy(m).
		Named("channel").
		For(&v1alpha1.Channel{}).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.users)).
		WatchesRawSource(courier).
		Complete(r)
}

// users are the Channels that use a Secret.
func (r *Reconciler) users(ctx context.Context, secret client.Object) []reconcile.Request {
	var list v1alpha1.ChannelList
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
