package install

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fieldManager of what an installation applies.
const fieldManager = client.FieldOwner("plumb-install")

// Apply puts Plumb into the cluster behind c, or brings what is there up to date. It returns when the definitions are
// established; it does not wait for the daemon. It may be repeated.
func Apply(ctx context.Context, c client.Client, o Options) error {
	stream, err := Manifest(o)
	if err != nil {
		return err
	}
	objects, err := Objects(stream)
	if err != nil {
		return err
	}
	if err := applyAll(ctx, c, objects); err != nil {
		return err
	}
	return applyAll(ctx, c, []*unstructured.Unstructured{inCluster()})
}

// ApplyCRDs applies the custom resource definitions and waits until they are served.
func ApplyCRDs(ctx context.Context, c client.Client) error {
	objects, err := Objects(CRDs())
	if err != nil {
		return err
	}
	return applyAll(ctx, c, objects)
}

func applyAll(ctx context.Context, c client.Client, objects []*unstructured.Unstructured) error {
	for _, o := range objects {
		if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), fieldManager, client.ForceOwnership); err != nil {
			return fmt.Errorf("applying %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	for _, o := range objects {
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		if err := established(ctx, c, o.GetName()); err != nil {
			return fmt.Errorf("waiting for CustomResourceDefinition %s to be established: %w", o.GetName(), err)
		}
	}
	return nil
}

const (
	establishedWithin = 30 * time.Second
	establishedPoll   = 50 * time.Millisecond
)

func established(ctx context.Context, c client.Client, name string) error {
	return wait.PollUntilContextTimeout(ctx, establishedPoll, establishedWithin, true, func(ctx context.Context) (bool, error) {
		crd := &unstructured.Unstructured{}
		crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
		if err := c.Get(ctx, client.ObjectKey{Name: name}, crd); err != nil {
			return false, err
		}
		conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions") // null at first
		for _, one := range conditions {
			condition, _ := one.(map[string]any)
			if condition["type"] == "Established" && condition["status"] == "True" {
				return discovered(c, crd), nil
			}
		}
		return false, nil
	})
}

// discovered reports whether the API server's lists have the kind: they follow a moment after it is established.
func discovered(c client.Client, crd *unstructured.Unstructured) bool {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, one := range versions {
		version, _ := one.(map[string]any)
		name, _ := version["name"].(string)
		if _, err := c.RESTMapper().RESTMapping(schema.GroupKind{Group: group, Kind: kind}, name); err != nil && version["served"] == true {
			return false
		}
	}
	return true
}

// inCluster is the Cluster of the daemon itself, for people to see.
func inCluster() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "plumb.cd/v1alpha1",
		"kind":       "Cluster",
		"metadata":   map[string]any{"name": "in-cluster"},
		"spec":       map[string]any{"inCluster": map[string]any{}},
	}}
}
