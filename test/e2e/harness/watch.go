package harness

import (
	"slices"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Seen is one change of an object, as the API server told it. Version orders changes, also of different kinds.
type Seen struct {
	Type    watch.EventType
	Name    string
	Version int64
	Object  *unstructured.Unstructured
}

// Recording is what happened to the objects of a kind in the namespace of the test since Record.
type Recording struct {
	mu   sync.Mutex
	seen []Seen
}

// Record starts to watch a kind in the namespace of the test, until the test ends.
func (e *Env) Record(apiVersion, kind string) *Recording {
	e.t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(schema.FromAPIVersionAndKind(apiVersion, kind+"List"))
	w, err := e.hub.Watch(e.t.Context(), list, client.InNamespace(e.Namespace))
	if err != nil {
		e.t.Fatal(err)
	}
	r := &Recording{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range w.ResultChan() {
			r.add(event)
		}
	}()
	e.t.Cleanup(func() {
		w.Stop()
		<-done
	})
	return r
}

func (r *Recording) add(event watch.Event) {
	u, ok := event.Object.(*unstructured.Unstructured)
	if !ok {
		return
	}
	version, err := strconv.ParseInt(u.GetResourceVersion(), 10, 64)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, Seen{Type: event.Type, Name: u.GetName(), Version: version, Object: u})
}

// All gives the changes so far, the first one first.
func (r *Recording) All() []Seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

// Names gives the names of the objects of the changes of a type, in their order.
func (r *Recording) Names(of watch.EventType) []string {
	var out []string
	for _, s := range r.All() {
		if s.Type == of {
			out = append(out, s.Name)
		}
	}
	return out
}

// First gives the first change for which is is true.
func (r *Recording) First(is func(Seen) bool) (Seen, bool) {
	all := r.All()
	i := slices.IndexFunc(all, is)
	if i < 0 {
		return Seen{}, false
	}
	return all[i], true
}
