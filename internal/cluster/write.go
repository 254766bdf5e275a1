package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// anyVersion is a resourceVersion that no stored object has: a server-side apply that carries it creates, and conflicts
// with whatever exists.
const anyVersion = "1"

// Apply is a server-side apply under our field manager. The answer is the stored object. Unknown fields are errors.
func (c *Cluster) Apply(ctx context.Context, obj *unstructured.Unstructured, o object.WriteOptions) (*unstructured.Unstructured, error) {
	return c.apply(ctx, obj, metadataOf{uid: o.UID}, o)
}

// Create is a server-side apply that succeeds only where no object of that name is; otherwise object.ErrExists is in the
// chain of its error.
func (c *Cluster) Create(ctx context.Context, obj *unstructured.Unstructured, o object.WriteOptions) (*unstructured.Unstructured, error) {
	answer, err := c.apply(ctx, obj, metadataOf{version: anyVersion}, o)
	if f := fault.Of(err); f != nil && f.Reason == fault.Conflict && f.Class == fault.Transient {
		return nil, &fault.Error{Class: fault.Transient, Reason: fault.Conflict, Where: f.Where,
			Message: "it exists already", Err: errors.Join(object.ErrExists, f.Err)}
	}
	return answer, err
}

// metadataOf are preconditions that travel in an object's metadata.
type metadataOf struct{ uid, version string }

func (c *Cluster) apply(ctx context.Context, obj *unstructured.Unstructured, pre metadataOf, o object.WriteOptions) (*unstructured.Unstructured, error) {
	body, err := patchBody(obj, pre)
	if err != nil {
		return nil, err
	}
	gvk, id := obj.GroupVersionKind(), object.Of(obj)
	path, err := c.path(ctx, gvk, id)
	if err != nil {
		return nil, err
	}
	r := c.rest.Patch(types.ApplyPatchType).AbsPath(path...).Body(body).
		Param("fieldManager", c.manager).Param("fieldValidation", "Strict").Param("force", fmt.Sprint(o.Force))
	return c.send(ctx, dryRun(r, o), about(gvk, id))
}

// patchBody encodes obj without what the API server keeps itself.
func patchBody(obj *unstructured.Unstructured, pre metadataOf) ([]byte, error) {
	root := make(map[string]any, len(obj.Object))
	for k, v := range obj.Object {
		root[k] = v
	}
	delete(root, "status")
	old, _ := root["metadata"].(map[string]any)
	meta := make(map[string]any, len(old)+1)
	for k, v := range old {
		switch k {
		case "managedFields", "uid", "resourceVersion", "creationTimestamp", "generation", "selfLink":
		default:
			meta[k] = v
		}
	}
	if pre.uid != "" {
		meta["uid"] = pre.uid
	}
	if pre.version != "" {
		meta["resourceVersion"] = pre.version
	}
	root["metadata"] = meta
	body, err := object.Canonical(root)
	if err != nil {
		return nil, &fault.Error{Class: fault.Invalid, Reason: fault.ObjectInvalid, Where: object.Of(obj).String(),
			Message: "it has no JSON form"}
	}
	return body, nil
}

// Replace is a PUT under our field manager; obj carries the resourceVersion that it replaces. Our field ownership is
// `Apply` afterwards, as with Apply, so that what a later Apply leaves out is removed.
func (c *Cluster) Replace(ctx context.Context, obj *unstructured.Unstructured, o object.WriteOptions) (*unstructured.Unstructured, error) {
	gvk, id := obj.GroupVersionKind(), object.Of(obj)
	path, err := c.path(ctx, gvk, id)
	if err != nil {
		return nil, err
	}
	body, err := object.Canonical(obj.Object)
	if err != nil {
		return nil, &fault.Error{Class: fault.Invalid, Reason: fault.ObjectInvalid, Where: id.String(), Message: "it has no JSON form"}
	}
	r := c.rest.Put().AbsPath(path...).SetHeader("Content-Type", "application/json").Body(body).
		Param("fieldManager", c.manager).Param("fieldValidation", "Strict")
	answer, err := c.send(ctx, dryRun(r, o), about(gvk, id))
	if err != nil || o.DryRun {
		return answer, err
	}
	if err := c.TakeOver(ctx, answer, []string{c.manager}); err != nil {
		return nil, err
	}
	return answer, nil
}

// jsonPatch sends a JSON patch (RFC 6902).
func (c *Cluster) jsonPatch(ctx context.Context, gvk schema.GroupVersionKind, id object.ID, ops []patchOp) (*unstructured.Unstructured, error) {
	path, err := c.path(ctx, gvk, id)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(ops)
	if err != nil {
		return nil, classify(err, about(gvk, id))
	}
	r := c.rest.Patch(types.JSONPatchType).AbsPath(path...).Body(body).Param("fieldManager", c.manager)
	return c.send(ctx, r, about(gvk, id))
}

type patchOp struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func dryRun(r *rest.Request, o object.WriteOptions) *rest.Request {
	if o.DryRun {
		return r.Param("dryRun", "All")
	}
	return r
}

// path is the URL path of an object, of its collection when the ID has no name.
func (c *Cluster) path(ctx context.Context, gvk schema.GroupVersionKind, id object.ID) ([]string, error) {
	m, err := c.Mapping(ctx, gvk)
	if err != nil {
		if f := fault.Of(err); id.Name != "" && f.Reason == fault.KindUnknown {
			f.Where = id.String()
		}
		return nil, err
	}
	segments := []string{"/api", gvk.Version}
	if gvk.Group != "" {
		segments = []string{"/apis", gvk.Group, gvk.Version}
	}
	if m.Namespaced && id.Namespace != "" {
		segments = append(segments, "namespaces", id.Namespace)
	} else if m.Namespaced && id.Name != "" {
		return nil, &fault.Error{Class: fault.Invalid, Reason: fault.NamespaceRequired, Where: id.String(),
			Message: "the kind lives in namespaces, and the object names none"}
	}
	segments = append(segments, m.Resource.Resource)
	if id.Name != "" {
		segments = append(segments, id.Name)
	}
	return segments, nil
}

// send makes one request, without client-go's own retries: waiting is the caller's to decide.
func (c *Cluster) send(ctx context.Context, r *rest.Request, s subject) (*unstructured.Unstructured, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	body, err := r.MaxRetries(0).Stream(ctx)
	if err != nil {
		return nil, classify(err, s)
	}
	defer body.Close()
	answer := answers.Get().(*bytes.Buffer)
	defer putAnswer(answer)
	if _, err := answer.ReadFrom(body); err != nil {
		return nil, classify(err, s)
	}
	content, err := object.Parse(answer.Bytes())
	if err != nil {
		return nil, &fault.Error{Class: fault.Transient, Reason: fault.ClusterUnreachable, Where: s.place(),
			Message: "the API server's answer is no JSON object"}
	}
	return &unstructured.Unstructured{Object: content}, nil
}

// answers is scratch memory for what API servers answer.
var answers = sync.Pool{New: func() any { return &bytes.Buffer{} }}

// putAnswer gives scratch memory back, with nothing left in it.
func putAnswer(b *bytes.Buffer) {
	const keep = 1 << 20
	if b.Cap() > keep {
		return
	}
	clear(b.Bytes())
	b.Reset()
	answers.Put(b)
}
