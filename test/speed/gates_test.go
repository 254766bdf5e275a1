package speed

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/e2e/harness"
)

const (
	// syncWrites bounds the writes for each App of a first sync of many Apps with four objects: four applies, and two of the App
	// itself. Progress is told besides, of all Apps together so often and no more, and so is where the repository stands.
	// syncReads bounds the looks at what stands there already; Apps of a namespace that ask at the same time share
	// them, so that it is less than four on a machine that keeps up.
	syncWrites    = 6
	progressEvery = 200 * time.Millisecond
	syncReads     = 4
	// warmRequests bounds those for each App after a restart with everything kept on disk.
	warmRequests = 1
	calm         = 5 * time.Second
)

func TestAFirstSyncAndARestartAskLittle(t *testing.T) {
	t.Parallel()
	const n = 60
	lab := harness.NewLab(t)
	p := lab.Env(t)
	files := gittest.Files{}
	var apps []string
	for i := range n {
		name := fmt.Sprintf("app-%02d", i)
		files[name+"/app.yaml"] = fourObjects(name)
		apps = append(apps, name)
	}
	repo := p.Repo("mono", files)
	p.WaitCalm(calm)
	mark, began := p.Audit(), time.Now()
	for _, app := range apps {
		p.App(app, "source: {repository: mono, path: "+app+"}")
	}
	for _, app := range apps {
		p.WaitSynced(app, repo.Head())
	}
	const burst = 50 // of progress, and of the repository
	progress := int(time.Since(began)/progressEvery) + burst
	p.WaitCalm(calm)
	asked := withoutEvents(p.AuditSince(mark))
	t.Logf("first sync: %.1f requests an App: %v", float64(len(asked))/n, byVerb(asked))
	writes := 0
	for _, r := range asked {
		if r.Writes() {
			writes++
		}
	}
	if reads := len(asked) - writes; writes > syncWrites*n+progress || reads > syncReads*n+30 {
		t.Errorf("a first sync of %d Apps wrote %d times and read %d times, more than %d and %d an App, and %d to tell progress: %v",
			n, writes, reads, syncWrites, syncReads, progress, byVerb(asked))
	}
	if got := p.Renders(); got != n {
		t.Errorf("%d renders for %d Apps", got, n)
	}
	mark = p.Audit()
	p.Stop(t)
	p.Restart(t)
	for _, app := range apps {
		p.Eventually(app+" is known to be Synced", func() bool {
			state, ok := p.Known(app)
			return ok && state == "Synced"
		})
	}
	p.WaitCalm(calm)
	asked = withoutEvents(p.AuditSince(mark))
	t.Logf("warm restart: %.1f requests an App: %v", float64(len(asked))/n, byVerb(asked))
	for _, r := range asked {
		// How many Apps use a Repository is in its status, and counted while they are told.
		if r.Writes() && r.Resource != "repositories" {
			t.Errorf("after a warm restart: %s", r)
		}
	}
	if len(asked) > warmRequests*n {
		t.Errorf("a warm restart asked %d times, more than %d an App: %v", len(asked), warmRequests, byVerb(asked))
	}
}

// withoutEvents leaves out the Kubernetes Events, which are told slowly, behind everything else.
func withoutEvents(asked []harness.Request) []harness.Request {
	return slices.DeleteFunc(asked, func(r harness.Request) bool { return r.Resource == "events" })
}

func byVerb(asked []harness.Request) map[string]int {
	out := map[string]int{}
	for _, r := range asked {
		what := r.Verb + " " + r.Resource
		if r.DryRun() {
			what += " (dry-run)"
		}
		out[what]++
	}
	return out
}

// sizeOfStatus bounds the status of an App, in bytes of JSON, whatever number of objects it has.
const sizeOfStatus = 8 << 10

func TestTheStatusOfAnAppDoesNotGrowWithItsObjects(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	const many = 2000
	repo := p.Repo("shop", gittest.Files{"small/a.yaml": documents("small", 0, 20), "big/a.yaml": documents("big", 0, many)})
	size := map[string]int{}
	for _, app := range []string{"small", "big"} {
		p.App(app, "source: {repository: shop, path: "+app+"}")
		p.WaitSynced(app, repo.Head())
		status := p.Status(app).Status
		raw, err := json.Marshal(status)
		if err != nil {
			t.Fatal(err)
		}
		size[app] = len(raw)
	}
	t.Logf("the status of 20 objects has %d bytes, that of %d has %d", size["small"], many, size["big"])
	if size["big"] > sizeOfStatus || size["big"] > size["small"]+512 {
		t.Errorf("the status of 20 objects has %d bytes, that of %d has %d", size["small"], many, size["big"])
	}
	p.Patch("v1", "ConfigMap", "big-1999", "kubectl-edit", "data: {value: mine}")
	p.Eventually("drift in an App of many objects is undone", func() bool {
		return harness.Field(p.Get("v1", "ConfigMap", "big-1999"), "data", "value") == "1"
	})
}

func documents(prefix string, from, to int) string {
	var docs []string
	for i := from; i < to; i++ {
		docs = append(docs, configMap(fmt.Sprintf("%s-%d", prefix, i), "1"))
	}
	return strings.Join(docs, "---\n")
}
