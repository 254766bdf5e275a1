package cluster

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// EventKind is what happened to an object.
type EventKind int

const (
	Added EventKind = iota // first seen by this watch
	Modified
	Deleted // or its label was taken away: a Get decides
)

func (k EventKind) String() string { return [...]string{"Added", "Modified", "Deleted"}[k] }

// Sink receives what a watch sees. The calls for one kind come one after the other, in the order of events, from one
// goroutine; those of different kinds come at the same time. A Sink may keep obj, which nobody else has.
type Sink interface {
	// Event delivers one event; an Added or Modified that a Knower knows already is not delivered. A Deleted that was missed, and found by listing again, has only apiVersion, kind,
	// namespace, name and UID.
	Event(kind EventKind, obj *unstructured.Unstructured)
	// Synced says that the sink now knows everything there is of the kind: after the first list, and again whenever a
	// lost watch has caught up.
	Synced(gvk schema.GroupVersionKind)
	// Lost says that events may be late from now on, and why; Synced ends that.
	Lost(gvk schema.GroupVersionKind, err error)
}

// A Knower is a Sink that may know states of objects from elsewhere, such as the answer to a write.
type Knower interface {
	// Knows reports whether the sink has taken in an object in exactly this version, and has no use for hearing of it again.
	Knows(gvk schema.GroupVersionKind, namespace, name, uid, version string) bool
}

// Watch is the standing watch of one kind.
type Watch struct {
	c    *Cluster
	gvk  schema.GroupVersionKind
	sink Sink
	echo Knower // the sink; nil: it knows nothing but by the watch

	mu     sync.Mutex
	synced bool
	ready  chan struct{} // closed while synced
	lost   error

	// Of the goroutine that watches.
	version string
	known   map[types.NamespacedName]types.UID
	plain   bool // the API server has no streaming lists
}

const (
	retryFirst = 200 * time.Millisecond
	retryMost  = 30 * time.Second
	retryRare  = 2 * time.Minute  // for what somebody has to mend: a forbidden kind
	momentMost = 10 * time.Second // that an API server may ask for before it counts as a loss
	watchFor   = 30 * time.Minute
)

// EnsureWatch starts the watch of a kind, of the objects with our label in all namespaces, unless it runs already (then
// with the sink that it has). It returns at once; the watch ends at Close.
func (c *Cluster) EnsureWatch(gvk schema.GroupVersionKind, sink Sink) *Watch {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, ok := c.watches[gvk]; ok {
		return w
	}
	w := &Watch{c: c, gvk: gvk, sink: sink, ready: make(chan struct{}), known: map[types.NamespacedName]types.UID{}}
	w.echo, _ = sink.(Knower)
	c.watches[gvk] = w
	c.running.Go(func() { w.run(c.life) })
	return w
}

// Watched lists the kinds that are watched.
func (c *Cluster) Watched() []schema.GroupVersionKind {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]schema.GroupVersionKind, 0, len(c.watches))
	for gvk := range c.watches {
		out = append(out, gvk)
	}
	return out
}

// Synced reports whether the watch of the kind runs and is current.
func (c *Cluster) Synced(gvk schema.GroupVersionKind) bool {
	c.mu.Lock()
	w := c.watches[gvk]
	c.mu.Unlock()
	return w != nil && w.Synced()
}

// WaitSynced waits until the watch of the kind, which must have been started, is current. When ctx ends first, the error
// says why the watch is not.
func (c *Cluster) WaitSynced(ctx context.Context, gvk schema.GroupVersionKind) error {
	c.mu.Lock()
	w := c.watches[gvk]
	c.mu.Unlock()
	if w == nil {
		return &fault.Error{Class: fault.Blocked, Reason: fault.Internal, Where: gvk.String(), Message: "the kind is not watched"}
	}
	return w.Wait(ctx)
}

// Synced reports whether the watch is current.
func (w *Watch) Synced() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.synced
}

// Wait waits until the watch is current.
func (w *Watch) Wait(ctx context.Context) error {
	w.mu.Lock()
	ready := w.ready
	w.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.lost != nil {
			return w.lost
		}
		return classify(ctx.Err(), subject{gvk: w.gvk})
	}
}

