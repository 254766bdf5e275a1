package controller

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/controller/app"
	"plumb.cd/plumb/internal/convert"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/install"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(cptest.Run(m))
}

// stub is an engine that remembers what it was told and says what a test wants.
type stub struct {
	mu    sync.Mutex
	apps  map[engine.Key][]engine.App
	gone  map[engine.Key]bool
	says  map[engine.Key]engine.Snapshot
	repos map[engine.Key][]engine.Repository
	looks map[engine.Key]engine.RepositorySnapshot
	hosts map[string][]engine.Target
	wake  *Wakers
}

func (s *stub) SetApp(a engine.App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[a.Key] = append(s.apps[a.Key], a)
	delete(s.gone, a.Key)
}

func (s *stub) ForgetApp(k engine.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone[k] = true
	delete(s.says, k)
}

func (s *stub) Snapshot(k engine.Key) (engine.Snapshot, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, ok := s.says[k]
	return out, ok
}

func (s *stub) SetRepository(r engine.Repository) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repos[r.Key] = append(s.repos[r.Key], r)
}
func (s *stub) ForgetRepository(k engine.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone[k] = true
}
func (s *stub) RepositorySnapshot(k engine.Key) (engine.RepositorySnapshot, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, ok := s.looks[k]
	return out, ok
}

func (s *stub) SetTarget(t engine.Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts[t.Name] = append(s.hosts[t.Name], t)
}
func (s *stub) ForgetTarget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone[engine.Key{Name: name}] = true
}
func (s *stub) TargetSnapshot(name string) (engine.TargetSnapshot, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return engine.TargetSnapshot{Name: name, Connected: true, Version: "v1.36.3", Since: began}, len(s.hosts[name]) > 0
}

// say has the engine say something new about an App.
func (s *stub) say(k engine.Key, snapshot engine.Snapshot) {
	s.mu.Lock()
	s.says[k] = snapshot
	s.mu.Unlock()
	s.wake.App(k)
}

func (s *stub) told(k engine.Key) []engine.App {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.apps[k])
}

func (s *stub) forgotten(k engine.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone[k]
}

var began = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

const soon = 15 * time.Second

// world is a manager with all controllers on a control plane.
type world struct {
	*stub
	hub       client.Client // straight to the API server
	ledger    *app.Ledger
	namespace string
}

var shared struct {
	once sync.Once
	err  error
	world
}

// setUp gives the world in a namespace of the test's own. The manager runs until the test binary ends.
func setUp(t *testing.T) world {
	t.Helper()
	cp := cptest.Shared(t)
	shared.once.Do(func() { shared.err = startAll(cp.Config(t)) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	w := shared.world
	w.namespace = cp.Namespace(t)
	return w
}

func (w world) key(name string) engine.Key { return engine.Key{Namespace: w.namespace, Name: name} }

func (w world) app(t *testing.T, name string) *v1alpha1.App {
	t.Helper()
	a := &v1alpha1.App{}
	if err := w.hub.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: name}, a); err != nil {
		t.Fatal(err)
	}
	return a
}

func (w world) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		o.SetNamespace(w.namespace)
		if err := w.hub.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

func newApp(name string) *v1alpha1.App {
	return &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.AppSpec{Source: &v1alpha1.Source{Repository: "main"}},
	}
}

func snapshot(state engine.State, reason fault.Reason) engine.Snapshot {
	return engine.Snapshot{Generation: 1, State: state, Reason: reason, Since: began, Message: "as told"}
}

// settles waits until nobody has written the object for a while, and gives its version.
func settles(t *testing.T, w world, name string) string {
	t.Helper()
	last, since := w.app(t, name).ResourceVersion, time.Now()
	cptest.Eventually(t, soon, "the App is left alone", func() bool {
		if rv := w.app(t, name).ResourceVersion; rv != last {
			last, since = rv, time.Now()
		}
		return time.Since(since) > 400*time.Millisecond
	})
	return last
}

