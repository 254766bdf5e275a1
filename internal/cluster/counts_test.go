package cluster_test

import (
	"testing"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/object"
)

func TestRequestsAreCountedByVerbAndCode(t *testing.T) {
	c, ns := shared(t)
	before := c.Counts()
	apply(t, c, configMap(ns, "one", "a"))
	if _, err := c.Apply(t.Context(), configMap(ns, "one", "b"), object.WriteOptions{Force: true, DryRun: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(t.Context(), configMap(ns, "one", "b"), object.WriteOptions{}); err == nil {
		t.Fatal("it was created twice")
	}
	if _, err := c.Get(t.Context(), configMaps, object.Of(configMap(ns, "none", ""))); err == nil {
		t.Fatal("what is not there was read")
	}
	w := c.EnsureWatch(configMaps, newRecorder())
	if err := w.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[cluster.RequestKind]int64{
		{Verb: "apply", Code: "201"}: 1, {Verb: "dry-run", Code: "200"}: 1, {Verb: "apply", Code: "409"}: 1, {Verb: "get", Code: "404"}: 1,
	} {
		if got := c.Counts().Requests[kind] - before.Requests[kind]; got != want {
			t.Errorf("%s %s: %d, want %d (of %v)", kind.Verb, kind.Code, got, want, c.Counts().Requests)
		}
	}
	watched := cluster.RequestKind{Verb: "watch", Code: "200"} // the connection's own watches of kinds may begin meanwhile
	if got := c.Counts().Requests[watched] - before.Requests[watched]; got < 1 {
		t.Errorf("%d watches, want one at least", got)
	}
}

func TestRequestsThatGetNoAnswerAndWatchesThatAreLostAreCounted(t *testing.T) {
	cp := cptest.Shared(t)
	line, rc := newCable(t, cp.EngineConfig(t))
	c := connect(t, rc)
	w := c.EnsureWatch(configMaps, newRecorder())
	if err := w.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	line.sever()
	cptest.Eventually(t, patience, "a watch is lost, and its tries get no answer", func() bool {
		n := c.Counts()
		return n.Lost > 0 && n.Requests[cluster.RequestKind{Verb: "watch", Code: "none"}] > 0
	})
}
