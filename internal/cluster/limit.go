package cluster

import (
	"container/list"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// startInFlight is the number of requests in flight before the API server has shown what it bears.
const startInFlight = 16

const (
	shrinkLate = 0.6                    // when there is no answer in time
	shrinkSlow = 0.9                    // when answers take much longer than they can
	shrinkRest = 250 * time.Millisecond // between two shrinkings: one burst is one sign
	slowFactor = 8                      // times the usual latency
	slowFloor  = 250 * time.Millisecond // faster than this is never slow
	smoothing  = 0.05                   // of the usual latency
	growFactor = 4                      // times the best latency: more in flight would only wait at the server
	forgetting = 30 * time.Minute       // in which the best latency is forgotten
)

// limiter bounds the requests in flight, first come, first served. The bound grows by one for each round of successes
// that filled it and came about as fast as answers ever do, and shrinks by a factor when the API server slows down.
// What is usual is known for each sort of work: a Service, whose address takes the server seconds to find among ten thousand,
// says nothing of ConfigMaps. Refusals bound the priority level that they come from, and no other; those of a single kind, whose
// storage is not ready, bound that kind.
type limiter struct {
	mu       sync.Mutex
	bound    float64
	min, max float64
	inFlight int
	tickets  uint64 // given out so far
	waiting  int
	works    map[string]*work
	queued   []*work           // those for which somebody waits
	levels   map[string]*level // by the UID that the API server gives; without one they are the level ""
	shrunk   time.Time
	waited   time.Duration
	answered time.Time // when the API server last said anything
}

// work is what is known of one sort of work.
type work struct {
	latency
	level    *level // that last answered, or own; nil before anything did
	own      *level // while the kind itself refuses
	inFlight int
	queue    list.List // of *turn, in the order of their tickets
}

// turn is the place of a request in the queue. It keeps its ticket when the request is refused.
type turn struct {
	sort   string
	began  time.Time
	ticket uint64 // 0: none yet
	ready  chan struct{}
}

// latency is how long answers to one sort of work take.
type latency struct {
	usual time.Duration // smoothed
	best  time.Duration // the shortest, slowly forgotten: what the server takes when it has little else to do
	at    time.Time     // of the last answer
}

func (l latency) with(took time.Duration, now time.Time) latency {
	if l.usual == 0 {
		return latency{took, took, now}
	}
	forgotten := min(float64(now.Sub(l.at))/float64(forgetting), 1)
	l.usual += time.Duration(smoothing * float64(took-l.usual))
	l.best = min(took, l.best+time.Duration(forgotten*float64(took-l.best)))
	l.at = now
	return l
}

func newLimiter(least, most int) *limiter {
	return &limiter{
		bound: float64(min(max(startInFlight, least), most)), min: float64(least), max: float64(most),
		works: map[string]*work{}, levels: map[string]*level{},
	}
}

// errTurnedAway is for who waits at a level that refuses everybody.
var errTurnedAway = errors.New("the API server refuses everything")

// acquire waits for a turn. An API server that is busy is waited for, however long the queue; one that answers nobody for as
// long as patience is not, nor one that refuses everybody for refusedFor. No patience: it is waited for.
func (l *limiter) acquire(ctx context.Context, t *turn, patience time.Duration) error {
	began := time.Now()
	place := l.enqueue(t, began)
	if place == nil {
		return nil
	}
	defer l.noteWait(began)
	var silent <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		silent = timer.C
	}
	starved := time.NewTimer(refusedFor - began.Sub(t.began))
	defer starved.Stop()
	for {
		select {
		case <-t.ready:
			return nil
		case <-ctx.Done():
			return l.leave(t, place, ctx.Err())
		case now := <-starved.C:
			if l.starves(t, now) {
				return l.leave(t, place, errTurnedAway)
			}
			starved.Reset(longestRest)
		case now := <-silent:
			rest := patience - now.Sub(l.lastAnswer(began))
			if rest <= 0 {
				return l.leave(t, place, context.DeadlineExceeded)
			}
			silent = time.After(rest)
		}
	}
}

// enqueue gives the place of a turn in the queue, or nil if there was no need to wait.
func (l *limiter) enqueue(t *turn, now time.Time) *list.Element {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.work(t.sort)
	if t.ticket == 0 {
		l.tickets++
		t.ticket, t.began = l.tickets, now
	}
	if l.waiting == 0 && l.room(w, now) {
		l.take(w)
		return nil
	}
	t.ready = make(chan struct{})
	if w.queue.Len() == 0 {
		l.queued = append(l.queued, w)
	}
	l.waiting++
	after := w.queue.Back()
	for after != nil && after.Value.(*turn).ticket > t.ticket {
		after = after.Prev()
	}
	var place *list.Element
	if after == nil {
		place = w.queue.PushFront(t)
	} else {
		place = w.queue.InsertAfter(t, after)
	}
	l.admit(now) // those who wait may be at another level than this one
	return place
}

func (l *limiter) work(sort string) *work {
	w := l.works[sort]
	if w == nil {
		w = &work{}
		l.works[sort] = w
	}
	return w
}

// room reports whether a request may be sent. While some level refuses, work of a sort that nobody has answered yet sends
// one ahead, which learns its level.
func (l *limiter) room(w *work, now time.Time) bool {
	switch {
	case l.inFlight >= int(l.bound):
		return false
	case w.level != nil:
		return w.level.room(now)
	default:
		return w.inFlight == 0 || !l.refusing()
	}
}

