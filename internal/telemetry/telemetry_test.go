package telemetry_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/telemetry"
)

// receiver is a collector: it decodes what is sent to it.
type receiver struct {
	mu      sync.Mutex
	spans   []*spans.Span
	about   map[string]string
	headers http.Header
	paths   []string
	status  int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers, r.paths = req.Header, append(r.paths, req.URL.Path)
	if r.status != 0 {
		w.WriteHeader(r.status)
		return
	}
	raw, err := io.ReadAll(req.Body)
	var got collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(raw, &got) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.about = map[string]string{}
	for _, resource := range got.GetResourceSpans() {
		for _, a := range resource.GetResource().GetAttributes() {
			r.about[a.GetKey()] = a.GetValue().GetStringValue()
		}
		for _, scope := range resource.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
	answer, _ := proto.Marshal(&collector.ExportTraceServiceResponse{})
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.Write(answer)
}

func collect(t *testing.T, env map[string]string) (*receiver, *telemetry.Traces, *bytes.Buffer) {
	t.Helper()
	r := &receiver{}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", srv.URL)
	for k, v := range env {
		t.Setenv(k, v)
	}
	log := &bytes.Buffer{}
	traces, err := telemetry.Start(t.Context(), func(k string) string {
		return env[k] + map[bool]string{true: srv.URL}[k == "OTEL_EXPORTER_OTLP_ENDPOINT"]
	},
		"v1", time.Now, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil || traces == nil {
		t.Fatalf("%v, %v", traces, err)
	}
	return r, traces, log
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func after(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

const sha = "0123456789abcdef0123456789abcdef01234567"

func attempt(outcome string) engine.Trace {
	return engine.Trace{
		App: engine.Key{Namespace: "apps", Name: "shop"},
		Attempt: engine.Attempt{
			ID: "a1", Mode: plan.Sync, Bundle: "sha256:b", Started: after(4), Ended: after(10), Outcome: outcome,
			Revisions: []bundle.Revision{{URL: "https://ann:hunter2@git.example.com/shop.git?token=hunter2", Commit: sha}},
		},
		Facts: engine.DeploymentFacts{Cluster: "east", Trigger: engine.ByCommit, Previous: "before", Committed: after(-60)},
		Spans: []engine.Span{
			{Name: engine.SpanFetch, Began: after(0), Ended: after(1)}, {Name: engine.SpanRender, Began: after(1), Ended: after(2)},
			{Name: engine.SpanApply, Phase: plan.Main, Wave: 3, Steps: 7, Began: after(4), Ended: after(5)},
			{Name: engine.SpanWait, Began: after(5), Ended: after(5)}, {Name: engine.SpanHealthy, Began: after(5), Ended: after(10)},
		},
	}
}

func attributes(s *spans.Span) map[string]string {
	out := map[string]string{}
	for _, a := range s.GetAttributes() {
		out[a.GetKey()] = strings.TrimSpace(a.GetValue().GetStringValue() + map[bool]string{true: fmt.Sprint(a.GetValue().GetIntValue())}[a.GetValue().GetIntValue() != 0])
	}
	return out
}

func TestADeploymentIsOneTraceLinkedToItsCommit(t *testing.T) {
	r, traces, _ := collect(t, map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "team=a", "OTEL_EXPORTER_OTLP_HEADERS": "x-key=secret"})
	traces.Deployment(t.Context(), attempt("Succeeded"))
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.spans) != 6 {
		t.Fatalf("%d spans, want 6", len(r.spans))
	}
	i := slices.IndexFunc(r.spans, func(s *spans.Span) bool { return s.GetName() == "deployment" })
	root := r.spans[i]
	var names []string
	for j, s := range r.spans {
		if j == i {
			continue
		}
		names = append(names, s.GetName())
		if !bytes.Equal(s.GetParentSpanId(), root.GetSpanId()) || !bytes.Equal(s.GetTraceId(), root.GetTraceId()) {
			t.Errorf("the span %s is not below the deployment", s.GetName())
		}
		if s.GetStartTimeUnixNano() < root.GetStartTimeUnixNano() || s.GetEndTimeUnixNano() > root.GetEndTimeUnixNano() {
			t.Errorf("the span %s is not within the deployment's time", s.GetName())
		}
	}
	if got := strings.Join(names, " "); got != "fetch render apply wait healthy" {
		t.Errorf("spans %s", got)
	}
	if len(root.GetParentSpanId()) != 0 || root.GetStartTimeUnixNano() != uint64(after(0).UnixNano()) || root.GetEndTimeUnixNano() != uint64(after(10).UnixNano()) {
		t.Errorf("the root: %v", root)
	}
	if l := root.GetLinks(); len(l) != 1 || hex.EncodeToString(l[0].GetTraceId()) != sha[:32] || hex.EncodeToString(l[0].GetSpanId()) != sha[24:] {
		t.Errorf("links: %v", root.GetLinks())
	}
	about := attributes(root)
	for key, want := range map[string]string{
		"plumb.app.namespace": "apps", "plumb.app.name": "shop", "plumb.cluster": "east", "plumb.outcome": "Succeeded", "plumb.trigger": "commit",
		"vcs.ref.head.revision": sha, "vcs.repository.url.full": "https://git.example.com/shop.git",
	} {
		if about[key] != want {
			t.Errorf("%s is %q, want %q", key, about[key], want)
		}
	}
	if strings.Contains(fmt.Sprint(r.spans), "hunter2") {
		t.Error("a secret is in the trace")
	}
	if r.about["service.name"] != "plumb" || r.about["service.version"] != "v1" || r.about["team"] != "a" || r.headers.Get("X-Key") != "secret" || r.paths[0] != "/v1/traces" {
		t.Errorf("resource %v, headers %v, path %v", r.about, r.headers, r.paths)
	}
}

func TestAFailedDeploymentIsAnError(t *testing.T) {
	r, traces, _ := collect(t, nil)
	d := attempt("Failed")
	d.Attempt.Reason, d.Attempt.Message = fault.DeadlineExceeded, "it waits for the web"
	d.Attempt.Revisions = []bundle.Revision{{URL: "oci://charts.example.com", Commit: "1.2.3@sha256:aa"}}
	traces.Deployment(t.Context(), d)
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.spans {
		if s.GetName() != "deployment" {
			continue
		}
		if s.GetStatus().GetCode() != spans.Status_STATUS_CODE_ERROR || s.GetStatus().GetMessage() != "DeadlineExceeded" || len(s.GetEvents()) != 1 || len(s.GetLinks()) != 0 {
			t.Errorf("%v", s)
		}
		return
	}
	t.Error("there is no span of the deployment")
}

func TestACollectorThatIsAwayStopsNobody(t *testing.T) {
	r, traces, log := collect(t, map[string]string{"OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5", "OTEL_EXPORTER_OTLP_TIMEOUT": "200"})
	r.mu.Lock()
	r.status = http.StatusBadRequest
	r.mu.Unlock()
	began := time.Now()
	for range 10_000 {
		traces.Deployment(t.Context(), attempt("Succeeded"))
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("10,000 traces that nobody takes took %s", took)
	}
	_ = traces.Close(t.Context())
	if n := strings.Count(log.String(), "dropped"); n != 1 {
		t.Errorf("it was said %d times: %s", n, log.String())
	}
	for range 3 {
		otel.Handle(errors.New("again"))
	}
	if n := strings.Count(log.String(), "dropped"); n != 1 {
		t.Errorf("it was said %d times", n)
	}
}

func TestTracesAreSentOnlyWhenTheEnvironmentAsksForThem(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	tests := map[string]struct {
		env     map[string]string
		wanted  bool
		refused bool
	}{
		"nothing is said":                        {nil, false, false},
		"an endpoint is named":                   {map[string]string{endpoint: "http://x"}, true, false},
		"an endpoint of traces is named":         {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, true, false},
		"everything is turned off":               {map[string]string{endpoint: "http://x", "OTEL_SDK_DISABLED": "true"}, false, false},
		"traces are turned off":                  {map[string]string{endpoint: "http://x", "OTEL_TRACES_EXPORTER": "none"}, false, false},
		"an exporter that is not there":          {map[string]string{endpoint: "http://x", "OTEL_TRACES_EXPORTER": "zipkin"}, false, true},
		"a protocol that is not there":           {map[string]string{endpoint: "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, true},
		"the protocol of traces goes before all": {map[string]string{endpoint: "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}, true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wanted, err := telemetry.Wanted(func(k string) string { return tt.env[k] })
			if wanted != tt.wanted || (err != nil) != tt.refused {
				t.Errorf("%v, %v", wanted, err)
			}
		})
	}
	traces, err := telemetry.Start(t.Context(), func(string) string { return "" }, "v1", time.Now, slog.New(slog.DiscardHandler))
	if traces != nil || err != nil {
		t.Errorf("%v, %v", traces, err)
	}
	traces.Deployment(t.Context(), attempt("Succeeded"))
	if err := traces.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
