package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// holders are kinds whose deletion destroys what they hold. No option of an App makes them be deleted for a field.
var holders = map[schema.GroupKind]bool{
	{Kind: "Namespace"}:             true,
	{Kind: "PersistentVolumeClaim"}: true,
	{Kind: "PersistentVolume"}:      true,
	{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}: true,
}

// recreate deletes an object because a field of it is immutable, once the API server has said that the new one is valid.
// It goes on in revive. refusal is the API server's word on the field.
func (x *Execution) recreate(ctx context.Context, t *task, d plan.Desired, refusal error, now time.Time) error {
	if holders[t.step.ID.GroupKind()] {
		f := *fault.Of(refusal)
		f.Message += " (it is not recreated, although that is allowed: deleting it would destroy what it holds)"
		f.Next = "undo the change, or delete the object yourself"
		return &f
	}
	live, err := x.live(ctx, t)
	if err != nil {
		return err
	}
	if live == nil {
		return x.create(ctx, t, now)
	}
	if err := x.mayTouch(live); err != nil {
		return err
	}
	if _, err := x.d.Cluster.Create(ctx, trial(d.Object, live), Options{DryRun: true}); err != nil {
		f := *fault.Of(err)
		f.Where = t.step.ID.String()
		f.Message = "it would have to be recreated, and the new one is refused, so the live one stays: " + f.Message
		return &f
	}
	propagation := "Foreground"
	if t.step.Propagation != "" {
		propagation = t.step.Propagation
	}
	err = x.d.Cluster.Delete(ctx, t.step.Kind, t.step.ID, x.proof(string(live.GetUID()), propagation))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	t.vanish(string(live.GetUID()), now)
	return x.revive(ctx, t, now)
}

func (t *task) vanish(uid string, now time.Time) {
	t.stage, t.uid, t.tries, t.looks = vanishing, uid, 0, 0
	t.lookAt = now // most objects are gone at once
}

// trial is want under a name that nobody uses, for a create that is not meant. What the live object occupies is left out.
func trial(want, live *unstructured.Unstructured) *unstructured.Unstructured {
	const suffix, most = "-plumb-trial", 50
	u := want.DeepCopy()
	name := want.GetName()
	u.SetName(strings.TrimRight(name[:min(len(name), most)], "-.") + suffix)
	if object.Of(want).GroupKind() != (schema.GroupKind{Kind: "Service"}) {
		return u
	}
	for _, field := range []string{"clusterIP", "clusterIPs", "healthCheckNodePort"} {
		a, ok, _ := unstructured.NestedFieldNoCopy(want.Object, "spec", field)
		b, _, _ := unstructured.NestedFieldNoCopy(live.Object, "spec", field)
		if ok && object.Equal(a, b) {
			unstructured.RemoveNestedField(u.Object, "spec", field)
		}
	}
	ports, _, _ := unstructured.NestedSlice(u.Object, "spec", "ports")
	for _, p := range ports {
		if m, ok := p.(map[string]any); ok {
			delete(m, "nodePort")
		}
	}
	if len(ports) > 0 {
		_ = unstructured.SetNestedSlice(u.Object, ports, "spec", "ports") // it was read from there
	}
	return u
}

// revive creates the new object when the old one is gone.
func (x *Execution) revive(ctx context.Context, t *task, now time.Time) error {
	isGone, err := x.gone(ctx, t, now)
	if err != nil || !isGone {
		return err
	}
	d, err := x.wanted(t)
	if err != nil {
		return err
	}
	answer, err := x.d.Cluster.Create(ctx, d.Object, Options{})
	switch {
	case err == nil:
		x.applied(t, answer, now)
		return nil
	case errors.Is(err, object.ErrExists):
		return x.reviveOver(ctx, t, now)
	}
	return fmt.Errorf("after deleting the old object: %w", err)
}

// reviveOver meets an object where there should be none: the old one after all, one of ours, or a stranger's.
func (x *Execution) reviveOver(ctx context.Context, t *task, now time.Time) error {
	live, err := x.live(ctx, t)
	if err != nil {
		return err
	}
	if live == nil {
		return gone(t.step.ID)
	}
	if string(live.GetUID()) == t.uid {
		t.holding = live.GetFinalizers()
		t.lookAt = now.Add(lookFirst)
		return nil
	}
	if err := x.mayTouch(live); err != nil {
		return err
	}
	d, err := x.wanted(t)
	if err != nil {
		return err
	}
	answer, err := x.d.Cluster.Apply(ctx, d.Object, Options{Force: true, UID: string(live.GetUID())})
	if err == nil {
		x.applied(t, answer, now)
	}
	return err
}
