package server_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/compare"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/server"
)

func TestASyncOfAPlanThatIsNotCurrentIsAConflict(t *testing.T) {
	d := newDesk(t)
	d.engine.plan = engine.PlanState{Digest: "sha256:new"}
	status, body := d.call("ann", http.MethodPost, path+"/sync", `{"plan":"sha256:old"}`)
	if p := d.problem(body); status != http.StatusConflict || p.Reason != fault.PlanStale || p.Next == "" {
		t.Errorf("%d %s", status, body)
	}
	if len(d.wishes.annotations) > 0 {
		t.Fatal("the wish was written all the same")
	}
	if status, body = d.call("sue", http.MethodPost, path+"/sync", `{"plan":"sha256:new"}`); status != http.StatusOK || len(d.wishes.annotations) != 1 {
		t.Errorf("a plan that nobody has to approve: %d %s", status, body)
	}
	d.engine.plan.NeedsApproval = true
	if status, _ = d.call("sue", http.MethodPost, path+"/sync", `{"plan":"sha256:new"}`); status != http.StatusForbidden {
		t.Errorf("who may sync and not approve: %d", status)
	}
}

func TestDetailQueriesThatMakeNoSenseAreRefused(t *testing.T) {
	d := newDesk(t)
	for _, q := range []string{
		path + "/diff?left=yesterday", path + "/diff?right=deployment:", path + "/diff?cursor=x", path + "/diff?object=nonsense", path + "/diff?limit=0",
		path + "/manifest", path + "/manifest?object=Pod/a/b&side=wrong", path + "/logs", path + "/logs?object=x", path + "/logs?object=Pod/a/b&tail=0",
		path + "/logs?object=Pod/a/b&since=-1s", path + "/logs/containers", path + "/deployments?cursor=x", path + "/deployments/compare?left=a",
		"/api/v1/changes?kind=nothing", "/api/v1/changes?cursor=0", "/api/v1/changes?filter=state:", path + "/graph?depth=0", path + "/events?object=x",
	} {
		if status, body := d.call("ann", http.MethodGet, q, ""); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", q, status, body)
		}
	}
}

func TestWhatIsNotThereAndWhatHasToWaitHaveTheirStatus(t *testing.T) {
	for want, err := range map[int]error{
		404: &fault.Error{Class: fault.Invalid, Reason: fault.NotOwned, Message: "no", Err: object.ErrNotFound},
		503: &fault.Error{Class: fault.Transient, Reason: fault.Initializing, Message: "not yet"},
		409: &fault.Error{Class: fault.Blocked, Reason: fault.Initializing, Message: "nothing was applied"},
		502: &fault.Error{Class: fault.Transient, Reason: fault.ClusterUnreachable, Message: "away"},
	} {
		d := newDesk(t)
		d.engine.failure = err
		for _, q := range []string{"/graph", "/diff", "/manifest?object=Pod/a/b", "/events", "/logs?object=Pod/a/b", "/logs/containers?object=Pod/a/b", "/deployments"} {
			if status, body := d.call("ann", http.MethodGet, path+q, ""); status != want {
				t.Errorf("%s: %d %s, want %d", q, status, body, want)
			}
		}
	}
}

