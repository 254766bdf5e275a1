// Package channel watches Channels and their Secrets, tells the courier about them, and writes what it says into their
// status.
package channel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/convert"
	"plumb.cd/plumb/internal/notify/courier"
)

// Courier is what the controller needs of the courier.
type Courier interface {
	SetChannel(courier.Channel)
	ForgetChannel(namespace, name string)
	Snapshot(ctx context.Context, namespace, name string) (courier.Snapshot, bool, error)
	Listed()
}

const (
	statusOwner = client.FieldOwner("plumb-status")
	// writeEvery spaces the writes that tell nothing but that messages go out.
	writeEvery = 10 * time.Second
)

// Reconciler keeps one Channel after the other.
type Reconciler struct {
	hub     client.Client // reads from the cache; of Secrets, the metadata only
	live    client.Reader // reads from the API server
	courier Courier
	home    string // namespace of the installation
	now     func() time.Time

	mu      sync.Mutex
	told    map[types.NamespacedName]string // mark of what the courier was told
	written map[types.NamespacedName]time.Time
}

// New makes a Reconciler.
func New(hub client.Client, live client.Reader, c Courier, home string, now func() time.Time) *Reconciler {
	return &Reconciler{
		hub: hub, live: live, courier: c, home: home, now: now,
		told: map[types.NamespacedName]string{}, written: map[types.NamespacedName]time.Time{},
	}
}

// Reconcile is called when the Channel or its Secret changed, and when the courier has something new to say.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var c v1alpha1.Channel
	err := r.hub.Get(ctx, req.NamespacedName, &c)
	if apierrors.IsNotFound(err) || (err == nil && c.DeletionTimestamp != nil) {
		r.courier.ForgetChannel(req.Namespace, req.Name)
		r.forget(req.NamespacedName)
		return reconcile.Result{}, nil
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("reading Channel %s: %w", req.NamespacedName, err)
	}
	if err := r.tell(ctx, req.NamespacedName, &c); err != nil {
		return reconcile.Result{}, err
	}
	snapshot, known, err := r.courier.Snapshot(ctx, req.Namespace, req.Name)
	if err != nil || !known {
		return reconcile.Result{}, err
	}
	return r.report(ctx, req.NamespacedName, &c, snapshot)
}

// TellAll gives every Channel to the courier, which then knows which ones are gone.
func (r *Reconciler) TellAll(ctx context.Context) error {
	var list v1alpha1.ChannelList
	if err := r.hub.List(ctx, &list); err != nil {
		return fmt.Errorf("listing Channels: %w", err)
	}
	var errs []error
	for i := range list.Items {
		c := &list.Items[i]
		if c.DeletionTimestamp == nil {
			errs = append(errs, r.tell(ctx, client.ObjectKeyFromObject(c), c))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	r.courier.Listed()
	return nil
}

// tell gives the Channel to the courier when it, or its Secret, is another than before.
func (r *Reconciler) tell(ctx context.Context, key types.NamespacedName, c *v1alpha1.Channel) error {
	r.mu.Lock()
	defer r.mu.Unlock() // one after the other: an older form never comes over a newer one
	mark, err := r.markOf(ctx, c)
	if err != nil || r.told[key] == mark {
		return err
	}
	secret, err := r.secret(ctx, c)
	if err != nil {
		return err
	}
	r.courier.SetChannel(convert.Channel(c, secret, r.home))
	r.told[key] = mark
	return nil
}

func (r *Reconciler) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.told, key)
	delete(r.written, key)
}

// markOf changes whenever the courier must hear of the Channel again. It costs no request.
func (r *Reconciler) markOf(ctx context.Context, c *v1alpha1.Channel) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d", c.UID, c.Generation)
	if name := convert.SecretOfChannel(c); name != "" {
		meta := &metav1.PartialObjectMetadata{}
		meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		err := r.hub.Get(ctx, types.NamespacedName{Namespace: c.Namespace, Name: name}, meta)
		if client.IgnoreNotFound(err) != nil {
			return "", fmt.Errorf("reading Secret %s/%s: %w", c.Namespace, name, err)
		}
		fmt.Fprintf(&b, "\n%s %s %s", name, meta.UID, meta.ResourceVersion)
	}
	return b.String(), nil
}

// secret reads what c names; nil when it is missing.
func (r *Reconciler) secret(ctx context.Context, c *v1alpha1.Channel) (map[string][]byte, error) {
	name := convert.SecretOfChannel(c)
	if name == "" {
		return nil, nil
	}
	var s corev1.Secret
	err := r.live.Get(ctx, types.NamespacedName{Namespace: c.Namespace, Name: name}, &s)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Secret %s/%s: %w", c.Namespace, name, err)
	}
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	return s.Data, nil
}

// report writes the status when it differs from what is there. How many messages wait, and that one was sent, is written
// now and then only.
func (r *Reconciler) report(ctx context.Context, key types.NamespacedName, c *v1alpha1.Channel, s courier.Snapshot) (reconcile.Result, error) {
	now := r.now()
	status := convert.ChannelStatus(c, s, now)
	if equality.Semantic.DeepEqual(c.Status, status) {
		return reconcile.Result{}, nil
	}
	quiet := status
	quiet.Sent, quiet.Waiting, quiet.Dropped = c.Status.Sent, c.Status.Waiting, c.Status.Dropped
	r.mu.Lock()
	wait := r.written[key].Add(writeEvery).Sub(now)
	if !equality.Semantic.DeepEqual(c.Status, quiet) {
		wait = 0
	}
	if wait <= 0 {
		r.written[key] = now
	}
	r.mu.Unlock()
	if wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	before := c.DeepCopy()
	c.Status = status
	err := r.hub.Status().Patch(ctx, c, client.MergeFrom(before), statusOwner)
	if client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, fmt.Errorf("writing the status of Channel %s: %w", key, err)
	}
	return reconcile.Result{}, nil
}
