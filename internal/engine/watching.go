package engine

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// watch makes sure that the kinds are watched; it reports those whose first list is still to come.
func (t *target) watch(conn *cluster.Cluster, kinds []schema.GroupVersionKind) (pending []schema.GroupVersionKind) {
	for _, k := range kinds {
		t.mu.Lock()
		synced, started := t.watched[k]
		if !started {
			t.watched[k] = false
		}
		t.mu.Unlock()
		if !started {
			conn.EnsureWatch(k, t)
		}
		if !synced && !conn.Synced(k) {
			pending = append(pending, k)
		}
	}
	return pending
}

// refusal says why the first list of a kind will not come: the credentials may not have it.
func (t *target) refusal(pending []schema.GroupVersionKind) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range pending {
		if err := t.refused[k]; err != nil {
			f := fault.Of(err)
			return &fault.Error{
				Class: fault.Blocked, Reason: f.Reason, Where: k.Kind, Err: err,
				Message: "the credentials of cluster " + t.name + " may not watch " + k.Kind + ": " + f.Message,
				Next:    "give them get, list, watch, create, patch and delete on it, or take it out of the App",
			}
		}
	}
	return nil
}

// Synced is told by the watch when the first list of a kind was delivered.
func (t *target) Synced(k schema.GroupVersionKind) {
	t.mu.Lock()
	t.watched[k] = true
	delete(t.refused, k)
	lost := t.err != nil
	t.err = nil
	t.mu.Unlock()
	t.kickUsers()
	if lost && t.e.o.TargetChanged != nil {
		t.e.o.TargetChanged(Key{Name: t.name})
	}
}

// Lost is told when a watch ended; the watch itself goes on trying.
func (t *target) Lost(k schema.GroupVersionKind, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	t.mu.Lock()
	delete(t.watched, k)
	fresh := !sameError(t.err, err) && !sameError(t.refused[k], err)
	if fault.Is(err, fault.Forbidden) || fault.Is(err, fault.AuthenticationFailed) {
		if t.refused == nil {
			t.refused = map[schema.GroupVersionKind]error{}
		}
		t.refused[k] = err
	}
	if fault.Is(err, fault.ClusterUnreachable) {
		t.err = err
		t.since = t.e.o.Now()
	}
	t.mu.Unlock()
	if fresh {
		t.e.o.Log.Warn("a watch was lost", "cluster", t.name, "kind", k.String(), "err", err)
		t.kickUsers()
		if t.e.o.TargetChanged != nil {
			t.e.o.TargetChanged(Key{Name: t.name})
		}
	}
}

// set gives the objects that an App owns on this cluster.
func (t *target) set(k Key) *objectSet {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sets[k]
	if s == nil {
		s = newObjectSet()
		t.sets[k] = s
	}
	return s
}

func (t *target) dropSet(k Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sets, k)
	maps.DeleteFunc(t.holders, func(_ object.ID, holder Key) bool { return holder == k })
	t.unclaim(k, nil)
}

// claim is who wants an object: who came first has it.
type claim struct {
	first  Key
	others []Key
}

// claim files which objects an App's newest bundle wants.
func (t *target) claim(k Key, desired []plan.Desired) {
	if t.wantsAlready(k, desired) {
		return
	}
	want := make([]object.ID, 0, len(desired))
	keep := make(map[object.ID]bool, len(desired))
	for i := range desired {
		id := t.names.id(desired[i].ID)
		want = append(want, id)
		keep[id] = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unclaim(k, keep)
	for _, id := range want {
		c, taken := t.claims[id]
		switch {
		case !taken:
			t.claims[id] = claim{first: k}
		case c.first != k && !slices.Contains(c.others, k):
			c.others = append(slices.Clip(c.others), k)
			t.claims[id] = c
		}
	}
	t.claimed[k] = want
}

// wantsAlready reports whether these are, one by one, the objects that k wants already.
func (t *target) wantsAlready(k Key, desired []plan.Desired) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.claimed[k]
	if len(before) != len(desired) {
		return false
	}
	for i := range desired {
		if before[i] != desired[i].ID {
			return false
		}
	}
	return true
}

