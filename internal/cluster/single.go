package cluster

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// Follow watches one object, whoever owns it, until the cluster is closed: tell gets its newest state, nil when it does
// not exist, and an error while it cannot be read. A kind that the cluster does not have yet is waited for.
func (c *Cluster) Follow(gvk schema.GroupVersionKind, id object.ID, tell func(*unstructured.Unstructured, error)) {
	c.running.Go(func() {
		delay := retryFirst
		for c.life.Err() == nil {
			changed := c.KindsChanged()
			err := c.followOne(c.life, gvk, id, tell)
			if c.life.Err() != nil {
				return
			}
			if err == nil {
				delay = retryFirst
			} else {
				tell(nil, classify(err, about(gvk, id)))
				delay = min(2*delay, retryMost)
			}
			if fault.Is(err, fault.KindUnknown) {
				select {
				case <-c.life.Done():
				case <-changed:
				}
				continue
			}
			if wait(c.life, jitter(delay), nil) != nil {
				return
			}
		}
	})
}

// followOne reads the object and streams its changes until the stream ends.
func (c *Cluster) followOne(ctx context.Context, gvk schema.GroupVersionKind, id object.ID, tell func(*unstructured.Unstructured, error)) error {
	m, err := c.Mapping(ctx, gvk)
	if err != nil {
		return err
	}
	client := c.dynamic.Resource(m.Resource).Namespace(id.Namespace)
	o := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", id.Name).String()}
	list, err := client.List(ctx, o)
	if err != nil {
		return err
	}
	if len(list.Items) == 0 {
		tell(nil, nil)
	} else {
		tell(&list.Items[0], nil)
	}
	o.ResourceVersion, o.AllowWatchBookmarks = list.GetResourceVersion(), true
	s, err := client.Watch(ctx, o)
	if err != nil {
		return err
	}
	defer s.Stop()
	for e := range s.ResultChan() {
		obj, ok := e.Object.(*unstructured.Unstructured)
		switch {
		case !ok || e.Type == watch.Error:
			if err := apierrors.FromObject(e.Object); !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
				return err
			}
			return nil
		case e.Type == watch.Deleted:
			tell(nil, nil)
		case e.Type != watch.Bookmark:
			tell(obj, nil)
		}
	}
	return nil
}

// BearerToken is the token that the connection signs in with: empty when it uses a certificate.
func (c *Cluster) BearerToken() string { return c.config.BearerToken }
