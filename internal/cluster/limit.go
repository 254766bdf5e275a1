package cluster

import (
	"container/list"
	"context"
	"net/http"
	"sync"
	"time"
)

// startInFlight is the number of requests in flight before the API server has shown what it bears.
const startInFlight = 32

const (
	shrinkBusy = 0.6                    // at an answer of 429
	shrinkSlow = 0.9                    // when answers take much longer than they can
	shrinkRest = 250 * time.Millisecond // between two shrinkings: one burst of refusals is one sign
	slowFactor = 8                      // times the usual latency
	slowFloor  = 250 * time.Millisecond // faster than this is never slow
	smoothing  = 0.05                   // of the usual latency
)

// limiter bounds the requests in flight, first come, first served. The bound grows by one for each round of successes
// that filled it, and shrinks by a factor when the API server refuses or slows down.
type limiter struct {
	mu       sync.Mutex
	bound    float64
	min, max float64
	inFlight int
	waiting  list.List // of chan struct{}
	usual    time.Duration
	shrunk   time.Time
	waited   time.Duration
}

func newLimiter(least, most int) *limiter {
	return &limiter{bound: float64(min(max(startInFlight, least), most)), min: float64(least), max: float64(most)}
}

func (l *limiter) acquire(ctx context.Context) error {
	l.mu.Lock()
	if l.waiting.Len() == 0 && l.inFlight < int(l.bound) {
		l.inFlight++
		l.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	place := l.waiting.PushBack(turn)
	l.mu.Unlock()
	began := time.Now()
	defer l.noteWait(began)
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		select {
		case <-turn: // our turn came at the same moment: pass it on
			l.inFlight--
			l.admit()
		default:
			l.waiting.Remove(place)
		}
		return ctx.Err()
	}
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
)

func (l *limiter) release(o outcome, took time.Duration, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := l.inFlight >= int(l.bound)
	l.inFlight--
	switch {
	case o == refused:
		l.shrink(shrinkBusy, now)
	case o == lost:
	case l.usual > 0 && took > slowFloor && took > slowFactor*l.usual:
		l.shrink(shrinkSlow, now)
	case full:
		l.bound = min(l.bound+1/l.bound, l.max)
	}
	if o == served2xx {
		if l.usual == 0 {
			l.usual = took
		}
		l.usual += time.Duration(smoothing * float64(took-l.usual))
	}
	l.admit()
}

func (l *limiter) shrink(by float64, now time.Time) {
	if now.Sub(l.shrunk) < shrinkRest {
		return
	}
	l.shrunk = now
	l.bound = max(l.bound*by, l.min)
}

func (l *limiter) admit() {
	for l.waiting.Len() > 0 && l.inFlight < int(l.bound) {
		l.inFlight++
		close(l.waiting.Remove(l.waiting.Front()).(chan struct{}))
	}
}

// wrap puts the limiter before a transport. Watches and log streams, which last, do not count.
func (l *limiter) wrap(next http.RoundTripper) http.RoundTripper {
	return limited{limiter: l, next: next}
}

type limited struct {
	limiter *limiter
	next    http.RoundTripper
}

func (t limited) RoundTrip(r *http.Request) (*http.Response, error) {
	if q := r.URL.Query(); q.Get("watch") == "true" || q.Get("watch") == "1" || q.Get("follow") == "true" {
		return t.next.RoundTrip(r)
	}
	if err := t.limiter.acquire(r.Context()); err != nil {
		return nil, err
	}
	begin := time.Now()
	resp, err := t.next.RoundTrip(r)
	end, o := time.Now(), served2xx
	switch {
	case err != nil:
		o = lost
	case resp.StatusCode == http.StatusTooManyRequests:
		o = refused
	}
	t.limiter.release(o, end.Sub(begin), end)
	return resp, err
}

// WrappedRoundTripper lets client-go look inside.
func (t limited) WrappedRoundTripper() http.RoundTripper { return t.next }

// Limit is how many requests may be in flight now.
func (c *Cluster) Limit() int {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	return int(c.limiter.bound)
}
