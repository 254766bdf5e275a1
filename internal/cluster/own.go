package cluster

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// deleteTries bounds how often a delete proves ownership anew, because the object changed between proof and delete.
const deleteTries = 5

// Delete deletes an object if it is the one that was planned: the live object's mark must name p.Owner for exactly this
// object, its UID must be p.UID, and the request holds only for the state that was looked at. An object that is being
// deleted already is no error; an absent one, or another one under the name, is object.ErrNotFound.
func (c *Cluster) Delete(ctx context.Context, gvk schema.GroupVersionKind, id object.ID, p object.Preconditions) error {
	for try := 1; ; try++ {
		live, err := c.proven(ctx, gvk, id, p)
		if err != nil {
			return err
		}
		if live.DeletionTimestamp != nil {
			return nil
		}
		err = c.deleteExactly(ctx, gvk, id, live, p.Propagation)
		if f := fault.Of(err); f == nil || f.Reason != fault.Conflict || try == deleteTries {
			return err
		}
	}
}

// proven reads an object's metadata and refuses when it is not the one that p names.
func (c *Cluster) proven(ctx context.Context, gvk schema.GroupVersionKind, id object.ID, p object.Preconditions) (*metav1.PartialObjectMetadata, error) {
	live, err := c.metadata(ctx, gvk, id)
	if err != nil {
		return nil, err
	}
	if p.UID != "" && string(live.UID) != p.UID {
		return nil, &fault.Error{Class: fault.Transient, Reason: fault.Conflict, Where: id.String(), Err: object.ErrNotFound,
			Message: "another object stands under this name than the one that was planned to go"}
	}
	owner, marked := object.OwnerOf(id, live.Annotations)
	switch {
	case !marked || p.Owner == object.Owner{}:
		return nil, &fault.Error{Class: fault.Invalid, Reason: fault.NotOwned, Where: id.String(),
			Message: "nothing on it proves that an App owns it, so it stays"}
	case owner != p.Owner:
		return nil, &fault.Error{Class: fault.Invalid, Reason: fault.OwnedByOther, Where: id.String(),
			Message: "it belongs to the App " + owner.String() + ", so it stays"}
	}
	return live, nil
}

func (c *Cluster) deleteExactly(ctx context.Context, gvk schema.GroupVersionKind, id object.ID, live *metav1.PartialObjectMetadata, propagation string) error {
	m, err := c.Mapping(ctx, gvk)
	if err != nil {
		return err
	}
	policy := metav1.DeletePropagationBackground
	if propagation != "" {
		policy = metav1.DeletionPropagation(propagation)
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	err = c.meta.Resource(m.Resource).Namespace(id.Namespace).Delete(ctx, id.Name, metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &live.UID, ResourceVersion: &live.ResourceVersion},
		PropagationPolicy: &policy,
	})
	return classify(err, about(gvk, id))
}

// TakeOver moves the fields of the named managers to ours (of all but controllers, when managers is empty), so that the
// next Apply removes what it does not have. live is the object as it was read; one that changed since is read again.
func (c *Cluster) TakeOver(ctx context.Context, live *unstructured.Unstructured, managers []string) error {
	gvk, id := live.GroupVersionKind(), object.Of(live)
	for try := 1; ; try++ {
		entries, changed, err := c.merged(live, managers)
		if err != nil || !changed {
			return classify(err, about(gvk, id))
		}
		_, err = c.jsonPatch(ctx, gvk, id, exactly(live, patchOp{"replace", "/metadata/managedFields", entries}))
		if f := fault.Of(err); f == nil || !stale(f) || try == deleteTries {
			return err
		}
		if live, err = c.Get(ctx, gvk, id); err != nil {
			return err
		}
	}
}

// exactly makes a JSON patch hold only for the state that was looked at.
func exactly(live *unstructured.Unstructured, ops ...patchOp) []patchOp {
	return append([]patchOp{
		{"test", "/metadata/uid", string(live.GetUID())},
		{"test", "/metadata/resourceVersion", live.GetResourceVersion()},
	}, ops...)
}

// stale reports whether a JSON patch failed because the object is not what it was: the API server answers a failed test
// with code 422 and no causes.
func stale(f *fault.Error) bool {
	return f.Reason == fault.Conflict || f.Reason == fault.SchemaViolation
}

