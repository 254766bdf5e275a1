package speed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/test/enginelab"
)

// TestABigAppHoldsNoSmallOneUp has small Apps come while a big one is being applied: they are done long before it.
func TestABigAppHoldsNoSmallOneUp(t *testing.T) {
	t.Parallel()
	const many, small = 1500, 10
	cp := cptest.Start(t, cptest.WithNodes(1))
	namespace := cp.Namespace(t)
	l := enginelab.New(t, cp)
	repo, files := gittest.NewRepo(t), gittest.Files{"big/a.yaml": documents("big", 0, many), "first/a.yaml": configMap("first", "1")}
	var names []string
	for i := range small {
		name := fmt.Sprintf("small-%d", i)
		names, files[name+"/a.yaml"] = append(names, name), configMap(name, "1")
	}
	head := repo.Commit("main", "start", files)
	l.Repository("shop", repo.Dir)
	l.Put("first", auto(namespace, "shop", "first")) // the kind is watched before anything is measured
	l.UntilSynced(t, head, "first")
	l.Put("big", auto(namespace, "shop", "big"))
	count := func() int {
		s, _ := l.Snapshot(enginelab.Key("big"))
		return s.Counts.Total
	}
	applied := func() int {
		list, err := cp.Client(t).CoreV1().ConfigMaps(namespace).List(t.Context(), metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}
	cptest.Eventually(t, soon, "the big App has begun", func() bool { return applied() > 50 })
	before := applied()
	for _, name := range names {
		l.Put(name, auto(namespace, "shop", name))
	}
	l.UntilSynced(t, head, names...)
	after := applied()
	t.Logf("while %d small Apps came, the big one went from %d to %d of %d objects", small, before, after, many)
	if after-before > many/2 {
		t.Errorf("%d small Apps waited until the big one had %d of its %d objects more", small, after-before, many)
	}
	l.UntilSynced(t, head, "big")
	if got := count(); got != many {
		t.Errorf("the big App has %d objects", got)
	}
}

// TestAnAPIServerThatLimitsUsIsWaitedForAndNothingFails gives the engine a few seats under API Priority and Fairness: whatever is
// one too many is refused with 429, and tried again within the same attempt.
func TestAnAPIServerThatLimitsUsIsWaitedForAndNothingFails(t *testing.T) {
	t.Parallel()
	tests := map[string]fewSeats{
		"eight may queue": {apps: 30, attempts: 30, refused: 4 * 30 / 2, idle: 3 * time.Second, response: flowcontrolv1.LimitResponse{
			Type: flowcontrolv1.LimitResponseTypeQueue, Queuing: &flowcontrolv1.QueuingConfiguration{Queues: 1, HandSize: 1, QueueLengthLimit: 8},
		}},
		// The API server asks those that it refuses to stay away for longer and longer, up to 32 seconds, unless few are.
		"whoever finds no seat is refused": {apps: 30, attempts: 30, refused: 4 * 30 / 2, idle: 3 * time.Second, response: flowcontrolv1.LimitResponse{
			Type: flowcontrolv1.LimitResponseTypeReject,
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.firstSync(t)
		})
	}
}

// fewSeats is a first sync of so many Apps, how many attempts it may take at the most, how many writes may be refused,
// and for how long none may be in flight.
type fewSeats struct {
	apps, attempts, refused int
	idle                    time.Duration
	response                flowcontrolv1.LimitResponse
}

func (f fewSeats) firstSync(t *testing.T) {
	apps := f.apps
	cp := cptest.Start(t, cptest.WithNodes(1), cptest.WithAudit())
	namespace := cp.Namespace(t)
	seats(t, cp, f.response)
	l := enginelab.New(t, cp)
	repo, files := gittest.NewRepo(t), gittest.Files{}
	var names []string
	for i := range apps {
		name := fmt.Sprintf("app-%02d", i)
		names, files[name+"/a.yaml"] = append(names, name), fourObjects(name)
	}
	head := repo.Commit("main", "start", files)
	l.Repository("shop", repo.Dir)
	for _, name := range names {
		l.Put(name, auto(namespace, "shop", name))
	}
	l.Until(t, "the Apps are Synced", func(s engine.Snapshot) bool {
		if s.State == engine.StateFailed || s.State == engine.StateDegraded {
			t.Fatalf("%s is %s: %s", s.Key.Name, s.State, s.Message)
		}
		return s.State == engine.StateSynced && s.Head == head
	}, names...)
	refused, writes := 0, 0
	var began, last time.Time
	var idle time.Duration
	for _, w := range writesIn(t, cp, namespace) {
		if last.IsZero() {
			began, last = w.RequestReceivedTimestamp.Time, w.StageTimestamp.Time
		}
		idle = max(idle, w.RequestReceivedTimestamp.Sub(last))
		if w.StageTimestamp.After(last) {
			last = w.StageTimestamp.Time
		}
		if w.ResponseStatus.Code == http.StatusTooManyRequests {
			refused++
		} else {
			writes++
		}
	}
	t.Logf("%d writes in %v, and %d that were refused; none in flight for %v", writes, last.Sub(began), refused, idle)
	if idle > f.idle {
		t.Errorf("for %v no write was in flight", idle)
	}
	if refused == 0 {
		t.Error("the API server refused nothing: the test tests nothing")
	}
	if attempts := l.Count(t, "plumb_deployment_seconds"); attempts > float64(f.attempts) {
		t.Errorf("%d Apps took %.0f attempts", apps, attempts)
	}
	if writes != 4*apps || refused > f.refused {
		t.Errorf("%d writes of %d objects, and %d that were refused", writes, 4*apps, refused)
	}
	for resource, n := range standing(t, cp, namespace) {
		if n != apps {
			t.Errorf("of %d %s there are %d", apps, resource, n)
		}
	}
}

// standing counts what the Apps of a namespace have there, of each kind of fourObjects.
func standing(t *testing.T, cp *cptest.ControlPlane, namespace string) map[string]int {
	t.Helper()
	out, ours := map[string]int{}, metav1.ListOptions{LabelSelector: "plumb.cd/app"}
	c := cp.Client(t)
	count := func(resource string, n int, err error) {
		if err != nil {
			t.Fatal(err)
		}
		out[resource] = n
	}
	configs, err := c.CoreV1().ConfigMaps(namespace).List(t.Context(), ours)
	count("ConfigMaps", len(configs.Items), err)
	accounts, err := c.CoreV1().ServiceAccounts(namespace).List(t.Context(), ours)
	count("ServiceAccounts", len(accounts.Items), err)
	services, err := c.CoreV1().Services(namespace).List(t.Context(), ours)
	count("Services", len(services.Items), err)
	deployments, err := c.AppsV1().Deployments(namespace).List(t.Context(), ours)
	count("Deployments", len(deployments.Items), err)
	return out
}

// seats gives the engine's account one share of all that the API server does at a time, and waits until that is so.
func seats(t *testing.T, cp *cptest.ControlPlane, response flowcontrolv1.LimitResponse) {
	t.Helper()
	none := int32(0)
	one := int32(1)
	flow := cp.Client(t).FlowcontrolV1()
	level, err := flow.PriorityLevelConfigurations().Create(t.Context(), &flowcontrolv1.PriorityLevelConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "narrow"},
		Spec: flowcontrolv1.PriorityLevelConfigurationSpec{Type: flowcontrolv1.PriorityLevelEnablementLimited, Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
			NominalConcurrencyShares: &one, LendablePercent: &none, BorrowingLimitPercent: &none, LimitResponse: response,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = flow.FlowSchemas().Create(t.Context(), &flowcontrolv1.FlowSchema{
		ObjectMeta: metav1.ObjectMeta{Name: "narrow"},
		Spec: flowcontrolv1.FlowSchemaSpec{
			PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: level.Name}, MatchingPrecedence: 2,
			Rules: []flowcontrolv1.PolicyRulesWithSubjects{{
				Subjects:      []flowcontrolv1.Subject{{Kind: flowcontrolv1.SubjectKindServiceAccount, ServiceAccount: &flowcontrolv1.ServiceAccountSubject{Namespace: "plumb-system", Name: "plumb"}}},
				ResourceRules: []flowcontrolv1.ResourcePolicyRule{{Verbs: []string{"patch"}, APIGroups: []string{"*"}, Resources: []string{"*"}, Namespaces: []string{"*"}, ClusterScope: true}},
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := cp.EngineConfig(t)
	through, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, soon, "the limit is in force", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, cp.Server+"/api/v1/namespaces/default/configmaps/none", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/merge-patch+json")
		res, err := through.RoundTrip(req)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.Header.Get("X-Kubernetes-Pf-Prioritylevel-Uid") == string(level.UID)
	})
}

// write is one of the engine's writes, as the audit log has it.
type write struct {
	Verb, Stage, UserAgent                   string
	ObjectRef                                struct{ Namespace string }
	ResponseStatus                           struct{ Code int }
	RequestReceivedTimestamp, StageTimestamp metav1.MicroTime
}

// writesIn are the engine's writes in a namespace, by when they were received.
func writesIn(t *testing.T, cp *cptest.ControlPlane, namespace string) (writes []write) {
	t.Helper()
	raw, err := os.ReadFile(cp.AuditLog)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(raw[:bytes.LastIndexByte(raw, '\n')+1]) {
		var w write
		if err := json.Unmarshal(line, &w); err != nil {
			t.Fatal(err)
		}
		if w.Verb == "patch" && w.Stage == "ResponseComplete" && strings.HasPrefix(w.UserAgent, "plumb-lab") && w.ObjectRef.Namespace == namespace {
			writes = append(writes, w)
		}
	}
	slices.SortFunc(writes, func(a, b write) int { return a.RequestReceivedTimestamp.Compare(b.RequestReceivedTimestamp.Time) })
	return writes
}

// This test counts the goroutines of the whole process, so that no other runs beside it.
func TestAnAppThatWaitsHoldsNoGoroutine(t *testing.T) {
	const few, many = 10, 60
	cp := cptest.Start(t, cptest.WithNodes(1), cptest.WithAudit())
	namespace := cp.Namespace(t)
	l := enginelab.New(t, cp)
	repo, files := gittest.NewRepo(t), gittest.Files{"free/a.yaml": configMap("free", "1")}
	var names []string
	for i := range many {
		name := fmt.Sprintf("app-%02d", i)
		names = append(names, name)
		files[name+"/a.yaml"] = strings.NewReplacer("replicas: 0", "replicas: 1", "web:1", "web:never-ready").Replace(fourObjects(name))
	}
	head := repo.Commit("main", "start", files)
	l.Repository("shop", repo.Dir)
	waiting := func(names []string) int {
		for _, name := range names {
			l.Put(name, auto(namespace, "shop", name))
		}
		l.Until(t, "the Apps wait for a Pod that never comes", func(s engine.Snapshot) bool {
			return s.State == engine.StateDeploying && s.Counts.Total == 4 && s.Progress != nil && len(s.Progress.Waiting) == 1
		}, names...)
		_, mark := askedSince(t, cp, 0)
		quietFor(t, cp, mark)
		return runtime.NumGoroutine()
	}
	before := waiting(names[:few])
	after := waiting(names[few:])
	t.Logf("%d goroutines while %d Apps wait, %d while %d do", before, few, after, many)
	if after > before+(many-few)/2 {
		t.Errorf("%d goroutines while %d Apps wait, %d while %d do", before, few, after, many)
	}
	l.Put("free", auto(namespace, "shop", "free"))
	l.UntilSynced(t, head, "free")
}
