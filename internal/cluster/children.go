package cluster

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/object"
)

// Child is an object that stems from another by owner reference. Owner is the UID of its direct owner.
type Child struct {
	Owner  string
	Object *unstructured.Unstructured
}

var (
	podKind        = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	replicaSetKind = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"}
	jobKind        = schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: "Job"}
)

// offspring are the kinds that controllers make of a kind, the next generation after the one before.
var offspring = map[schema.GroupKind][]schema.GroupVersionKind{
	{Group: "apps", Kind: "Deployment"}:  {replicaSetKind, podKind},
	{Group: "apps", Kind: "StatefulSet"}: {podKind},
	{Group: "apps", Kind: "DaemonSet"}:   {podKind},
	{Group: "apps", Kind: "ReplicaSet"}:  {podKind},
	{Kind: "ReplicationController"}:      {podKind},
	{Group: "batch", Kind: "CronJob"}:    {jobKind, podKind},
	{Group: "batch", Kind: "Job"}:        {podKind},
}

// maxChildren bounds one list of children.
const maxChildren = 2000

// Children lists what stems from the object, generation by generation. Kinds whose controllers are not known give none.
// It reads when asked and keeps nothing.
func (c *Cluster) Children(ctx context.Context, gvk schema.GroupVersionKind, id object.ID, uid string) ([]Child, error) {
	if len(offspring[gvk.GroupKind()]) == 0 {
		return nil, nil
	}
	selector, err := c.selectorOf(ctx, gvk, id)
	if err != nil {
		return nil, err
	}
	parents := map[string]bool{uid: true}
	var out []Child
	for _, kind := range offspring[gvk.GroupKind()] {
		list, err := c.List(ctx, kind, id.Namespace, selector, maxChildren)
		if err != nil {
			return nil, err
		}
		for _, obj := range list {
			for _, ref := range obj.GetOwnerReferences() {
				if parents[string(ref.UID)] {
					out = append(out, Child{Owner: string(ref.UID), Object: obj})
					parents[string(obj.GetUID())] = true
					break
				}
			}
		}
	}
	return out, nil
}

// selectorOf is the label selector of a workload, so that a large namespace is not read whole; empty when it has none.
func (c *Cluster) selectorOf(ctx context.Context, gvk schema.GroupVersionKind, id object.ID) (string, error) {
	if gvk.Kind == "CronJob" { // its Jobs have the labels of its template
		return "", nil
	}
	live, err := c.Get(ctx, gvk, id)
	if err != nil {
		return "", err
	}
	if gvk.Kind == "ReplicationController" {
		plain, _, _ := unstructured.NestedStringMap(live.Object, "spec", "selector")
		return labels.SelectorFromSet(plain).String(), nil
	}
	raw, _, _ := unstructured.NestedMap(live.Object, "spec", "selector")
	parsed := &metav1.LabelSelector{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, parsed); err != nil {
		return "", nil // reading everything is the safe way
	}
	s, err := metav1.LabelSelectorAsSelector(parsed)
	if err != nil || len(raw) == 0 {
		return "", nil
	}
	return s.String(), nil
}

// Event is what a controller said about an object.
type Event struct {
	Type    string    `json:"type"` // Normal or Warning
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Count   int64     `json:"count,omitempty"`
	Last    time.Time `json:"last"`
}

// Events lists the events about an object, the newest first, at most 100.
func (c *Cluster) Events(ctx context.Context, id object.ID, uid string) ([]Event, error) {
	const limit = 100
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	list, err := c.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "events"}).Namespace(id.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", uid).String(), Limit: limit,
	})
	if err != nil {
		return nil, classify(err, subject{id: id})
	}
	out := make([]Event, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, eventOf(list.Items[i].Object))
	}
	slices.SortStableFunc(out, func(a, b Event) int { return b.Last.Compare(a.Last) })
	return out, nil
}

func eventOf(o map[string]any) Event {
	text := func(path ...string) string {
		s, _, _ := unstructured.NestedString(o, path...)
		return s
	}
	count, _, _ := unstructured.NestedInt64(o, "count")
	e := Event{Type: text("type"), Reason: text("reason"), Message: text("message"), Count: count}
	last := cmp.Or(text("series", "lastObservedTime"), text("lastTimestamp"), text("eventTime"), text("metadata", "creationTimestamp"))
	e.Last, _ = time.Parse(time.RFC3339Nano, last) // the zero time sorts last
	return e
}

// LogOptions choose what of a container's log is read.
type LogOptions struct {
	Container  string
	Follow     bool
	Previous   bool
	Tail       int64 // lines; zero: all that is kept, within LimitBytes
	LimitBytes int64 // zero: 16 MiB, unless Follow
}

// Logs streams a container's log. The caller closes it.
func (c *Cluster) Logs(ctx context.Context, namespace, pod string, o LogOptions) (io.ReadCloser, error) {
	r := c.rest.Get().AbsPath("/api/v1/namespaces", namespace, "pods", pod, "log")
	if o.Container != "" {
		r.Param("container", o.Container)
	}
	if o.Tail > 0 {
		r.Param("tailLines", strconv.FormatInt(o.Tail, 10))
	}
	if o.Previous {
		r.Param("previous", "true")
	}
	if o.Follow {
		r.Param("follow", "true")
	} else {
		r.Param("limitBytes", strconv.FormatInt(cmp.Or(o.LimitBytes, 16<<20), 10))
	}
	s, err := r.Stream(ctx)
	return s, classify(err, about(podKind, object.ID{Kind: "Pod", Namespace: namespace, Name: pod}))
}
