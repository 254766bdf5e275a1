package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/cptest"
)

const uses = `[{"cluster":"in-cluster","version":"v1","kind":"ConfigMap","namespaces":["a"]}]`

func all(types.UID) bool { return true }

func coreClient(t *testing.T, c *rest.Config) client.Client {
	t.Helper()
	out, err := client.New(c, client.Options{Scheme: clientgoscheme.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func loaded(t *testing.T, hub client.Client, key client.ObjectKey, exists func(types.UID) bool) *register {
	t.Helper()
	r := newRegister(hub, key)
	if err := r.load(t.Context(), exists); err != nil {
		t.Fatal(err)
	}
	return r
}

func inRegister(t *testing.T, hub client.Client, key client.ObjectKey) map[types.UID]json.RawMessage {
	t.Helper()
	r := newRegister(hub, key)
	stored, _, err := r.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// writes counts what goes to the API server.
type writes struct {
	client.Client
	n atomic.Int64
}

func (w *writes) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	w.n.Add(1)
	return w.Client.Create(ctx, o, opts...)
}

func (w *writes) Update(ctx context.Context, o client.Object, opts ...client.UpdateOption) error {
	w.n.Add(1)
	return w.Client.Update(ctx, o, opts...)
}

func TestAppsThatBeginTogetherShareAWrite(t *testing.T) {
	cp := cptest.Shared(t)
	hub := &writes{Client: coreClient(t, cp.Config(t))}
	key := client.ObjectKey{Namespace: cp.Namespace(t), Name: "uses"}
	r := loaded(t, hub, key, all)
	const apps = 400
	var all sync.WaitGroup
	for i := range apps {
		all.Go(func() {
			uid := types.UID(fmt.Sprintf("uid-%d", i))
			if err := r.add(t.Context(), uid, json.RawMessage(uses)); err != nil {
				t.Error(err)
			}
			if i%100 == 0 && inRegister(t, hub, key)[uid] == nil {
				t.Errorf("%s is said to be stored and is not", uid)
			}
		})
	}
	all.Wait()
	if got := len(inRegister(t, hub, key)); got != apps {
		t.Errorf("%d of %d are stored", got, apps)
	}
	if n := hub.n.Load(); n > apps/4 {
		t.Errorf("%d writes for %d Apps", n, apps)
	}
}

func TestTheRegisterOutlivesTheProcess(t *testing.T) {
	cp := cptest.Shared(t)
	hub, key := coreClient(t, cp.Config(t)), client.ObjectKey{Namespace: cp.Namespace(t), Name: "uses"}
	r := loaded(t, hub, key, all)
	for _, uid := range []types.UID{"kept", "gone", "done"} {
		if err := r.add(t.Context(), uid, json.RawMessage(uses)); err != nil {
			t.Fatal(err)
		}
	}
	r.drop("done")
	again := loaded(t, hub, key, func(uid types.UID) bool { return uid != "gone" })
	if string(again.of("kept")) != uses || again.of("gone") != nil {
		t.Errorf("after a restart: %s, %s", again.of("kept"), again.of("gone"))
	}
	again.drop("done")
	if err := again.add(t.Context(), "new", json.RawMessage(uses)); err != nil {
		t.Fatal(err)
	}
	if got := inRegister(t, hub, key); len(got) != 2 || got["kept"] == nil || got["new"] == nil {
		t.Errorf("stored is %v", got)
	}
}

func TestWhatAnotherDaemonEnteredStays(t *testing.T) {
	cp := cptest.Shared(t)
	hub, key := coreClient(t, cp.Config(t)), client.ObjectKey{Namespace: cp.Namespace(t), Name: "uses"}
	one, two := loaded(t, hub, key, all), loaded(t, hub, key, all)
	for i, r := range []*register{one, two, one} {
		if err := r.add(t.Context(), types.UID(fmt.Sprint("uid-", i)), json.RawMessage(uses)); err != nil {
			t.Fatal(err)
		}
	}
	if got := inRegister(t, hub, key); len(got) != 3 {
		t.Errorf("stored is %v", got)
	}
	if err := hub.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}); err != nil {
		t.Fatal(err)
	}
	if err := one.add(t.Context(), "uid-3", json.RawMessage(uses)); err != nil {
		t.Fatal(err)
	}
	if got := inRegister(t, hub, key); got["uid-0"] == nil || got["uid-2"] == nil || got["uid-3"] == nil {
		t.Errorf("after somebody deleted it, stored is %v", got)
	}
}

func TestWhereTheRegisterCannotBeUsedThereIsAnotherPlace(t *testing.T) {
	cp := cptest.Shared(t)
	admin, here := coreClient(t, cp.Config(t)), cp.Namespace(t)
	nobody := cp.Config(t)
	nobody.Impersonate = rest.ImpersonationConfig{UserName: "nobody"}
	full := loaded(t, admin, client.ObjectKey{Namespace: here, Name: "full"}, all)
	if err := full.add(t.Context(), "much", json.RawMessage(`"`+strings.Repeat("x", registerLimit-10)+`"`)); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*register{
		"not read yet":           newRegister(admin, client.ObjectKey{Namespace: here, Name: "uses"}),
		"no such namespace":      loaded(t, admin, client.ObjectKey{Namespace: "there-is-none", Name: "uses"}, all),
		"no right to ConfigMaps": loaded(t, coreClient(t, nobody), client.ObjectKey{Namespace: here, Name: "uses"}, all),
		"full":                   full,
	} {
		if err := r.add(t.Context(), "uid", json.RawMessage(uses)); err != errNoRegister { //nolint:errorlint // it is never wrapped
			t.Errorf("%s: %v", name, err)
		}
	}
	full.drop("much")
	if err := full.add(t.Context(), "uid", json.RawMessage(uses)); err != nil {
		t.Errorf("after room was made: %v", err)
	}
}

func TestADamagedRegisterStopsRatherThanForgets(t *testing.T) {
	cp := cptest.Shared(t)
	hub, key := coreClient(t, cp.Config(t)), client.ObjectKey{Namespace: cp.Namespace(t), Name: "uses"}
	damaged := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}, Data: map[string]string{registerData: "{"}}
	if err := hub.Create(t.Context(), damaged); err != nil {
		t.Fatal(err)
	}
	err := newRegister(hub, key).load(t.Context(), all)
	if err == nil || !strings.Contains(err.Error(), key.String()) || !strings.Contains(err.Error(), "correct or delete it") {
		t.Errorf("loading it: %v", err)
	}
	if apierrors.IsNotFound(err) {
		t.Error("it counts as missing")
	}
}
