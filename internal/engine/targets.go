package engine

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// target is one cluster: its connection, the watches on it, and what is known of the objects we own there.
type target struct {
	e    *Engine
	name string

	mu      sync.Mutex
	spec    Target
	known   bool
	users   map[Key]bool
	conn    *cluster.Cluster
	err     error
	since   time.Time
	started bool
	stop    context.CancelFunc
	watched map[schema.GroupVersionKind]bool // true: synced
	sets    map[Key]*objectSet
	holders map[object.ID]Key          // whose record an object is in
	claims  map[object.ID]Key          // who wants which object, as of each App's newest bundle
	claimed map[Key]map[object.ID]bool // all that an App wants, whoever came first
	saved   map[string][]byte          // fingerprints from the state store
	kick    chan struct{}
	plain   *eyes                             // for objects of Apps that are not known yet
	refused map[schema.GroupVersionKind]error // kinds that the credentials may not watch
	follows map[object.ID]*followed
	unsaved map[string][]byte // fingerprints on their way to the state store
}

func (e *Engine) targetFor(name string) *target {
	t := e.targets[name]
	if t == nil {
		t = &target{
			e: e, name: name, users: map[Key]bool{}, watched: map[schema.GroupVersionKind]bool{},
			sets: map[Key]*objectSet{}, holders: map[object.ID]Key{}, claims: map[object.ID]Key{}, claimed: map[Key]map[object.ID]bool{}, kick: make(chan struct{}, 1),
		}
		t.plain = &eyes{prints: t.prints(nil)}
		e.targets[name] = t
		if e.started {
			e.startTarget(t)
		}
	}
	return t
}

// SetTarget tells the engine about a cluster; other credentials make a new connection.
func (e *Engine) SetTarget(spec Target) {
	e.mu.Lock()
	t := e.targetFor(spec.Name)
	e.mu.Unlock()
	t.mu.Lock()
	same := t.known && string(t.spec.Kubeconfig) == string(spec.Kubeconfig) && sameError(t.spec.Err, spec.Err)
	t.spec, t.known = spec, true
	if !same {
		t.disconnect(nil)
	}
	t.mu.Unlock()
	t.poke()
}

// ForgetTarget drops a cluster; nothing on it is touched.
func (e *Engine) ForgetTarget(name string) {
	e.mu.Lock()
	t := e.targets[name]
	e.mu.Unlock()
	if t == nil {
		return
	}
	t.mu.Lock()
	t.known = false
	t.disconnect(nil)
	users := keysOf(t.users)
	t.mu.Unlock()
	e.kickKeys(users)
}