func TestStatusIsWrittenOnceAndNotAgain(t *testing.T) {
	w := setUp(t)
	w.create(t, newApp("one"))
	k := w.key("one")
	cptest.Eventually(t, soon, "the engine hears of the App", func() bool { return len(w.told(k)) == 1 })
	before := settles(t, w, "one")
	w.say(k, snapshot(engine.StateSynced, fault.Synced))
	cptest.Eventually(t, soon, "the status is written", func() bool { return w.app(t, "one").Status.State == "Synced" })
	after := settles(t, w, "one")
	if after == before {
		t.Fatal("the version did not change with the status")
	}
	for range 50 {
		w.wake.App(k)
	}
	s := snapshot(engine.StateSynced, fault.Synced)
	s.Since = began.Add(time.Hour)
	w.say(k, s)
	if again := settles(t, w, "one"); again != after {
		t.Errorf("nothing changed, and the App was written again: %s, then %s", after, again)
	}
	if n := len(w.told(k)); n != 1 {
		t.Errorf("the engine was told %d times, want once", n)
	}
	got := w.app(t, "one")
	if c := got.Status.Conditions; len(c) != 3 || c[0].Type != "Ready" || c[0].Status != "True" || got.Status.ObservedGeneration != 1 {
		t.Errorf("conditions are %+v", c)
	}
}

func TestAttemptThatEndsAtOnceIsOneWrite(t *testing.T) {
	w := setUp(t)
	w.create(t, newApp("quick"))
	k := w.key("quick")
	cptest.Eventually(t, soon, "the engine hears of the App", func() bool { return len(w.told(k)) == 1 })
	watcher := watch(t, w, "quick")
	deploying := snapshot(engine.StateDeploying, fault.Progressing)
	deploying.Since = time.Now()
	w.say(k, deploying)
	w.say(k, snapshot(engine.StateSynced, fault.Synced))
	cptest.Eventually(t, soon, "the status is written", func() bool { return w.app(t, "quick").Status.State == "Synced" })
	settles(t, w, "quick")
	if states := watcher(); !slices.Equal(states, []string{"Synced"}) {
		t.Errorf("the status went through %v, want one write", states)
	}
}

func TestLongAttemptIsTold(t *testing.T) {
	w := setUp(t)
	w.create(t, newApp("long"))
	k := w.key("long")
	cptest.Eventually(t, soon, "the engine hears of the App", func() bool { return len(w.told(k)) == 1 })
	deploying := snapshot(engine.StateDeploying, fault.Progressing)
	deploying.Since = time.Now()
	deploying.Progress = &engine.Progress{Phase: "Main", Wave: 3, Groups: 2}
	w.say(k, deploying)
	cptest.Eventually(t, soon, "the attempt is told", func() bool {
		s := w.app(t, "long").Status
		return s.State == "Deploying" && s.Progress != nil && s.Progress.Wave == 3
	})
}

