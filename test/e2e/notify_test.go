package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/install"
	"plumb.cd/plumb/internal/notify/deliver"
	"plumb.cd/plumb/test/e2e/harness"
)

const (
	hookPath = "/hooks/this-is-the-secret-of-the-hook"
	hookKey  = "the-signing-key-of-the-hook"
)

// receiver is a real server that takes webhooks and checks their signatures.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []deliver.Envelope
	fail int // answers of the kind 500 that are still to be given
	bad  []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail > 0 {
		r.fail--
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	at, _ := strconv.ParseInt(req.Header.Get("webhook-timestamp"), 10, 64)
	want := deliver.Sign([]byte(hookKey), req.Header.Get("webhook-id"), time.Unix(at, 0), body)
	var e deliver.Envelope
	if err != nil || json.Unmarshal(body, &e) != nil || req.Header.Get("webhook-signature") != want || req.URL.Path != hookPath || e.Data.ID != req.Header.Get("webhook-id") {
		r.bad = append(r.bad, fmt.Sprintf("%s %v %s", req.URL.Path, req.Header, body))
	}
	if slices.ContainsFunc(r.got, func(had deliver.Envelope) bool { return had.Data.ID == e.Data.ID }) {
		return // delivered again after a kill: the ID says so
	}
	r.got = append(r.got, e)
}

func (r *receiver) setFail(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = n
}

// titles are the events about an App that came so far, in order.
func (r *receiver) titles() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, e := range r.got {
		out = append(out, e.Type)
	}
	return strings.Join(out, " ")
}

// event is the n-th that came.
func (r *receiver) event(n int) deliver.Envelope {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[n]
}

// wrong are requests that were not as documented.
func (r *receiver) wrong() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bad
}

func channel(r *receiver, spec string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: hook}
stringData: {url: %q, secret: %s}
---
apiVersion: plumb.cd/v1alpha1
kind: Channel
metadata: {name: hook}
spec:
  type: Webhook
  secretRef: {name: hook}
  group: 1s
  %s
