package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
)

// world is what the bench sees through its own watches, whoever applied it.
type world struct {
	patience time.Duration // of every wait

	mu        sync.Mutex
	objects   map[string]thing
	listeners map[int]func(thing)
	next      int
	lost      error
}

// thing is one object as of an event.
type thing struct {
	kind, namespace, name, mark string
	version                     uint64
	deleted                     bool
	healthy                     bool              // of a Deployment
	data                        map[string]string // of a ConfigMap
	rev                         string            // of a Deployment's template
	state, revision             string            // of an App
	at                          time.Time
}

func (t thing) key() string { return t.kind + "/" + t.namespace + "/" + t.name }

// opening begins a watch behind a resource version; empty: with what is there.
type opening func(version string) (watch.Interface, error)

// watchWorld starts the watches; they end with ctx.
func watchWorld(ctx context.Context, c *kubernetes.Clientset, hub client.WithWatch) (*world, error) {
	w := &world{objects: map[string]thing{}, listeners: map[int]func(thing){}}
	all, day := metav1.NamespaceAll, int64(24*60*60)
	from := func(version, selector string) metav1.ListOptions {
		return metav1.ListOptions{LabelSelector: selector, TimeoutSeconds: &day, ResourceVersion: version, AllowWatchBookmarks: true}
	}
	now, err := c.CoreV1().ConfigMaps(all).List(ctx, metav1.ListOptions{Limit: 1}) // one version counts for all kinds
	if err != nil {
		return nil, err
	}
	for _, open := range []opening{
		func(v string) (watch.Interface, error) {
			return c.AppsV1().Deployments(all).Watch(ctx, from(v, markLabel))
		},
		func(v string) (watch.Interface, error) {
			return c.CoreV1().ConfigMaps(all).Watch(ctx, from(v, markLabel))
		},
		func(v string) (watch.Interface, error) {
			return c.CoreV1().Services(all).Watch(ctx, from(v, markLabel))
		},
		func(v string) (watch.Interface, error) {
			return c.CoreV1().ServiceAccounts(all).Watch(ctx, from(v, markLabel))
		},
		func(v string) (watch.Interface, error) {
			return c.NetworkingV1().Ingresses(all).Watch(ctx, from(v, markLabel))
		},
		func(v string) (watch.Interface, error) {
			o := from(v, "")
			return hub.Watch(ctx, &v1alpha1.AppList{}, &client.ListOptions{Raw: &o})
		},
	} {
		events, err := open(now.ResourceVersion)
		if err != nil {
			return nil, err
		}
		go w.follow(ctx, now.ResourceVersion, events, open)
	}
	return w, nil
}

// follow watches until ctx ends. A watch that the API server ends (it does when a definition changes, and when it has too much
// to do) goes on where it was: to send all again would be a load that nobody but the bench makes.
func (w *world) follow(ctx context.Context, version string, events watch.Interface, open opening) {
	for {
		for e := range events.ResultChan() {
			at := time.Now()
			m, ok := e.Object.(metav1.Object)
			switch {
			case e.Type == watch.Error || !ok:
				version = "" // it was too long ago
			case e.Type == watch.Bookmark || version != "": // what comes first of a watch from nowhere is in no order
				version = m.GetResourceVersion()
			}
			if t, ok := read(e.Object); ok && e.Type != watch.Bookmark {
				t.at, t.deleted = at, e.Type == watch.Deleted
				w.tell(t)
			}
		}
		events.Stop()
		var err error
		if events, err = open(version); err != nil {
			if ctx.Err() == nil {
				w.mu.Lock()
				w.lost = fmt.Errorf("a watch of the bench ended: %w", err)
				w.mu.Unlock()
			}
			return
		}
	}
}

func read(o runtime.Object) (thing, bool) {
	m, ok := o.(metav1.Object)
	if !ok {
		return thing{}, false
	}
	t := thing{namespace: m.GetNamespace(), name: m.GetName(), mark: m.GetLabels()[markLabel]}
	t.version, _ = strconv.ParseUint(m.GetResourceVersion(), 10, 64)
	switch o := o.(type) {
	case *appsv1.Deployment:
		t.kind, t.rev = "Deployment", o.Spec.Template.Annotations["rev"]
		t.healthy = o.Status.ObservedGeneration >= o.Generation && o.Status.UpdatedReplicas == *o.Spec.Replicas &&
			o.Status.Replicas == *o.Spec.Replicas && o.Status.AvailableReplicas == *o.Spec.Replicas
	case *corev1.ConfigMap:
		t.kind, t.data, t.healthy = "ConfigMap", o.Data, true
	case *corev1.Service:
		t.kind, t.healthy = "Service", true
	case *networkingv1.Ingress:
		t.kind, t.healthy = "Ingress", true
	case *corev1.ServiceAccount:
		t.kind, t.healthy = "ServiceAccount", true
	case *v1alpha1.App:
		t.kind, t.state = "App", o.Status.State
		if o.Status.Revision != nil {
			t.revision = o.Status.Revision.Healthy
		}
	default:
		return thing{}, false
	}
	return t, true
}

func (w *world) tell(t thing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.deleted {
		delete(w.objects, t.key())
	} else {
		w.objects[t.key()] = t
	}
	for _, l := range w.listeners {
		l(t)
	}
}

// expect begins to wait for an event. It is called before the deed, and the returned function after it.
func (w *world) expect(fits func(thing) bool) func(context.Context, string) (thing, error) {
	found := make(chan thing, 1)
	w.mu.Lock()
	id := w.next
	w.next++
	w.listeners[id] = func(t thing) {
		if fits(t) {
			select {
			case found <- t:
			default:
			}
		}
	}
	w.mu.Unlock()
	return func(ctx context.Context, what string) (thing, error) {
		defer func() {
			w.mu.Lock()
			delete(w.listeners, id)
			w.mu.Unlock()
		}()
		select {
		case t := <-found:
			return t, nil
		case <-ctx.Done():
			return thing{}, context.Cause(ctx)
		case <-time.After(w.patience):
			return thing{}, fmt.Errorf("not within %v: %s", w.patience, what)
		}
	}
}

// get gives the newest state of an object.
func (w *world) get(key string) (thing, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.objects[key]
	return t, ok
}

// expectCount begins to wait until n things fit; a thing that no longer does is taken off again.
func (w *world) expectCount(n int, fits func(thing) bool) func(context.Context, string) (thing, error) {
	return w.expectCountBy(n, fits, func(int, time.Time) {})
}

// expectCountBy is expectCount, and tells how many fit whenever that may have changed, and when that was.
func (w *world) expectCountBy(n int, fits func(thing) bool, count func(int, time.Time)) func(context.Context, string) (thing, error) {
	have := map[string]bool{}
	return w.expect(func(t thing) bool {
		if !t.deleted && fits(t) {
			have[t.key()] = true
		} else {
			delete(have, t.key())
		}
		count(len(have), t.at)
		return len(have) >= n
	})
}

// summary says how many things there are of each sort, for the message of a failure.
func (w *world) summary() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	counts := map[string]int{}
	for _, t := range w.objects {
		sort := t.kind + " of " + t.mark
		switch {
		case t.kind == "App":
			sort = "App " + t.state
		case !t.healthy:
			sort += ", not healthy"
		}
		counts[sort]++
	}
	var out []string
	for _, sort := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%d × %s", counts[sort], sort))
	}
	if w.lost != nil {
		out = append(out, w.lost.Error())
	}
	return strings.Join(out, "\n")
}
