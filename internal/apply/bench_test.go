package apply_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.cd/plumb/internal/apply"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

const perRound = 500

// BenchmarkApply applies 500 ConfigMaps, as a plan and as a bare loop of client-go with as many workers, on the same API
// server.
func BenchmarkApply(b *testing.B) {
	w := newWorld(b)
	objects := func(round int) []*unstructured.Unstructured {
		out := make([]*unstructured.Unstructured, perRound)
		for i := range out {
			u := &unstructured.Unstructured{Object: map[string]any{"data": map[string]any{"round": fmt.Sprint(round)}}}
			u.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"})
			u.SetNamespace(w.ns)
			u.SetName(fmt.Sprintf("round-%d-%d", round, i))
			shop.Stamp(u)
			out[i] = u
		}
		return out
	}
	var round atomic.Int32
	b.Run("plan", func(b *testing.B) {
		for b.Loop() {
			desired := map[object.ID]plan.Desired{}
			var steps []plan.Step
			for _, u := range objects(int(round.Add(1))) {
				id := object.Of(u)
				desired[id] = plan.Desired{ID: id, Object: u}
				steps = append(steps, plan.Step{Action: plan.Create, ID: id, Kind: u.GroupVersionKind()})
			}
			x := apply.New(w.plan(w.group(plan.Main, steps...)), desired, w.deps(), nil)
			if s := x.Advance(b.Context(), time.Now()); !s.Done || s.Failed != nil {
				b.Fatalf("%+v", s)
			}
		}
		b.ReportMetric(float64(b.N*perRound)/b.Elapsed().Seconds(), "objects/s")
	})
	b.Run("raw", func(b *testing.B) {
		client, err := dynamic.NewForConfig(cptest.Shared(b).EngineConfig(b))
		if err != nil {
			b.Fatal(err)
		}
		maps := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(w.ns)
		force := true
		for b.Loop() {
			work := make(chan *unstructured.Unstructured)
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() {
					for u := range work {
						body, err := u.MarshalJSON()
						if err == nil {
							_, err = maps.Patch(b.Context(), u.GetName(), types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: "raw", Force: &force})
						}
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			for _, u := range objects(int(round.Add(1))) {
				work <- u
			}
			close(work)
			all.Wait()
		}
		b.ReportMetric(float64(b.N*perRound)/b.Elapsed().Seconds(), "objects/s")
	})
}
