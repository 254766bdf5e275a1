package cluster

import (
	"context"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
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
	definitions := metaWatch{c: c, resource: crdResource, note: c.noteDefinition, changed: changed}
	services := metaWatch{c: c, resource: apiServiceResource, changed: changed}
	c.running.Go(func() { definitions.run(ctx) })
	c.running.Go(func() { services.run(ctx) })
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

// metaWatch watches the metadata of all objects of a resource.
type metaWatch struct {
	c        *Cluster
	resource schema.GroupVersionResource
	note     func(watch.EventType, *metav1.PartialObjectMetadata) // may be nil
	changed  func()                                               // not called for the first list
	version  string
	listed   bool
}

// run keeps it going until ctx ends.
func (f *metaWatch) run(ctx context.Context) {
	delay := retryFirst
	for ctx.Err() == nil {
		err := f.once(ctx)
		switch {
		case err == nil:
			delay = retryFirst
		case apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
			f.version, delay = "", retryFirst
		case apierrors.IsForbidden(err):
			delay = retryRare
		default:
			delay = min(2*delay, retryMost)
		}
		if wait(ctx, jitter(delay), nil) != nil {
			return
		}
	}
}

func (f *metaWatch) once(ctx context.Context) error {
	client := f.c.meta.Resource(f.resource)
	if f.version == "" {
		list, err := client.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for i := range list.Items {
			f.tell(watch.Added, &list.Items[i])
		}
		if f.version = list.ResourceVersion; f.listed {
			f.changed()
		}
		f.listed = true
	}
	s, err := client.Watch(ctx, metav1.ListOptions{ResourceVersion: f.version, AllowWatchBookmarks: true})
	if err != nil {
		return err
	}
	defer s.Stop()
	for e := range s.ResultChan() {
		m, ok := e.Object.(*metav1.PartialObjectMetadata)
		if !ok {
			return apierrors.FromObject(e.Object)
		}
		if f.version = m.ResourceVersion; e.Type != watch.Bookmark {
			f.tell(e.Type, m)
			f.changed()
		}
	}
	return nil
}

func (f *metaWatch) tell(e watch.EventType, m *metav1.PartialObjectMetadata) {
	if f.note != nil {
		f.note(e, m)
	}
}
