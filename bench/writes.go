package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/convert"
)

// measureWrites is what each write of a first sync costs the API server by itself, beside the apply of a ConfigMap: the
// daemon is stopped, and its Apps stand as they do after their first sync. No daemon could do with less than these.
func measureWrites(ctx context.Context, s *stage, r *report) error {
	s.daemon.stop()
	defer func() { s.daemon = nil }()
	apps := s.shape.apps
	models := make([]v1alpha1.App, len(apps))
	for i, a := range apps {
		if err := s.hub.Get(ctx, client.ObjectKey{Namespace: hubNamespace, Name: a.name}, &models[i]); err != nil {
			return err
		}
	}
	copyOf := func(i int) *v1alpha1.App {
		app := &v1alpha1.App{Spec: models[i].Spec}
		app.Namespace, app.Name = hubNamespace, fmt.Sprintf("copy-%05d", i)
		return app
	}
	maps, err := groups(len(apps), func(i int) ([]*unstructured.Unstructured, error) {
		return parse(configMap(fmt.Sprintf("copy-%05d", i), "0"), teamOf("raw-warm", i), "raw-warm")
	})
	if err != nil {
		return err
	}
	each := func(do func(context.Context, int) error) (time.Duration, error) {
		before := cpuOf(s.plane.pid())
		err := inParallel(ctx, len(apps), do)
		time.Sleep(time.Second) // what goes to the watches counts too
		return (cpuOf(s.plane.pid()) - before) / time.Duration(len(apps)), err
	}
	plain, err := each(func(ctx context.Context, i int) error { return apply(ctx, s.raw, maps[i][0]) })
	if err != nil {
		return err
	}
	for _, w := range []struct {
		what string
		do   func(context.Context, int) error
	}{
		{"somebody creates the App", func(ctx context.Context, i int) error { return s.hub.Create(ctx, copyOf(i)) }},
		{"finalizer and what is in use, where the manifest names no finalizer", func(ctx context.Context, i int) error {
			uses, err := convert.InUse(convert.App(&models[i]).Memory)
			if err != nil {
				return err
			}
			patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"finalizers": models[i].Finalizers, "annotations": map[string]string{v1alpha1.AnnotationUses: uses}}})
			if err != nil {
				return err
			}
			return s.hub.Patch(ctx, copyOf(i), client.RawPatch(types.MergePatchType, patch))
		}},
		{"outcome and memory, in the status", func(ctx context.Context, i int) error {
			patch, err := json.Marshal([]any{map[string]any{"op": "add", "path": "/status", "value": models[i].Status}})
			if err != nil {
				return err
			}
			return s.hub.Status().Patch(ctx, copyOf(i), client.RawPatch(types.JSONPatchType, patch))
		}},
	} {
		cost, err := each(w.do)
		if err != nil {
			return fmt.Errorf("%s: %w", w.what, err)
		}
		r.ratio("a write of an App: "+w.what, milliseconds(cost), milliseconds(plain), "CPU ms", "of the control plane; raw: it applies a ConfigMap")
	}
	return nil
}
