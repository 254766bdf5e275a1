package speed

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/enginelab"
)

// work is what a round of commits and drift costs: requests by verb and resource in the namespace of the good Apps, and renders
// of their paths.
type work struct {
	asked   map[string]int
	renders int
}

// TestBadNeighboursMakeNobodyWorkMore has the same commits and the same drift looked after twice: by themselves, and then
// beside Apps that fail (one for ten good ones), a Git server that hangs and a cluster that is down, all at once.
func TestBadNeighboursMakeNobodyWorkMore(t *testing.T) {
	t.Parallel()
	const good, touched, rounds = 40, 8, 3
	cp := cptest.Start(t, cptest.WithNodes(1), cptest.WithAudit())
	namespace, elsewhere := cp.Namespace(t), cp.Namespace(t)
	l := enginelab.New(t, cp)
	repo, files := gittest.NewRepo(t), badFiles()
	var names []string
	for i := range good {
		name := fmt.Sprintf("good-%02d", i)
		names, files[name+"/a.yaml"] = append(names, name), configMap(name, "0")
	}
	head := repo.Commit("main", "start", files)
	l.Repository("shop", repo.Dir)
	for _, name := range names {
		l.Put(name, auto(namespace, "shop", name))
	}
	l.UntilSynced(t, head, names...)
	config := cp.Client(t).CoreV1().ConfigMaps(namespace)
	is := func(name, value string) bool {
		m, err := config.Get(t.Context(), name, metav1.GetOptions{})
		return err == nil && m.Data["value"] == value
	}
	round := func(k int, value string) work {
		_, mark := askedSince(t, cp, 0)
		rendered := rendersOf(l, "good-")
		next := gittest.Files{"bad-render/a.yaml": "kind: [ # " + value + "\n"}
		for i := range touched {
			name := names[(k*touched+i)%good]
			next[name+"/a.yaml"] = configMap(name, value)
		}
		head = repo.Commit("main", value, next)
		l.Look()
		l.UntilSynced(t, head, names...)
		edited := names[k*touched%good]
		if _, err := config.Patch(t.Context(), edited, types.MergePatchType, []byte(`{"data":{"value":"mine"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
			t.Fatal(err)
		}
		cptest.Eventually(t, soon, "drift is undone", func() bool { return is(edited, value) })
		l.UntilSynced(t, head, names...)
		now, _ := askedSince(t, cp, mark)
		w := work{asked: map[string]int{}, renders: rendersOf(l, "good-") - rendered}
		for _, a := range now {
			if a.namespace == namespace {
				w.asked[a.verb+" "+a.resource]++
			}
		}
		return w
	}
	var alone []work
	for k := range rounds {
		alone = append(alone, round(k, fmt.Sprintf("alone-%d", k)))
	}
	moveIn(t, l, cp, elsewhere, good/10)
	for k := range rounds {
		crowded := round(k, fmt.Sprintf("crowded-%d", k))
		t.Logf("%v and %d renders", crowded.asked, crowded.renders)
		if !maps.Equal(crowded.asked, alone[k].asked) {
			t.Errorf("beside bad neighbours, round %d made us %v; by themselves %v", k, crowded.asked, alone[k].asked)
		}
		if crowded.renders != touched || alone[k].renders != touched {
			t.Errorf("a commit that touches %d good Apps rendered %d times beside bad neighbours, and %d times by themselves", touched, crowded.renders, alone[k].renders)
		}
	}
	if alone[0].asked["patch configmaps"] < touched {
		t.Errorf("%v for %d changed objects: the test tests nothing", alone[0].asked, touched)
	}
}

// badFiles do not render, are refused, and never become healthy.
func badFiles() gittest.Files {
	return gittest.Files{
		"bad-render/a.yaml": "kind: [\n",
		"bad-object/a.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: refused}\nspec: {ports: [{port: 99999}]}\n",
		"bad-health/a.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: never}\nspec:\n  selector: {matchLabels: {app: never}}\n" +
			"  template: {metadata: {labels: {app: never}}, spec: {containers: [{name: main, image: web:never-ready}]}}\n",
	}
}

// moveIn puts n Apps that fail in every way, and two each on a Git server and on a cluster that accept connections and say
// nothing, and returns when those that can have said what is wrong.
func moveIn(t *testing.T, l *enginelab.Lab, cp *cptest.ControlPlane, namespace string, n int) {
	t.Helper()
	hanging := silent(t)
	raw, err := os.ReadFile(cp.EngineKubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	l.Repository("hanging", "http://"+hanging+"/hanging.git")
	l.SetTarget(engine.Target{Name: "down", Generation: 1, Kubeconfig: []byte(strings.ReplaceAll(string(raw), cp.Server, "https://"+hanging))})
	var bad []string
	for i := range n {
		name, path := fmt.Sprintf("bad-%02d", i), []string{"bad-render", "bad-object", "bad-health"}[i%3]
		bad = append(bad, name)
		l.Put(name, auto(namespace, "shop", path))
	}
	for i := range 2 {
		l.Put(fmt.Sprintf("hanging-%d", i), auto(namespace, "hanging", "x"))
		lost := auto(namespace, "shop", "good-00")
		lost.Cluster = "down"
		l.Put(fmt.Sprintf("down-%d", i), lost)
	}
	l.Until(t, "the bad neighbours fail or deploy", func(s engine.Snapshot) bool {
		return s.State == engine.StateFailed || s.State == engine.StateDegraded || s.State == engine.StateDeploying
	}, bad...)
}

// rendersOf counts the renders so far of paths with a prefix.
func rendersOf(l *enginelab.Lab, prefix string) int {
	n := 0
	for path, count := range l.Renderer.Paths() {
		if strings.HasPrefix(path, prefix) {
			n += count
		}
	}
	return n
}
