package app

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/convert"
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
	l, key := NewLedger(hub, client.ObjectKey{Namespace: app.Namespace, Name: "uses"}), engine.Key{Namespace: app.Namespace, Name: app.Name}
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
	l, key := NewLedger(nil, client.ObjectKey{}), engine.Key{Name: "a"}
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

func TestWhatAnAppUsesIsWrittenWhereItIsLookedFor(t *testing.T) {
	cp := cptest.Shared(t)
	s := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(s), corev1.AddToScheme(s)); err != nil {
		t.Fatal(err)
	}
	hub, err := client.New(cp.Config(t), client.Options{Scheme: s})
	if err != nil {
		t.Fatal(err)
	}
	if err := install.ApplyCRDs(t.Context(), hub); err != nil {
		t.Fatal(err)
	}
	namespace := cp.Namespace(t)
	uses := engine.Memory{Targets: []engine.TargetUse{{Cluster: "in-cluster", Version: "v1", Kind: "ConfigMap", Namespaces: []string{"a"}}}, Version: 1}
	for name, test := range map[string]struct {
		finalizers []string
		memory     string
		want       string
	}{
		"born-with-the-finalizer":    {finalizers: []string{v1alpha1.Finalizer}, want: "register"},
		"born-without":               {want: "annotation"},
		"with-a-memory":              {finalizers: []string{v1alpha1.Finalizer}, memory: `{"lastRequest":"1"}`, want: "memory"},
		"with-a-memory-and-unmoored": {memory: `{"lastRequest":"1"}`, want: "memory"},
	} {
		t.Run(name, func(t *testing.T) {
			app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Finalizers: test.finalizers}}
			app.Spec.Source = &v1alpha1.Source{Repository: "main"}
			if err := hub.Create(t.Context(), app); err != nil {
				t.Fatal(err)
			}
			if test.memory != "" {
				app.Status.Memory = &runtime.RawExtension{Raw: []byte(test.memory)}
				if err := hub.Status().Update(t.Context(), app); err != nil {
					t.Fatal(err)
				}
			}
			key := engine.Key{Namespace: namespace, Name: name}
			process := func() *Ledger {
				l := NewLedger(hub, client.ObjectKey{Namespace: namespace, Name: "uses"})
				if err := l.Begin(t.Context(), func(types.UID) bool { return true }); err != nil {
					t.Fatal(err)
				}
				l.remember(key, app)
				return l
			}
			if err := process().SaveUses(t.Context(), key, uses); err != nil {
				t.Fatal(err)
			}
			if err := hub.Get(t.Context(), client.ObjectKeyFromObject(app), app); err != nil {
				t.Fatal(err)
			}
			if len(app.Finalizers) != 1 {
				t.Errorf("the finalizers are %v", app.Finalizers)
			}
			again := process()
			got := map[string]bool{
				"register": entered(t, again, app), "annotation": app.Annotations[v1alpha1.AnnotationUses] != "",
				"memory": app.Status.Memory != nil && strings.Contains(string(app.Status.Memory.Raw), "ConfigMap"),
			}
			if !got[test.want] || got["register"] != (test.want == "register") {
				t.Errorf("wanted in the %s: %v", test.want, got)
			}
			spec := convert.App(app)
			if err := again.recall(app, &spec); err != nil {
				t.Fatal(err)
			}
			if len(spec.Memory.Targets) != 1 || spec.Memory.Targets[0].Kind != "ConfigMap" {
				t.Errorf("after a restart the engine is told of %v", spec.Memory.Targets)
			}
			if err := again.SaveMemory(t.Context(), key, uses); err != nil {
				t.Fatal(err)
			}
			if entered(t, again, app) {
				t.Error("it stays in the register although it has a memory")
			}
		})
	}
}

func entered(t *testing.T, l *Ledger, app *v1alpha1.App) bool {
	t.Helper()
	uses, err := l.register.of(app.UID)
	if err != nil {
		t.Fatal(err)
	}
	return uses != nil
}
