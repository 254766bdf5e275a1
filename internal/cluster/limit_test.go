package cluster

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func pods() *turn { return &turn{sort: "GET pods"} }

func TestLimiterAdmitsInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(1, 1)
		if err := l.acquire(t.Context(), pods(), 0); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []int
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				if err := l.acquire(t.Context(), pods(), 0); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				l.release(reply{outcome: served2xx, took: time.Millisecond}, &turn{sort: "GET pods"}, time.Now())
			})
			synctest.Wait()
		}
		l.release(reply{outcome: served2xx, took: time.Millisecond}, &turn{sort: "GET pods"}, time.Now())
		all.Wait()
		if !slices.IsSorted(order) || len(order) != 5 {
			t.Errorf("admitted in the order %v", order)
		}
	})
}

func TestLimiterForgetsWhoGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(1, 1)
		if err := l.acquire(t.Context(), pods(), 0); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error, 1)
		go func() { gaveUp <- l.acquire(ctx, pods(), 0) }()
		synctest.Wait()
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		l.release(reply{outcome: served2xx, took: time.Millisecond}, &turn{sort: "GET pods"}, time.Now())
		if err := l.acquire(t.Context(), pods(), 0); err != nil || l.inFlight != 1 {
			t.Errorf("%d in flight, %v", l.inFlight, err)
		}
	})
}

// slowServer answers each request after a second, or never.
type slowServer struct{ hangs bool }

func (s slowServer) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := time.After(time.Second)
	if s.hangs {
		answer = nil
	}
	select {
	case <-answer:
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func TestTheTimeLimitOfARequestBeginsWithItsTurn(t *testing.T) {
	tests := map[string]struct {
		server slowServer
		failed int // of ten requests, one at a time
		within time.Duration
	}{
		"a queue of ten seconds at a busy server kills no request with a limit of three": {slowServer{}, 0, 10 * time.Second},
		"a server that answers nobody is not waited for":                                 {slowServer{hangs: true}, 10, 3 * time.Second},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(1, 1)
				l.bound = 1
				ctx := context.WithValue(t.Context(), timeLimit{}, 3*time.Second)
				var failed atomic.Int32
				var all sync.WaitGroup
				began := time.Now()
				for range 10 {
					all.Go(func() {
						r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://example.com/", nil)
						if err != nil {
							t.Error(err)
							return
						}
						resp, err := l.wrap(tc.server).RoundTrip(r)
						if err == nil {
							err = resp.Body.Close()
						}
						if err != nil {
							failed.Add(1)
							if !errors.Is(err, context.DeadlineExceeded) {
								t.Error(err)
							}
						}
					})
				}
				all.Wait()
				if got := int(failed.Load()); got != tc.failed || time.Since(began) != tc.within {
					t.Errorf("%d failed within %v, want %d within %v", got, time.Since(began), tc.failed, tc.within)
				}
			})
		})
	}
}

