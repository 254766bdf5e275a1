package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/compare"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// kin is an object that is an App's, or stems from one that is.
type kin struct {
	kind schema.GroupVersionKind
	id   object.ID
	uid  string
	live *unstructured.Unstructured // nil for an object of ours that nobody had to read
}

// generations bounds the way from an object up to the one that we apply.
const generations = 5

// kin proves that an object belongs to the App: it is ours, or its owners lead to one that is. Anything else is
// object.ErrNotFound, whether it exists or not.
func (e *Engine) kin(ctx context.Context, s *scene, id object.ID) (kin, error) {
	set := s.t.set(s.a.key)
	if rec, ok := set.get(id); ok {
		return kin{kind: rec.kind, id: id, uid: rec.uid}, nil
	}
	gvk, known := s.conn.Preferred(id.GroupKind())
	if !known {
		return kin{}, notOfApp(s.a.key, id)
	}
	live, err := s.conn.Get(ctx, gvk, id)
	if errors.Is(err, object.ErrNotFound) {
		return kin{}, notOfApp(s.a.key, id)
	}
	if err != nil {
		return kin{}, err
	}
	ours := map[string]bool{}
	for _, r := range set.all() {
		ours[r.uid] = true
	}
	if ok, err := e.descends(ctx, s, live, ours, generations); err != nil || !ok {
		return kin{}, cmpError(err, notOfApp(s.a.key, id))
	}
	return kin{kind: gvk, id: id, uid: string(live.GetUID()), live: live}, nil
}

