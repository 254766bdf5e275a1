package drift

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/object"
)

var (
	noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	web  = object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
)

func TestFights(t *testing.T) {
	type take struct {
		after   time.Duration // since noon
		manager string
		yield   bool
	}
	tests := map[string][]take{
		"the third take within the window is a fight": {
			{0, "a", false}, {time.Minute, "a", false}, {2 * time.Minute, "a", true}},
		"slow changes are no fight": {
			{0, "a", false}, {4 * time.Minute, "a", false}, {8 * time.Minute, "a", false}, {12 * time.Minute, "a", false}},
		"different managers are no fight": {
			{0, "a", false}, {time.Second, "b", false}, {2 * time.Second, "c", false}, {3 * time.Second, "a", false}},
		"what is yielded stays so for an hour, then we try again": {
			{0, "a", false}, {1, "a", false}, {2, "a", true}, {59 * time.Minute, "a", true}, {61 * time.Minute, "a", false}},
		"a second fight is yielded for twice as long": {
			{0, "a", false}, {1, "a", false}, {2, "a", true},
			{61 * time.Minute, "a", false}, {62 * time.Minute, "a", false}, {63 * time.Minute, "a", true},
			{182 * time.Minute, "a", true}, {184 * time.Minute, "a", false}},
	}
	for name, takes := range tests {
		t.Run(name, func(t *testing.T) {
			f := NewFights()
			for i, k := range takes {
				at := noon.Add(k.after)
				d := f.Observe(web, ".spec.replicas", k.manager, at)
				if d.Yield != k.yield || d.Manager != k.manager || d.Field != ".spec.replicas" {
					t.Fatalf("take %d: %+v, want yield %v", i, d, k.yield)
				}
				if d.Yield && !d.Until.After(at) {
					t.Fatalf("take %d: yields until %v, which is past", i, d.Until)
				}
				if got := len(f.Yielded(web, at)) > 0; got != k.yield {
					t.Fatalf("take %d: Yielded says %v", i, got)
				}
			}
		})
	}
}

func TestAutoscalersAreYieldedAtOnce(t *testing.T) {
	f := NewFights()
	if d := f.Yield(web, ReplicasField, "kube-controller-manager", noon); !d.Yield || d.Count != 1 {
		t.Fatalf("%+v", d)
	}
	if d := f.Observe(web, ReplicasField, "kube-controller-manager", noon.Add(time.Minute)); !d.Yield {
		t.Fatalf("%+v", d)
	}
	f.Forget(web)
	if got := f.Yielded(web, noon); len(got) != 0 {
		t.Fatalf("after Forget: %+v", got)
	}
}

func TestWhoIsAnAutoscaler(t *testing.T) {
	replicas := []object.Change{{Path: ".spec.replicas", From: 3, To: 5}}
	tests := map[string]struct {
		culprit Culprit
		want    bool
	}{
		"the built-in autoscaler, through scale":       {Culprit{Manager: "kube-controller-manager", Sub: "scale", Fields: replicas}, true},
		"the controller manager by another way":        {Culprit{Manager: "kube-controller-manager", Fields: replicas}, false},
		"KEDA":                                         {Culprit{Manager: "keda-operator", Sub: "scale", Fields: replicas}, true},
		"KEDA without scale":                           {Culprit{Manager: "keda", Fields: replicas}, true},
		"a person who scales":                          {Culprit{Manager: "kubectl", Sub: "scale", Fields: replicas}, false},
		"an autoscaler that changed something besides": {Culprit{Manager: "keda", Fields: []object.Change{{Path: ".spec.paused"}}}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := AutoscalerOwns(tt.culprit); got != tt.want {
				t.Fatalf("got %v", got)
			}
		})
	}
}

func TestFightsForgetTheOldestWhenFull(t *testing.T) {
	f := NewFightsWith(FightOptions{Limit: 100})
	for i := range 1000 {
		f.Observe(object.ID{Kind: "ConfigMap", Namespace: "shop", Name: fmt.Sprint(i)}, ".data.a", "x", noon.Add(time.Duration(i)*time.Second))
	}
	if f.order.Len() != 100 || len(f.byID) != 100 {
		t.Fatalf("%d remembered, %d indexed", f.order.Len(), len(f.byID))
	}
}

func TestFightsNeverKeepMoreThanTheLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := NewFightsWith(FightOptions{Limit: 5, Retakes: 4})
		at := noon
		for range rapid.IntRange(1, 200).Draw(t, "takes") {
			at = at.Add(time.Duration(rapid.IntRange(0, 7200).Draw(t, "seconds")) * time.Second)
			id := object.ID{Kind: "ConfigMap", Name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")}
			d := f.Observe(id, rapid.SampledFrom([]string{".x", ".y", ".z"}).Draw(t, "field"), rapid.SampledFrom([]string{"m", "n"}).Draw(t, "manager"), at)
			if d.Count > 4 || d.Yield && d.Until.Sub(at) > 24*time.Hour {
				t.Fatalf("%+v", d)
			}
			indexed := 0
			for _, m := range f.byID {
				indexed += len(m)
			}
			if f.order.Len() > 5 || indexed != f.order.Len() {
				t.Fatalf("%d remembered, %d indexed", f.order.Len(), indexed)
			}
		}
	})
}