func TestThePagesOfAComparisonFitTogether(t *testing.T) {
	d := newDesk(t)
	const objects = 120
	for i := range objects {
		d.engine.compared.Objects = append(d.engine.compared.Objects, engine.ObjectDifference{Result: compare.Result{
			ID: object.ID{Kind: "ConfigMap", Namespace: "a", Name: fmt.Sprint(i)}, Action: compare.Changed, Counts: map[compare.Class]int{compare.Ours: 1},
			Fields: []compare.Field{{Path: ".data.k", Left: "a", Right: "b", Class: compare.Ours}},
		}})
	}
	d.engine.compared.At = now
	d.engine.compared.Problems = []*fault.Error{{Reason: fault.DataLoss, Message: "a disk"}}
	var seen []string
	cursor, pages := "", 0
	for {
		var page httpapi.Diff
		_, body := d.call("bob", http.MethodGet, path+"/diff?left=live&right=git&cursor="+cursor, "")
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err, body)
		}
		if (pages == 0) != (len(page.Problems) == 1) {
			t.Errorf("page %d has the problems %v", pages, page.Problems)
		}
		for _, o := range page.Objects {
			seen = append(seen, o.Object)
		}
		d.engine.compared.At = now.Add(time.Minute) // what a new comparison would be
		if pages++; page.Next == "" {
			break
		}
		cursor = page.Next
	}
	if pages != 3 || len(seen) != objects || seen[0] != "ConfigMap/a/0" || seen[119] != "ConfigMap/a/119" || d.engine.compares != 1 {
		t.Errorf("%d pages, %d objects, %d comparisons", pages, len(seen), d.engine.compares)
	}
}

// listen opens a stream and gives its events, one after the other; it ends with the body.
func (d *desk) listen(ctx context.Context, token, path string) (status int, next func() (event, data string, ok bool)) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.http.URL+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 8<<20)
	return res.StatusCode, func() (event, data string, ok bool) {
		for lines.Scan() {
			if v, found := strings.CutPrefix(lines.Text(), "event: "); found {
				event = v
			}
			if v, found := strings.CutPrefix(lines.Text(), "data: "); found {
				return event, v, true
			}
		}
		return "", "", false
	}
}

func entry(i int) engine.LogEntry {
	e := engine.LogEntry{Pod: "web-1", Container: "web"}
	e.At, e.Text = now, fmt.Sprintf("line %d", i)
	return e
}

func TestALogThatIsNotFollowedIsToldWholeAndInOrder(t *testing.T) {
	d := newDesk(t)
	const lines = 30_000
	d.engine.logs = func(_ context.Context, req engine.LogRequest, to engine.LogReader) (int, error) {
		if req.Follow || req.Object.Name != "web-1" || req.Container != "web" || req.Since != time.Minute {
			t.Errorf("asked for %+v", req)
		}
		for i := range lines {
			if err := to.Line(entry(i)); err != nil {
				return 1, err
			}
		}
		to.Problem(&fault.Error{Reason: fault.Forbidden, Message: "not this one"})
		return 1, nil
	}
	_, next := d.listen(t.Context(), "ann", path+"/logs?object=Pod/team-a/web-1&container=web&since=60s")
	got, problems, end := 0, 0, ""
	for {
		event, data, ok := next()
		if !ok {
			break
		}
		switch event {
		case "lines":
			var batch []httpapi.LogLine
			if err := json.Unmarshal([]byte(data), &batch); err != nil {
				t.Fatal(err)
			}
			for _, l := range batch {
				if l.Text != fmt.Sprintf("line %d", got) || l.Pod != "web-1" || !l.At.Equal(now) {
					t.Fatalf("line %d is %+v", got, l)
				}
				got++
			}
		case "dropped":
			t.Errorf("dropped %s", data)
		case "problem":
			problems++
		case "end":
			end = data
		}
	}
	if got != lines || problems != 1 || !strings.Contains(end, "the container's log ended") {
		t.Errorf("%d lines, %d problems, end %q", got, problems, end)
	}
}

