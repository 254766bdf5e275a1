package cluster

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"plumb.cd/plumb/internal/object"
)

// Meta is what a list of metadata tells of an object.
type Meta struct {
	ID          object.ID
	Kind        schema.GroupVersionKind
	UID         string
	Version     string // resourceVersion
	Labels      map[string]string
	Annotations map[string]string
	Managers    []string // of fields, status excepted; sorted as the API server has them, each once
	Finalizers  []string
	Deleting    bool
}

// Get reads an object.
func (c *Cluster) Get(ctx context.Context, gvk schema.GroupVersionKind, id object.ID) (*unstructured.Unstructured, error) {
	path, err := c.path(ctx, gvk, id)
	if err != nil {
		return nil, err
	}
	return c.send(ctx, c.rest.Get().AbsPath(path...), about(gvk, id))
}

// GetMeta reads an object's metadata.
func (c *Cluster) GetMeta(ctx context.Context, gvk schema.GroupVersionKind, id object.ID) (Meta, error) {
	m, err := c.metadata(ctx, gvk, id)
	if err != nil {
		return Meta{}, err
	}
	return metaOf(gvk, m), nil
}

func (c *Cluster) metadata(ctx context.Context, gvk schema.GroupVersionKind, id object.ID) (*metav1.PartialObjectMetadata, error) {
	if _, err := c.path(ctx, gvk, id); err != nil { // the same refusals as for every other request
		return nil, err
	}
	m, err := c.Mapping(ctx, gvk)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	out, err := c.meta.Resource(m.Resource).Namespace(id.Namespace).Get(ctx, id.Name, metav1.GetOptions{})
	return out, classify(err, about(gvk, id))
}

// ListOwners lists the metadata of all objects of a kind, in one namespace or, when that is empty, in all, in the API
// server's order.
func (c *Cluster) ListOwners(ctx context.Context, gvk schema.GroupVersionKind, namespace string) ([]Meta, error) {
	return c.listMeta(ctx, gvk, namespace, metav1.ListOptions{}, math.MaxInt)
}

// ErrTooMany is in the chain of the error of a list that found more objects than were asked for at the most.
var ErrTooMany = errors.New("there are more objects than were asked for")

// ListSome is ListOwners for the objects that a label selector names, but for those that are called like one of but. When
// there are more than most, they are not listed, and ErrTooMany is in the chain of the error.
func (c *Cluster) ListSome(ctx context.Context, gvk schema.GroupVersionKind, namespace, labelSelector string, but []string, most int) ([]Meta, error) {
	others := make([]fields.Selector, 0, len(but))
	for _, name := range but {
		others = append(others, fields.OneTermNotEqualSelector("metadata.name", name))
	}
	o := metav1.ListOptions{LabelSelector: labelSelector, FieldSelector: fields.AndSelectors(others...).String()}
	out, err := c.listMeta(ctx, gvk, namespace, o, most)
	if len(out) > most {
		return nil, ErrTooMany
	}
	return out, err
}

func (c *Cluster) listMeta(ctx context.Context, gvk schema.GroupVersionKind, namespace string, o metav1.ListOptions, most int) ([]Meta, error) {
	m, err := c.Mapping(ctx, gvk)
	if err != nil {
		return nil, err
	}
	var out []Meta
	err = c.pages(o, func(o metav1.ListOptions) (string, error) {
		ctx, cancel := c.bounded(ctx)
		defer cancel()
		list, err := c.meta.Resource(m.Resource).Namespace(namespace).List(ctx, o)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			out = append(out, metaOf(gvk, &list.Items[i]))
		}
		if len(out) > most {
			return "", nil
		}
		return list.Continue, nil
	}, func() { out = nil })
	return out, classify(err, subject{gvk: gvk})
}

// pages reads a list page by page. A list that expired on the way begins again, once, in one piece.
func (c *Cluster) pages(o metav1.ListOptions, page func(metav1.ListOptions) (next string, err error), restart func()) error {
	o.Limit = c.limits.PageSize
	for {
		next, err := page(o)
		switch {
		case apierrors.IsResourceExpired(err) && o.Continue != "":
			restart()
			o.Continue, o.Limit = "", 0
		case err != nil || next == "":
			return err
		default:
			o.Continue = next
		}
	}
}

func metaOf(gvk schema.GroupVersionKind, m *metav1.PartialObjectMetadata) Meta {
	out := Meta{
		ID:          object.ID{Group: gvk.Group, Kind: gvk.Kind, Namespace: m.Namespace, Name: m.Name},
		Kind:        gvk,
		UID:         string(m.UID),
		Version:     m.ResourceVersion,
		Labels:      m.Labels,
		Annotations: m.Annotations,
		Finalizers:  m.Finalizers,
		Deleting:    m.DeletionTimestamp != nil,
	}
	for _, e := range m.ManagedFields {
		if e.Subresource != "status" && !slices.Contains(out.Managers, e.Manager) {
			out.Managers = append(out.Managers, e.Manager)
		}
	}
	return out
}

// List reads the objects of a kind, in one namespace or, when that is empty, in all. labelSelector may be empty. limit
// bounds the number of objects; 0 is no bound.
func (c *Cluster) List(ctx context.Context, gvk schema.GroupVersionKind, namespace, labelSelector string, limit int) ([]*unstructured.Unstructured, error) {
	m, err := c.Mapping(ctx, gvk)
	if err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	o := metav1.ListOptions{LabelSelector: labelSelector}
	err = c.pages(o, func(o metav1.ListOptions) (string, error) {
		ctx, cancel := c.bounded(ctx)
		defer cancel()
		if limit > 0 {
			o.Limit = min(cmp.Or(o.Limit, int64(limit)), int64(limit-len(out)))
		}
		list, err := c.dynamic.Resource(m.Resource).Namespace(namespace).List(ctx, o)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			out = append(out, &list.Items[i])
		}
		if limit > 0 && len(out) >= limit {
			return "", nil
		}
		return list.GetContinue(), nil
	}, func() { out = nil })
	return out, classify(err, subject{gvk: gvk})
}
