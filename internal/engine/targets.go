package engine

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
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
	holders map[object.ID]Key   // whose record an object is in
	claims  map[object.ID]claim // who wants which object, as of each App's newest bundle
	claimed map[Key][]object.ID // all that an App wants, whoever came first
	saved   map[string][]byte   // fingerprints from the state store
	names   names
	kick    chan struct{}
	plain   *eyes                             // for objects of Apps that are not known yet
	refused map[schema.GroupVersionKind]error // kinds that the credentials may not watch
	follows map[object.ID]*followed
	unsaved *batch             // fingerprints on their way to the state store
	asked   map[place]*asks    // who asked lately whether objects stand there already
	looks   map[place]*absence // what was found
	turns   *turns             // of attempts that want to begin
}

func (e *Engine) targetFor(name string) *target {
	t := e.targets[name]
	if t == nil {
		t = &target{
			e: e, name: name, users: map[Key]bool{}, watched: map[schema.GroupVersionKind]bool{},
			sets: map[Key]*objectSet{}, holders: map[object.ID]Key{}, claims: map[object.ID]claim{}, claimed: map[Key][]object.ID{}, kick: make(chan struct{}, 1),
		}
		t.unsaved = &batch{e: e, bucket: name}
		t.turns = newTurns(t.grant, t.occupancy)
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
	t.turns.leave(k)
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
	case !t.known && t.e.listing.Load():
		return nil, errPending
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

func (t *target) drop(id object.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.holders, id)
}
