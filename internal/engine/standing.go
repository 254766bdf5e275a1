package engine

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// place is where objects of a kind are looked for.
type place struct {
	conn      *cluster.Cluster
	kind      schema.GroupVersionKind
	namespace string
}

// lookup is one look at a place, on behalf of every App that asked before it began.
type lookup struct {
	ids   []object.ID
	done  chan struct{}
	found map[object.ID]plan.Live
	err   error
}

// standing finds which of ids exist already. Apps that ask about the same place while a look at it is under way share
// the next one: the first sync of many Apps in a namespace takes a list or two, not a read an object.
func (t *target) standing(ctx context.Context, conn *cluster.Cluster, kind schema.GroupVersionKind, ns string, ids []object.ID) ([]plan.Live, error) {
	p := place{conn, kind, ns}
	t.mu.Lock()
	if t.lookups == nil {
		t.lookups = map[place]*lookup{}
	}
	next, running := t.lookups[p]
	if next == nil {
		next = &lookup{done: make(chan struct{})}
		t.lookups[p] = next
	}
	next.ids = append(next.ids, ids...)
	if !running {
		t.e.wg.Go(func() { t.lookUp(context.WithoutCancel(ctx), p) })
	}
	t.mu.Unlock()
	select {
	case <-next.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if next.err != nil {
		return nil, next.err
	}
	var out []plan.Live
	for _, id := range ids {
		if l, ok := next.found[id]; ok {
			out = append(out, l)
		}
	}
	return out, nil
}

// lookUp works until nobody asks about the place. It ends with the engine, not with the one who asked first.
func (t *target) lookUp(ctx context.Context, p place) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if engine := t.e.ctx; engine != nil {
		defer context.AfterFunc(engine, cancel)()
	}
	for {
		t.mu.Lock()
		l := t.lookups[p]
		if l == nil {
			delete(t.lookups, p)
			t.mu.Unlock()
			return
		}
		t.lookups[p] = nil // it runs: whoever asks now waits for the next
		t.mu.Unlock()
		l.found, l.err = find(ctx, p, l.ids)
		close(l.done)
	}
}

// find looks for ids by single reads while they are few, by one metadata list otherwise.
func find(ctx context.Context, p place, ids []object.ID) (map[object.ID]plan.Live, error) {
	const few = 3
	out := map[object.ID]plan.Live{}
	if len(ids) > few {
		metas, err := p.conn.ListOwners(ctx, p.kind, p.namespace)
		for _, m := range metas {
			out[m.ID] = liveOfMeta(m)
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
		out[id] = liveOfMeta(m)
	}
	return out, nil
}
