package cluster

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/object"
)

// Notice is an event with the object that it is about.
type Notice struct {
	Event
	Object object.ID
	UID    string
	Source string // the component that says so
}

// maxNotices bounds the events that one call reads.
const maxNotices = 5000

// Notices lists the events of a namespace that keep wants, the newest first. With a uid only those about that object are
// read. Events about objects without namespace are in the namespace default.
func (c *Cluster) Notices(ctx context.Context, namespace, uid string, keep func(Notice) bool) ([]Notice, error) {
	var o metav1.ListOptions
	if uid != "" {
		o.FieldSelector = fields.OneTermEqualSelector("involvedObject.uid", uid).String()
	}
	var out []Notice
	read := 0
	err := c.pages(o, func(o metav1.ListOptions) (string, error) {
		ctx, cancel := c.bounded(ctx)
		defer cancel()
		list, err := c.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "events"}).Namespace(namespace).List(ctx, o)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			if n := noticeOf(list.Items[i].Object); keep(n) {
				out = append(out, n)
			}
		}
		if read += len(list.Items); read >= maxNotices {
			return "", nil
		}
		return list.GetContinue(), nil
	}, func() { out = nil })
	slices.SortStableFunc(out, func(a, b Notice) int { return b.Last.Compare(a.Last) })
	return out, classify(err, subject{where: "the events of namespace " + namespace})
}

func noticeOf(o map[string]any) Notice {
	text := func(path ...string) string {
		s, _, _ := unstructured.NestedString(o, path...)
		return s
	}
	n := Notice{Event: eventOf(o), UID: text("involvedObject", "uid"), Source: text("source", "component")}
	if n.Source == "" {
		n.Source = text("reportingComponent")
	}
	gv, err := schema.ParseGroupVersion(text("involvedObject", "apiVersion"))
	if err != nil {
		gv = schema.GroupVersion{}
	}
	n.Object = object.ID{Group: gv.Group, Kind: text("involvedObject", "kind"), Namespace: text("involvedObject", "namespace"), Name: text("involvedObject", "name")}
	return n
}