func TestMemoryAndStatusNeverLoseEachOther(t *testing.T) {
	w := setUp(t)
	w.create(t, newApp("memory"))
	k := w.key("memory")
	cptest.Eventually(t, soon, "the engine hears of the App", func() bool { return len(w.told(k)) == 1 })
	// The first memory comes before there is a status, and what a later one leaves out is gone.
	first := engine.Memory{LastRequest: "0", Attempt: &engine.Attempt{ID: "a", Hooks: map[string]string{"h1": "Started", "h2": "Started"}}}
	if err := w.ledger.SaveMemory(t.Context(), k, first); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 40 {
			s := snapshot(engine.StateWaiting, fault.AwaitingSync)
			s.Message = fmt.Sprint("message ", i)
			w.say(k, s)
		}
	})
	wg.Go(func() {
		for i := range 40 {
			m := engine.Memory{LastRequest: fmt.Sprint(i), Attempt: &engine.Attempt{ID: "a", Hooks: map[string]string{"h2": "Succeeded"}}}
			if err := w.ledger.SaveMemory(t.Context(), k, m); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	cptest.Eventually(t, soon, "both last words are in the status", func() bool {
		s := w.app(t, "memory").Status
		return s.Message == "message 39" && s.Memory != nil && strings.Contains(string(s.Memory.Raw), `"lastRequest":"39"`)
	})
	raw := string(w.app(t, "memory").Status.Memory.Raw)
	if strings.Contains(raw, "h1") || !strings.Contains(raw, `"h2":"Succeeded"`) {
		t.Errorf("the memory is %s", raw)
	}
}

func TestMemoryComesWithTheStatusInOneWrite(t *testing.T) {
	w := setUp(t)
	w.create(t, newApp("onewrite"))
	k := w.key("onewrite")
	cptest.Eventually(t, soon, "the engine hears of the App", func() bool { return len(w.told(k)) == 1 })
	before := settles(t, w, "onewrite")
	versions := w.versions(t, "onewrite", before)
	s := snapshot(engine.StateSynced, fault.Synced)
	s.Memory = engine.Memory{Version: 3, Attempt: &engine.Attempt{ID: "a", Outcome: "Succeeded"}}
	w.say(k, s)
	cptest.Eventually(t, soon, "both are in the status", func() bool {
		s := w.app(t, "onewrite").Status
		return s.State == "Synced" && s.Memory != nil && strings.Contains(string(s.Memory.Raw), "Succeeded")
	})
	// What the engine made durable itself is newer than the Snapshot that is on its way.
	if err := w.ledger.SaveMemory(t.Context(), k, engine.Memory{Version: 5, LastRequest: "5"}); err != nil {
		t.Fatal(err)
	}
	s.Message, s.Memory = "later", engine.Memory{Version: 4, LastRequest: "4"}
	w.say(k, s)
	cptest.Eventually(t, soon, "the message is told", func() bool { return w.app(t, "onewrite").Status.Message == "later" })
	if err := w.ledger.SaveMemory(t.Context(), k, engine.Memory{Version: 4, LastRequest: "4"}); err != nil {
		t.Fatal(err)
	}
	if raw := string(w.app(t, "onewrite").Status.Memory.Raw); !strings.Contains(raw, `"lastRequest":"5"`) {
		t.Errorf("an older memory went over a newer one: %s", raw)
	}
	if got := versions(); got != 4 {
		t.Errorf("%d writes, not one for the outcome with its memory, one for the finalizer, one for the memory, one for the message", got)
	}
}

// versions counts the states of an App after a version, as a watch shows them.
func (w world) versions(t *testing.T, name, after string) func() int {
	t.Helper()
	hub := w.hub.(client.WithWatch)
	events, err := hub.Watch(t.Context(), &v1alpha1.AppList{}, &client.ListOptions{
		Namespace: w.namespace, FieldSelector: fields.OneTermEqualSelector("metadata.name", name), Raw: &metav1.ListOptions{ResourceVersion: after},
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() int {
		last := w.app(t, name).ResourceVersion
		n := 0
		for e := range events.ResultChan() {
			n++
			if e.Object.(client.Object).GetResourceVersion() == last {
				break
			}
		}
		events.Stop()
		return n
	}
}

func TestMemoryOfAnUnknownAppIsRefused(t *testing.T) {
	w := setUp(t)
	if err := w.ledger.SaveMemory(t.Context(), w.key("nobody"), engine.Memory{LastRequest: "1"}); err == nil {
		t.Error("memory of an App that does not exist was stored")
	}
}

func TestEngineHearsOfWhatPeopleAskFor(t *testing.T) {
	w := setUp(t)
	w.create(t, newApp("asked"))
	k := w.key("asked")
	cptest.Eventually(t, soon, "the engine hears of the App", func() bool { return len(w.told(k)) == 1 })
	a := w.app(t, "asked")
	if controllerutil.ContainsFinalizer(a, v1alpha1.Finalizer) {
		t.Error("an App of which nothing was applied has the finalizer")
	}
	a.Annotations = map[string]string{v1alpha1.AnnotationSyncRequest: `{"id":"1"}`}
	if err := w.hub.Update(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, soon, "the request arrives", func() bool {
		told := w.told(k)
		r := told[len(told)-1].Request
		return r != nil && r.ID == "1"
	})
	a = w.app(t, "asked")
	a.Spec.Suspend = true
	if err := w.hub.Update(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, soon, "the spec arrives", func() bool {
		told := w.told(k)
		return told[len(told)-1].Suspend
	})
	a = w.app(t, "asked")
	a.Annotations["example.com/nobody"] = "cares"
	if err := w.hub.Update(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	settles(t, w, "asked")
	if n := len(w.told(k)); n != 3 {
		t.Errorf("the engine was told %d times, want 3", n)
	}
}

func TestAnAppIsKeptFromTheMomentThatItUsesSomething(t *testing.T) {
	w := setUp(t)
	w.create(t, newApp("uses"))
	k := w.key("uses")
	cptest.Eventually(t, soon, "the engine hears of the App", func() bool { return len(w.told(k)) == 1 })
	// Somebody changes it meanwhile, with a finalizer of their own: neither write loses the other's.
	a := w.app(t, "uses")
	a.Finalizers = []string{"example.com/theirs"}
	if err := w.hub.Update(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	targets := []engine.TargetUse{{Cluster: "in-cluster", Version: "v1", Kind: "ConfigMap", Namespaces: []string{"shop"}}}
	if err := w.ledger.SaveUses(t.Context(), k, engine.Memory{Version: 1, Targets: targets}); err != nil {
		t.Fatal(err)
	}
	a = w.app(t, "uses")
	if !controllerutil.ContainsFinalizer(a, v1alpha1.Finalizer) || !controllerutil.ContainsFinalizer(a, "example.com/theirs") {
		t.Errorf("the finalizers are %v", a.Finalizers)
	}
	if got := convert.App(a); got.Err != nil || !reflect.DeepEqual(got.Memory.Targets, targets) {
		t.Errorf("who meets it now knows %v (%v)", got.Memory.Targets, got.Err)
	}
	// The outcome brings the whole memory; what it uses is then known from there.
	s := snapshot(engine.StateSynced, fault.Synced)
	s.Memory = engine.Memory{Version: 2, Targets: targets[:0]}
	w.say(k, s)
	cptest.Eventually(t, soon, "the memory is in the status", func() bool { return w.app(t, "uses").Status.Memory != nil })
	if got := convert.App(w.app(t, "uses")); len(got.Memory.Targets) != 0 {
		t.Errorf("an old annotation counts more than the memory: %v", got.Memory.Targets)
	}
	// Somebody takes the finalizer off: it comes back.
	cptest.Eventually(t, soon, "the finalizer can be taken off", func() bool {
		a := w.app(t, "uses")
		a.Finalizers = []string{"example.com/theirs"}
		return w.hub.Update(t.Context(), a) == nil
	})
	cptest.Eventually(t, soon, "the finalizer is back", func() bool {
		return controllerutil.ContainsFinalizer(w.app(t, "uses"), v1alpha1.Finalizer)
	})
}

func TestDeletedAppStaysUntilItsObjectsAreGone(t *testing.T) {
	w := setUp(t)
	w.create(t, newApp("going"))
	k := w.key("going")
	cptest.Eventually(t, soon, "the engine hears of the App", func() bool { return len(w.told(k)) == 1 })
	if err := w.ledger.SaveUses(t.Context(), k, engine.Memory{Version: 1}); err != nil {
		t.Fatal(err)
	}
	if err := w.hub.Delete(t.Context(), w.app(t, "going")); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, soon, "the engine hears of the deletion", func() bool {
		told := w.told(k)
		return told[len(told)-1].Deleting
	})
	left := snapshot(engine.StateFailed, fault.DeletionBlocked)
	left.Left = []string{"Deployment.apps/shop/web: the cluster east does not answer"}
	w.say(k, left)
	cptest.Eventually(t, soon, "the status says what is left", func() bool { return len(w.app(t, "going").Status.Left) == 1 })
	left.Deleted = true
	w.say(k, left)
	cptest.Eventually(t, soon, "the App is gone", func() bool {
		err := w.hub.Get(t.Context(), types.NamespacedName(k), &v1alpha1.App{})
		return apierrors.IsNotFound(err)
	})
	cptest.Eventually(t, soon, "the engine forgets it", func() bool { return w.forgotten(k) })
}

func TestChangedSecretReachesTheEngineAtOnce(t *testing.T) {
	w := setUp(t)
	k := w.key("main")
	last := func() engine.Repository {
		w.mu.Lock()
		defer w.mu.Unlock()
		if list := w.repos[k]; len(list) > 0 {
			return list[len(list)-1]
		}
		return engine.Repository{}
	}
	w.create(t, &v1alpha1.Repository{
		ObjectMeta: metav1.ObjectMeta{Name: "main"},
		Spec:       v1alpha1.RepositorySpec{URL: "https://example.com/r.git", SecretRef: &v1alpha1.LocalSecret{Name: "login"}},
	})
	cptest.Eventually(t, soon, "the missing Secret is told", func() bool { return fault.Is(last().Err, fault.CredentialsMissing) })
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "login"}, StringData: map[string]string{"username": "ann", "password": "one"}}
	w.create(t, secret)
	cptest.Eventually(t, soon, "the Secret arrives", func() bool { return last().Err == nil && last().Auth.Password == "one" })
	secret.StringData = map[string]string{"password": "two"}
	if err := w.hub.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, soon, "the change arrives", func() bool { return last().Auth.Password == "two" })
	if last().Interval != time.Minute {
		t.Errorf("the interval is %v, want the default", last().Interval)
	}
	if err := w.hub.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, soon, "the deletion arrives", func() bool { return fault.Is(last().Err, fault.CredentialsMissing) })

	w.mu.Lock()
	w.looks[k] = engine.RepositorySnapshot{Key: k, Checked: began, Changed: began, Refs: map[string]string{"branch main": "1a2b"}, Apps: 2}
	w.mu.Unlock()
	w.wake.Repository(k)
	repo := &v1alpha1.Repository{}
	cptest.Eventually(t, soon, "the status is written", func() bool {
		return w.hub.Get(t.Context(), types.NamespacedName(k), repo) == nil && repo.Status.Reason == "Ready" && repo.Status.Apps == 2
	})
	if err := w.hub.Delete(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, soon, "the engine forgets the Repository", func() bool { return w.forgotten(k) })
}

func TestClusterFollowsItsSecret(t *testing.T) {
	w := setUp(t)
	name := cptest.Name(t)
	last := func() engine.Target {
		w.mu.Lock()
		defer w.mu.Unlock()
		if list := w.hosts[name]; len(list) > 0 {
			return list[len(list)-1]
		}
		return engine.Target{}
	}
	cluster := &v1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.ClusterSpec{Kubeconfig: &v1alpha1.KubeconfigSecret{Name: "k", Namespace: v1alpha1.Namespace(w.namespace)}},
	}
	if err := w.hub.Create(t.Context(), cluster); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, soon, "the missing Secret is told", func() bool { return fault.Is(last().Err, fault.CredentialsMissing) })
	w.create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "k"}, StringData: map[string]string{"kubeconfig": "x"}})
	cptest.Eventually(t, soon, "the kubeconfig arrives", func() bool { return string(last().Kubeconfig) == "x" })
	cptest.Eventually(t, soon, "the status is written", func() bool {
		err := w.hub.Get(t.Context(), client.ObjectKeyFromObject(cluster), cluster)
		return err == nil && cluster.Status.Version == "v1.36.3" && cluster.Status.Reason == "Ready"
	})
	if err := w.hub.Delete(t.Context(), cluster); err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, soon, "the engine forgets the Cluster", func() bool { return w.forgotten(engine.Key{Name: name}) })
}