func TestLimiterAdapts(t *testing.T) {
	start := time.Unix(1, 0)
	tests := map[string]struct {
		bound func(l *limiter)
		want  func(b float64) bool
	}{
		"it grows while it is filled and answers are fast": {func(l *limiter) {
			for range 2000 {
				l.inFlight = int(l.bound)
				l.release(reply{outcome: served2xx, took: time.Millisecond}, &turn{sort: "GET pods"}, start)
			}
		}, func(b float64) bool { return b > 60 && b <= 128 }},
		"it does not grow when more in flight only take longer": {func(l *limiter) {
			l.inFlight = 1
			l.release(reply{outcome: served2xx, took: time.Millisecond}, &turn{sort: "GET pods"}, start)
			for range 2000 {
				l.inFlight = int(l.bound)
				l.release(reply{outcome: served2xx, took: 8 * time.Millisecond}, &turn{sort: "GET pods"}, start)
				l.inFlight = 1
				l.release(reply{outcome: served2xx, took: time.Millisecond}, &turn{sort: "GET pods"}, start)
			}
		}, func(b float64) bool { return b == startInFlight }},
		"it grows in the end when the server is farther away than it was": {func(l *limiter) {
			l.inFlight = 1
			l.release(reply{outcome: served2xx, took: time.Millisecond}, &turn{sort: "GET pods"}, start)
			for i := range 4000 {
				l.inFlight = int(l.bound)
				l.release(reply{outcome: served2xx, took: 8 * time.Millisecond}, &turn{sort: "GET pods"}, start.Add(time.Duration(i)*time.Second))
			}
		}, func(b float64) bool { return b > 2*startInFlight }},
		"work of a sort that is always slow says nothing of the rest": {func(l *limiter) {
			for i := range 200 {
				at := start.Add(time.Duration(i) * time.Second)
				l.inFlight = 1
				l.release(reply{outcome: served2xx, took: 2 * time.Millisecond}, &turn{sort: "GET pods"}, at)
				l.inFlight = 1
				l.release(reply{outcome: served2xx, took: 2 * time.Second}, &turn{sort: "PATCH services"}, at)
			}
		}, func(b float64) bool { return b == startInFlight }},
		"it does not grow while there is room": {func(l *limiter) {
			for range 2000 {
				l.inFlight = 1
				l.release(reply{outcome: served2xx, took: time.Millisecond}, &turn{sort: "GET pods"}, start)
			}
		}, func(b float64) bool { return b == startInFlight }},
		"lasting slowness takes it to its floor": {func(l *limiter) {
			for i := range 40 {
				l.inFlight = 10
				l.release(reply{outcome: late, took: time.Minute}, &turn{sort: "GET pods"}, start.Add(time.Duration(i)*time.Second))
			}
		}, func(b float64) bool { return b == 4 }},
		"answers that become slow shrink it": {func(l *limiter) {
			l.inFlight = 1
			l.release(reply{outcome: served2xx, took: 2 * time.Millisecond}, &turn{sort: "GET pods"}, start)
			l.inFlight = 1
			l.release(reply{outcome: served2xx, took: time.Second}, &turn{sort: "GET pods"}, start.Add(time.Second))
		}, func(b float64) bool { return b < startInFlight }},
		"a lost connection says nothing about the load": {func(l *limiter) {
			l.inFlight = 32
			l.release(reply{outcome: lost, took: time.Minute}, &turn{sort: "GET pods"}, start)
		}, func(b float64) bool { return b == startInFlight }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLimiter(4, 128)
			tt.bound(l)
			if !tt.want(l.bound) {
				t.Errorf("bound %v", l.bound)
			}
		})
	}
}

func TestLongMessagesLoseTheirValuesAndKeepTheReason(t *testing.T) {
	long := "Invalid value: {\"labels\":{"
	for range 100 {
		long += "\"a\":\"b\","
	}
	if got := shorten(long + "}}: field is immutable"); got != "Invalid value: field is immutable" {
		t.Errorf("got %q", got)
	}
	if got := shorten("first\n@@ diff"); got != "first" {
		t.Errorf("got %q", got)
	}
}

func TestWorkIsToldApartByMethodAndKind(t *testing.T) {
	for path, want := range map[string]string{
		"/api/v1/namespaces/shop/services/web?force=true":         "PATCH services",
		"/api/v1/namespaces/shop":                                 "PATCH namespaces",
		"/api/v1/namespaces/shop/status":                          "PATCH status", // rare enough
		"/api/v1/nodes":                                           "PATCH nodes",
		"/apis/apps/v1/namespaces/shop/deployments":               "PATCH deployments",
		"/apis/plumb.cd/v1alpha1/namespaces/shop/apps/web/status": "PATCH apps/status",
		"/apis/rbac.authorization.k8s.io/v1/clusterroles/view":    "PATCH clusterroles",
		"/version": "PATCH",
		"/":        "PATCH",
		"/apis":    "PATCH",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "https://example.com"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := sortOf(r); got != want {
			t.Errorf("%s is %q, not %q", path, got, want)
		}
	}
}

// priorityLevel is an API server with so many seats, which answers after 10 ms, and refuses whoever finds none. How long those
// are to stay away doubles while it refuses many, as Priority and Fairness does.
type priorityLevel struct {
	mu           sync.Mutex
	name         string
	seats, taken int
	stay         int // seconds
	most         int // the longest stay that it asked for
	doubled      int64
	dropped      map[int64]int // by second
	last         time.Time
	idle         time.Duration // the longest time without a request, from the first to the last
	bodies       map[string]int
	content      string // the type of refusals
}

