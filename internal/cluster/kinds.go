package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"plumb.cd/plumb/internal/fault"
)

// Mapping is how a kind is reached.
type Mapping struct {
	Resource   schema.GroupVersionResource
	Namespaced bool
	Verbs      []string
}

// served is one reading of discovery; it is never changed.
type served struct {
	version     string
	byKind      map[schema.GroupVersionKind]Mapping
	preferred   map[schema.GroupKind]schema.GroupVersionKind
	apiVersions []string
}

// kinds caches what the API server serves.
type kinds struct {
	disco   *discovery.DiscoveryClient
	timeout time.Duration // of one reading
	mu      sync.RWMutex
	now     *served
	crds    map[schema.GroupResource]int64 // generation of each CustomResourceDefinition

	refreshing sync.Mutex // one refresh at a time
	last       time.Time  // when a refresh last ended
}

// missRefresh is how often an unknown kind may cause discovery.
const missRefresh = 2 * time.Second

func newKinds(disco *discovery.DiscoveryClient, timeout time.Duration) *kinds {
	return &kinds{disco: disco, timeout: timeout, now: &served{}, crds: map[schema.GroupResource]int64{}}
}

func (k *kinds) current() *served {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.now
}

// refresh reads discovery. Groups whose aggregated API server does not answer keep what was known of them.
func (k *kinds) refresh(ctx context.Context) error {
	k.refreshing.Lock()
	defer k.refreshing.Unlock()
	return k.read(ctx)
}

// refreshOnMiss reads discovery unless that was done after asked, or so recently that the API server deserves a rest.
func (k *kinds) refreshOnMiss(ctx context.Context, asked time.Time) error {
	k.refreshing.Lock()
	defer k.refreshing.Unlock()
	if k.last.After(asked) || time.Since(k.last) < missRefresh {
		return nil
	}
	return k.read(ctx)
}

func (k *kinds) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	where := subject{where: "discovery"}
	v, err := k.disco.ServerVersionWithContext(ctx)
	if err != nil {
		return classify(err, where)
	}
	groups, lists, err := k.disco.ServerGroupsAndResourcesWithContext(ctx)
	var partial *discovery.ErrGroupDiscoveryFailed
	if err != nil && !errors.As(err, &partial) {
		return classify(err, where)
	}
	next := collect(groups, lists)
	next.version = v.GitVersion
	if partial != nil {
		k.current().carryOver(next, partial.Groups)
	}
	next.apiVersions = next.list()
	k.mu.Lock()
	k.now = next
	k.mu.Unlock()
	k.last = time.Now()
	return nil
}

func collect(groups []*metav1.APIGroup, lists []*metav1.APIResourceList) *served {
	s := &served{byKind: map[schema.GroupVersionKind]Mapping{}, preferred: map[schema.GroupKind]schema.GroupVersionKind{}}
	rank := map[schema.GroupVersion]int{}
	for _, g := range groups {
		for i, v := range g.Versions {
			gv := schema.GroupVersion{Group: g.Name, Version: v.Version}
			rank[gv] = i + 1
			if v.Version == g.PreferredVersion.Version {
				rank[gv] = 0
			}
		}
	}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue // a broken aggregated API server; its kinds stay unknown
		}
		for _, r := range list.APIResources {
			if strings.Contains(r.Name, "/") {
				continue // subresource
			}
			gvk := gv.WithKind(r.Kind)
			if _, known := s.byKind[gvk]; known {
				continue
			}
			s.byKind[gvk] = Mapping{Resource: gv.WithResource(r.Name), Namespaced: r.Namespaced, Verbs: r.Verbs}
			if p, ok := s.preferred[gvk.GroupKind()]; !ok || rank[gv] < rank[p.GroupVersion()] {
				s.preferred[gvk.GroupKind()] = gvk
			}
		}
	}
	return s
}

func (s *served) carryOver(next *served, failed map[schema.GroupVersion]error) {
	for gvk, m := range s.byKind {
		if _, lost := failed[gvk.GroupVersion()]; !lost {
			continue
		}
		next.byKind[gvk] = m
		if _, ok := next.preferred[gvk.GroupKind()]; !ok {
			next.preferred[gvk.GroupKind()] = gvk
		}
	}
}

