package cluster

import (
	"context"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"plumb.cd/plumb/internal/fault"
)

var (
	crdResource        = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	apiServiceResource = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
)

// settle is how long after a change discovery is read: definitions come in bursts, and a new one is served a moment
// after it is established.
const settle = 150 * time.Millisecond

// followKinds reads discovery again whenever a CustomResourceDefinition or APIService changes. Credentials that may not
// watch those live with reading it when a kind is missed.
func (c *Cluster) followKinds(ctx context.Context) {
	changes := make(chan struct{}, 1)
	changed := func() {
		select {
		case changes <- struct{}{}:
		default:
		}
	}
	c.running.Go(func() { c.followMeta(ctx, crdResource, c.noteDefinition, changed) })
	c.running.Go(func() { c.followMeta(ctx, apiServiceResource, nil, changed) })
	for {
		select {
		case <-ctx.Done():
			return
		case <-changes:
		}
		if wait(ctx, settle, nil) != nil {
			return
		}
		before := c.kinds.current()
		if err := c.kinds.refresh(ctx); err != nil || !sameKinds(before, c.kinds.current()) {
			c.changing.tell()
		}
		if len(changes) == 0 { // once more for what was established, but not served yet
			c.again(ctx)
		}
	}
}

// again reads discovery once more when the last change has had time to take effect.
func (c *Cluster) again(ctx context.Context) {
	if wait(ctx, 5*settle, nil) != nil {
		return
	}
	before := c.kinds.current()
	if c.kinds.refresh(ctx) == nil && !sameKinds(before, c.kinds.current()) {
		c.changing.tell()
	}
}

func sameKinds(a, b *served) bool {
	if len(a.byKind) != len(b.byKind) {
		return false
	}
	for gvk := range a.byKind {
		if _, ok := b.byKind[gvk]; !ok {
			return false
		}
	}
	return true
}

// noteDefinition remembers the generation of a CustomResourceDefinition, whose name is "plural.group".
func (c *Cluster) noteDefinition(e watch.EventType, m *metav1.PartialObjectMetadata) {
	plural, group, _ := strings.Cut(m.Name, ".")
	gr := schema.GroupResource{Group: group, Resource: plural}
	c.kinds.mu.Lock()
	defer c.kinds.mu.Unlock()
	if e == watch.Deleted {
		delete(c.kinds.crds, gr)
	} else {
		c.kinds.crds[gr] = m.Generation
	}
}

// followMeta watches the metadata of all objects of a resource, for ever. The first list counts as no change.
func (c *Cluster) followMeta(ctx context.Context, r schema.GroupVersionResource, note func(watch.EventType, *metav1.PartialObjectMetadata), changed func()) {
	version, delay, first := "", time.Duration(0), true
	for ctx.Err() == nil {
		err := func() error {
			if version == "" {
				list, err := c.meta.Resource(r).List(ctx, metav1.ListOptions{})
				if err != nil {
					return err
				}
				for i := range list.Items {
					if note != nil {
						note(watch.Added, &list.Items[i])
					}
				}
				version = list.ResourceVersion
				if !first {
					changed()
				}
				first = false
			}
			s, err := c.meta.Resource(r).Watch(ctx, metav1.ListOptions{ResourceVersion: version, AllowWatchBookmarks: true})
			if err != nil {
				return err
			}
			defer s.Stop()
			for e := range s.ResultChan() {
				m, ok := e.Object.(*metav1.PartialObjectMetadata)
				if !ok {
					return apierrors.FromObject(e.Object)
				}
				version = m.ResourceVersion
				if e.Type == watch.Bookmark {
					continue
				}
				if note != nil {
					note(e.Type, m)
				}
				changed()
			}
			return nil
		}()
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			version, err = "", nil
		}
		delay = min(max(2*delay, retryFirst), retryMost)
		if err == nil {
			delay = retryFirst
		} else if fault.Is(classify(err, subject{where: r.Resource}), fault.Forbidden) {
			delay = retryRare
		}
		if wait(ctx, jitter(delay), nil) != nil {
			return
		}
	}
}
