package app

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/install"
)

func TestMain(m *testing.M) { cptest.Main(m) }

func TestMemoryNeverGoesToAnotherAppOfTheSameName(t *testing.T) {
	cp := cptest.Shared(t)
	s := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	hub, err := client.New(cp.Config(t), client.Options{Scheme: s})
	if err != nil {
		t.Fatal(err)
	}
	if err := install.ApplyCRDs(t.Context(), hub); err != nil {
		t.Fatal(err)
	}
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: cp.Namespace(t), Name: "shop"}}
	app.Spec.Source = &v1alpha1.Source{Repository: "main"}
	if err := hub.Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	l, key := NewLedger(hub), engine.Key{Namespace: app.Namespace, Name: app.Name}
	memory := engine.Memory{LastRequest: "1"}
	for name, withStatus := range map[string]bool{"without a status": false, "with a status": true} {
		if withStatus {
			app.Status.State = "Synced"
			if err := hub.Status().Update(t.Context(), app); err != nil {
				t.Fatal(err)
			}
		}
		before := app.DeepCopy()
		before.UID = "00000000-0000-0000-0000-000000000000"
		l.remember(key, before)
		if err := l.SaveMemory(t.Context(), key, memory); err == nil {
			t.Errorf("%s: memory of the App that was there before was stored", name)
		}
		if err := hub.Get(t.Context(), client.ObjectKeyFromObject(app), app); err != nil {
			t.Fatal(err)
		}
		if app.Status.Memory != nil {
			t.Fatalf("%s: memory is %s", name, app.Status.Memory.Raw)
		}
	}
	l.remember(key, app)
	for range 2 {
		if err := l.SaveMemory(t.Context(), key, memory); err != nil {
			t.Fatal(err)
		}
	}
	if err := hub.Get(t.Context(), client.ObjectKeyFromObject(app), app); err != nil {
		t.Fatal(err)
	}
	if app.Status.Memory == nil || app.Status.State != "Synced" {
		t.Errorf("the status is %+v", app.Status)
	}
}

func TestStatusThatTheCacheHasNotSeenIsRemembered(t *testing.T) {
	l, key := NewLedger(nil), engine.Key{Name: "a"}
	l.wrote(key, "200", v1alpha1.AppStatus{State: "Synced"}, 0, metav1.Now().Time)
	if got := l.newerStatus(key, "199"); got == nil || got.State != "Synced" {
		t.Errorf("with an older cache: %v", got)
	}
	if got := l.newerStatus(key, "200"); got != nil {
		t.Errorf("with the cache caught up: %v", got)
	}
	if got := l.newerStatus(key, "199"); got != nil {
		t.Errorf("it is kept although the cache had caught up: %v", got)
	}
}