func TestAReaderThatIsTooSlowLosesLinesAndTheServerNoMemory(t *testing.T) {
	d := newDesk(t)
	const lines = 100_000
	text := strings.Repeat("x", 2000) // 200 MB in all
	said := make(chan struct{})
	d.engine.logs = func(ctx context.Context, _ engine.LogRequest, to engine.LogReader) (int, error) {
		for i := range lines {
			e := entry(i)
			e.Text = text
			if err := to.Line(e); err != nil {
				return 1, err
			}
		}
		close(said)
		return 1, nil
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	_, next := d.listen(t.Context(), "ann", path+"/logs?object=Pod/team-a/web-1&follow=true")
	<-said // and nobody reads
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 24<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
	got, dropped := 0, 0
	for {
		event, data, ok := next()
		if !ok {
			break
		}
		switch event {
		case "lines":
			var batch []httpapi.LogLine
			if err := json.Unmarshal([]byte(data), &batch); err != nil {
				t.Fatal(err)
			}
			got += len(batch)
		case "dropped":
			var n struct{ Lines int }
			if err := json.Unmarshal([]byte(data), &n); err != nil {
				t.Fatal(err)
			}
			dropped += n.Lines
		}
	}
	if got+dropped != lines || dropped == 0 || got == 0 {
		t.Errorf("%d lines told, %d dropped, of %d", got, dropped, lines)
	}
}

func TestALogEndsWithItsReader(t *testing.T) {
	d := newDesk(t)
	ended := make(chan error, 1)
	d.engine.logs = func(ctx context.Context, _ engine.LogRequest, to engine.LogReader) (int, error) {
		_ = to.Line(entry(0))
		<-ctx.Done()
		ended <- to.Line(entry(1))
		return 1, ctx.Err()
	}
	ctx, leave := context.WithCancel(t.Context())
	_, next := d.listen(ctx, "ann", path+"/logs?object=Pod/team-a/web-1&follow=true")
	if event, _, _ := next(); event != "lines" {
		t.Errorf("the first event is %q", event)
	}
	leave()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a line was taken for a reader that is gone")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the log goes on without a reader")
	}
}

func TestLogsNeedTheirRightAndGoOnNeedingIt(t *testing.T) {
	d := newDesk(t)
	if status, _ := d.call("bob", http.MethodGet, path+"/logs?object=Pod/team-a/web-1", ""); status != http.StatusForbidden {
		t.Errorf("who may look and not read logs: %d", status)
	}
	if status, _ := d.call("eve", http.MethodGet, path+"/logs?object=Pod/team-a/web-1", ""); status != http.StatusNotFound {
		t.Errorf("who may not know of the App: %d", status)
	}
	d.engine.logs = func(ctx context.Context, _ engine.LogRequest, to engine.LogReader) (int, error) {
		_ = to.Line(entry(0))
		<-ctx.Done()
		return 1, ctx.Err()
	}
	access := &revocable{rights: staff}
	d.http.Config.Handler = server.New(server.Options{
		Engine: d.engine, Access: access, Intents: d.wishes, Registry: prometheus.NewRegistry(), Changes: server.NewChanges(),
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), Detail: server.DetailOptions{RecheckEvery: 50 * time.Millisecond},
	})
	_, next := d.listen(t.Context(), "ann", path+"/logs?object=Pod/team-a/web-1&follow=true")
	if event, _, _ := next(); event != "lines" {
		t.Fatalf("the first event is %q", event)
	}
	access.revoke()
	event, data, _ := next()
	if event != "problem" || !strings.Contains(data, `"status":403`) {
		t.Errorf("after the right was taken away: %s %s", event, data)
	}
	if event, data, ok := next(); ok {
		t.Errorf("and then: %s %s", event, data)
	}
}

// file records an event and fails the test when that fails.
func (d *desk) file(ev history.Event) {
	d.t.Helper()
	if ev.At.IsZero() {
		ev.At = now
	}
	if _, err := d.history.Append(d.t.Context(), ev); err != nil {
		d.t.Fatal(err)
	}
}

func driftRecord(kind history.Kind, object, manager, path string, at time.Time) history.Event {
	raw, _ := json.Marshal(map[string]any{"culprits": []any{map[string]any{"manager": manager, "fields": []any{map[string]any{"path": path, "from": "a", "to": "b"}}}}})
	return history.Event{At: at, Kind: kind, App: shop.String(), Object: object, Actor: manager, Data: raw}
}

