package daemon

import (
	"context"
	"encoding/json"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
)

// intents writes people's wishes to App resources.
type intents struct{ hub client.Client }

func (i intents) Annotate(ctx context.Context, app engine.Key, annotations map[string]string) error {
	return i.patch(ctx, app, map[string]any{"metadata": map[string]any{"annotations": annotations}})
}

func (i intents) PatchSpec(ctx context.Context, app engine.Key, patch map[string]any) error {
	return i.patch(ctx, app, map[string]any{"spec": patch})
}

func (i intents) patch(ctx context.Context, app engine.Key, patch map[string]any) error {
	raw, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	obj := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: app.Name}}
	err = i.hub.Patch(ctx, obj, client.RawPatch(types.MergePatchType, raw), client.FieldOwner("plumb-intent"))
	if apierrors.IsNotFound(err) {
		return engine.ErrNoApp
	}
	return classify("App/"+app.String(), err)
}

// classify gives an error of the hub's API server its class.
func classify(where string, err error) error {
	f := &fault.Error{Class: fault.Transient, Reason: fault.ClusterUnreachable, Where: where, Err: err}
	switch {
	case err == nil:
		return nil
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		f.Class, f.Reason = fault.Invalid, fault.InvalidSpec
	case apierrors.IsForbidden(err):
		f.Class, f.Reason = fault.Blocked, fault.Forbidden
	case apierrors.IsUnauthorized(err):
		f.Class, f.Reason = fault.Blocked, fault.AuthenticationFailed
	}
	f.Message = err.Error()
	return f
}
