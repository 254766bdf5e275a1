// Package cluster watches Clusters and their Secrets, tells the engine about them, and writes what the engine says into
// their status.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/convert"
	"plumb.cd/plumb/internal/engine"
)

// Engine is what the controller needs of the engine.
type Engine interface {
	SetTarget(engine.Target)
	ForgetTarget(name string)
	TargetSnapshot(name string) (engine.TargetSnapshot, bool)
}

const statusOwner = client.FieldOwner("plumb-status")

// Reconciler keeps one Cluster after the other.
type Reconciler struct {
	hub    client.Client // reads from the cache; of Secrets, the metadata only
	live   client.Reader // reads from the API server
	engine Engine

	mu   sync.Mutex
	told map[string]string // name → mark of what the engine was told
}

// New makes a Reconciler.
func New(hub client.Client, live client.Reader, e Engine) *Reconciler {
	return &Reconciler{hub: hub, live: live, engine: e, told: map[string]string{}}
}

// Reconcile is called when the Cluster or its Secret changed, and when the engine has something new to say.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var cluster v1alpha1.Cluster
	err := r.hub.Get(ctx, req.NamespacedName, &cluster)
	if apierrors.IsNotFound(err) || (err == nil && cluster.DeletionTimestamp != nil) {
		r.engine.ForgetTarget(req.Name)
		r.remember(req.Name, "")
		return reconcile.Result{}, nil
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("reading Cluster %s: %w", req.Name, err)
	}
	if err := r.tell(ctx, &cluster); err != nil {
		return reconcile.Result{}, err
	}
	snapshot, known := r.engine.TargetSnapshot(req.Name)
	if !known {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{}, r.report(ctx, &cluster, snapshot)
}

// TellAll gives every Cluster to the engine, so that no App takes one for missing that is only late.
func (r *Reconciler) TellAll(ctx context.Context) error {
	var list v1alpha1.ClusterList
	if err := r.hub.List(ctx, &list); err != nil {
		return fmt.Errorf("listing Clusters: %w", err)
	}
	var errs []error
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp == nil {
			errs = append(errs, r.tell(ctx, &list.Items[i]))
		}
	}
	return errors.Join(errs...)
}

// tell gives the Cluster to the engine when it, or the Secret that it names, is another than before.
func (r *Reconciler) tell(ctx context.Context, c *v1alpha1.Cluster) error {
	mark, err := r.markOf(ctx, c)
	if err != nil {
		return err
	}
	r.mu.Lock()
	same := r.told[c.Name] == mark
	r.mu.Unlock()
	if same {
		return nil
	}
	secret, err := r.secret(ctx, c)
	if err != nil {
		return err
	}
	r.engine.SetTarget(convert.Target(c, secret))
	r.remember(c.Name, mark)
	return nil
}

// markOf changes whenever the engine must hear of the Cluster again. It costs no request.
func (r *Reconciler) markOf(ctx context.Context, c *v1alpha1.Cluster) (string, error) {
	mark := fmt.Sprintf("%s %d", c.UID, c.Generation)
	name, ok := secretOf(c)
	if !ok {
		return mark, nil
	}
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	if err := r.hub.Get(ctx, name, meta); client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("reading Secret %s: %w", name, err)
	}
	return fmt.Sprintf("%s\n%s %s %s", mark, name, meta.UID, meta.ResourceVersion), nil
}

// secret reads what c names; nil when there is none.
func (r *Reconciler) secret(ctx context.Context, c *v1alpha1.Cluster) (map[string][]byte, error) {
	name, ok := secretOf(c)
	if !ok {
		return nil, nil
	}
	var s corev1.Secret
	err := r.live.Get(ctx, name, &s)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Secret %s: %w", name, err)
	}
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	return s.Data, nil
}

func secretOf(c *v1alpha1.Cluster) (types.NamespacedName, bool) {
	k := c.Spec.Kubeconfig
	if k == nil {
		return types.NamespacedName{}, false
	}
	return types.NamespacedName{Namespace: string(k.Namespace), Name: string(k.Name)}, true
}

func (r *Reconciler) remember(name, mark string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if mark == "" {
		delete(r.told, name)
		return
	}
	r.told[name] = mark
}

// report writes the status when it differs from what is there.
func (r *Reconciler) report(ctx context.Context, c *v1alpha1.Cluster, s engine.TargetSnapshot) error {
	status := convert.ClusterStatus(c, s)
	if equality.Semantic.DeepEqual(c.Status, status) {
		return nil
	}
	before := c.DeepCopy()
	c.Status = status
	err := r.hub.Status().Patch(ctx, c, client.MergeFrom(before), statusOwner)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("writing the status of Cluster %s: %w", c.Name, err)
	}
	return nil
}