// TargetSnapshot tells where a cluster stands.
func (e *Engine) TargetSnapshot(name string) (TargetSnapshot, bool) {
	e.mu.Lock()
	t := e.targets[name]
	e.mu.Unlock()
	if t == nil {
		return TargetSnapshot{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := TargetSnapshot{Name: name, Connected: t.conn != nil && t.err == nil, Kinds: len(t.watched), Since: t.since, Err: t.err}
	if t.conn != nil {
		s.Version = t.conn.Version()
	}
	for _, set := range t.sets {
		s.Objects += set.len()
	}
	return s, true
}

func (t *target) use(k Key) {
	t.mu.Lock()
	t.users[k] = true
	t.mu.Unlock()
}

func (t *target) release(k Key) {
	t.mu.Lock()
	delete(t.users, k)
	t.mu.Unlock()
}

func (t *target) poke() {
	select {
	case t.kick <- struct{}{}:
	default:
	}
}

// disconnect ends the watches and the connection. t.mu is held.
func (t *target) disconnect(err error) {
	if t.stop != nil {
		t.stop()
	}
	if conn := t.conn; conn != nil {
		t.e.wg.Go(conn.Close) // it waits for its watches, which may be telling us something
	}
	t.conn, t.stop, t.err, t.since = nil, nil, err, t.e.o.Now()
	t.watched, t.refused = map[schema.GroupVersionKind]bool{}, nil
}

// startTarget starts the goroutine that keeps the connection. e.mu is held.
func (e *Engine) startTarget(t *target) {
	if t.started {
		return
	}
	t.started = true
	e.wg.Add(1)
	go func() {
		defer e.wg.Done()
		t.loop(e.ctx)
	}()
}

// loop connects, and reconnects with back-off while the cluster cannot be reached. A standing connection is not polled:
// its watches tell when it is lost.
func (t *target) loop(ctx context.Context) {
	var tries backoff
	for {
		t.mu.Lock()
		want := t.known && t.conn == nil
		spec := t.spec
		t.mu.Unlock()
		var again <-chan time.Time
		if want {
			if err := t.connect(ctx, spec); err != nil {
				again = time.After(tries.next(t.e.o.Now()).Sub(t.e.o.Now()))
			} else {
				tries.reset()
			}
		}
		select {
		case <-ctx.Done():
			t.mu.Lock()
			t.disconnect(ctx.Err())
			t.mu.Unlock()
			return
		case <-t.kick:
		case <-again:
		}
	}
}

func (t *target) connect(ctx context.Context, spec Target) error {
	err := spec.Err
	var conn *cluster.Cluster
	if err == nil {
		conn, err = t.e.o.Connect(ctx, spec)
	}
	var saved map[string][]byte
	if err == nil && t.e.o.Owned != nil {
		if saved, err = t.e.o.Owned.LoadOwned(ctx, t.name); err != nil {
			t.e.o.Log.Warn("the fingerprints of an earlier run could not be read; they are rebuilt by dry-runs", "cluster", t.name, "err", err)
			err = nil
		}
	}
	t.mu.Lock()
	if err != nil {
		t.err = err
	} else {
		ctx, stop := context.WithCancel(ctx)
		t.conn, t.stop, t.err, t.saved, t.since = conn, stop, nil, saved, t.e.o.Now()
		t.e.wg.Go(func() { t.followKinds(ctx, conn) })
	}
	t.mu.Unlock()
	t.kickUsers()
	if t.e.o.TargetChanged != nil {
		t.e.o.TargetChanged(Key{Name: t.name})
	}
	return err
}

// followKinds wakes the Apps when the cluster begins or stops to serve a kind.
func (t *target) followKinds(ctx context.Context, conn *cluster.Cluster) {
	for {
		changed := conn.KindsChanged()
		select {
		case <-ctx.Done():
			return
		case <-changed:
			t.kickUsers()
		}
	}
}

func (t *target) kickUsers() {
	t.mu.Lock()
	users := keysOf(t.users)
	t.mu.Unlock()
	t.e.kickKeys(users)
}

// connection gives the cluster, or why there is none yet (errPending) or at all.
func (t *target) connection() (*cluster.Cluster, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !t.known:
		return nil, &fault.Error{
			Class: fault.Blocked, Reason: fault.ClusterUnknown, Message: "there is no Cluster " + t.name,
			Next: "create it, or correct spec.destination.cluster",
		}
	case t.err != nil:
		return t.conn, t.err
	case t.conn == nil:
		return nil, errPending
	}
	return t.conn, nil
}

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

// claim files which objects an App's newest bundle wants.
func (t *target) claim(k Key, desired []plan.Desired) {
	want := make(map[object.ID]bool, len(desired))
	for _, d := range desired {
		want[d.ID] = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unclaim(k, want)
	for id := range want {
		if _, taken := t.claims[id]; !taken {
			t.claims[id] = k
		}
	}
	t.claimed[k] = want
}

// unclaim gives up what k wants but for keep; another App that wants it comes next. t.mu is held.
func (t *target) unclaim(k Key, keep map[object.ID]bool) {
	before := t.claimed[k]
	delete(t.claimed, k)
	for id := range before {
		if t.claims[id] != k || keep[id] {
			continue
		}
		delete(t.claims, id)
		for other, wants := range t.claimed {
			if wants[id] {
				t.claims[id] = other
				break
			}
		}
	}
}

func (t *target) claimedBy(id object.ID) (Key, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.claims[id]
	return k, ok
}

// Event is told by the watch: an object of ours came, changed or went. It decides nothing, it files what is true now
// and wakes the owner where that matters.
func (t *target) Event(kind cluster.EventKind, obj *unstructured.Unstructured) {
	id := object.Of(obj)
	owner, ok := object.OwnerOf(id, obj.GetAnnotations())
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

func (t *target) drop(id object.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.holders, id)
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
		id: id, kind: obj.GroupVersionKind(), at: now,
		health: health.Compute(obj, now, look.rules), deleting: obj.GetDeletionTimestamp() != nil,
	}
	var err error
	if o.live, err = look.prints.Fingerprint(obj); err != nil {
		// Our fields are nobody's any more, or the server keeps no ownership: the hash of nothing differs from any.
		o.live = drift.Record{UID: string(obj.GetUID()), Version: versionOf(obj), Schema: obj.GetAPIVersion()}
	}
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

func liveOptions(obj *unstructured.Unstructured) (plan.Options, bool, int) {
	options, hook, wave, _ := plan.ParseAnnotations(obj)
	return options, hook != nil, wave
}

// recall gives what the state store remembers of an object, once.
func (t *target) recall(uid string) *savedRecord {
	t.mu.Lock()
	raw := t.saved[uid]
	delete(t.saved, uid)
	t.mu.Unlock()
	return decodeSaved(raw)
}
