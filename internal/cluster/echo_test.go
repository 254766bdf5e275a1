package cluster_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/object"
)

// knower is a sink that says it knows all objects whose names begin with "known".
type knower struct{ *recorder }

func (k knower) Knows(gvk schema.GroupVersionKind, namespace, name, uid, version string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if gvk != configMaps || uid == "" || version == "" {
		k.events = append(k.events, "asked about nothing")
	}
	k.events = append(k.events, "Asked "+namespace+"/"+name)
	return strings.HasPrefix(name, "known")
}

func TestWhatASinkKnowsIsNotToldAgainButInAListAndWhenItGoes(t *testing.T) {
	cp := cptest.Shared(t)
	ns := cp.Namespace(t)
	direct := connect(t, cp.EngineConfig(t))
	line, rc := newCable(t, cp.EngineConfig(t))
	c := connect(t, rc)
	r := newRecorder()
	apply(t, direct, owned(configMap(ns, "known-before", "a")))
	var _ cluster.Knower = knower{r}
	c.EnsureWatch(configMaps, knower{r})
	if err := c.WaitSynced(t.Context(), configMaps); err != nil {
		t.Fatal(err)
	}
	apply(t, direct, owned(configMap(ns, "known", "a")))
	apply(t, direct, owned(configMap(ns, "known-before", "b")))
	apply(t, direct, owned(configMap(ns, "new", "a")))
	cptest.Eventually(t, patience, "what is not known is told", func() bool { return r.count("Added ConfigMap/"+ns+"/new") == 1 })
	gone := apply(t, direct, owned(configMap(ns, "known", "b")))
	line.sever()
	cptest.Eventually(t, patience, "the loss is told", func() bool { return !c.Synced(configMaps) })
	line.mend()
	if err := direct.Delete(t.Context(), configMaps, object.Of(gone), object.Preconditions{Owner: shop}); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, patience, "what goes is told", func() bool { return r.count("Deleted ConfigMap/"+ns+"/known") == 1 })
	for event, want := range map[string]int{
		"Added ConfigMap/" + ns + "/known-before": 1, "Modified ConfigMap/" + ns + "/known-before": 0,
		"Added ConfigMap/" + ns + "/known": 0, "Modified ConfigMap/" + ns + "/known": 0, "asked about nothing": 0,
		"Added ConfigMap/" + ns + "/new": 1, "Asked " + ns + "/known-before": 1,
	} {
		if got := r.count(event); got != want {
			t.Errorf("%s: %d times, want %d", event, got, want)
		}
	}
}