// merged gives the managedFields of live with the entries of the managers united with ours.
func (c *Cluster) merged(live *unstructured.Unstructured, managers []string) (entries []metav1.ManagedFieldsEntry, changed bool, err error) {
	all := live.GetManagedFields()
	mine := slices.IndexFunc(all, c.ours)
	fields := fieldpath.NewSet()
	var times []*metav1.Time
	for i, e := range all {
		taken := i != mine && takes(e, managers, c.manager)
		if !taken && i != mine {
			entries = append(entries, e)
			continue
		}
		changed = changed || taken
		set, err := fieldSet(e)
		if err != nil {
			return nil, false, err
		}
		fields = fields.Union(set)
		times = append(times, e.Time)
	}
	if !changed {
		return nil, false, nil
	}
	raw, err := fields.ToJSON()
	if err != nil {
		return nil, false, err
	}
	ours := metav1.ManagedFieldsEntry{Manager: c.manager, Operation: metav1.ManagedFieldsOperationApply,
		APIVersion: live.GetAPIVersion(), FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(string(raw)), Time: times[0]}
	return append(entries, ours), true, nil
}

func (c *Cluster) ours(e metav1.ManagedFieldsEntry) bool {
	return e.Manager == c.manager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == ""
}

func takes(e metav1.ManagedFieldsEntry, managers []string, ours string) bool {
	switch {
	case e.Subresource == "status":
		return false
	case e.Manager == ours:
		return true
	case len(managers) > 0:
		return slices.Contains(managers, e.Manager)
	}
	return !isController(e)
}

// deployers are managers that carry out what somebody declared, though their names are those of controllers.
var deployers = []string{"argocd-controller", "argocd-application-controller", "kustomize-controller", "helm-controller",
	"fleet-agent", "kapp-controller", "addon-manager"}

// isController tells the managers that run in the cluster and write fields of their own from the tools of people. There
// is no mark for that: the convention of names is all there is.
func isController(e metav1.ManagedFieldsEntry) bool {
	if slices.Contains(deployers, e.Manager) {
		return false
	}
	name := strings.ToLower(e.Manager)
	for _, part := range []string{"controller", "operator", "scheduler", "autoscaler", "webhook", "kubelet", "apiserver", "injector", "manager"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func fieldSet(e metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	set := fieldpath.NewSet()
	if e.FieldsV1 == nil {
		return set, nil
	}
	return set, set.FromJSON(e.FieldsV1.GetRawReader())
}

// Disown removes our marks and our field ownership and leaves the object. Ownership is proven as for Delete.
func (c *Cluster) Disown(ctx context.Context, gvk schema.GroupVersionKind, id object.ID, p object.Preconditions) error {
	for try := 1; ; try++ {
		if _, err := c.proven(ctx, gvk, id, p); err != nil {
			return err
		}
		live, err := c.Get(ctx, gvk, id)
		if err != nil {
			return err
		}
		if _, ok := object.OwnerOf(id, live.GetAnnotations()); !ok {
			return nil
		}
		_, err = c.jsonPatch(ctx, gvk, id, exactly(live, c.disownOps(live)...))
		if f := fault.Of(err); f == nil || !stale(f) || try == deleteTries {
			return err
		}
	}
}

func (c *Cluster) disownOps(live *unstructured.Unstructured) []patchOp {
	var ops []patchOp
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for _, a := range []string{object.AnnotationOwner, object.AnnotationWave, object.AnnotationAttempt} {
		if _, ok := live.GetAnnotations()[a]; ok {
			ops = append(ops, patchOp{Op: "remove", Path: "/metadata/annotations/" + escape.Replace(a)})
		}
	}
	if _, ok := live.GetLabels()[object.LabelApp]; ok {
		ops = append(ops, patchOp{Op: "remove", Path: "/metadata/labels/" + escape.Replace(object.LabelApp)})
	}
	kept := slices.DeleteFunc(live.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == c.manager && e.Subresource == ""
	})
	if len(kept) == 0 {
		kept = []metav1.ManagedFieldsEntry{{}} // the API server's word for "nobody"; an empty list would change nothing
	}
	return append(ops, patchOp{"replace", "/metadata/managedFields", kept})
}