`, r.URL+hookPath, hookKey, spec)
}

func channelStatus(t *testing.T, p *harness.Env) v1alpha1.ChannelStatus {
	t.Helper()
	var c v1alpha1.Channel
	if err := p.Hub().Get(t.Context(), client.ObjectKey{Namespace: p.Namespace, Name: "hook"}, &c); err != nil {
		t.Fatal(err)
	}
	return c.Status
}

func TestAFailureAndItsEndAreToldOnceWhateverIsKilled(t *testing.T) {
	t.Parallel()
	lab := harness.NewLab(t, harness.AsProcess())
	p, r := lab.Env(t), newReceiver(t)
	p.Apply(channel(r, "events: [Deployed, Failed, Degraded, Recovered, WaitingForApproval]"))
	repo := p.Repo("shop", gittest.Files{"a.yaml": configMap("a", "1")})
	p.App("shop", "source: {repository: shop}")
	p.WaitSynced("shop", repo.Head())
	p.Eventually("the first deployment is told", func() bool { return r.titles() == "Deployed" })
	r.setFail(1)
	bad := repo.Push("break it <!channel>", gittest.Files{"a.yaml": "kind: [\n"})
	p.WaitState("shop", "Failed")
	p.Eventually("the failure is told", func() bool { return r.titles() == "Deployed Failed" })
	failure := r.event(1).Data
	if i := failure.Items[0]; i.Name != "shop" || i.Commit.SHA != bad || i.Commit.Subject != "break it <!channel>" || i.Reason == "" || i.Message == "" || !strings.Contains(failure.Title, p.Namespace+"/shop failed") {
		t.Errorf("the failure of %s says %+v", bad, failure)
	}
	lab.Kill(t)
	lab.Restart(t)
	p.Eventually("the daemon knows that it fails", func() bool {
		state, known := p.Known("shop")
		return known && state == "Failed"
	})
	good := repo.Push("mend it", gittest.Files{"a.yaml": configMap("a", "2")})
	p.WaitSynced("shop", good)
	t.Cleanup(func() { t.Logf("told were %s", r.titles()) })
	p.Eventually("its end is told", func() bool {
		return strings.Contains(r.titles(), "Recovered") && strings.Count(r.titles(), "Deployed") == 2
	})
	last := 3 // the recovery and the deployment come at the same time, in whatever order
	switch got := r.titles(); got {
	case "Deployed Failed Recovered Deployed":
	case "Deployed Failed Deployed Recovered":
		last = 2
	default:
		t.Errorf("told %s", got)
	}
	if c := r.event(last).Data.Items[0].Commit; c.SHA != good || c.Subject != "mend it" {
		t.Errorf("the deployment names %+v", c)
	}
	if wrong := r.wrong(); len(wrong) > 0 {
		t.Errorf("not as documented: %q", wrong)
	}
	p.Eventually("the status says that it was delivered", func() bool {
		s := channelStatus(t, p)
		return s.Reason == "Ready" && s.Sent != nil && s.Waiting == 0 && s.Target == "127.0.0.1"
	})
	for _, secret := range []string{"this-is-the-secret", hookKey} {
		if found := lab.Log(secret); found != "" {
			t.Errorf("a secret in the log: %s", found)
		}
	}
}

func TestATestSaysWhatTheReceiverSays(t *testing.T) {
	t.Parallel()
	p, r := harness.Shared(t), newReceiver(t)
	p.Apply(channel(r, ""))
	test := func() (out httpapi.ChannelTest, err error) {
		err = p.Call(http.MethodPost, "/api/v1/channels/"+p.Namespace+"/hook/test", nil, &out)
		return out, err
	}
	p.Eventually("the channel is known", func() bool { out, err := test(); return err == nil && out.OK })
	if got := r.titles(); got != "Test" {
		t.Errorf("it was sent %q", got)
	}
	r.setFail(1)
	out, err := test()
	if err != nil || out.OK || out.Problem.Message != "127.0.0.1 answered 500 Internal Server Error" {
		t.Errorf("%+v, %v", out.Problem, err)
	}
	var list httpapi.List[httpapi.Channel]
	p.MustCall(http.MethodGet, "/api/v1/channels?namespace="+p.Namespace, nil, &list)
	if len(list.Items) != 1 || list.Items[0].Target != "127.0.0.1" || list.Items[0].Type != "Webhook" {
		t.Errorf("%+v", list.Items)
	}
	if err := p.Call(http.MethodPost, "/api/v1/channels/"+p.Namespace+"/nobody/test", nil, nil); err == nil {
		t.Error("a Channel that does not exist was tested")
	}
}

func TestAChannelSaysWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	p, r := harness.Shared(t), newReceiver(t)
	wait := func(what, reason, message string) {
		t.Helper()
		p.Eventually(what, func() bool {
			s := channelStatus(t, p)
			return s.Reason == reason && strings.Contains(s.Message, message)
		})
	}
	p.Apply(channel(r, "template: '{{.Nope}}'"))
	wait("a template with a wrong field", "InvalidSpec", "can't evaluate field Nope")
	p.Apply(channel(r, "apps: {filter: 'colour:red'}"))
	wait("a filter with a wrong key", "InvalidSpec", "colour")
	p.Apply(channel(r, "apps: {filter: 'cluster:in-cluster'}"))
	wait("all is well", "Ready", "")
	p.Delete("v1", "Secret", "hook")
	wait("its Secret is gone", "CredentialsMissing", "the Secret does not exist")
	p.Apply(channel(&receiver{Server: &httptest.Server{URL: "http://169.254.169.254"}}, ""))
	wait("an address of a cloud's metadata", "Ready", "")
	var out httpapi.ChannelTest
	p.MustCall(http.MethodPost, "/api/v1/channels/"+p.Namespace+"/hook/test", nil, &out)
	if out.OK || out.Problem.Reason != "AddressRefused" {
		t.Errorf("%+v", out)
	}
}

func TestChannelsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	for name, c := range map[string]struct{ spec, message string }{
		"no Secret":              {"{type: Slack}", "this type needs a secretRef"},
		"no such type":           {"{type: Pigeon, secretRef: {name: a}}", "Unsupported value"},
		"no such event":          {"{type: Slack, secretRef: {name: a}, events: [Birthday]}", "Unsupported value"},
		"email without server":   {"{type: Email}", "email belongs to type Email"},
		"another type's field":   {"{type: Slack, secretRef: {name: a}, webhook: {}}", "webhook belongs to type Webhook"},
		"events of statuses":     {"{type: CommitStatus, secretRef: {name: a}, commitStatus: {provider: GitHub}, events: [Failed]}", "takes no events"},
		"credentials in the URL": {"{type: CommitStatus, secretRef: {name: a}, commitStatus: {provider: Gitea, url: 'https://me:secret@git.example.com'}}", "should match"},
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := install.Objects([]byte("{apiVersion: plumb.cd/v1alpha1, kind: Channel, metadata: {name: bad, namespace: " + p.Namespace + "}, spec: " + c.spec + "}"))
			if err != nil {
				t.Fatal(err)
			}
			err = p.Hub().Create(t.Context(), objects[0])
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), c.message) {
				t.Errorf("%v", err)
			}
		})
	}
}
