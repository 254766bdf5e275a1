package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimiterAdmitsInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(1, 1)
		if err := l.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []int
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				if err := l.acquire(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				l.release(served2xx, time.Millisecond, time.Now())
			})
			synctest.Wait()
		}
		l.release(served2xx, time.Millisecond, time.Now())
		all.Wait()
		if !slices.IsSorted(order) || len(order) != 5 {
			t.Errorf("admitted in the order %v", order)
		}
	})
}

func TestLimiterForgetsWhoGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(1, 1)
		if err := l.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error, 1)
		go func() { gaveUp <- l.acquire(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		l.release(served2xx, time.Millisecond, time.Now())
		if err := l.acquire(t.Context()); err != nil || l.inFlight != 1 {
			t.Errorf("%d in flight, %v", l.inFlight, err)
		}
	})
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
				l.release(served2xx, time.Millisecond, start)
			}
		}, func(b float64) bool { return b > 60 && b <= 128 }},
		"it does not grow while there is room": {func(l *limiter) {
			for range 2000 {
				l.inFlight = 1
				l.release(served2xx, time.Millisecond, start)
			}
		}, func(b float64) bool { return b == startInFlight }},
		"a burst of refusals counts once": {func(l *limiter) {
			for range 20 {
				l.inFlight = 10
				l.release(refused, time.Millisecond, start)
			}
		}, func(b float64) bool { return b > 19 && b < 20 }},
		"lasting refusals take it to its floor": {func(l *limiter) {
			for i := range 20 {
				l.inFlight = 10
				l.release(refused, time.Millisecond, start.Add(time.Duration(i)*time.Second))
			}
		}, func(b float64) bool { return b == 4 }},
		"answers that become slow shrink it": {func(l *limiter) {
			l.inFlight = 1
			l.release(served2xx, 2*time.Millisecond, start)
			l.inFlight = 1
			l.release(served2xx, time.Second, start.Add(time.Second))
		}, func(b float64) bool { return b < startInFlight }},
		"a lost connection says nothing about the load": {func(l *limiter) {
			l.inFlight = 32
			l.release(lost, time.Minute, start)
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
