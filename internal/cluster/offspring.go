package cluster

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/object"
)

// Parent is an object whose offspring is asked for.
type Parent struct {
	Kind schema.GroupVersionKind
	ID   object.ID
	UID  string
}

// HasOffspring reports whether controllers are known to make objects of that kind into others.
func HasOffspring(kind schema.GroupKind) bool { return len(offspring[kind]) > 0 }

// maxOffspring bounds the children that one call gives.
const maxOffspring = 20_000

// Offspring lists what stems from the parents, generation by generation, with one list for each namespace and kind of
// child, however many parents there are. It reads when asked and keeps nothing.
func (c *Cluster) Offspring(ctx context.Context, parents []Parent) ([]Child, error) {
	byNamespace := map[string][]Parent{}
	for _, p := range parents {
		if HasOffspring(p.Kind.GroupKind()) {
			byNamespace[p.ID.Namespace] = append(byNamespace[p.ID.Namespace], p)
		}
	}
	var out []Child
	for ns, list := range byNamespace {
		var found []Child
		var err error
		if len(list) == 1 { // its selector spares reading the whole namespace
			found, err = c.Children(ctx, list[0].Kind, list[0].ID, list[0].UID)
		} else {
			found, err = c.offspringIn(ctx, ns, list)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
		if len(out) >= maxOffspring {
			return out[:maxOffspring], nil
		}
	}
	return out, nil
}

func (c *Cluster) offspringIn(ctx context.Context, namespace string, parents []Parent) ([]Child, error) {
	known := map[string]bool{}
	var kinds []schema.GroupVersionKind
	for _, generation := range []schema.GroupVersionKind{replicaSetKind, jobKind, podKind} { // makers before what they make
		for _, p := range parents {
			known[p.UID] = true
			if slices.Contains(offspring[p.Kind.GroupKind()], generation) && !slices.Contains(kinds, generation) {
				kinds = append(kinds, generation)
			}
		}
	}
	var out []Child
	for _, kind := range kinds {
		take := func(obj *unstructured.Unstructured) {
			for _, ref := range obj.GetOwnerReferences() {
				if known[string(ref.UID)] && len(out) < maxOffspring {
					known[string(obj.GetUID())] = true
					out = append(out, Child{Owner: string(ref.UID), Object: obj})
					return
				}
			}
		}
		if err := c.Each(ctx, kind, Within{Namespace: namespace}, take); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Within narrows a list: to a namespace (empty: all), and to a label selector (empty: any).
type Within struct{ Namespace, Labels string }

// Each reads all objects of a kind page by page, and gives each to take once. What take does not keep is let go, so that
// a long list needs the memory of a page.
func (c *Cluster) Each(ctx context.Context, kind schema.GroupVersionKind, in Within, take func(*unstructured.Unstructured)) error {
	m, err := c.Mapping(ctx, kind)
	if err != nil {
		return err
	}
	seen := map[string]bool{} // a list that begins again must not tell twice
	err = c.pages(metav1.ListOptions{LabelSelector: in.Labels}, func(o metav1.ListOptions) (string, error) {
		ctx, cancel := c.bounded(ctx)
		defer cancel()
		list, err := c.dynamic.Resource(m.Resource).Namespace(in.Namespace).List(ctx, o)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			if uid := string(list.Items[i].GetUID()); !seen[uid] {
				seen[uid] = true
				take(&list.Items[i])
			}
		}
		return list.GetContinue(), nil
	}, func() {})
	return classify(err, subject{gvk: kind})
}
