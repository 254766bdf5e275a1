package daemon

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/engine"
)

// resources reads App resources for people.
type resources struct{ hub client.Client }

// App gives the resource without what the API server and we keep in it for ourselves.
func (r resources) App(ctx context.Context, key engine.Key) (map[string]any, error) {
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("App"))
	err := r.hub.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: key.Name}, obj)
	if apierrors.IsNotFound(err) {
		return nil, engine.ErrNoApp
	}
	if err != nil {
		return nil, classify("App/"+key.String(), err)
	}
	delete(obj.Object, "status")
	unstructured.RemoveNestedField(obj.Object, "metadata", "managedFields")
	unstructured.RemoveNestedField(obj.Object, "metadata", "annotations", v1alpha1.AnnotationSyncRequest)
	return obj.Object, nil
}
