package app

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/convert"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
)

// anchorTries bounds how often an App that changes meanwhile is read again.
const anchorTries = 5

// SaveUses makes an App that is about to be applied for the first time stay until we let it go, and stores what it uses. One
// that has the finalizer from its creation on is entered in the register, in one write with others; one that does not gets
// finalizer and annotation in a write of its own. Where neither can be, and once there is a memory, all of that is stored.
func (l *Ledger) SaveUses(ctx context.Context, key engine.Key, m engine.Memory) error {
	switch e := l.get(key); {
	case e.uid == "" || e.remembers || e.stored > 0:
		return l.SaveMemory(ctx, key, m)
	case e.anchored:
		return l.enter(ctx, key, m)
	}
	defer l.lock(key)()
	return l.anchor(ctx, key, m)
}

func (l *Ledger) enter(ctx context.Context, key engine.Key, m engine.Memory) error {
	err := l.register.add(ctx, types.UID(l.get(key).uid), m.Targets)
	if errors.Is(err, errNoRegister) {
		return l.SaveMemory(ctx, key, m)
	}
	if err != nil {
		return notStored(key, err)
	}
	return nil
}

// Begin reads what Apps without a memory use. It comes before the first App is told to the engine; exists says which Apps there are.
func (l *Ledger) Begin(ctx context.Context, exists func(types.UID) bool) error {
	return l.register.load(ctx, exists)
}

// recall completes what the engine is told of an App that has no memory yet with what is known of it here.
func (l *Ledger) recall(app *v1alpha1.App, spec *engine.App) error {
	if app.Status.Memory != nil {
		l.register.drop(app.UID)
		return nil
	}
	if len(spec.Memory.Targets) > 0 {
		return nil
	}
	var err error
	spec.Memory.Targets, err = l.register.of(app.UID)
	return err
}

// anchor writes finalizer and annotation. It holds for the very version of the App that it looked at: what a cache has not
// seen yet is read, and an App that turns out to have a memory is not written over. The App's lock is held.
func (l *Ledger) anchor(ctx context.Context, key engine.Key, m engine.Memory) error {
	uses, err := convert.InUse(m)
	if err != nil {
		return err
	}
	e := l.get(key)
	uid, version, finalizers := e.uid, e.version, e.finalizers
	for try := 1; ; try++ {
		stored := metadataOf(key)
		err = l.hub.Patch(ctx, stored, anchorPatch(uid, version, finalizers, uses), memoryOwner)
		if err == nil {
			l.change(key, func(e *entry) { e.anchored, e.moored = true, stored.ResourceVersion })
			return nil
		}
		if !apierrors.IsConflict(err) || try == anchorTries {
			return notStored(key, err)
		}
		app := &v1alpha1.App{}
		if err = l.hub.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: key.Name}, app); err != nil {
			return notStored(key, err)
		}
		if string(app.UID) != uid || app.DeletionTimestamp != nil || app.Status.Memory != nil && e.stored == 0 {
			l.change(key, func(e *entry) { e.mark = "" }) // the engine meets it anew
			return &fault.Error{
				Class: fault.Transient, Reason: fault.Conflict, Where: "App/" + key.String(), Message: "the App became another one meanwhile",
			}
		}
		version, finalizers = app.ResourceVersion, app.Finalizers
	}
}

// anchorPatch is a merge patch with the version as its precondition: the list of finalizers is replaced as a whole.
func anchorPatch(uid, version string, finalizers []string, uses string) client.Patch {
	if !slices.Contains(finalizers, v1alpha1.Finalizer) {
		finalizers = append(slices.Clone(finalizers), v1alpha1.Finalizer)
	}
	raw, _ := json.Marshal(map[string]any{"metadata": map[string]any{ // strings always have a form
		"uid": uid, "resourceVersion": version, "finalizers": finalizers,
		"annotations": map[string]string{v1alpha1.AnnotationUses: uses},
	}})
	return client.RawPatch(types.MergePatchType, raw)
}

func notStored(key engine.Key, err error) error {
	return &fault.Error{
		Class: fault.Transient, Reason: fault.Unreachable, Where: "App/" + key.String(),
		Message: "what the App must remember could not be stored: " + err.Error(), Err: err,
	}
}
