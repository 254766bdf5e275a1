package speed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/test/enginelab"
)

const (
	// objectBytes bounds the heap that one more managed object costs: what is remembered of it, who owns it, its name.
	objectBytes = 2500
	// eventAllocs bounds the allocations for a watch event of an object that has not drifted: reading it, decoding it, hashing
	// the fields that are ours.
	eventAllocs = 350
)

func auto(namespace, repository, path string) engine.App {
	return engine.App{
		Namespace: namespace, Mode: engine.Auto, Heal: true, Policy: plan.Policy{Prune: true},
		Sources: []engine.Source{{Repository: repository, Render: render.Request{Path: path}}},
	}
}

func heap() uint64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// This test counts what the whole process has and does, so that no other runs beside it, and no other daemon of this process
// watches its control plane.
func TestAManagedObjectCostsHundredsOfBytesAndItsEventsLittle(t *testing.T) {
	const many = 2000
	cp := cptest.Start(t, cptest.WithNodes(1))
	namespace := cp.Namespace(t)
	l := enginelab.New(t, cp)
	repo := gittest.NewRepo(t)
	head := repo.Commit("main", "start", gittest.Files{"small/a.yaml": documents("small", 0, 200), "big/a.yaml": documents("big", 0, many)})
	l.Repository("shop", repo.Dir)
	l.Put("small", auto(namespace, "shop", "small"))
	l.UntilSynced(t, head, "small")
	before := heap()
	l.Put("big", auto(namespace, "shop", "big"))
	l.UntilSynced(t, head, "big")
	each := (float64(heap()) - float64(before)) / many
	t.Logf("%.0f bytes for each object", each)
	if each > objectBytes {
		t.Errorf("%.0f bytes of heap for each managed object, more than %d", each, objectBytes)
	}
	config := cp.Client(t).CoreV1().ConfigMaps(namespace)
	const beats = 1000
	var from, to runtime.MemStats
	runtime.ReadMemStats(&from)
	beat(t, cp, namespace, beats)
	// The watch tells of changes in their order: when this one is undone, all before it have been looked at.
	_, err := config.Patch(t.Context(), "small-1", types.MergePatchType, []byte(`{"data":{"value":"mine"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, soon, "drift is undone after many events", func() bool {
		m, err := config.Get(t.Context(), "small-1", metav1.GetOptions{})
		return err == nil && m.Data["value"] == "1"
	})
	runtime.ReadMemStats(&to)
	allocs := float64(to.Mallocs-from.Mallocs) / beats
	t.Logf("%.0f allocations and %.0f bytes for each event", allocs, float64(to.TotalAlloc-from.TotalAlloc)/beats)
	if allocs > eventAllocs {
		t.Errorf("%.0f allocations for each event that is no drift, more than %d", allocs, eventAllocs)
	}
	s, _ := l.Snapshot(enginelab.Key("small"))
	if s.State != engine.StateSynced {
		t.Errorf("after many events that are no drift, the App is %s: %s", s.State, s.Message)
	}
}

const argBeat = "beat"

// beat has another process change an annotation that is not ours, n times, on the objects of the App small.
func beat(t *testing.T, cp *cptest.ControlPlane, namespace string, n int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), self, argBeat, cp.Kubeconfig, namespace, strconv.Itoa(n)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func beatMain(args []string) error {
	config, err := clientcmd.BuildConfigFromFlags("", args[0])
	if err != nil {
		return err
	}
	config.QPS = -1
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	for i := range n {
		_, err := c.CoreV1().ConfigMaps(args[1]).Patch(context.Background(), fmt.Sprintf("small-%d", i%200), types.MergePatchType,
			fmt.Appendf(nil, `{"metadata":{"annotations":{"example.com/beat":"%d"}}}`, i), metav1.PatchOptions{FieldManager: "beat-controller"})
		if err != nil {
			return err
		}
	}
	return nil
}
