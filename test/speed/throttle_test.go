package speed

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/enginelab"
)

// atOnce is how many writes a first sync has in flight before the API server has shown what it bears.
const atOnce = 16

// gate keeps writes until so many are in flight together, and lets everything pass from then on.
type gate struct {
	mu     sync.Mutex
	in     int
	opened chan struct{}
}

func (g *gate) pass(r *http.Request) *http.Response {
	if r.Method != http.MethodPatch {
		return nil
	}
	g.mu.Lock()
	if g.in++; g.in == atOnce {
		close(g.opened)
	}
	g.mu.Unlock()
	select {
	case <-g.opened:
	case <-r.Context().Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.in < atOnce {
		g.in--
	}
	return nil
}

// TestAFirstSyncHasManyRequestsInFlight keeps every write waiting until so many of them wait together: no App and no object
// waits for the answer to another one's.
func TestAFirstSyncHasManyRequestsInFlight(t *testing.T) {
	t.Parallel()
	const objects = 2 * atOnce
	many, one := gittest.Files{}, gittest.Files{"big/a.yaml": documents("big", 0, objects)}
	var names []string
	for i := range objects {
		name := fmt.Sprintf("app-%02d", i)
		names, many[name+"/a.yaml"] = append(names, name), configMap(name, "1")
	}
	for name, tc := range map[string]struct {
		files gittest.Files
		apps  []string
	}{
		"of many Apps of one object":               {many, names},
		"of one App with many objects in one wave": {one, []string{"big"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cp := cptest.Shared(t)
			namespace := cp.Namespace(t)
			g := &gate{opened: make(chan struct{})}
			l := enginelab.Reaching(t, link{refuse: g.pass}.through(t, cp))
			repo := gittest.NewRepo(t)
			head := repo.Commit("main", "start", tc.files)
			l.Repository("shop", repo.Dir)
			for _, app := range tc.apps {
				l.Put(app, auto(namespace, "shop", app))
			}
			cptest.Eventually(t, soon, fmt.Sprintf("%d writes are in flight together", atOnce), func() bool {
				select {
				case <-g.opened:
					return true
				default:
					return false
				}
			})
			l.UntilSynced(t, head, tc.apps...)
		})
	}
}
