// Package app watches Apps, tells the engine about them, and writes what the engine says into their status.
package app

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/convert"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
)

// Engine is what the controller needs of the engine.
type Engine interface {
	SetApp(engine.App)
	ForgetApp(engine.Key)
	Snapshot(engine.Key) (engine.Snapshot, bool)
}

const (
	// statusOwner is the field manager of status writes.
	statusOwner = client.FieldOwner("plumb-status")
	// quickWithin is how long an attempt may run before the status says so: most end sooner, and then one write tells all.
	quickWithin = 500 * time.Millisecond
	// beginWithin is how long an App that has just been met may wait for the first answers before the status says so.
	beginWithin = 2 * time.Second
	// writeEvery spaces the writes that tell progress alone.
	writeEvery = time.Second
)

// Reconciler keeps one App after the other. It holds no timers: an App that must be looked at later is queued for later.
type Reconciler struct {
	hub    client.Client // reads from the cache
	live   client.Reader // reads from the API server
	engine Engine
	ledger *Ledger
	now    func() time.Time

	mu    sync.Mutex
	began map[types.UID]string // versions of the Apps when the first was met, of those that were not met yet
}

// New makes a Reconciler. The ledger is the one that the engine stores its memory in.
func New(hub client.Client, live client.Reader, e Engine, ledger *Ledger, now func() time.Time) *Reconciler {
	return &Reconciler{hub: hub, live: live, engine: e, ledger: ledger, now: now}
}

// Reconcile is called when the App changed, and when the engine has something new to say about it.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	key := engine.Key{Namespace: req.Namespace, Name: req.Name}
	app, err := r.get(ctx, req)
	if err != nil {
		return reconcile.Result{}, err
	}
	if app == nil || leaving(app) {
		r.engine.ForgetApp(key)
		r.ledger.forget(key)
		return reconcile.Result{}, nil
	}
	if err := r.tell(ctx, key, app); err != nil {
		return reconcile.Result{}, err
	}
	snapshot, known := r.engine.Snapshot(key)
	switch {
	case !known:
		return reconcile.Result{}, nil
	case snapshot.Deleted:
		return reconcile.Result{}, r.release(ctx, app)
	}
	return r.report(ctx, key, app, snapshot)
}

// get gives a copy of the App that the caller may change; nil when there is none.
func (r *Reconciler) get(ctx context.Context, req reconcile.Request) (*v1alpha1.App, error) {
	var app v1alpha1.App
	if err := r.hub.Get(ctx, req.NamespacedName, &app); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading App %s: %w", req.NamespacedName, err)
	}
	return &app, nil
}

// leaving reports that a deleted App is none of our business any more: what we had to do is done, others hold it.
func leaving(app *v1alpha1.App) bool {
	return app.DeletionTimestamp != nil && !controllerutil.ContainsFinalizer(app, v1alpha1.Finalizer)
}

// tell gives the App to the engine when it is new, or when what the engine must know of it changed. One that is met for
// the first time must be what the API server has, not an older state: its memory decides whether a hook runs again.
func (r *Reconciler) tell(ctx context.Context, key engine.Key, app *v1alpha1.App) error {
	mark := markOf(app)
	if r.ledger.told(key) == mark && !r.ledger.unmoored(key, app) {
		return nil
	}
	if r.ledger.told(key) == "" {
		if fresh, err := r.fresh(ctx, app); err != nil || !fresh {
			return err // not fresh: the event of what is newer is on its way
		}
		// Whatever it was told of an App that had this name before. Of one that it does not know nobody must hear that it is
		// gone: what was told about it to people before a restart would be forgotten.
		if _, known := r.engine.Snapshot(key); known {
			r.engine.ForgetApp(key)
		}
	}
	// An App of which nothing was ever applied gets its finalizer when something is about to be.
	if remembers := app.Status.Memory != nil || r.ledger.unmoored(key, app); remembers && !controllerutil.ContainsFinalizer(app, v1alpha1.Finalizer) && app.DeletionTimestamp == nil {
		before := app.DeepCopy()
		controllerutil.AddFinalizer(app, v1alpha1.Finalizer)
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		if err := r.hub.Patch(ctx, app, patch); superseded(err) {
			return nil
		} else if err != nil {
			return fmt.Errorf("adding the finalizer to App %s: %w", key, err)
		}
	}
	spec := convert.App(app)
	if err := r.ledger.recall(app, &spec); err != nil {
		return fmt.Errorf("App %s: %w", key, err)
	}
	r.ledger.remember(key, app)
	r.engine.SetApp(spec)
	return nil
}

// fresh reports whether the App is as new as the API server's was when this process began to keep Apps. What came later
// was written by this process, or by people, and its event tells.
func (r *Reconciler) fresh(ctx context.Context, app *v1alpha1.App) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.began == nil {
		began, err := versions(ctx, r.live)
		if err != nil {
			return false, fmt.Errorf("listing Apps: %w", err)
		}
		exists := func(uid types.UID) bool { _, ok := began[uid]; return ok }
		if err := r.ledger.Begin(ctx, exists); err != nil {
			return false, err
		}
		r.began = began
	}
	least, listed := r.began[app.UID]
	if !listed {
		return true, nil
	}
	if order, err := resourceversion.CompareResourceVersion(app.ResourceVersion, least); err == nil && order < 0 {
		return false, nil
	}
	delete(r.began, app.UID)
	return true, nil
}