// run keeps the watch alive. A stream that merely ended is resumed where it ended, with nobody told; a list is only read
// again when the API server no longer has the events in between.
func (w *Watch) run(ctx context.Context) {
	delay := time.Duration(0)
	var asked time.Time // when the API server first asked for a moment, and only that since
	for ctx.Err() == nil {
		changed := w.c.KindsChanged() // before looking, so that no change is missed
		began := time.Now()
		err := w.once(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			delay = 0
		case time.Since(began) > retryMost:
			delay = retryFirst
		default:
			delay = min(max(2*delay, retryFirst), retryMost)
		}
		w.c.counts.noteRound(err)
		switch {
		case !w.isMoment(err):
			asked = time.Time{}
			w.noteLoss(err)
		case asked.IsZero():
			asked = began
		case time.Since(asked) > momentMost:
			w.noteLoss(err)
		}
		if wait(ctx, jitter(patience(err, delay)), changed) != nil {
			return
		}
	}
}

// once watches from where the last stream ended, or from a list when there is no such place. It returns nil when the
// stream ended in good order.
func (w *Watch) once(ctx context.Context) error {
	m, err := w.c.Mapping(ctx, w.gvk)
	if err != nil {
		w.forgetAll(err)
		return err
	}
	if w.version == "" {
		err = w.fromStart(ctx, m)
	} else {
		err = w.stream(ctx, m, w.options(w.version), nil)
	}
	switch {
	case err == nil:
		return nil
	case apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
		w.version = ""
		return nil
	case apierrors.IsNotFound(err): // the kind went away; discovery may not know yet
		w.version = ""
		if w.c.kinds.refreshOnMiss(ctx, time.Now()) == nil {
			_, err := w.c.Mapping(ctx, w.gvk)
			w.forgetAll(err)
		}
	}
	return classify(err, subject{gvk: w.gvk})
}

func (w *Watch) options(version string) metav1.ListOptions {
	seconds := int64((watchFor/2 + rand.N(watchFor/2)) / time.Second)
	return metav1.ListOptions{LabelSelector: object.LabelApp, ResourceVersion: version, AllowWatchBookmarks: true,
		TimeoutSeconds: &seconds}
}

// fromStart learns what there is, preferably as a stream, and goes on watching.
func (w *Watch) fromStart(ctx context.Context, m Mapping) error {
	seen := map[types.NamespacedName]bool{}
	if !w.plain {
		o := w.options("")
		all := true
		o.SendInitialEvents, o.ResourceVersionMatch = &all, metav1.ResourceVersionMatchNotOlderThan
		err := w.stream(ctx, m, o, seen)
		if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
			return err
		}
		w.plain = true
	}
	version, err := w.list(ctx, m, seen)
	if err != nil {
		return err
	}
	w.caughtUp(seen, version)
	return w.stream(ctx, m, w.options(version), nil)
}

func (w *Watch) list(ctx context.Context, m Mapping, seen map[types.NamespacedName]bool) (version string, err error) {
	err = w.c.pages(metav1.ListOptions{LabelSelector: object.LabelApp}, func(o metav1.ListOptions) (string, error) {
		ctx, cancel := w.c.bounded(ctx)
		defer cancel()
		list, err := w.c.dynamic.Resource(m.Resource).List(ctx, o)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			seen[nameOf(&list.Items[i])] = true
			w.deliver(&list.Items[i])
		}
		version = list.GetResourceVersion()
		return list.GetContinue(), nil
	}, func() { clear(seen) })
	return version, err
}

func (w *Watch) markSynced() {
	w.mu.Lock()
	if w.synced {
		w.mu.Unlock()
		return
	}
	w.synced, w.lost = true, nil
	close(w.ready)
	w.mu.Unlock()
	w.sink.Synced(w.gvk)
}

// noteLoss tells the sink, once, that the watch is behind.
func (w *Watch) noteLoss(err error) {
	if err == nil {
		return
	}
	w.mu.Lock()
	was, first := w.synced, w.lost == nil
	w.lost = err
	if was {
		w.synced, w.ready = false, make(chan struct{})
	}
	w.mu.Unlock()
	if was || first {
		w.sink.Lost(w.gvk, err)
	}
}

// isMoment reports whether the API server only asked to come again while it sets the kind's store up, as it does when a
// definition is new. A watch that was current has nothing to wait for.
func (w *Watch) isMoment(err error) bool {
	return apierrors.IsTooManyRequests(err) && !w.Synced()
}

// patience is how long to wait before the next try: long for what only somebody can mend, which wakes us when it is the
// served kinds that change.
func patience(err error, delay time.Duration) time.Duration {
	if f := fault.Of(err); f != nil && (f.Reason == fault.Forbidden || f.Reason == fault.AuthenticationFailed) && delay == retryMost {
		return retryRare
	}
	return delay
}

func jitter(d time.Duration) time.Duration {
	if d == 0 {
		return 0
	}
	return d/2 + rand.N(d)
}

// wait waits for the time, for wake, or for the end of ctx, whose error it returns.
func wait(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	if d == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
	}
	return ctx.Err()
}