func (p *priorityLevel) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	resp := &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{"X-Kubernetes-Pf-Prioritylevel-Uid": {p.name}}}
	if seated := p.begin(); !seated {
		<-time.After(time.Millisecond)
		resp.StatusCode = http.StatusTooManyRequests
		resp.Header.Set("Retry-After", strconv.Itoa(p.refuse()))
		resp.Header.Set("Content-Type", p.content)
		return resp, nil
	}
	<-time.After(10 * time.Millisecond) // of the bubble's clock
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	p.last = time.Now()
	p.bodies[string(body)]++
	return resp, nil
}

func (p *priorityLevel) begin() (seated bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.last.IsZero() && p.taken == 0 {
		p.idle = max(p.idle, time.Since(p.last))
	}
	p.last = time.Now()
	if p.taken >= p.seats {
		return false
	}
	p.taken++
	return true
}

func (p *priorityLevel) refuse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, lately := time.Now().Unix(), 0
	for second := now - int64(p.stay); second < now; second++ {
		lately += p.dropped[second]
	}
	if now-p.doubled >= int64(p.stay) && lately >= 3*p.stay && p.dropped[now] == 0 {
		p.stay, p.doubled = min(2*p.stay, 32), now
	}
	p.dropped[now]++
	p.most = max(p.most, p.stay)
	return p.stay
}

func (p *priorityLevel) refused() (all int) {
	for _, n := range p.dropped {
		all += n
	}
	return all
}

func server(name string, seats, stay int) *priorityLevel {
	return &priorityLevel{name: name, seats: seats, stay: stay, dropped: map[int64]int{}, bodies: map[string]int{}}
}

// send has so many requests of a method and a kind sent at once, and wants all to be answered by a code.
func send(t *testing.T, all *sync.WaitGroup, n int, through http.RoundTripper, resource string, code int) {
	t.Helper()
	for range n {
		all.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "https://example.com/api/v1/"+resource+"/x", strings.NewReader("whole"))
			if err != nil {
				t.Error(err)
				return
			}
			resp, err := through.RoundTrip(r)
			if err != nil || resp.StatusCode != code {
				t.Errorf("%v, %v", resp, err)
				return
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatIsRefusedTakesItsTurnAgain(t *testing.T) {
	const n = 600
	for name, tc := range map[string]struct {
		seats, stay int
		code        int
		within      time.Duration
		refused     int // at the most
		stays       int // the longest that the server came to ask for, in seconds
		idle        time.Duration
	}{
		"a server with one seat serves them one by one":                                      {1, 1, http.StatusOK, 8 * time.Second, startInFlight + 4, 1, settling},
		"a server with three seats fills them":                                               {3, 1, http.StatusOK, 3 * time.Second, startInFlight + 2, 1, settling},
		"a server that had come to ask for eight seconds, and has a seat, is not left alone": {1, 8, http.StatusOK, 8 * time.Second, startInFlight + 4, 8, settling},
		"a server with none gets its way, and is asked twice a second until then":            {0, 1, http.StatusTooManyRequests, refusedFor, startInFlight + 2*30, 2, 2*time.Second + settling},
		"a server that asks everybody to stay away for long is left alone":                   {0, 32, http.StatusTooManyRequests, refusedFor, startInFlight + 1, 32, refusedFor},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := server("a", tc.seats, tc.stay)
				began := time.Now()
				var all sync.WaitGroup
				send(t, &all, n, newLimiter(4, 128).wrap(s), "nodes", tc.code)
				all.Wait()
				took := time.Since(began)
				t.Logf("it took %v, with %d refused and asked to stay away for up to %d s, and nothing in flight for %v", took, s.refused(), s.most, s.idle)
				if took > tc.within || s.refused() > tc.refused || s.most > tc.stays || s.idle > tc.idle {
					t.Errorf("it took %v, with %d refused and asked to stay away for up to %d s, and nothing in flight for %v", took, s.refused(), s.most, s.idle)
				}
				if tc.code == http.StatusOK && (s.bodies["whole"] != n || len(s.bodies) != 1) {
					t.Errorf("the requests had the bodies %v", s.bodies)
				}
			})
		})
	}
}

func TestOthersWhoTakeAllTheSeatsAreWaitedForAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const away = 5 * time.Second
		s := server("a", 0, 1)
		began := time.Now()
		time.AfterFunc(away, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.seats = 3
		})
		var all sync.WaitGroup
		send(t, &all, 100, newLimiter(4, 128).wrap(s), "nodes", http.StatusOK)
		all.Wait()
		if took := time.Since(began); took > away+longestRest+2*time.Second || s.most > 2 {
			t.Errorf("it took %v, and the server asked for %d seconds", took, s.most)
		}
	})
}

