package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// What carries our label is known from the watch. These bound what is asked about the rest.
const (
	fewReads   = 3  // objects of one kind that are looked for by single reads, while few Apps ask
	mostReads  = 24 // and where too many stand that are nobody's
	crowd      = 8  // Apps that ask about a kind within crowdTime make one look for all of them
	crowdTime  = 2 * time.Second
	keepsFor   = 3 * time.Second // how long a look says what is absent: a plan may miss for so long what somebody else has just made
	crowdedFor = time.Minute     // how long a place is known to have too many for one look
	tooMany    = 5000            // objects of nobody's: more of them, and each namespace is looked at by itself
	unlabelled = "!" + object.LabelApp
	everywhere = 16 // namespaces that have an object of one name: the next look at all of them leaves it out
	leavesOut  = 4  // such names
)

// place is where objects of a kind are looked for: a namespace, or (empty) the whole cluster.
type place struct {
	conn      *cluster.Cluster
	kind      schema.GroupVersionKind
	namespace string
}

// absence is one look at the objects of a kind that carry no label of ours, on behalf of every App that asked before it
// ended. Names that it did not see are absent, as far as anybody can tell who does not ask again: what is believed
// absent is created by a request that fails when it is not.
type absence struct {
	done    chan struct{}
	at      time.Time
	found   map[object.ID]plan.Live
	partial bool     // there were too many
	but     []string // names that it left out
	err     error
}

// asks counts who asked about a kind lately.
type asks struct {
	times [crowd]time.Time
	next  int
	// but are the names that objects have in many namespaces, such as the certificates that every namespace is given: looks at
	// all namespaces leave them out, and who wants an object of that name reads it.
	but []string
	all bool // the API server cannot leave names out
}

// crowded notes one more ask, and reports whether there were many within a short time.
func (k *asks) crowded(now time.Time) bool {
	oldest := k.times[k.next]
	k.times[k.next] = now
	k.next = (k.next + 1) % crowd
	return !oldest.IsZero() && now.Sub(oldest) < crowdTime
}

// standing finds which of ids exist already. What carries our label is known from the watch: it is enough to look at what
// carries none, once for all Apps that ask at that time. A few objects of one App are read one by one.
func (t *target) standing(ctx context.Context, conn *cluster.Cluster, kind schema.GroupVersionKind, ns string, ids []object.ID) ([]plan.Live, error) {
	var places []place
	switch crowded := t.crowded(conn, kind); {
	case crowded:
		places = []place{{conn, kind, ""}, {conn, kind, ns}}
	case len(ids) > fewReads:
		places = []place{{conn, kind, ns}}
	}
	for _, where := range places {
		look, err := t.shared(ctx, where)
		if err != nil {
			return nil, err
		}
		if !look.partial {
			return t.confirm(ctx, place{conn, kind, ns}, ids, look)
		}
	}
	return find(ctx, place{conn, kind, ns}, ids)
}

func (t *target) crowded(conn *cluster.Cluster, kind schema.GroupVersionKind) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked == nil {
		t.asked = map[place]*asks{}
	}
	p := place{conn: conn, kind: kind}
	if t.asked[p] == nil {
		t.asked[p] = &asks{}
	}
	return t.asked[p].crowded(t.e.o.Now())
}

// shared gives a look at a place that is not too old, and takes it when there is none.
func (t *target) shared(ctx context.Context, p place) (*absence, error) {
	t.mu.Lock()
	if t.looks == nil {
		t.looks = map[place]*absence{}
	}
	look := t.looks[p]
	if look == nil {
		look = &absence{done: make(chan struct{})}
		t.looks[p] = look
		t.e.wg.Go(func() { t.takeLook(context.WithoutCancel(ctx), p, look) })
	}
	t.mu.Unlock()
	select {
	case <-look.done:
		return look, look.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// takeLook ends with the engine, not with the App that asked first.
func (t *target) takeLook(ctx context.Context, p place, look *absence) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if engine := t.e.ctx; engine != nil {
		defer context.AfterFunc(engine, cancel)()
	}
	look.at = t.e.o.Now()
	found, err := t.unlabelled(ctx, p, look)
	look.partial, look.err = errors.Is(err, cluster.ErrTooMany), err
	if look.partial {
		look.err = nil
	}
	look.found = make(map[object.ID]plan.Live, len(found))
	for _, m := range found {
		look.found[m.ID] = liveOfMeta(m)
	}
	keeps := keepsFor
	if look.partial {
		keeps = crowdedFor
	}
	time.AfterFunc(keeps, func() { t.forgetLook(p, look) })
	if look.err != nil {
		t.forgetLook(p, look)
	}
	close(look.done)
}

// unlabelled lists what carries no label of ours. What stands under one name in many namespaces is listed once, and left out
// of the next list of all namespaces.
func (t *target) unlabelled(ctx context.Context, p place, look *absence) ([]cluster.Meta, error) {
	t.mu.Lock()
	known := t.asked[p]
	if known != nil { // there is none of a single namespace
		look.but = known.but
	}
	t.mu.Unlock()
	found, err := p.conn.ListSome(ctx, p.kind, p.namespace, unlabelled, look.but, tooMany)
	refused := len(look.but) > 0 && fault.Is(err, fault.SchemaViolation)
	if refused {
		look.but = nil
		found, err = p.conn.ListSome(ctx, p.kind, p.namespace, unlabelled, nil, tooMany)
	}
	if known != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if known.all = known.all || refused; known.all {
			known.but = nil
		} else {
			known.but = commonest(look.but, found)
		}
	}
	return found, err
}

// commonest adds the names that found has in many namespaces to those that are known already.
func commonest(known []string, found []cluster.Meta) []string {
	count := map[string]int{}
	out := slices.Clone(known)
	for _, m := range found {
		if count[m.ID.Name]++; count[m.ID.Name] == everywhere && len(out) < leavesOut && !slices.Contains(out, m.ID.Name) {
			out = append(out, m.ID.Name)
		}
	}
	return out
}

func (t *target) forgetLook(p place, look *absence) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.looks[p] == look {
		delete(t.looks, p)
	}
}

// confirm takes what a look has just seen as it is; what an older one saw, what it left out, and what the watch knows under
// the names, is read: it may be gone, or another's, by now.
func (t *target) confirm(ctx context.Context, p place, ids []object.ID, look *absence) ([]plan.Live, error) {
	var unsure []object.ID
	var out []plan.Live
	young := t.e.o.Now().Sub(look.at) < crowdTime
	t.mu.Lock()
	for _, id := range ids {
		_, held := t.holders[id]
		live, seen := look.found[id]
		switch {
		case seen && young && !held:
			out = append(out, live)
		case held || seen || slices.Contains(look.but, id.Name):
			unsure = append(unsure, id)
		}
	}
	t.mu.Unlock()
	found, err := find(ctx, p, unsure)
	return append(out, found...), err
}

// find looks for ids by single reads while they are not many, by one metadata list otherwise.
func find(ctx context.Context, p place, ids []object.ID) ([]plan.Live, error) {
	var out []plan.Live
	if len(ids) > mostReads {
		wanted := make(map[object.ID]bool, len(ids))
		for _, id := range ids {
			wanted[id] = true
		}
		metas, err := p.conn.ListOwners(ctx, p.kind, p.namespace)
		for _, m := range metas {
			if wanted[m.ID] {
				out = append(out, liveOfMeta(m))
			}
		}
		return out, err
	}
	for _, id := range ids {
		m, err := p.conn.GetMeta(ctx, p.kind, id)
		if errors.Is(err, object.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, liveOfMeta(m))
	}
	return out, nil
}
