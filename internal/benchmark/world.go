package benchmark

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// world is what the bench sees of its objects through watches of its own, whoever applied them.
type world struct {
	now func() time.Time
	end context.CancelFunc
	wg  sync.WaitGroup

	mu        sync.Mutex
	listeners map[int]func(*unstructured.Unstructured, time.Time)
	next      int
	lost      chan error
}

// watch begins to watch the objects of this run, until stop.
func (r *run) watch(ctx context.Context) (*world, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &world{now: r.o.Now, end: cancel, listeners: map[int]func(*unstructured.Unstructured, time.Time){}, lost: make(chan error, len(resources))}
	for _, gvr := range resources {
		s, err := r.open(ctx, gvr, "")
		if err != nil {
			w.stop()
			return nil, fmt.Errorf("watching %s: %w", gvr.Resource, err)
		}
		w.wg.Go(func() {
			w.follow(ctx, s, func(version string) (watch.Interface, error) { return r.open(ctx, gvr, version) })
		})
	}
	return w, nil
}

func (r *run) open(ctx context.Context, gvr schema.GroupVersionResource, version string) (watch.Interface, error) {
	return r.own.Resource(gvr).Watch(ctx, metav1.ListOptions{LabelSelector: runLabel + "=" + r.o.Run, ResourceVersion: version})
}

func (w *world) stop() {
	w.end()
	w.wg.Wait()
}

// follow watches until ctx ends. A watch that ends goes on where it was.
func (w *world) follow(ctx context.Context, s watch.Interface, open func(version string) (watch.Interface, error)) {
	version := ""
	for {
		for e := range s.ResultChan() {
			u, ok := e.Object.(*unstructured.Unstructured)
			if !ok || e.Type == watch.Error {
				version = "" // too old to go on from
				if ok {
					continue
				}
				if apierrors.IsGone(apierrors.FromObject(e.Object)) {
					continue
				}
				break
			}
			version = u.GetResourceVersion()
			if e.Type != watch.Deleted && e.Type != watch.Bookmark {
				w.tell(u, w.now())
			}
		}
		s.Stop()
		if ctx.Err() != nil {
			return
		}
		var err error
		if s, err = open(version); err != nil {
			w.lost <- fmt.Errorf("a watch of the bench ended: %w", err)
			return
		}
	}
}

func (w *world) tell(u *unstructured.Unstructured, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.listeners {
		l(u, at)
	}
}

// until begins to listen; the returned function waits until fits was true, and tells when.
func (w *world) until(what string, fits func(*unstructured.Unstructured) bool) func(context.Context) (time.Time, error) {
	found := make(chan time.Time, 1)
	w.mu.Lock()
	id := w.next
	w.next++
	w.listeners[id] = func(u *unstructured.Unstructured, at time.Time) {
		if fits(u) {
			select {
			case found <- at:
			default: // only the first time counts
			}
		}
	}
	w.mu.Unlock()
	return func(ctx context.Context) (time.Time, error) {
		defer func() {
			w.mu.Lock()
			delete(w.listeners, id)
			w.mu.Unlock()
		}()
		select {
		case at := <-found:
			return at, nil
		case err := <-w.lost:
			return time.Time{}, err
		case <-ctx.Done():
			return time.Time{}, errors.Join(context.Cause(ctx), errors.New("while waiting until "+what))
		}
	}
}

// healthy waits until n objects of a side are.
func (w *world) healthy(side string, n int) func(context.Context) (time.Time, error) {
	have := map[string]bool{}
	return w.until(fmt.Sprintf("the %d objects of %q are healthy", n, side), func(u *unstructured.Unstructured) bool {
		if u.GetLabels()[sideLabel] != side {
			return false
		}
		if isHealthy(u) {
			have[u.GetKind()+"/"+u.GetNamespace()+"/"+u.GetName()] = true
		}
		return len(have) >= n
	})
}

// isHealthy judges a Deployment of no replicas; everything else is healthy when it is there.
func isHealthy(u *unstructured.Unstructured) bool {
	if u.GetKind() != "Deployment" {
		return true
	}
	observed, _, err := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	return err == nil && observed >= u.GetGeneration()
}

// undone waits until a field of a ConfigMap has been something else, and is as in Git again.
func (w *world) undone(namespace, name, field string) func(context.Context) (time.Time, error) {
	changed := false
	return w.until("the drift of "+namespace+"/"+name+" is undone", func(u *unstructured.Unstructured) bool {
		if u.GetKind() != "ConfigMap" || u.GetNamespace() != namespace || u.GetName() != name {
			return false
		}
		value, _, err := unstructured.NestedString(u.Object, "data", field)
		changed = changed || value != "as in Git"
		return err == nil && changed && value == "as in Git"
	})
}
