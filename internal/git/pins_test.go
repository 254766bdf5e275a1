package git

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"plumb.cd/plumb/internal/gittest"
)

func TestManyPinsAtOnceAreAllSet(t *testing.T) {
	repo := gittest.NewRepo(t)
	first := repo.Commit("main", "one", gittest.Files{"a": "1"})
	m := openMirror(t, repo.Dir)
	updateOne(t, m, Remote{URL: repo.Dir}, Ref{})
	const apps = 60
	var wg sync.WaitGroup
	for i := range apps {
		wg.Go(func() {
			if err := m.Pin(t.Context(), fmt.Sprintf("team/app-%d/0", i), first); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	out, err := m.git(t.Context(), "for-each-ref", "--format=%(objectname)", pinRefs)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(out)); len(got) != apps || got[0] != first {
		t.Errorf("%d of %d pins are set", len(got), apps)
	}
}

func TestOnePinThatFailsTakesNoOtherWithIt(t *testing.T) {
	repo := gittest.NewRepo(t)
	first := repo.Commit("main", "one", gittest.Files{"a": "1"})
	m := openMirror(t, repo.Dir)
	updateOne(t, m, Remote{URL: repo.Dir}, Ref{})
	absent := strings.Repeat("1", 40)
	batch := []pinning{
		{ref: pinRefs + "good", sha: first, done: make(chan error, 1)},
		{ref: pinRefs + "bad", sha: absent, done: make(chan error, 1)},
	}
	m.mu.Lock()
	m.pins = batch
	m.mu.Unlock()
	if !m.store.begin() {
		t.Fatal("the store is closed")
	}
	m.setPins(t.Context())
	if err := <-batch[0].done; err != nil {
		t.Errorf("the good pin: %v", err)
	}
	if err := <-batch[1].done; err == nil {
		t.Error("a commit that is not there is pinned")
	}
}
