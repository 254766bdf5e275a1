package engine

import (
	"fmt"
	"slices"
	"testing"
)

func TestTurnsAreGivenInOrderAndToDeployedAppsFirst(t *testing.T) {
	granted := make(chan Key, 100)
	turns := newTurns(func(k Key) { granted <- k }, func() occupancy { return busy })
	turns.most = 2
	key := func(name string) Key { return Key{Namespace: "shop", Name: name} }
	a, b := key("a"), key("b")
	if !turns.take(a, true) || !turns.take(b, true) || !turns.take(a, true) {
		t.Fatal("there were turns, and a turn is kept")
	}
	for _, name := range []string{"first-1", "first-2", "gone", "first-3"} {
		if turns.take(key(name), true) {
			t.Fatal(name, "has a turn though all are taken")
		}
	}
	if turns.take(key("deployed"), false) || turns.take(key("first-1"), true) {
		t.Fatal("who waits has no turn")
	}
	turns.leave(key("gone"))
	turns.leave(a)
	var order []string
	for range 4 {
		k := <-granted
		order = append(order, k.Name)
		turns.end(k)
	}
	if want := []string{"deployed", "first-1", "first-2", "first-3"}; !slices.Equal(order, want) {
		t.Errorf("turns went to %v, not %v", order, want)
	}
	turns.end(key("never-had-one"))
	if !turns.take(key("late"), true) {
		t.Error("all turns but one were given back, and none is free")
	}
}

func TestTurnsThatKeepNobodyBusyHoldNobodyUp(t *testing.T) {
	for name, c := range map[string]struct {
		now           occupancy
		one           bool // turn ended
		letIn, lookOn bool
	}{
		"requests wait to be sent":                           {now: busy, lookOn: true},
		"nothing waits to be sent, and no turn ends":         {now: idle, letIn: true, lookOn: true},
		"nothing waits to be sent, but one by one turns end": {now: idle, one: true, lookOn: true},
		"nobody sends any more":                              {now: ended},
		"nobody waits for any turn":                          {now: busy, lookOn: false},
	} {
		t.Run(name, func(t *testing.T) {
			granted := make(chan Key, 2*moreTurns)
			turns := newTurns(func(k Key) { granted <- k }, func() occupancy { return c.now })
			turns.most = 1
			turns.take(Key{Name: "hangs"}, false)
			if c.lookOn || c.now != busy {
				for i := range moreTurns + 1 {
					turns.take(Key{Name: fmt.Sprint("waits-", i)}, false)
				}
			}
			want := 0
			if c.one {
				turns.end(Key{Name: "hangs"})
				want = 1
			}
			turns.check()
			if c.letIn {
				want += moreTurns
			}
			if len(granted) != want {
				t.Errorf("%d were let in, not %d", len(granted), want)
			}
			turns.mu.Lock()
			defer turns.mu.Unlock()
			if on := turns.timer != nil; on != c.lookOn {
				t.Errorf("it is looked at again: %v, not %v", on, c.lookOn)
			}
		})
	}
}
