package cluster

import (
	"container/list"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// startInFlight is the number of requests in flight before the API server has shown what it bears.
const startInFlight = 16

const (
	shrinkBusy = 0.6                    // at an answer of 429
	shrinkSlow = 0.9                    // when answers take much longer than they can
	shrinkRest = 250 * time.Millisecond // between two shrinkings: one burst of refusals is one sign
	slowFactor = 8                      // times the usual latency
	slowFloor  = 250 * time.Millisecond // faster than this is never slow
	smoothing  = 0.05                   // of the usual latency
	growFactor = 4                      // times the best latency: more in flight would only wait at the server
	forgetting = 30 * time.Minute       // in which the best latency is forgotten
)

// limiter bounds the requests in flight, first come, first served. The bound grows by one for each round of successes
// that filled it and came about as fast as answers ever do, and shrinks by a factor when the API server refuses or slows down.
// What is usual is known for each sort of work: a Service, whose address takes the server seconds to find among ten thousand,
// says nothing of ConfigMaps.
type limiter struct {
	mu       sync.Mutex
	bound    float64
	min, max float64
	inFlight int
	waiting  list.List          // of chan struct{}
	usual    map[string]latency // by the sort of work
	shrunk   time.Time
	waited   time.Duration
	answered time.Time // when the API server last said anything
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
	return &limiter{bound: float64(min(max(startInFlight, least), most)), min: float64(least), max: float64(most), usual: map[string]latency{}}
}

// acquire waits for a turn. An API server that is busy is waited for, however long the queue; one that answers nobody for as
// long as patience is not. No patience: it is waited for.
func (l *limiter) acquire(ctx context.Context, patience time.Duration) error {
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
	var silent <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		silent = timer.C
	}
	for {
		select {
		case <-turn:
			return nil
		case <-ctx.Done():
			return l.leave(turn, place, ctx.Err())
		case now := <-silent:
			rest := patience - now.Sub(l.lastAnswer(began))
			if rest <= 0 {
				return l.leave(turn, place, context.DeadlineExceeded)
			}
			silent = time.After(rest)
		}
	}
}

// lastAnswer is when the API server last answered anybody, or since.
func (l *limiter) lastAnswer(since time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answered.After(since) {
		return l.answered
	}
	return since
}

// leave gives the place in the queue up.
func (l *limiter) leave(turn chan struct{}, place *list.Element, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-turn: // our turn came at the same moment: pass it on
		l.inFlight--
		l.admit()
	default:
		l.waiting.Remove(place)
	}
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

// release ends a turn: work of a sort took a time until now.
func (l *limiter) release(o outcome, sort string, took time.Duration, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := l.inFlight >= int(l.bound)
	l.inFlight--
	if o == served2xx || o == refused {
		l.answered = now
	}
	known := l.usual[sort]
	switch {
	case o == refused:
		l.shrink(shrinkBusy, 1, now)
	case o == late:
		l.shrink(shrinkBusy, l.min, now)
	case o == lost:
	case known.usual > 0 && took > slowFloor && took > slowFactor*known.usual:
		l.shrink(shrinkSlow, l.min, now)
	case full && (known.best == 0 || took <= growFactor*known.best):
		l.bound = min(l.bound+1/l.bound, l.max)
	}
	if o == served2xx {
		l.usual[sort] = known.with(took, now)
	}
	l.admit()
}

