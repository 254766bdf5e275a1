package git

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
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
	got, err := m.pinned()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != apps || got["team/app-7/0"] != first {
		t.Errorf("%d of %d pins are set", len(got), apps)
	}
	if err := m.Unpin(t.Context(), "team/app-7/0"); err != nil {
		t.Fatal(err)
	}
	if got, err = m.pinned(); err != nil || len(got) != apps-1 {
		t.Errorf("%d pins are left (%v)", len(got), err)
	}
	refs, err := m.git(t.Context(), "for-each-ref", "refs/plumb/")
	if err != nil || strings.Count(string(refs), "\n") > 1 {
		t.Errorf("every fetch looks at %s (%v)", refs, err)
	}
}

func TestACommitThatIsNotThereCannotBePinned(t *testing.T) {
	repo := gittest.NewRepo(t)
	repo.Commit("main", "one", gittest.Files{"a": "1"})
	m := openMirror(t, repo.Dir)
	updateOne(t, m, Remote{URL: repo.Dir}, Ref{})
	if err := m.Pin(t.Context(), "app", strings.Repeat("1", 40)); err == nil {
		t.Error("a commit that is not there is pinned")
	}
	if err := m.Pin(t.Context(), "app\nother", strings.Repeat("1", 40)); err == nil {
		t.Error("a name of two lines is taken")
	}
}

func TestPinsSurviveALineCutOffByACrash(t *testing.T) {
	dir := t.TempDir()
	one, two := strings.Repeat("a", 40), strings.Repeat("b", 40)
	raw := one + " first\n" + two + " second\n" + two[:17]
	if err := os.WriteFile(filepath.Join(dir, pinFile), []byte(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := appendPin(dir, "third", one); err != nil {
		t.Fatal(err)
	}
	got, _, err := readPins(dir)
	want := map[string]string{"first": one, "second": two, "third": one}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v (%v), want %v", got, err, want)
	}
}

func TestTheFileOfPinsDoesNotGrowForEver(t *testing.T) {
	repo := gittest.NewRepo(t)
	commits := []string{repo.Commit("main", "one", gittest.Files{"a": "1"}), repo.Commit("main", "two", gittest.Files{"a": "2"})}
	m := openMirror(t, repo.Dir)
	updateOne(t, m, Remote{URL: repo.Dir}, Ref{})
	for i := range 4000 {
		if err := m.setPin("app", commits[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	_, lines, err := readPins(m.dir)
	if err != nil || lines > 1100 {
		t.Errorf("%d lines for one pin (%v)", lines, err)
	}
	if got, _ := m.pinned(); got["app"] != commits[1] {
		t.Errorf("the pin is %v", got)
	}
}