// startAll installs the CRDs and runs a manager until the process ends.
func startAll(config *rest.Config) error {
	ctx := context.Background() // of the whole test binary
	hub, err := client.NewWithWatch(config, client.Options{Scheme: Scheme()})
	if err != nil {
		return err
	}
	if err := install.ApplyCRDs(ctx, hub); err != nil {
		return err
	}
	m, err := ctrl.NewManager(config, ctrl.Options{Scheme: Scheme(), Cache: Cache(), Metrics: server.Options{BindAddress: "0"}})
	if err != nil {
		return err
	}
	wake := &Wakers{}
	shared.world = world{hub: hub, ledger: app.NewLedger(hub, client.ObjectKey{Namespace: "default", Name: "uses"}), stub: &stub{
		apps: map[engine.Key][]engine.App{}, gone: map[engine.Key]bool{}, says: map[engine.Key]engine.Snapshot{},
		repos: map[engine.Key][]engine.Repository{}, looks: map[engine.Key]engine.RepositorySnapshot{}, hosts: map[string][]engine.Target{}, wake: wake,
	}}
	if err := Add(ctx, m, shared.stub, shared.ledger, wake, time.Now); err != nil {
		return err
	}
	go func() {
		if err := m.Start(ctx); err != nil && !errors.Is(err, context.Canceled) {
			panic(err)
		}
	}()
	if !m.GetCache().WaitForCacheSync(ctx) {
		return errors.New("the cache did not start")
	}
	return nil
}

// watch collects the states that the App's status goes through; the returned function stops and gives them.
func watch(t *testing.T, w world, name string) func() []string {
	t.Helper()
	list := &v1alpha1.AppList{}
	watcher, err := w.hub.(client.WithWatch).Watch(t.Context(), list, client.InNamespace(w.namespace), client.MatchingFields{"metadata.name": name})
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range watcher.ResultChan() {
			if a, ok := e.Object.(*v1alpha1.App); ok && a.Status.State != "" {
				states = append(states, a.Status.State)
			}
		}
	}()
	return func() []string {
		watcher.Stop()
		<-done
		return states
	}
}

func (s *stub) Expect() {}
func (s *stub) Listed() {}
