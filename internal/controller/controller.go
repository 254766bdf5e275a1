// Package controller puts the controllers together: what they share of the hub's API server, and what wakes them.
package controller

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/controller/app"
	"plumb.cd/plumb/internal/controller/cluster"
	"plumb.cd/plumb/internal/controller/repository"
	"plumb.cd/plumb/internal/controller/wake"
	"plumb.cd/plumb/internal/engine"
)

// Scheme knows our kinds and Kubernetes' own.
func Scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(s) // both only register
	_ = v1alpha1.AddToScheme(s)
	return s
}

// Cache is how the manager's cache must be set up: nothing is kept that no controller reads, and of Secrets only their
// names and versions.
func Cache() cache.Options {
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}: {
				Transform: nameAndVersion,
				// Releases of Helm and service account tokens are many, large, and never credentials of ours.
				Field: fields.AndSelectors(
					fields.OneTermNotEqualSelector("type", "helm.sh/release.v1"),
					fields.OneTermNotEqualSelector("type", string(corev1.SecretTypeServiceAccountToken)),
				),
			},
		},
	}
}

// nameAndVersion keeps of an object's metadata what identifies it and tells that it changed.
func nameAndVersion(o any) (any, error) {
	m, ok := o.(*metav1.PartialObjectMetadata)
	if !ok {
		return o, nil
	}
	m.ObjectMeta = metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion}
	return m, nil
}

// Engine is what the controllers need of the engine.
type Engine interface {
	app.Engine
	repository.Engine
	cluster.Engine
	Expect()
	Listed()
}

// Wakers are what the engine calls when it has something new to say. The zero value is ready; nothing blocks.
type Wakers struct{ apps, repositories, clusters wake.Source }

// App wakes the controller of Apps.
func (w *Wakers) App(k engine.Key) { w.apps.Wake(types.NamespacedName(k)) }

// Repository wakes the controller of Repositories.
func (w *Wakers) Repository(k engine.Key) { w.repositories.Wake(types.NamespacedName(k)) }

// Cluster wakes the controller of Clusters; the namespace of k is empty.
func (w *Wakers) Cluster(k engine.Key) { w.clusters.Wake(types.NamespacedName{Name: k.Name}) }

// Add registers all controllers with a manager that was made with Scheme and Cache. ledger is the MemoryStore that the
// engine was made with. ctx is for the set-up alone.
func Add(ctx context.Context, m manager.Manager, e Engine, ledger *app.Ledger, w *Wakers, now func() time.Time) error {
	hub, live := m.GetClient(), m.GetAPIReader()
	if err := app.Add(m, app.New(hub, live, e, ledger, now), &w.apps); err != nil {
		return err
	}
	repositories, clusters := repository.New(hub, live, e), cluster.New(hub, live, e)
	if err := repository.Add(ctx, m, repositories, &w.repositories); err != nil {
		return err
	}
	if err := cluster.Add(ctx, m, clusters, &w.clusters); err != nil {
		return err
	}
	e.Expect()
	return m.Add(manager.RunnableFunc(func(ctx context.Context) error {
		defer e.Listed()
		if !m.GetCache().WaitForCacheSync(ctx) {
			return nil // it is stopping
		}
		// What fails is told by the controllers, which try again.
		if err := errors.Join(repositories.TellAll(ctx), clusters.TellAll(ctx)); err != nil && ctx.Err() == nil {
			m.GetLogger().Info("not every Repository and Cluster could be read at the start", "err", err.Error())
		}
		if err := appsTold(ctx, hub, e); err != nil && ctx.Err() == nil {
			m.GetLogger().Info("not every App could be read at the start", "err", err.Error())
		}
		return nil
	}))
}

const (
	toldEvery  = 20 * time.Millisecond
	toldWithin = 30 * time.Second
)

// appsTold waits until the engine has met every App that there is.
func appsTold(ctx context.Context, hub client.Reader, e Engine) error {
	var list v1alpha1.AppList
	if err := hub.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	next := 0
	return wait.PollUntilContextTimeout(ctx, toldEvery, toldWithin, true, func(context.Context) (bool, error) {
		for ; next < len(list.Items); next++ {
			a := &list.Items[next]
			if _, met := e.Snapshot(engine.Key{Namespace: a.Namespace, Name: a.Name}); !met && a.DeletionTimestamp == nil {
				return false, nil
			}
		}
		return true, nil
	})
}