func (s *served) list() []string {
	set := map[string]bool{}
	for gvk := range s.byKind {
		set[gvk.GroupVersion().String()] = true
		set[gvk.GroupVersion().String()+"/"+gvk.Kind] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// Scope says whether objects of the kind live in namespaces. known is false when the API server does not serve it, as
// far as the last reading of discovery goes; it makes no request.
func (c *Cluster) Scope(gvk schema.GroupVersionKind) (namespaced, known bool) {
	m, known := c.kinds.current().byKind[gvk]
	return m.Namespaced, known
}

// Mapping says how a kind is reached. An unknown kind causes a new reading of discovery, at most one every two seconds;
// one that stays unknown is a fault of reason KindUnknown.
func (c *Cluster) Mapping(ctx context.Context, gvk schema.GroupVersionKind) (Mapping, error) {
	if m, ok := c.kinds.current().byKind[gvk]; ok {
		return m, nil
	}
	if err := c.kinds.refreshOnMiss(ctx, time.Now()); err != nil {
		return Mapping{}, err
	}
	if m, ok := c.kinds.current().byKind[gvk]; ok {
		return m, nil
	}
	return Mapping{}, kindUnknown(gvk, c.kinds.current())
}

func kindUnknown(gvk schema.GroupVersionKind, s *served) error {
	e := &fault.Error{Class: fault.Blocked, Reason: fault.KindUnknown, Where: gvk.GroupVersion().String() + "/" + gvk.Kind,
		Message: fmt.Sprintf("the cluster does not serve the kind %s of %s", gvk.Kind, gvk.GroupVersion()),
		Next:    "install the CustomResourceDefinition that defines it, or make this App depend on the one that does"}
	if p, ok := s.preferred[gvk.GroupKind()]; ok {
		e.Message += fmt.Sprintf("; it serves %s", p.GroupVersion())
		e.Next = "change apiVersion to " + p.GroupVersion().String()
	}
	return e
}

// Preferred is the version that the API server prefers for a kind.
func (c *Cluster) Preferred(gk schema.GroupKind) (schema.GroupVersionKind, bool) {
	gvk, ok := c.kinds.current().preferred[gk]
	return gvk, ok
}

// Kinds are all kinds in their preferred versions, sorted, with how each is reached.
func (c *Cluster) Kinds() map[schema.GroupVersionKind]Mapping {
	s := c.kinds.current()
	out := make(map[schema.GroupVersionKind]Mapping, len(s.preferred))
	for _, gvk := range s.preferred {
		out[gvk] = s.byKind[gvk]
	}
	return out
}

// RefreshKinds reads discovery now.
func (c *Cluster) RefreshKinds(ctx context.Context) error {
	if err := c.kinds.refresh(ctx); err != nil {
		return err
	}
	c.changing.tell()
	return nil
}

// KindsChanged is closed when the served kinds have changed after the call.
func (c *Cluster) KindsChanged() <-chan struct{} { return c.changing.next() }

// Version is the API server's, like v1.36.3.
func (c *Cluster) Version() string { return c.kinds.current().version }

// APIVersions lists what is served, sorted: "apps/v1" and "apps/v1/Deployment". The caller must not change it.
func (c *Cluster) APIVersions() []string { return c.kinds.current().apiVersions }

// Schema names the schema that objects of the kind are stored under, as drift.Record wants it: the apiVersion, and for a
// custom resource the generation of its definition ("example.com/v1@3").
func (c *Cluster) Schema(gvk schema.GroupVersionKind) string {
	v := gvk.GroupVersion().String()
	c.kinds.mu.RLock()
	defer c.kinds.mu.RUnlock()
	m, ok := c.kinds.now.byKind[gvk]
	if !ok {
		return v
	}
	if g, ok := c.kinds.crds[m.Resource.GroupResource()]; ok {
		return v + "@" + strconv.FormatInt(g, 10)
	}
	return v
}

// notifier wakes everybody who waits.
type notifier struct {
	mu sync.Mutex
	ch chan struct{}
}

func newNotifier() *notifier { return &notifier{ch: make(chan struct{})} }

func (n *notifier) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ch
}

func (n *notifier) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.ch)
	n.ch = make(chan struct{})
}
