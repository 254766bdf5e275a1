package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

var (
	errStream = errors.New("the API server sent an event that is none")
	errAtOnce = errors.New("the watch ended as soon as it had begun")
	errEarly  = errors.New("the watch ended before it had told everything")
)

// soon is how long a stream without any event must have lasted to have ended in good order.
const soon = time.Second

// stream reads one watch request to its end. seen is not nil while the stream begins with what there is. The request is
// ours and not the dynamic client's, which retries for ten seconds before it says that there is no connection.
func (w *Watch) stream(ctx context.Context, m Mapping, o metav1.ListOptions, seen map[types.NamespacedName]bool) error {
	path, err := w.c.path(ctx, w.gvk, object.ID{})
	if err != nil {
		return err
	}
	o.Watch = true
	began := time.Now()
	body, err := w.c.rest.Get().AbsPath(path...).VersionedParams(&o, metav1.ParameterCodec).MaxRetries(0).Stream(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	if seen == nil {
		w.markSynced()
	}
	events := &frames{from: body}
	for told := false; ; told = true {
		raw, err := events.next()
		if err != nil {
			switch {
			case seen != nil:
				return errEarly
			case !told && time.Since(began) < soon:
				return errAtOnce
			}
			return nil // cut or ended: the next request goes on from here, or says why it cannot
		}
		if err := w.take(raw, &seen); err != nil {
			return err
		}
	}
}

// take reads an event, {"type": ..., "object": ...}, and tells the sink.
func (w *Watch) take(raw []byte, seen *map[types.NamespacedName]bool) error {
	if *seen == nil && w.heard(raw) { // a list tells everything
		return nil
	}
	e, err := object.Parse(raw)
	if err != nil {
		return errStream
	}
	kind, _ := e["type"].(string)
	if kind == string(watch.Error) {
		return failure(raw)
	}
	obj := &unstructured.Unstructured{}
	if obj.Object, _ = e["object"].(map[string]any); obj.Object == nil {
		return errStream
	}
	switch watch.EventType(kind) {
	case watch.Bookmark:
		if *seen != nil && obj.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true" {
			w.caughtUp(*seen, obj.GetResourceVersion())
			*seen = nil
		}
	case watch.Deleted:
		name := nameOf(obj)
		delete(w.known, name)
		if *seen != nil {
			delete(*seen, name)
		}
		w.sink.Event(Deleted, obj)
	default:
		if *seen != nil {
			(*seen)[nameOf(obj)] = true
		}
		w.deliver(obj)
	}
	if *seen == nil { // until the whole is known, there is no place to resume at
		w.version = obj.GetResourceVersion()
	}
	return nil
}

// heard files an event that says nothing new to the sink, by a glance.
func (w *Watch) heard(raw []byte) bool {
	if w.echo == nil {
		return false
	}
	g, ok := object.Glance(raw)
	if !ok || g.Type != string(watch.Added) && g.Type != string(watch.Modified) {
		return false
	}
	name, uid := types.NamespacedName{Namespace: g.Namespace, Name: g.Name}, types.UID(g.UID)
	if old, known := w.known[name]; known && old != uid || !w.echo.Knows(w.gvk, g.Namespace, g.Name, g.UID, g.Version) {
		return false
	}
	w.known[name], w.version = uid, g.Version
	return true
}

// failure is the error that an event of the type ERROR tells.
func failure(raw []byte) error {
	var e struct{ Object metav1.Status }
	if json.Unmarshal(raw, &e) != nil {
		return errStream
	}
	return &apierrors.StatusError{ErrStatus: e.Object}
}

func nameOf(obj *unstructured.Unstructured) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}
}

func (w *Watch) deliver(obj *unstructured.Unstructured) {
	name, uid := nameOf(obj), obj.GetUID()
	old, known := w.known[name]
	w.known[name] = uid
	switch {
	case !known:
		w.sink.Event(Added, obj)
	case old == uid:
		w.sink.Event(Modified, obj)
	default:
		w.sink.Event(Deleted, w.tombstone(name, old))
		w.sink.Event(Added, obj)
	}
}

// caughtUp ends a list: what was known and is not in it was deleted unseen.
func (w *Watch) caughtUp(seen map[types.NamespacedName]bool, version string) {
	for name, uid := range w.known {
		if !seen[name] {
			delete(w.known, name)
			w.sink.Event(Deleted, w.tombstone(name, uid))
		}
	}
	w.version = version
	w.markSynced()
}

func (w *Watch) tombstone(name types.NamespacedName, uid types.UID) *unstructured.Unstructured {
	t := &unstructured.Unstructured{}
	t.SetGroupVersionKind(w.gvk)
	t.SetNamespace(name.Namespace)
	t.SetName(name.Name)
	t.SetUID(uid)
	return t
}

// forgetAll tells the deletion of everything when the kind itself is gone.
func (w *Watch) forgetAll(err error) {
	if !fault.Is(err, fault.KindUnknown) {
		return
	}
	w.version = ""
	for name, uid := range w.known {
		delete(w.known, name)
		w.sink.Event(Deleted, w.tombstone(name, uid))
	}
}