func (l *limiter) refusing() bool {
	for _, v := range l.levels {
		if v.seats > 0 {
			return true
		}
	}
	return false
}

func (l *limiter) take(w *work) {
	l.inFlight++
	w.inFlight++
	if w.level != nil {
		w.level.inFlight++
	}
}

func (l *limiter) giveBack(w *work) {
	l.inFlight--
	w.inFlight--
	if w.level != nil {
		w.level.inFlight--
	}
}

// admit lets those go for whom there is room, in the order of their tickets.
func (l *limiter) admit(now time.Time) {
	for l.waiting > 0 && l.inFlight < int(l.bound) {
		var first *work
		for _, w := range l.queued {
			if (first == nil || w.next().ticket < first.next().ticket) && l.room(w, now) {
				first = w
			}
		}
		if first == nil {
			return
		}
		l.take(first)
		close(first.next().ready)
		l.dequeue(first, first.queue.Front())
	}
}

func (w *work) next() *turn { return w.queue.Front().Value.(*turn) }

func (l *limiter) dequeue(w *work, place *list.Element) {
	w.queue.Remove(place)
	l.waiting--
	if w.queue.Len() == 0 {
		i := slices.Index(l.queued, w)
		l.queued = slices.Delete(l.queued, i, i+1)
	}
}

// lastAnswer is when the API server last answered anybody, or since.
func (l *limiter) lastAnswer(since time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return latest(l.answered, since)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// starves reports whether the level that a turn is for has refused everybody all the while.
func (l *limiter) starves(t *turn, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.work(t.sort).level
	return v != nil && v.starves(t.began, now)
}

// leave gives the place in the queue up.
func (l *limiter) leave(t *turn, place *list.Element, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.work(t.sort)
	select {
	case <-t.ready: // our turn came at the same moment: pass it on
		l.giveBack(w)
	default:
		l.dequeue(w, place)
	}
	l.admit(time.Now())
	return err
}

func (l *limiter) noteWait(began time.Time) {
	l.mu.Lock()
	l.waited += time.Since(began)
	l.mu.Unlock()
}

// outcome is what a request told about the API server.
type outcome int

const (
	served2xx outcome = iota // or any other true answer
	refused                  // 429
	lost                     // no answer
	late                     // no answer in time
)

// reply is how a request ended.
type reply struct {
	outcome
	level string        // that answered, if any did
	kind  bool          // refused by the kind, which had a seat
	stay  time.Duration // for which whoever was refused is to stay away
	took  time.Duration
}

// release ends a turn, and reports whether a request that was refused takes it again.
func (l *limiter) release(a reply, t *turn, now time.Time) (again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.work(t.sort)
	full := l.inFlight >= int(l.bound)
	l.giveBack(w)
	if a.outcome == served2xx || a.outcome == refused {
		l.answered = now
		l.move(w, l.answering(w, a), now)
	}
	quick := w.best == 0 || a.took <= growFactor*w.best
	switch {
	case a.outcome == refused:
		again = w.level.refuse(a.stay, now) && !w.level.starves(t.began, now)
		time.AfterFunc(w.level.hold.Sub(now), l.wake)
	case a.outcome == late:
		l.shrink(shrinkLate, now)
	case a.outcome == lost:
	case w.usual > 0 && a.took > slowFloor && a.took > slowFactor*w.usual:
		l.shrink(shrinkSlow, now)
	case full && quick:
		l.bound = min(l.bound+1/l.bound, l.max)
	}
	if a.outcome == served2xx {
		w.latency = w.with(a.took, now)
		w.level.serve(quick, l.bound, now)
	}
	l.admit(now)
	return again
}

// answering is the level that gave an answer.
func (l *limiter) answering(w *work, a reply) *level {
	if a.kind {
		if w.own == nil {
			w.own = &level{}
		}
		return w.own
	}
	w.own = nil
	v := l.levels[a.level]
	if v == nil {
		v = &level{}
		l.levels[a.level] = v
	}
	return v
}

// move notes which level answers work of a sort.
func (l *limiter) move(w *work, to *level, now time.Time) {
	if w.level == to {
		return
	}
	if w.level != nil {
		w.level.inFlight -= w.inFlight
	}
	to.inFlight += w.inFlight
	if now.Before(to.settled) {
		to.seats += float64(w.inFlight + 1) // they belong to the same burst
	}
	w.level = to
}

// wake lets go who waited for a rest to end.
func (l *limiter) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.admit(time.Now())
}

func (l *limiter) shrink(by float64, now time.Time) {
	if now.Sub(l.shrunk) < shrinkRest {
		return
	}
	l.shrunk = now
	l.bound = max(l.bound*by, min(l.min, l.bound))
}

// Limit is how many requests may be in flight now: of the work that is limited most, if the API server refuses some.
func (c *Cluster) Limit() int {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	least := c.limiter.bound
	for _, v := range c.limiter.levels {
		if v.seats > 0 {
			least = min(least, v.seats)
		}
	}
	return int(least)
}

// Queued is how many requests wait for their turn to be sent.
func (c *Cluster) Queued() int {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	return c.limiter.waiting
}
