package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"plumb.cd/plumb/internal/cluster"
)

func said(pod string, at time.Time, text string) LogEntry {
	return LogEntry{Pod: pod, LogLine: cluster.LogLine{At: at, Text: text}}
}

// paper is what a merge passed on.
type paper struct {
	mu    sync.Mutex
	lines []string
}

func (p *paper) take(l LogEntry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, l.Pod+" "+l.Text)
	return nil
}

func (p *paper) read() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.lines)
}

func TestLogsThatAreReadToTheirEndAreOneInOrder(t *testing.T) {
	for name, follow := range map[string]bool{"read": false, "followed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out []LogEntry
				const pods, lines = 5, 20_000
				m := newLogMerge(pods, follow, func(l LogEntry) error { out = append(out, l); return nil })
				var wg sync.WaitGroup
				for i := range pods {
					wg.Go(func() {
						defer m.end(i)
						<-time.After(time.Duration(i) * 100 * time.Millisecond) // each begins later
						for n := range lines {
							m.put(i, said(fmt.Sprint(i), testNow.Add(time.Duration(n*pods+i)*time.Millisecond), ""))
						}
					})
				}
				if err := m.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				wg.Wait()
				if len(out) != pods*lines || !slices.IsSortedFunc(out, func(a, b LogEntry) int { return a.At.Compare(b.At) }) {
					t.Errorf("%d lines, in order: %v", len(out), slices.IsSortedFunc(out, func(a, b LogEntry) int { return a.At.Compare(b.At) }))
				}
			})
		})
	}
}

func TestALogThatStallsHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var p paper
		m := newLogMerge(2, true, p.take)
		done := make(chan error)
		go func() { done <- m.run(ctx) }()
		at := func(s int) time.Time { return testNow.Add(time.Duration(s) * time.Second) }
		m.put(0, said("a", at(1), "one"))
		synctest.Wait()
		if got := p.read(); len(got) != 0 {
			t.Errorf("before the other had a chance: %q", got)
		}
		<-time.After(firstPatience)
		synctest.Wait()
		if got := p.read(); !slices.Equal(got, []string{"a one"}) {
			t.Errorf("after it had its chance: %q", got)
		}
		began := time.Now()
		for i := range 1000 { // it is silent: nothing waits for it
			m.put(0, said("a", at(2), fmt.Sprint(i)))
		}
		synctest.Wait()
		if got := p.read(); len(got) != 1001 || time.Since(began) > 0 {
			t.Errorf("%d lines after %s", len(got), time.Since(began))
		}
		m.put(1, said("b", at(0), "late")) // it speaks again: late, but told, and then it is waited for
		synctest.Wait()
		m.put(0, said("a", at(5), "young"))
		synctest.Wait()
		m.put(1, said("b", at(4), "old"))
		synctest.Wait()
		<-time.After(followPatience)
		synctest.Wait()
		if got := p.read(); !slices.Equal(got[1000:], []string{"a 999", "b late", "b old", "a young"}) {
			t.Errorf("the last lines are %q", got[1000:])
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if m.put(0, said("a", at(6), "")) {
			t.Error("it takes lines after its end")
		}
	})
}

func TestAMergeOfLogsHoldsAFewLinesAndLetsEverybodyGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("the reader has had enough")
		m := newLogMerge(2, false, func(LogEntry) error { return full })
		var wg sync.WaitGroup
		taken := 0
		wg.Go(func() {
			for m.put(0, said("a", testNow, strings.Repeat("x", cluster.MaxLogLine))) {
				taken++
			}
		})
		synctest.Wait()
		if limit := mergeBytes/2/cluster.MaxLogLine + 1; taken > limit || taken < 10 {
			t.Errorf("%d lines wait, want some and at most %d", taken, limit)
		}
		if err := m.run(t.Context()); !errors.Is(err, full) {
			t.Error(err)
		}
		wg.Wait()
	})
}

func TestTheOrderOfOneLogIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p paper
		m := newLogMerge(2, false, p.take)
		at := func(s int) time.Time { return testNow.Add(time.Duration(s) * time.Second) }
		for _, l := range []LogEntry{said("a", at(2), "1"), said("a", at(1), "2"), said("a", time.Time{}, "3"), said("a", at(4), "4")} {
			m.put(0, l)
		}
		m.put(1, said("b", at(3), "1"))
		m.end(0)
		m.end(1)
		if err := m.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := p.read(); !slices.Equal(got, []string{"a 1", "a 2", "a 3", "b 1", "a 4"}) {
			t.Errorf("%q", got)
		}
	})
}
