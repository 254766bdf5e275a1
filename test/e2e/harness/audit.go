package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/server"
)

// engineUser is the identity of the daemon on the control plane.
const engineUser = "system:serviceaccount:plumb-system:plumb"

// Request is one request of the daemon to the API server, out of the audit log.
type Request struct {
	Verb, Resource, Namespace, Name, URI string
}

func (r Request) String() string {
	return strings.TrimSpace(r.Verb + " " + r.Resource + " " + r.Namespace + "/" + r.Name + " " + r.URI)
}

// Writes reports whether the request is no read; a dry-run is a write too.
func (r Request) Writes() bool {
	switch r.Verb {
	case "get", "list", "watch":
		return false
	}
	return !strings.HasSuffix(r.Resource, "reviews") && r.Resource != "leases"
}

// DryRun reports whether the request changes nothing.
func (r Request) DryRun() bool { return strings.Contains(r.URI, "dryRun=All") }

// Audit is the number of requests of the daemon so far.
func (e *Env) Audit() int {
	e.t.Helper()
	return len(e.requests())
}

// AuditSince gives the requests of the daemon after the first mark.
func (e *Env) AuditSince(mark int) []Request {
	e.t.Helper()
	return e.requests()[mark:]
}

func (e *Env) requests() []Request {
	e.t.Helper()
	raw, err := os.ReadFile(e.CP.AuditLog)
	if err != nil {
		e.t.Fatal(err)
	}
	var out []Request
	lines := bufio.NewScanner(bytes.NewReader(raw[:bytes.LastIndexByte(raw, '\n')+1])) // the last line may still be written
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Verb, Stage, RequestURI string
			User                    struct{ Username string }
			ObjectRef               struct{ Resource, Namespace, Name string }
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			e.t.Fatal(err)
		}
		// A watch is told when it begins, everything else when it is answered.
		if line.User.Username != engineUser || (line.Stage != "ResponseComplete" && line.Stage != "ResponseStarted") {
			continue
		}
		if line.Verb == "watch" {
			continue
		}
		out = append(out, Request{line.Verb, line.ObjectRef.Resource, line.ObjectRef.Namespace, line.ObjectRef.Name, line.RequestURI})
	}
	if err := lines.Err(); err != nil {
		e.t.Fatal(err)
	}
	return out
}

// WaitCalm waits until the daemon has made no request but its standing watches for so long.
func (e *Env) WaitCalm(long time.Duration) {
	e.t.Helper()
	count, since := e.Audit(), time.Now()
	cptest.Eventually(e.t, Within, fmt.Sprintf("no request for %v; the last are %v", long, e.lately()), func() bool {
		if now := e.Audit(); now != count {
			count, since = now, time.Now()
		}
		return time.Since(since) >= long
	})
}

type lately struct{ e *Env }

func (e *Env) lately() fmt.Stringer { return lately{e} }

func (l lately) String() string {
	all := l.e.requests()
	return fmt.Sprint(all[max(0, len(all)-5):])
}

// Renders is how often the daemon rendered since it was started.
func (e *Env) Renders() int {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), http.MethodGet, "http://"+e.Address()+"/metrics", nil)
	if err != nil {
		e.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		e.t.Fatalf("the metrics: %s", res.Status)
	}
	sum := 0
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "plumb_render_seconds_count"); ok {
			n, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
			if err != nil {
				e.t.Fatal(err)
			}
			sum += int(n)
		}
	}
	return sum
}

// Known gives the state of an App as the running daemon has it; false when it knows none.
func (e *Env) Known(app string) (state string, ok bool) {
	e.t.Helper()
	var v server.AppView
	if err := e.Call(http.MethodGet, "/api/v1/apps/"+e.Namespace+"/"+app, nil, &v); err != nil {
		return "", false
	}
	return string(v.State), true
}
