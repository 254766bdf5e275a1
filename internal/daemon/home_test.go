package daemon

import (
	"context"
	"testing"
	"time"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
)

func TestTheDaemonsOwnClusterStaysKnownWhenItsClusterResourceGoes(t *testing.T) {
	own := cptest.Shared(t).EngineConfig(t)
	e := engine.New(engine.Options{Now: time.Now, Connect: connector(own, cli.DaemonOptions{Installation: "plumb", Version: "test"})})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	at := func(name string) engine.TargetSnapshot {
		s, _ := e.TargetSnapshot(name)
		return s
	}
	h := home{e}
	h.SetTarget(engine.Target{Name: inCluster, Kubeconfig: []byte("no kubeconfig")}) // a Cluster named in-cluster
	h.SetTarget(engine.Target{Name: "other"})
	cptest.Eventually(t, patience, "the other cluster is connected, and the own one is not", func() bool {
		return at("other").Connected && at(inCluster).Err != nil
	})

	h.ForgetTarget(inCluster)
	cptest.Eventually(t, patience, "the own cluster is connected with the daemon's credentials", func() bool {
		return at(inCluster).Connected && at(inCluster).Err == nil
	})
	if !at("other").Connected {
		t.Error("the other cluster went with it")
	}

	h.ForgetTarget("other")
	if at("other").Connected {
		t.Error("a forgotten cluster is still connected")
	}
	if !at(inCluster).Connected {
		t.Error("the own cluster was forgotten with another")
	}
}
