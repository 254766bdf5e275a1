package app

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
)

var uses = []engine.TargetUse{{Cluster: "in-cluster", Version: "v1", Kind: "ConfigMap", Namespaces: []string{"a"}}}

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

func inRegister(t *testing.T, hub client.Client, key client.ObjectKey) map[types.UID]inUse {
	t.Helper()
	r := newRegister(hub, key)
	stored, _, err := r.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func has(uses map[types.UID]inUse, uid types.UID) bool {
	_, ok := uses[uid]
	return ok
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
			if err := r.add(t.Context(), uid, uses); err != nil {
				t.Error(err)
			}
			if i%100 == 0 && !has(inRegister(t, hub, key), uid) {
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
		if err := r.add(t.Context(), uid, uses); err != nil {
			t.Fatal(err)
		}
	}
	r.drop("done")
	again := loaded(t, hub, key, func(uid types.UID) bool { return uid != "gone" })
	if kept, err := again.of("kept"); err != nil || !reflect.DeepEqual(kept, uses) {
		t.Errorf("after a restart: %v, %v", kept, err)
	}
	if gone, err := again.of("gone"); err != nil || gone != nil {
		t.Errorf("of an App that is no more: %v, %v", gone, err)
	}
	again.drop("done")
	if err := again.add(t.Context(), "new", uses); err != nil {
		t.Fatal(err)
	}
	if got := inRegister(t, hub, key); len(got) != 2 || !has(got, "kept") || !has(got, "new") {
		t.Errorf("stored is %v", got)
	}
}

func TestWhatAnotherDaemonEnteredStays(t *testing.T) {
	cp := cptest.Shared(t)
	hub, key := coreClient(t, cp.Config(t)), client.ObjectKey{Namespace: cp.Namespace(t), Name: "uses"}
	one, two := loaded(t, hub, key, all), loaded(t, hub, key, all)
	for i, r := range []*register{one, two, two, one} { // the second write of two meets nobody's
		if err := r.add(t.Context(), types.UID(fmt.Sprint("uid-", i)), uses); err != nil {
			t.Fatal(err)
		}
	}
	if got := inRegister(t, hub, key); len(got) != 4 {
		t.Errorf("stored is %v", got)
	}
	if err := hub.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}); err != nil {
		t.Fatal(err)
	}
	if err := one.add(t.Context(), "uid-4", uses); err != nil {
		t.Fatal(err)
	}
	if got := inRegister(t, hub, key); !has(got, "uid-0") || !has(got, "uid-2") || !has(got, "uid-3") || !has(got, "uid-4") {
		t.Errorf("after somebody deleted it, stored is %v", got)
	}
}

func TestWhereTheRegisterCannotBeUsedThereIsAnotherPlace(t *testing.T) {
	cp := cptest.Shared(t)
	admin, here := coreClient(t, cp.Config(t)), cp.Namespace(t)
	nobody := cp.Config(t)
	nobody.Impersonate = rest.ImpersonationConfig{UserName: "nobody"}
	full := loaded(t, admin, client.ObjectKey{Namespace: here, Name: "full"}, all)
	if err := full.add(t.Context(), "much", []engine.TargetUse{{Kind: "Much", Namespaces: []string{strings.Repeat("x", registerLimit-100)}}}); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*register{
		"not read yet":           newRegister(admin, client.ObjectKey{Namespace: here, Name: "uses"}),
		"no such namespace":      loaded(t, admin, client.ObjectKey{Namespace: "there-is-none", Name: "uses"}, all),
		"no right to ConfigMaps": loaded(t, coreClient(t, nobody), client.ObjectKey{Namespace: here, Name: "uses"}, all),
		"full":                   full,
	} {
		if err := r.add(t.Context(), "uid", uses); err != errNoRegister { //nolint:errorlint // it is never wrapped
			t.Errorf("%s: %v", name, err)
		}
	}
	full.drop("much")
	if err := full.add(t.Context(), "uid", uses); err != nil {
		t.Errorf("after room was made: %v", err)
	}
}

func TestADamagedRegisterStopsRatherThanForgets(t *testing.T) {
	cp := cptest.Shared(t)
	hub, namespace := coreClient(t, cp.Config(t)), cp.Namespace(t)
	for name, text := range map[string]string{
		"no-json":         "{",
		"no-such-kinds":   `{"kinds":[],"apps":{"uid":{"kinds":0}}}`,
		"kinds-below-0":   `{"kinds":[[]],"apps":{"uid":{"kinds":-1}}}`,
		"too-many-spaces": `{"kinds":[[{"kind":"A"}]],"apps":{"uid":{"kinds":0,"each":[["a"],["b"]]}}}`,
	} {
		key := client.ObjectKey{Namespace: namespace, Name: name}
		damaged := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}, Data: map[string]string{registerData: text}}
		if err := hub.Create(t.Context(), damaged); err != nil {
			t.Fatal(err)
		}
		err := newRegister(hub, key).load(t.Context(), all)
		if err == nil || !strings.Contains(err.Error(), key.String()) || !strings.Contains(err.Error(), "correct or delete it") {
			t.Errorf("%s: loading it: %v", name, err)
		}
	}
}

func TestWhatManyAppsUseIsStoredInFewBytes(t *testing.T) {
	at := func(namespace string, kinds ...string) []engine.TargetUse {
		var out []engine.TargetUse
		for _, k := range kinds {
			out = append(out, engine.TargetUse{Cluster: "in-cluster", Group: "apps", Version: "v1", Kind: k, Namespaces: []string{namespace}})
		}
		return out
	}
	const apps = 1000
	want, entered := map[types.UID][]engine.TargetUse{}, map[types.UID]inUse{}
	for i := range apps {
		uid := types.UID(fmt.Sprintf("7094c6ca-76b9-4a6c-b3f1-%012d", i))
		want[uid] = at(fmt.Sprint("team-", i), "ConfigMap", "Deployment", "Service", "ServiceAccount")
		if i%10 == 0 { // kinds without a namespace
			want[uid] = append(want[uid], engine.TargetUse{Cluster: "in-cluster", Version: "v1", Kind: "Namespace"})
		}
	}
	want["none"] = nil
	sizes := 0
	for uid, targets := range want {
		u, err := usedBy(targets)
		if err != nil {
			t.Fatal(err)
		}
		entered[uid] = u
		sizes += u.size
	}
	text, err := encode(entered)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 100*apps || sizes > 120*apps || len(text) > sizes+1024 {
		t.Errorf("%d Apps take %d bytes, counted as %d", apps, len(text), sizes)
	}
	if again, err := encode(entered); err != nil || string(again) != string(text) {
		t.Error("the same uses give another text")
	}
	got, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	for uid, targets := range want {
		back, err := got[uid].targets()
		if err != nil || len(back)+len(targets) > 0 && !reflect.DeepEqual(back, targets) {
			t.Fatalf("%s: %v, %v; want %v", uid, back, err, targets)
		}
	}
}
