package cluster

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
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
				l.release(reply{outcome: served2xx, took: 8*time.Millisecond}, &turn{sort: "GET pods"}, start)
				l.inFlight = 1
				l.release(reply{outcome: served2xx, took: time.Millisecond}, &turn{sort: "GET pods"}, start)
			}
		}, func(b float64) bool { return b == startInFlight }},
		"it grows in the end when the server is farther away than it was": {func(l *limiter) {
			l.inFlight = 1
			l.release(reply{outcome: served2xx, took: time.Millisecond}, &turn{sort: "GET pods"}, start)
			for i := range 4000 {
				l.inFlight = int(l.bound)
				l.release(reply{outcome: served2xx, took: 8*time.Millisecond}, &turn{sort: "GET pods"}, start.Add(time.Duration(i)*time.Second))
			}
		}, func(b float64) bool { return b > 2*startInFlight }},
		"work of a sort that is always slow says nothing of the rest": {func(l *limiter) {
			for i := range 200 {
				at := start.Add(time.Duration(i) * time.Second)
				l.inFlight = 1
				l.release(reply{outcome: served2xx, took: 2*time.Millisecond}, &turn{sort: "GET pods"}, at)
				l.inFlight = 1
				l.release(reply{outcome: served2xx, took: 2*time.Second}, &turn{sort: "PATCH services"}, at)
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
			l.release(reply{outcome: served2xx, took: 2*time.Millisecond}, &turn{sort: "GET pods"}, start)
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

// seats answers so many requests at a time, each after 10 ms, and refuses the others.
type seats struct {
	free   atomic.Int32
	bodies chan string
}

func (s *seats) RoundTrip(r *http.Request) (*http.Response, error) {
	defer s.free.Add(1)
	if s.free.Add(-1) < 0 {
		return &http.Response{StatusCode: http.StatusTooManyRequests, Body: http.NoBody}, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	<-time.After(10 * time.Millisecond) // of the bubble's clock
	s.bodies <- string(body)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func TestWhatIsRefusedTakesItsTurnAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		seats  int32
		code   int
		within time.Duration
	}{
		"a server with two seats serves two hundred": {2, http.StatusOK, 10 * time.Second},
		"a server with none gets its way":            {0, http.StatusTooManyRequests, refusedFor + 30*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n = 200
				server := &seats{bodies: make(chan string, n)}
				server.free.Store(tc.seats)
				through := newLimiter(4, 128).wrap(server)
				began := time.Now()
				var all sync.WaitGroup
				for range n {
					all.Go(func() {
						r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "https://example.com/api/v1/nodes/x", strings.NewReader("whole"))
						if err != nil {
							t.Error(err)
							return
						}
						resp, err := through.RoundTrip(r)
						if err != nil || resp.StatusCode != tc.code {
							t.Errorf("%v, %v", resp, err)
							return
						}
						if err := resp.Body.Close(); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
				if took := time.Since(began); took > tc.within {
					t.Errorf("it took %v, more than %v", took, tc.within)
				}
				close(server.bodies)
				for body := range server.bodies {
					if body != "whole" {
						t.Errorf("a request was sent again with the body %q", body)
					}
				}
			})
		})
	}
}
