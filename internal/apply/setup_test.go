package apply_test

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/apply"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

func TestMain(m *testing.M) { cptest.Main(m) }

const patience = 40 * time.Second

var shop = object.Owner{Installation: "main", Namespace: "apps", Name: "shop"}

// world is a namespace of a real cluster, watched, with a journal that keeps what it is told.
type world struct {
	t       testing.TB
	c       *cluster.Cluster
	ns      string
	attempt string

	mu      sync.Mutex
	wake    chan struct{}
	status  map[object.ID]health.Status
	version map[object.ID]int64 // that status is of
	deleted map[object.ID]bool
	started map[string]bool
	ended   map[string]apply.HookOutcome
	applied []object.ID
	pruned  []object.ID
}

func newWorld(t testing.TB) *world {
	t.Helper()
	cp := cptest.Shared(t)
	c, err := cluster.Connect(t.Context(), cluster.Config{RESTConfig: cp.EngineConfig(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &world{t: t, c: c, ns: cp.Namespace(t), attempt: "one", wake: make(chan struct{}, 1),
		status: map[object.ID]health.Status{}, version: map[object.ID]int64{}, deleted: map[object.ID]bool{},
		started: map[string]bool{}, ended: map[string]apply.HookOutcome{}}
}

func (w *world) note(f func()) {
	w.mu.Lock()
	f()
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// As a cluster.Sink.
func (w *world) Event(k cluster.EventKind, u *unstructured.Unstructured) {
	id := object.Of(u)
	w.note(func() {
		if w.deleted[id] = k == cluster.Deleted; w.deleted[id] {
			delete(w.status, id)
			return
		}
		w.saw(id, u)
	})
}

// saw files an object, unless a newer state of it is known: an answer may be read after the event that followed it. w.mu is held.
func (w *world) saw(id object.ID, u *unstructured.Unstructured) {
	version, err := strconv.ParseInt(u.GetResourceVersion(), 10, 64)
	if err == nil && version < w.version[id] {
		return
	}
	w.version[id], w.status[id] = version, health.Compute(u, time.Now(), nil)
}

func (w *world) Synced(schema.GroupVersionKind)      {}
func (w *world) Lost(schema.GroupVersionKind, error) {}

// As an apply.Observer.
func (w *world) Health(id object.ID) (health.Status, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.status[id]
	return s, ok
}

func (w *world) Gone(id object.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.deleted[id]
}

// As an apply.Journal.
func (w *world) HookStarted(_ context.Context, key string) error {
	w.note(func() { w.started[key] = true })
	return nil
}

func (w *world) HookEnded(_ context.Context, key string, o apply.HookOutcome) error {
	w.note(func() { w.ended[key] = o })
	return nil
}

func (w *world) Applied(s plan.Step, answer *unstructured.Unstructured) {
	w.note(func() {
		w.applied = append(w.applied, s.ID)
		w.deleted[s.ID] = false
		w.saw(s.ID, answer)
	})
}

func (w *world) Pruned(s plan.Step) { w.note(func() { w.pruned = append(w.pruned, s.ID) }) }

// parse reads a YAML document; $NS stands for the namespace.
func (w *world) parse(text string) *unstructured.Unstructured {
	w.t.Helper()
	data, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(text, "$NS", w.ns)))
	if err != nil {
		w.t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(data, &u.Object); err != nil {
		w.t.Fatal(err)
	}
	if namespaced, known := w.c.Scope(u.GroupVersionKind()); u.GetNamespace() == "" && (namespaced || !known) {
		u.SetNamespace(w.ns)
	}
	return u
}

// set parses the documents (separated by ---) into a desired set of the App.
func (w *world) set(text string) map[object.ID]plan.Desired {
	w.t.Helper()
	out := map[object.ID]plan.Desired{}
	for doc := range strings.SplitSeq(text, "\n---\n") {
		u := w.parse(doc)
		shop.Stamp(u)
		out[object.Of(u)] = plan.Desired{ID: object.Of(u), Object: u}
	}
	return out
}

func (w *world) kindOf(id object.ID) schema.GroupVersionKind {
	gvk, ok := w.c.Preferred(id.GroupKind())
	if !ok {
		gvk = schema.GroupVersionKind{Group: id.Group, Version: "v1", Kind: id.Kind}
	}
	return gvk
}

func (w *world) id(kindAndName string) object.ID {
	w.t.Helper()
	kind, name, _ := strings.Cut(kindAndName, "/")
	id, err := object.ParseID(kind + "/" + w.ns + "/" + name)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// steps makes a group of one action for the objects named "Kind.group/name".
func (w *world) steps(a plan.Action, names ...string) []plan.Step {
	var out []plan.Step
	for _, n := range names {
		id := w.id(n)
		out = append(out, plan.Step{Action: a, ID: id, Kind: w.kindOf(id)})
	}
	return out
}

func (w *world) group(phase plan.Phase, steps ...plan.Step) plan.Group {
	g := plan.Group{Phase: phase, Steps: steps}
	for _, s := range steps {
		g.Await = append(g.Await, s.ID)
	}
	return g
}

func (w *world) plan(groups ...plan.Group) plan.Plan {
	return plan.Plan{Mode: plan.Sync, App: shop, Groups: groups}
}

func (w *world) deps() apply.Deps {
	w.mu.Lock()
	defer w.mu.Unlock()
	started := map[string]bool{}
	for k := range w.started {
		started[k] = true
	}
	return apply.Deps{Cluster: w.c, Observer: w, Journal: w, Attempt: w.attempt, Started: started}
}

func (w *world) outcomes() map[string]apply.HookOutcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]apply.HookOutcome{}
	for k, v := range w.ended {
		out[k] = v
	}
	return out
}

// watch starts the watches of the kinds of a plan.
func (w *world) watch(p plan.Plan) {
	for _, g := range append(p.Groups, p.OnFailure...) {
		for _, s := range g.Steps {
			w.c.EnsureWatch(s.Kind, w)
		}
	}
}

// run carries a plan out until it is done.
func (w *world) run(p plan.Plan, desired map[object.ID]plan.Desired) apply.State {
	w.t.Helper()
	return w.finish(apply.New(p, desired, w.deps(), w.outcomes()), p)
}

func (w *world) finish(x *apply.Execution, p plan.Plan) apply.State {
	w.t.Helper()
	return w.until(x, p, func(s apply.State) bool { return s.Done })
}

// until advances an execution at every event, and when it asks to be, until the state is as wanted.
func (w *world) until(x *apply.Execution, p plan.Plan, wanted func(apply.State) bool) apply.State {
	w.t.Helper()
	w.watch(p)
	limit := time.After(patience)
	for {
		s := x.Advance(w.t.Context(), time.Now())
		if wanted(s) {
			return s
		}
		if s.Done {
			w.t.Fatalf("it is done: %v", s.Failed)
		}
		next := time.NewTimer(time.Until(s.Next))
		select {
		case <-w.wake:
		case <-next.C:
		case <-limit:
			w.t.Fatalf("not done in time; it waits for %+v", s.Waiting)
		}
		next.Stop()
	}
}

func (w *world) mustRun(p plan.Plan, desired map[object.ID]plan.Desired) apply.State {
	w.t.Helper()
	s := w.run(p, desired)
	if s.Failed != nil {
		w.t.Fatal(s.Failed)
	}
	return s
}

// get reads the object named "Kind.group/name"; nil when there is none.
func (w *world) get(name string) *unstructured.Unstructured {
	w.t.Helper()
	id := w.id(name)
	u, err := w.c.Get(w.t.Context(), w.kindOf(id), id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

func (w *world) must(name string) *unstructured.Unstructured {
	w.t.Helper()
	u := w.get(name)
	if u == nil {
		w.t.Fatalf("%s does not exist", name)
	}
	return u
}

func wantFault(t testing.TB, err error, reason fault.Reason, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", reason)
	}
	if !fault.Is(err, reason) {
		t.Errorf("reason %s (%v), want %s", fault.Of(err).Reason, err, reason)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}