// byKind sends each kind to a priority level of its own.
type byKind map[string]*priorityLevel

func (b byKind) RoundTrip(r *http.Request) (*http.Response, error) {
	return b[strings.Split(r.URL.Path, "/")[3]].RoundTrip(r)
}

func TestWhoeverRefusesEverybodyHoldsNoOtherUp(t *testing.T) {
	for name, tc := range map[string]struct{ level, content string }{
		"another priority level":                     {"narrow", "text/plain; charset=utf-8"},
		"a kind of the same level that is not ready": {"wide", "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				levels := byKind{"nodes": server(tc.level, 0, 1), "pods": server("wide", 1000, 1), "secrets": server("wide", 1000, 1)}
				levels["nodes"].content = tc.content
				through := newLimiter(4, 128).wrap(levels)
				var refused, served sync.WaitGroup
				send(t, &served, 1, through, "pods", http.StatusOK)
				served.Wait()
				send(t, &refused, 100, through, "nodes", http.StatusTooManyRequests)
				synctest.Wait()
				<-time.After(10 * longestRest) // of the bubble's clock
				began := time.Now()
				send(t, &served, 100, through, "pods", http.StatusOK)
				send(t, &served, 100, through, "secrets", http.StatusOK)
				served.Wait()
				if took := time.Since(began); took > time.Second {
					t.Errorf("what is not refused took %v", took)
				}
				refused.Wait()
				if most := startInFlight + 2*30; levels["nodes"].refused() > most {
					t.Errorf("%d were refused", levels["nodes"].refused())
				}
			})
		})
	}
}

func TestALevelHasAsManySeatsAsItDoesNotRefuse(t *testing.T) {
	start := time.Unix(100, 0)
	type step struct {
		after  time.Duration
		took   int  // so many more are in flight before it
		served bool // or refused
		stay   time.Duration
		again  bool // the refused one is to try again
		seats  int
		room   bool // at once
	}
	tests := map[string][]step{
		"a burst of four, of which two are refused": {
			{took: 4, again: true, seats: 3}, {again: true, seats: 2}, {after: time.Millisecond, served: true, seats: 2},
			{after: settling, served: true, seats: 2, room: true},
		},
		"one that is served early in the burst counts": {
			{took: 3, again: true, seats: 2}, {served: true, seats: 2}, {again: true, seats: 1},
		},
		"the last of a burst of which others were served is not made to wait": {
			{took: 3, again: true, seats: 2}, {after: time.Millisecond, served: true, seats: 2},
			{stay: 8 * time.Second, again: true, seats: 1}, {after: settling, took: 1, served: true, seats: 1, room: true},
		},
		"the last of a burst that is refused is told for how long to stay away": {
			{took: 2, stay: 8 * time.Second, again: true, seats: 1}, {stay: 8 * time.Second, seats: 1},
			{after: growRest - time.Millisecond, took: 1, served: true, seats: 1, room: true}, // by a request that was moved here
		},
		"a long stay means nothing while others are served": {
			{took: 1, served: true, seats: 0, room: true}, {after: time.Second, took: 1, stay: 32 * time.Second, again: true, seats: 1},
		},
		"a short stay is sat out": {
			{took: 1, stay: longestStay, again: true, seats: 1}, {after: longestStay, took: 1, served: true, seats: 2, room: true},
		},
		"one more is tried two seconds after a refusal": {
			{took: 2, again: true, seats: 1}, {after: growRest - time.Millisecond, served: true, seats: 1, room: true},
			{after: time.Millisecond, took: 1, served: true, seats: 2, room: true},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			v, now := &level{}, start
			for i, s := range steps {
				now = now.Add(s.after)
				v.inFlight += s.took - 1
				again := false
				if s.served {
					v.serve(true, 128, now)
				} else {
					again = v.refuse(s.stay, now)
				}
				if again != s.again || int(v.seats) != s.seats || v.room(now) != s.room {
					t.Errorf("step %d: again %v, %v seats, room %v", i, again, v.seats, v.room(now))
				}
			}
		})
	}
}