// unclaim gives up what k wants but for keep; another App that wants it comes next. t.mu is held.
func (t *target) unclaim(k Key, keep map[object.ID]bool) {
	before := t.claimed[k]
	delete(t.claimed, k)
	for _, id := range before {
		c, ok := t.claims[id]
		if !ok || keep[id] {
			continue
		}
		c.others = slices.DeleteFunc(slices.Clone(c.others), func(other Key) bool { return other == k })
		switch {
		case c.first != k:
			t.claims[id] = c
		case len(c.others) > 0:
			t.claims[id] = claim{c.others[0], c.others[1:]}
		default:
			delete(t.claims, id)
		}
	}
}

func (t *target) claimedBy(id object.ID) (Key, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.claims[id]
	return c.first, ok
}

// Event is told by the watch: an object of ours came, changed or went. It decides nothing, it files what is true now
// and wakes the owner where that matters.
func (t *target) Event(kind cluster.EventKind, obj *unstructured.Unstructured) {
	id := t.names.id(object.Of(obj))
	owner, ok := object.OwnerOn(obj, id)
	if !ok || owner.Installation != t.e.o.Installation {
		t.leave(id, obj.GetUID())
		return
	}
	key := Key{Namespace: owner.Namespace, Name: owner.Name}
	set := t.set(key)
	a := t.e.app(key)
	if kind == cluster.Deleted {
		t.drop(id)
		if set.deleted(id, string(obj.GetUID())) && a != nil {
			t.e.kick(a)
		}
		return
	}
	o := t.observe(a, id, obj)
	if t.hold(id, key, o.live.Version) && set.observed(o) && a != nil {
		t.e.kick(a)
	}
}

// Knows is asked by the watch before it reads an object: our own write's answer has told of most.
func (t *target) Knows(gvk schema.GroupVersionKind, namespace, name, uid, version string) bool {
	v, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return false
	}
	id := object.ID{Group: gvk.Group, Kind: gvk.Kind, Namespace: namespace, Name: name}
	t.mu.Lock()
	holder, held := t.holders[id]
	set := t.sets[holder]
	t.mu.Unlock()
	return held && set != nil && set.knows(id, gvk, drift.Record{UID: uid, Version: v, Schema: t.plain.prints.Schema(gvk)})
}

// hold notes whose record an object is in; when it moved, the App before forgets it. It is false for news that is older
// than the move.
func (t *target) hold(id object.ID, k Key, version int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, had := t.holders[id]
	if set := t.sets[before]; had && before != k && set != nil {
		if r, ok := set.get(id); ok && r.live.Version > version {
			return false
		}
		set.pruned(id)
	}
	t.holders[id] = k
	return true
}

// leave handles an event of an object that carries our label but names another object or installation, or (on a
// relist) nothing but its ID: whoever owned it looks again.
func (t *target) leave(id object.ID, uid any) {
	t.mu.Lock()
	var hit []Key
	for k, set := range t.sets {
		if set.has(id) {
			hit = append(hit, k)
		}
	}
	t.mu.Unlock()
	for _, k := range hit {
		set := t.set(k)
		if set.deleted(id, "") {
			t.e.kickKeys([]Key{k})
		}
	}
	_ = uid
}

// observe reduces an object to what is kept of it.
func (t *target) observe(a *app, id object.ID, obj *unstructured.Unstructured) observation {
	look := t.look(a)
	now := t.e.o.Now()
	o := observation{
		id: id, kind: t.names.kind(obj.GroupVersionKind()), at: now,
		health: health.Compute(obj, now, look.rules), deleting: obj.GetDeletionTimestamp() != nil,
	}
	o.live = look.print(obj)
	o.live.Schema = t.names.one(o.live.Schema)
	o.options, o.hook, o.wave = liveOptions(obj)
	o.saved = t.recall(string(obj.GetUID()))
	return o
}

// versionOf reads a resourceVersion as the number that API servers of Kubernetes have always made it.
func versionOf(obj *unstructured.Unstructured) int64 {
	n, err := strconv.ParseInt(obj.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func liveOptions(obj *unstructured.Unstructured) (*plan.Options, bool, int) {
	if plan.Wishless(obj) {
		return &noWishes, false, 0
	}
	options, hook, wave, _ := plan.ParseAnnotations(obj)
	if reflect.ValueOf(options).IsZero() {
		return &noWishes, hook != nil, wave
	}
	return &options, hook != nil, wave
}

// recall gives what the state store remembers of an object, once.
func (t *target) recall(uid string) *savedRecord {
	t.mu.Lock()
	raw := t.saved[uid]
	delete(t.saved, uid)
	t.mu.Unlock()
	return decodeSaved(raw)
}