// shrink makes the bound smaller, to least at the least: a server that refuses may have a single seat for us.
func (l *limiter) shrink(by, least float64, now time.Time) {
	if now.Sub(l.shrunk) < shrinkRest {
		return
	}
	l.shrunk = now
	l.bound = max(l.bound*by, min(least, l.bound))
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

// A request that the API server refuses because it is busy takes its turn again, after a rest: nobody has seen it, and to
// whoever sent it this is a longer queue. A server that refuses it for refusedFor, or asks to be left alone for longer than the
// second that API Priority and Fairness always asks for, gets its way.
const (
	refusedFor  = 30 * time.Second
	firstRest   = 50 * time.Millisecond
	longestRest = time.Second
)

func (t limited) RoundTrip(r *http.Request) (*http.Response, error) {
	if lasts(r.URL) {
		return t.next.RoundTrip(r)
	}
	began, rest := time.Now(), firstRest
	for {
		resp, err := t.turn(r)
		if err != nil || resp.StatusCode != http.StatusTooManyRequests || time.Since(began) > refusedFor || staysAway(resp) {
			return resp, err
		}
		again, ok := replay(r)
		if !ok {
			return resp, nil
		}
		_ = resp.Body.Close() // it says that the server is busy, which is known
		select {
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case <-time.After(rest/2 + rand.N(rest/2)):
		}
		r, rest = again, min(2*rest, longestRest)
	}
}

// lasts reports whether a request is a watch, or follows a log.
func lasts(u *url.URL) bool {
	if !strings.Contains(u.RawQuery, "watch=") && !strings.Contains(u.RawQuery, "follow=") {
		return false // most: nothing is read in full
	}
	q := u.Query()
	return q.Get("watch") == "true" || q.Get("watch") == "1" || q.Get("follow") == "true"
}

// staysAway reports whether the server asks to be left alone for longer than a rest.
func staysAway(resp *http.Response) bool {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	return err == nil && time.Duration(seconds)*time.Second > longestRest
}

// replay gives a request as it was before it was sent.
func replay(r *http.Request) (*http.Request, bool) {
	again := r.Clone(r.Context())
	if r.Body == nil || r.Body == http.NoBody {
		return again, true
	}
	if r.GetBody == nil {
		return nil, false
	}
	body, err := r.GetBody()
	again.Body = body
	return again, err == nil
}

// turn waits for a turn and sends the request.
func (t limited) turn(r *http.Request) (*http.Response, error) {
	limit, _ := r.Context().Value(timeLimit{}).(time.Duration)
	if err := t.limiter.acquire(r.Context(), limit); err != nil {
		return nil, err
	}
	ctx, cancel := within(r.Context(), limit)
	begin := time.Now()
	resp, err := t.next.RoundTrip(r.WithContext(ctx))
	end, o := time.Now(), served2xx
	switch {
	case err != nil && ctx.Err() != nil && r.Context().Err() == nil:
		o = late
	case err != nil:
		o = lost
	case resp.StatusCode == http.StatusTooManyRequests:
		o = refused
	}
	t.limiter.release(o, sortOf(r), end.Sub(begin), end)
	if err != nil {
		cancel()
		return nil, err
	}
	if limit > 0 {
		resp.Body = timedBody{resp.Body, cancel}
	}
	return resp, nil
}

// sortOf tells one sort of work of an API server from another: the method, and the kind of object, as its path has it.
func sortOf(r *http.Request) string {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	resource := 2 // api/v1/nodes
	if parts[0] == "apis" {
		resource = 3 // apis/apps/v1/deployments
	}
	if len(parts) <= resource {
		return r.Method
	}
	if parts[resource] == "namespaces" && len(parts) > resource+2 {
		resource += 2
	}
	sort := r.Method + " " + parts[resource]
	if sub := resource + 2; len(parts) > sub {
		sort += "/" + parts[sub]
	}
	return sort
}

// within gives a context that ends after limit, and what frees it before; a limit of 0 is none.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit > 0 {
		return context.WithTimeout(ctx, limit)
	}
	return ctx, func() {}
}

// timeLimit is the key of how long a request may take, from its turn to the end of its answer. The time in the queue does
// not count: requests that die of waiting are asked again, and an API server that is busy would never be less so.
type timeLimit struct{}

// timedBody ends the time limit of an answer that was read.
type timedBody struct {
	io.ReadCloser
	done context.CancelFunc
}

func (b timedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// WrappedRoundTripper lets client-go look inside.
func (t limited) WrappedRoundTripper() http.RoundTripper { return t.next }

// Limit is how many requests may be in flight now.
func (c *Cluster) Limit() int {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	return int(c.limiter.bound)
}

// Queued is how many requests wait for their turn to be sent.
func (c *Cluster) Queued() int {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	return c.limiter.waiting.Len()
}
