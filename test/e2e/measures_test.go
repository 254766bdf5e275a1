package e2e

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/test/e2e/harness"
)

// sick is an App whose ConfigMap is unhealthy while an operator says so by an annotation of its own.
const sick = `
source: {repository: shop}
health:
  - kind: ConfigMap
    cel:
      degraded: "self.metadata.annotations['example.org/broken'] == 'yes'"
      healthy: "true"
      message: "'it is as it is'"
`

func (p measuring) annotate(value string) {
	p.Patch("v1", "ConfigMap", "config", "an-operator", "metadata: {annotations: {example.org/broken: '"+value+"'}}")
}

type measuring struct{ *harness.Env }

func (p measuring) dora(app string) httpapi.DORA {
	var out httpapi.DORA
	p.MustCall(http.MethodGet, "/api/v1/dora?app="+p.Namespace+"/"+app, nil, &out)
	return out
}

// events gives the reasons of the Events on an App.
func (p measuring) events(t *testing.T, app string) []string {
	t.Helper()
	var list corev1.EventList
	if err := p.Hub().List(t.Context(), &list, client.InNamespace(p.Namespace)); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list.Items {
		if e.InvolvedObject.Kind == "App" && e.InvolvedObject.Name == app && !slices.Contains(out, e.Reason) {
			out = append(out, e.Reason)
		}
	}
	slices.Sort(out)
	return out
}

func TestWhatHappenedIsMeasured(t *testing.T) {
	t.Parallel()
	p := measuring{harness.Shared(t)}
	repo := p.Repo("shop", gittest.Files{"config.yaml": configMap("config", "1")})
	p.App("shop", sick)
	p.WaitSynced("shop", repo.Head())
	first := p.dora("shop")
	if first.Deployments != 1 || first.LeadTime.N != 0 {
		t.Errorf("the first deployment: %+v", first)
	}
	second := repo.Push("PAY-1: two", gittest.Files{"config.yaml": configMap("config", "2")})
	p.WaitSynced("shop", second)
	p.annotate("yes")
	p.WaitState("shop", "Degraded")
	p.Eventually("a failure is counted", func() bool { return p.dora("shop").Degraded == 1 })
	if m := p.dora("shop"); m.Open != 1 || m.Failures != 1 {
		t.Errorf("while it is broken: %+v", m)
	}
	p.annotate("no")
	p.WaitState("shop", "Synced")
	p.Eventually("it is restored", func() bool { return p.dora("shop").Open == 0 })
	p.annotate("yes") // a second time within the hour: the same deployment fails once
	p.WaitState("shop", "Degraded")
	p.annotate("no")
	p.WaitState("shop", "Synced")
	third := repo.Push("Revert \"two\"\n\nThis reverts commit "+second+".", gittest.Files{"config.yaml": configMap("config", "1")})
	p.WaitSynced("shop", third)
	p.Patch("v1", "ConfigMap", "config", "kubectl-edit", "data: {value: evil}")
	p.Eventually("drift is counted", func() bool { return p.dora("shop").Drift == 1 })
	p.Eventually("the rollback is counted", func() bool { return p.dora("shop").Rollbacks == 1 })

	m := p.dora("shop")
	if m.Deployments != 2 || m.Failures != 1 || m.Degraded != 1 || m.Restore.N != 1 || m.LeadTime.N != 1 || m.LeadTime.P50 <= 0 {
		t.Errorf("%+v", m)
	}
	if n := len(p.History("shop", history.Health)); n != 4 {
		t.Errorf("%d records of health, want 4", n)
	}
	var data struct {
		Trigger, Previous, Subject, Author, Cluster string
		Committed                                   time.Time
	}
	for _, e := range p.History("shop", history.Deployment) {
		if e.Commit != second {
			continue
		}
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
	}
	if data.Trigger != "commit" || data.Previous == "" || data.Previous == second || data.Subject != "PAY-1: two" || data.Author == "" || data.Committed.IsZero() {
		t.Errorf("the record of a deployment: %+v", data)
	}
	want := []string{"Degraded", "Deployed", "Drifted", "Healed", "Recovered"}
	p.Eventually("the Events are there", func() bool { return cmp.Diff(want, p.events(t, "shop")) == "" })
}

func TestAPlanThatWaitsIsToldByAnEvent(t *testing.T) {
	t.Parallel()
	p := measuring{harness.Shared(t)}
	p.Repo("shop", gittest.Files{"config.yaml": configMap("config", "1")})
	p.App("shop", "source: {repository: shop}\nsync: {mode: Approve}")
	p.WaitReason("shop", "Waiting", "AwaitingApproval")
	p.Eventually("it is told", func() bool { return slices.Equal(p.events(t, "shop"), []string{"WaitingForApproval"}) })
}

// traces are those that a daemon sent, by the commit that they link to.
type traces struct {
	mu  sync.Mutex
	all map[string][]*spans.Span // by trace
}

func (c *traces) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	var got collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(raw, &got) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range got.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				id := hex.EncodeToString(s.GetTraceId())
				c.all[id] = append(c.all[id], s)
			}
		}
	}
}

// of gives the spans of the attempt that deployed a commit, its root first, then as they began.
func (c *traces) of(commit string) []*spans.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, trace := range c.all {
		i := slices.IndexFunc(trace, func(s *spans.Span) bool {
			return len(s.GetLinks()) == 1 && hex.EncodeToString(s.GetLinks()[0].GetTraceId()) == commit[:32]
		})
		if i < 0 {
			continue
		}
		out := slices.Clone(trace)
		root := out[i]
		slices.SortStableFunc(out, func(a, b *spans.Span) int {
			switch {
			case a == root:
				return -1
			case b == root:
				return 1
			}
			return int(int64(a.GetStartTimeUnixNano()) - int64(b.GetStartTimeUnixNano()))
		})
		return out
	}
	return nil
}

func TestADeploymentIsTracedFromCommitToHealthy(t *testing.T) {
	got := &traces{all: map[string][]*spans.Span{}}
	srv := httptest.NewServer(got)
	t.Cleanup(srv.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", srv.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
	lab := harness.NewLab(t)
	p := lab.Env(t)
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "1"), "b.yaml": configMap("b", "1", wave("1")), "web.yaml": deployment("web", "web:1")})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	head := repo.Push("two", gittest.Files{"a.yaml": configMap("a", "2"), "b.yaml": configMap("b", "2", wave("1")), "web.yaml": deployment("web", "web:2")})
	p.WaitSynced("shop", head)
	p.Eventually("the trace is there", func() bool { return len(got.of(head)) > 0 })
	trace := got.of(head)
	root := trace[0]
	var names []string
	for _, s := range trace[1:] {
		names = append(names, s.GetName())
		if !bytes.Equal(s.GetParentSpanId(), root.GetSpanId()) || s.GetStartTimeUnixNano() > s.GetEndTimeUnixNano() ||
			s.GetStartTimeUnixNano() < root.GetStartTimeUnixNano() || s.GetEndTimeUnixNano() > root.GetEndTimeUnixNano() {
			t.Errorf("the span %s is not within the deployment", s.GetName())
		}
	}
	// Two groups: a and web, which is waited for, then b.
	if said := strings.Join(names, " "); said != "fetch render plan apply wait apply healthy" {
		t.Errorf("spans: %s", said)
	}
	if trace[1].GetStartTimeUnixNano() != root.GetStartTimeUnixNano() || trace[len(trace)-1].GetEndTimeUnixNano() != root.GetEndTimeUnixNano() {
		t.Error("the deployment does not begin with the fetch and end with healthy")
	}
}
