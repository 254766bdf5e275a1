package engine

import (
	"sync"
	"time"
)

// An attempt holds its plan and its objects in memory from when it is planned. Of ten thousand Apps that begin at once, the
// API server can be busy with a few only; the others wait with nothing but their place in the queue.
const (
	mostTurns  = 128         // attempts of one cluster between their plan and the last answer to their requests
	moreTurns  = 32          // let in at once while those do not keep the API server busy
	turnsCheck = time.Second // how often that is looked at, while any App waits
)

// turns lets attempts begin: first come, first served, those of Apps that were deployed before ahead of first syncs. Waiting
// for objects to become healthy takes no turn. Turns that wait for answers that do not come hold nobody up for long: while
// none ends and nothing waits to be sent, more are let in.
type turns struct {
	granted func(Key)        // called without locks; the App must take a step, which ends with end
	looks   func() occupancy // how busy the API server is kept
	most    int

	mu     sync.Mutex
	held   map[Key]bool
	queued map[Key]bool
	lanes  [2][]Key // deployed before; first syncs. Those that are not queued any more are passed over
	moved  bool     // a turn ended since the last check
	timer  *time.Timer
}

// occupancy says what those do that have a turn.
type occupancy int

const (
	busy  occupancy = iota // requests wait to be sent
	idle                   // none does
	ended                  // nobody will send any more
)

func newTurns(granted func(Key), looks func() occupancy) *turns {
	return &turns{granted: granted, looks: looks, most: mostTurns, held: map[Key]bool{}, queued: map[Key]bool{}}
}

// take reports whether k has a turn; when it has none it waits in its lane, and granted tells when its turn comes.
func (t *turns) take(k Key, first bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.held[k]:
		return true
	case t.queued[k]:
		return false
	case len(t.held) < t.most:
		t.held[k] = true
		return true
	}
	lane := 0
	if first {
		lane = 1
	}
	t.queued[k] = true
	t.lanes[lane] = append(t.lanes[lane], k)
	if t.timer == nil {
		t.timer = time.AfterFunc(turnsCheck, t.check)
	}
	return false
}

// end gives the turn of k back, if it has one, to the next that waits.
func (t *turns) end(k Key) {
	t.mu.Lock()
	if !t.held[k] {
		t.mu.Unlock()
		return
	}
	delete(t.held, k)
	t.moved = true
	t.mu.Unlock()
	t.fill()
}

// leave gives up the turn of k and its place. The caller may hold locks: who comes next is told later.
func (t *turns) leave(k Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.queued, k)
	if t.held[k] {
		delete(t.held, k)
		t.moved = true
		time.AfterFunc(0, t.fill)
	}
}

// fill gives the turns that are free to those that wait.
func (t *turns) fill() {
	t.mu.Lock()
	next := t.next(t.most - len(t.held))
	t.mu.Unlock()
	t.tell(next)
}

// check lets more in when those that have a turn do not keep the API server busy.
func (t *turns) check() {
	now := t.looks()
	t.mu.Lock()
	var next []Key
	if now == idle && !t.moved {
		next = t.next(moreTurns)
	}
	t.moved, t.timer = false, nil
	if len(t.queued) > 0 && now != ended {
		t.timer = time.AfterFunc(turnsCheck, t.check)
	}
	t.mu.Unlock()
	t.tell(next)
}

// next takes up to n from the lanes. t.mu is held.
func (t *turns) next(n int) []Key {
	var out []Key
	for i := range t.lanes {
		for len(out) < n && len(t.lanes[i]) > 0 {
			k := t.lanes[i][0]
			t.lanes[i] = t.lanes[i][1:]
			if t.queued[k] {
				delete(t.queued, k)
				t.held[k] = true
				out = append(out, k)
			}
		}
	}
	return out
}

func (t *turns) tell(next []Key) {
	for _, k := range next {
		t.granted(k)
	}
}

// grant lets an App that waited take its step.
func (t *target) grant(k Key) {
	a := t.e.app(k)
	if a == nil {
		t.turns.leave(k)
		return
	}
	t.e.kick(a)
}

// occupancy tells how busy the cluster's API server is kept by us.
func (t *target) occupancy() occupancy {
	if t.e.ctx == nil || t.e.ctx.Err() != nil {
		return ended
	}
	t.mu.Lock()
	conn := t.conn
	t.mu.Unlock()
	if conn != nil && conn.Queued() > 0 {
		return busy
	}
	return idle
}