func cmpError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// descends follows owner references upwards.
func (e *Engine) descends(ctx context.Context, s *scene, u *unstructured.Unstructured, ours map[string]bool, left int) (bool, error) {
	for _, ref := range u.GetOwnerReferences() {
		if ours[string(ref.UID)] {
			return true, nil
		}
		if left == 0 {
			continue
		}
		gvk := schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind)
		owner, err := s.conn.Get(ctx, gvk, object.ID{Group: gvk.Group, Kind: gvk.Kind, Namespace: u.GetNamespace(), Name: ref.Name})
		if err != nil {
			if errors.Is(err, object.ErrNotFound) || fault.Is(err, fault.KindUnknown) {
				continue
			}
			return false, err
		}
		if owner.GetUID() != ref.UID {
			continue
		}
		if ok, err := e.descends(ctx, s, owner, ours, left-1); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// Notice is what a controller said about an object.
type Notice = cluster.Notice

// EventsOf gives what controllers said about the App's objects and what stems from them, or about one of these, the newest
// first.
func (e *Engine) EventsOf(ctx context.Context, key Key, id *object.ID) ([]Notice, error) {
	const limit = 200
	s, err := e.scene(key)
	if err != nil {
		return nil, err
	}
	var out []cluster.Notice
	if id != nil {
		k, err := e.kin(ctx, s, *id)
		if err != nil {
			return nil, err
		}
		out, err = s.conn.Notices(ctx, eventSpace(k.id), k.uid, func(n cluster.Notice) bool { return n.UID == k.uid })
		if err != nil {
			return nil, err
		}
		return out[:min(len(out), limit)], nil
	}
	uids, spaces, err := e.family(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, ns := range spaces {
		found, err := s.conn.Notices(ctx, ns, "", func(n cluster.Notice) bool { return uids[n.UID] })
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.SortStableFunc(out, func(a, b cluster.Notice) int { return b.Last.Compare(a.Last) })
	return out[:min(len(out), limit)], nil
}

// eventSpace is the namespace that the events about an object are in.
func eventSpace(id object.ID) string {
	if id.Namespace == "" {
		return "default"
	}
	return id.Namespace
}

// family are the UIDs of the App's objects and of what stems from them, and the namespaces that their events are in.
func (e *Engine) family(ctx context.Context, s *scene) (uids map[string]bool, spaces []string, err error) {
	uids = map[string]bool{}
	var parents []cluster.Parent
	for id, r := range s.t.set(s.a.key).all() {
		uids[r.uid] = true
		if ns := eventSpace(id); !slices.Contains(spaces, ns) {
			spaces = append(spaces, ns)
		}
		if !r.missing {
			parents = append(parents, cluster.Parent{Kind: r.kind, ID: id, UID: r.uid})
		}
	}
	children, err := s.conn.Offspring(ctx, parents)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range children {
		uids[string(c.Object.GetUID())] = true
	}
	slices.Sort(spaces)
	return uids, spaces, nil
}

// ManifestView is one object as people read it. A Secret's values are not in it.
type ManifestView struct {
	Object object.ID
	Side   Side
	Body   map[string]any
}

// Manifest gives one object of the App: as Git says it, in the form in which it is sent, or as it is live. What stems from
// the App's objects has a live side only.
func (e *Engine) Manifest(ctx context.Context, key Key, id object.ID, which Side) (ManifestView, error) {
	s, err := e.scene(key)
	if err != nil {
		return ManifestView{}, err
	}
	out := ManifestView{Object: id, Side: which}
	var other map[string]any
	switch which {
	case SideLive:
		live, err := e.liveOfKin(ctx, s, id)
		if err != nil {
			return ManifestView{}, err
		}
		out.Body = withoutServers(live)
		if id.Sensitive() {
			other, _ = e.renderedBody(ctx, s, id, SideGit) // without it nothing is called changed
		}
	default:
		if out.Body, err = e.renderedBody(ctx, s, id, which); err != nil {
			return ManifestView{}, err
		}
		if id.Sensitive() {
			if live, err := e.readLive(ctx, s, id); err == nil {
				other = live.Object
			}
		}
	}
	if id.Sensitive() {
		out.Body = compare.RedactBody(out.Body, other)
	}
	return out, nil
}

func (e *Engine) liveOfKin(ctx context.Context, s *scene, id object.ID) (*unstructured.Unstructured, error) {
	k, err := e.kin(ctx, s, id)
	if err != nil {
		return nil, err
	}
	if k.live != nil {
		return k.live, nil
	}
	return e.readLive(ctx, s, id)
}

// renderedBody is one object of a rendered side, in the form in which it is sent.
func (e *Engine) renderedBody(ctx context.Context, s *scene, id object.ID, which Side) (map[string]any, error) {
	sd, err := e.sides(s).read(ctx, which)
	if err != nil {
		return nil, err
	}
	found, ok := sd.objects[id]
	if !ok {
		return nil, notOfApp(s.a.key, id)
	}
	return found.Object.Object, nil
}

// withoutServers leaves managedFields out; the object is not changed.
func withoutServers(u *unstructured.Unstructured) map[string]any {
	c := u.DeepCopy()
	unstructured.RemoveNestedField(c.Object, "metadata", "managedFields")
	return c.Object
}

// LogRequest chooses logs of an App. Object is a Pod, or what Pods stem from.
type LogRequest struct {
	Object    object.ID
	Container string // empty: all but init containers
	Follow    bool
	Previous  bool
	Tail      int64
	Since     time.Duration
}

// LogEntry is one line of a container's log.
type LogEntry struct {
	Pod, Container string
	cluster.LogLine
}

// LogReader is told what logs say. Calls come one at a time; an error of Line ends the reading.
type LogReader interface {
	Line(LogEntry) error
	Problem(*fault.Error) // of one container; the others go on
}

// logsTogether bounds the containers whose logs are read together.
const logsTogether = 20

// ContainerView is a container that has a log, or will have one.
type ContainerView struct {
	Pod, Name string
	Init      bool
	State     string // Running, Waiting, Terminated
	Reason    string
	Restarts  int64
}

// Containers lists the containers of an object's Pods, the newest Pod first.
func (e *Engine) Containers(ctx context.Context, key Key, id object.ID) ([]ContainerView, error) {
	s, err := e.scene(key)
	if err != nil {
		return nil, err
	}
	pods, err := e.podsOf(ctx, s, id)
	if err != nil {
		return nil, err
	}
	var out []ContainerView
	for _, p := range pods {
		out = append(out, containersOf(p)...)
	}
	return out, nil
}

// podsOf are the Pods that stem from an object of the App, the newest first.
func (e *Engine) podsOf(ctx context.Context, s *scene, id object.ID) ([]*unstructured.Unstructured, error) {
	k, err := e.kin(ctx, s, id)
	if err != nil {
		return nil, err
	}
	var pods []*unstructured.Unstructured
	if id.Kind == "Pod" && id.Group == "" {
		if k.live == nil {
			if k.live, err = e.readLive(ctx, s, id); err != nil {
				return nil, err
			}
		}
		return append(pods, k.live), nil
	}
	children, err := s.conn.Children(ctx, k.kind, k.id, k.uid)
	if err != nil {
		return nil, err
	}
	for _, c := range children {
		if c.Object.GetKind() == "Pod" {
			pods = append(pods, c.Object)
		}
	}
	slices.SortStableFunc(pods, func(a, b *unstructured.Unstructured) int {
		if c := b.GetCreationTimestamp().Compare(a.GetCreationTimestamp().Time); c != 0 {
			return c
		}
		return strings.Compare(a.GetName(), b.GetName())
	})
	return pods, nil
}

func containersOf(pod *unstructured.Unstructured) []ContainerView {
	var out []ContainerView
	for _, list := range []struct {
		specs, statuses string
		init            bool
	}{{"containers", "containerStatuses", false}, {"initContainers", "initContainerStatuses", true}} {
		specs, _, _ := unstructured.NestedSlice(pod.Object, "spec", list.specs)
		statuses, _, _ := unstructured.NestedSlice(pod.Object, "status", list.statuses)
		for _, spec := range specs {
			m, _ := spec.(map[string]any)
			name, _ := m["name"].(string)
			v := ContainerView{Pod: pod.GetName(), Name: name, Init: list.init, State: "Waiting"}
			for _, status := range statuses {
				if st, _ := status.(map[string]any); st["name"] == name {
					v.fill(st)
				}
			}
			out = append(out, v)
		}
	}
	return out
}

func (v *ContainerView) fill(status map[string]any) {
	v.Restarts, _ = status["restartCount"].(int64)
	state, _ := status["state"].(map[string]any)
	for _, name := range []string{"running", "waiting", "terminated"} {
		if m, ok := state[name].(map[string]any); ok {
			v.State = strings.ToUpper(name[:1]) + name[1:]
			v.Reason, _ = m["reason"].(string)
		}
	}
}
