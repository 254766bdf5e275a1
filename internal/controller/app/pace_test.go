package app

import (
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/engine"
)

func TestNewsOfProgressTakeTurns(t *testing.T) {
	l := NewLedger(nil, client.ObjectKey{})
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	key := func(i int) engine.Key { return engine.Key{Namespace: "n", Name: string(rune('a' + i))} }
	for i := range progressBurst + 1 {
		if wait := l.progressTurn(key(i), now); wait != 0 {
			t.Fatalf("App %d of the first waits %v", i, wait)
		}
	}
	first, second := key(progressBurst+1), key(progressBurst+2)
	if a, b := l.progressTurn(first, now), l.progressTurn(second, now); a != progressEvery || b != 2*progressEvery {
		t.Errorf("the next ones wait %v and %v", a, b)
	}
	if again := l.progressTurn(first, now.Add(progressEvery/2)); again != progressEvery/2 {
		t.Errorf("one who asks early waits %v", again)
	}
	if wait := l.progressTurn(first, now.Add(progressEvery)); wait != 0 {
		t.Errorf("one whose turn it is waits %v", wait)
	}
	for range 1000 {
		if wait := l.progressTurn(engine.Key{Name: "many"}, now); wait > progressAhead {
			t.Fatalf("a turn is %v ahead", wait)
		}
		l.forget(engine.Key{Name: "many"})
	}
	if wait := l.progressTurn(key(0), now.Add(time.Hour)); wait != 0 {
		t.Errorf("after a time without news, one waits %v", wait)
	}
}
