package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/controller"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/signin"
)

func secretsOf(t *testing.T, cp *cptest.ControlPlane) secrets {
	t.Helper()
	c, err := client.New(cp.EngineConfig(t), client.Options{Scheme: controller.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return secrets{c, cp.Namespace(t)}
}

// name is one that a Store is given.
func name(i int) string { return fmt.Sprintf("%040x", i) }

func TestAStoreKeepsSessions(t *testing.T) {
	cp := cptest.Shared(t)
	dir, err := signin.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	inSecrets := secretsOf(t, cp)
	for kind, store := range map[string]signin.Store{"files": dir, "secrets": inSecrets} {
		t.Run(kind, func(t *testing.T) { keepsSessions(t, store) })
	}
	left, err := cp.Client(t).CoreV1().Secrets(inSecrets.namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(left.Items) != 1 || left.Items[0].Type != sessionType {
		t.Errorf("%d Secrets are left, %v", len(left.Items), err)
	}
}

func keepsSessions(t *testing.T, store signin.Store) {
	ctx, now := t.Context(), time.Now()
	r := signin.Record{Sealed: []byte("sealed"), Until: now.Add(time.Hour)}
	if _, err := store.Get(ctx, name(1)); !errors.Is(err, signin.ErrGone) {
		t.Fatalf("what was never there: %v", err)
	}
	if err := store.Update(ctx, name(1), r); !errors.Is(err, signin.ErrGone) {
		t.Errorf("an update of what was never there: %v", err)
	}
	if err := store.Create(ctx, name(1), r); err != nil {
		t.Fatal(err)
	}
	r.Sealed = []byte("sealed anew")
	if err := store.Update(ctx, name(1), r); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Get(ctx, name(1)); err != nil || string(got.Sealed) != "sealed anew" || got.Until.Sub(r.Until).Abs() > time.Second {
		t.Errorf("%+v, %v", got, err)
	}
	var first atomic.Int32
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if err := store.Delete(ctx, name(1)); err == nil {
				first.Add(1)
			} else if !errors.Is(err, signin.ErrGone) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if first.Load() != 1 {
		t.Errorf("%d callers deleted it", first.Load())
	}
	if err := store.Update(ctx, name(1), r); !errors.Is(err, signin.ErrGone) {
		t.Errorf("an update brings back what was deleted: %v", err)
	}
	for i, until := range []time.Duration{-time.Minute, -time.Second, time.Minute} {
		if err := store.Create(ctx, name(10+i), signin.Record{Sealed: []byte("x"), Until: now.Add(until)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Sweep(ctx, now); err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{signin.ErrGone, signin.ErrGone, nil} {
		if _, err := store.Get(ctx, name(10+i)); !errors.Is(err, want) {
			t.Errorf("%d after the sweep: %v", i, err)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, isDir := store.(*signin.Dir); !isDir {
		if _, err := store.Get(ended, name(12)); err == nil || errors.Is(err, signin.ErrGone) {
			t.Errorf("a hub that was not asked: %v", err)
		}
	}
}