// versions are the resourceVersions of all Apps, by UID, as the API server has them now.
func versions(ctx context.Context, live client.Reader) (map[types.UID]string, error) {
	const page = 500
	out := map[types.UID]string{}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AppList"))
	for {
		if err := live.List(ctx, list, client.Limit(page), client.Continue(list.Continue)); err != nil {
			return nil, err
		}
		for i := range list.Items {
			out[list.Items[i].UID] = list.Items[i].ResourceVersion
		}
		if list.Continue == "" {
			return out, nil
		}
	}
}

// superseded reports that the App was changed or deleted meanwhile: the event of that is on its way and will wake us.
func superseded(err error) bool { return apierrors.IsConflict(err) || apierrors.IsNotFound(err) }

// markOf changes whenever the engine must hear of the App again.
func markOf(app *v1alpha1.App) string {
	return fmt.Sprintf("%s %d %t %q\n%s\n%s\n%s", app.UID, app.Generation, app.DeletionTimestamp != nil, app.Labels,
		app.Annotations[v1alpha1.AnnotationSyncRequest],
		app.Annotations[v1alpha1.AnnotationRefresh],
		app.Annotations[v1alpha1.AnnotationCancel])
}

// release lets the API server delete the App.
func (r *Reconciler) release(ctx context.Context, app *v1alpha1.App) error {
	before := app.DeepCopy()
	if !controllerutil.RemoveFinalizer(app, v1alpha1.Finalizer) {
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.hub.Patch(ctx, app, patch); err != nil && !superseded(err) {
		return fmt.Errorf("removing the finalizer of App %s/%s: %w", app.Namespace, app.Name, err)
	}
	return nil
}

// report writes the status when it differs from what is there, and with it what the App must remember.
func (r *Reconciler) report(ctx context.Context, key engine.Key, app *v1alpha1.App, s engine.Snapshot) (reconcile.Result, error) {
	defer r.ledger.lock(key)()
	if newer := r.ledger.newerStatus(key, app.ResourceVersion); newer != nil {
		app.Status = *newer // the cache has not seen our last write yet
	}
	status := convert.AppStatus(app.Status, s)
	remembers := s.Memory.Version > r.ledger.stored(key)
	if !remembers && equality.Semantic.DeepEqual(app.Status, status) {
		return reconcile.Result{}, nil
	}
	if wait := r.patience(key, app.Status, s); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	patch, err := statusPatch(app, &status, s.Memory, remembers)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("encoding the status of App %s: %w", key, err)
	}
	stored := metadataOf(key)
	if err := r.hub.Status().Patch(ctx, stored, patch, statusOwner); superseded(err) {
		return reconcile.Result{}, nil
	} else if err != nil {
		return reconcile.Result{}, fmt.Errorf("writing the status of App %s: %w", key, err)
	}
	r.ledger.wrote(key, stored.ResourceVersion, status, s.Memory.Version, r.now())
	return reconcile.Result{}, nil
}

// statusPatch makes what is there the new status: by a merge, or where the memory changed as a whole.
func statusPatch(app *v1alpha1.App, status *v1alpha1.AppStatus, memory engine.Memory, remembers bool) (client.Patch, error) {
	if remembers {
		return whole(app, status, memory)
	}
	after := app.DeepCopy()
	after.Status = *status
	data, err := client.MergeFrom(app).Data(after)
	return client.RawPatch(types.MergePatchType, data), err
}

// metadataOf stands for an App whose metadata alone is to be answered: decoding a whole App after each write is work for
// nothing.
func metadataOf(key engine.Key) *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("App"))
	m.Namespace, m.Name = key.Namespace, key.Name
	return m
}

// whole puts memory into status and makes the patch that replaces all of the App's status: a merge would keep what was
// taken out of the memory.
func whole(app *v1alpha1.App, status *v1alpha1.AppStatus, memory engine.Memory) (client.Patch, error) {
	raw, err := convert.Memory(memory)
	if err != nil {
		return nil, err
	}
	status.Memory = &runtime.RawExtension{Raw: raw}
	value, err := json.Marshal(status)
	if err != nil {
		return nil, err
	}
	return jsonPatch(operation{Op: "test", Path: "/metadata/uid", Value: quoted(string(app.UID))},
		operation{Op: "add", Path: "/status", Value: value}), nil
}

// patience is how long a write may wait for more to come: an outcome is written at once; that an App begins, that an
// attempt has only just begun, and news of its progress, are not.
func (r *Reconciler) patience(key engine.Key, old v1alpha1.AppStatus, s engine.Snapshot) time.Duration {
	now := r.now()
	var wait time.Duration
	switch {
	case s.State == engine.StateUnknown && s.Reason == fault.Initializing:
		wait = beginWithin - now.Sub(s.Since)
	case s.State != engine.StateDeploying:
		return 0
	case old.State != string(s.State):
		wait = quickWithin - now.Sub(s.Since)
	default:
		wait = writeEvery - now.Sub(r.ledger.lastWrite(key))
	}
	if wait > 0 {
		return wait
	}
	return r.ledger.progressTurn(key, now)
}