func (d *desk) changesOf(user, query string) httpapi.List[httpapi.Change] {
	d.t.Helper()
	var out httpapi.List[httpapi.Change]
	status, body := d.call(user, http.MethodGet, "/api/v1/changes?"+query, "")
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != http.StatusOK {
		d.t.Fatalf("%d %s", status, body)
	}
	return out
}

func TestWhatHappensAgainAndAgainIsOneChange(t *testing.T) {
	d := newDesk(t)
	d.file(history.Event{Kind: history.Deployment, App: shop.String(), Outcome: "Succeeded", Commit: "c0ffee"})
	for i := range 41 {
		at := now.Add(time.Duration(i) * time.Second)
		d.file(driftRecord(history.Drift, "Deployment.apps/a/web", "hpa", ".spec.replicas", at))
		d.file(driftRecord(history.Healed, "Deployment.apps/a/web", "hpa", ".spec.replicas", at))
	}
	d.file(driftRecord(history.Drift, "Deployment.apps/a/web", "kubectl-edit", ".spec.paused", now.Add(time.Minute)))
	d.file(history.Event{Kind: history.Request, App: shop.String(), Actor: "ann", Outcome: "sync"})
	d.file(history.Event{Kind: history.Deployment, App: bank.String(), Outcome: "Failed"})

	got := d.changesOf("ann", "").Items
	if len(got) != 4 {
		t.Fatalf("%d changes: %+v", len(got), got)
	}
	if c := got[0]; c.Kind != "request" || c.Actor != "ann" || c.Manager != "" {
		t.Errorf("a person's: %+v", c)
	}
	if c := got[1]; c.Kind != "drift" || c.Manager != "kubectl-edit" || c.Actor != "" || c.Fields[0].Path != ".spec.paused" || c.Fields[0].Right != "b" {
		t.Errorf("a tool's: %+v", c)
	}
	if c := got[2]; c.Kind != "healed" || c.Repeats != 41 || !c.First.Equal(now) || !c.At.Equal(now.Add(40*time.Second)) || c.Manager != "hpa" {
		t.Errorf("41 times the same: %+v", c)
	}
	if c := got[3]; c.Kind != "deployment" || c.Commit != "c0ffee" {
		t.Errorf("the first: %+v", c)
	}
	if n := len(d.changesOf("zoe", "").Items); n != 5 {
		t.Errorf("who may see both sees %d", n)
	}
	if n := len(d.changesOf("eve", "").Items); n != 0 {
		t.Errorf("who may see nothing sees %d", n)
	}
	if got := d.changesOf("ann", "kind=healed").Items; len(got) != 1 || got[0].Repeats != 41 {
		t.Errorf("only what was undone: %+v", got)
	}
	if got := d.changesOf("ann", "kind=drift").Items; len(got) != 1 || got[0].Manager != "kubectl-edit" {
		t.Errorf("only what was not undone: %+v", got)
	}
	if got := d.changesOf("zoe", "app=team-b/bank").Items; len(got) != 1 || got[0].Outcome != "Failed" {
		t.Errorf("of one App: %+v", got)
	}
	if got := d.changesOf("zoe", "filter=name:bank").Items; len(got) != 1 || got[0].App != "team-b/bank" {
		t.Errorf("of the Apps that a filter matches: %+v", got)
	}
	var paged []httpapi.Change
	cursor := ""
	for range 10 {
		page := d.changesOf("ann", "limit=1&cursor="+cursor)
		paged = append(paged, page.Items...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(paged) != 4 || paged[2].Repeats != 41 {
		t.Errorf("page by page: %d changes %+v", len(paged), paged)
	}
}

func TestChangesNameTheCommitBehindThem(t *testing.T) {
	d := newDesk(t)
	d.engine.changers = map[string]*engine.CommitView{shop.String() + " c0ffee": {SHA: "abad1dea", Subject: "shop: more memory (OPS-7)", Author: "Ann"}}
	d.file(history.Event{Kind: history.Deployment, App: shop.String(), Attempt: "a1", Outcome: "Succeeded", Commit: "c0ffee"})
	d.file(history.Event{Kind: history.Deployment, App: shop.String(), Attempt: "a2", Outcome: "Succeeded", Commit: "f00d", At: now.Add(time.Second)})
	got := d.changesOf("ann", "kind=deployment").Items
	if len(got) != 2 || got[0].By != nil || got[0].Commit != "f00d" {
		t.Fatalf("whose commit is not known: %+v", got)
	}
	if by := got[1].By; by == nil || by.SHA != "abad1dea" || by.Subject != "shop: more memory (OPS-7)" || by.Author != "Ann" || got[1].Commit != "c0ffee" {
		t.Errorf("whose commit is known: %+v, %+v", got[1], by)
	}
}

func TestChangesOfManyPagesEndSomewhere(t *testing.T) {
	d := newDesk(t)
	for i := range 1200 {
		d.file(history.Event{Kind: history.Request, App: bank.String(), Outcome: "sync", At: now.Add(time.Duration(i))})
	}
	d.file(history.Event{Kind: history.Request, App: shop.String(), Outcome: "sync"})
	got := d.changesOf("ann", "") // 1,200 records that Ann may not see lie before the end
	if len(got.Items) != 1 || got.Next != "" {
		t.Errorf("%d changes, next %q", len(got.Items), got.Next)
	}
}

// revocable are rights that can be taken away.
type revocable struct {
	rights
	mu   sync.Mutex
	gone bool
}

func (r *revocable) Allowed(ctx context.Context, u server.User, right server.Right) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return false, nil
	}
	return r.rights.Allowed(ctx, u, right)
}

func (r *revocable) revoke() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
}

func TestOnePageOfAComparisonIsSmallWhateverIsInIt(t *testing.T) {
	d := newDesk(t)
	noise := rand.New(rand.NewPCG(1, 2))
	text := func(n int) string {
		raw := make([]byte, n)
		for i := range raw {
			raw[i] = byte(noise.IntN(256))
		}
		return base64.StdEncoding.EncodeToString(raw)
	}
	for i := range 300 { // each as large as the engine lets one object be
		o := engine.ObjectDifference{Result: compare.Result{ID: object.ID{Kind: "ConfigMap", Namespace: "a", Name: fmt.Sprint(i)}, Action: compare.Changed}}
		for f := range 6 {
			o.Fields = append(o.Fields, compare.Field{Path: fmt.Sprintf(".data.k%d", f), Left: text(3000), Right: text(3000), Class: compare.Ours})
		}
		d.engine.compared.Objects = append(d.engine.compared.Objects, o)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.http.URL+path+"/diff?left=live&right=git", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer bob")
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	packed, err := io.ReadAll(res.Body)
	if err != nil || res.Header.Get("Content-Encoding") != "gzip" || len(packed) > 200_000 {
		t.Errorf("%d bytes, %q, %v", len(packed), res.Header.Get("Content-Encoding"), err)
	}
}

func TestLogsAreReadByAHundredAtATime(t *testing.T) {
	d := newDesk(t)
	d.engine.logs = func(ctx context.Context, _ engine.LogRequest, to engine.LogReader) (int, error) {
		_ = to.Line(entry(0))
		<-ctx.Done()
		return 1, ctx.Err()
	}
	ctx, leave := context.WithCancel(t.Context())
	for range 100 {
		if _, next := d.listen(ctx, "ann", path+"/logs?object=Pod/team-a/web-1&follow=true"); next == nil {
			t.Fatal("no stream")
		}
	}
	status, body := d.call("ann", http.MethodGet, path+"/logs?object=Pod/team-a/web-1", "")
	if status != http.StatusTooManyRequests || d.problem(body).Reason != fault.LimitExceeded {
		t.Errorf("one more: %d %s", status, body)
	}
	leave()
}
