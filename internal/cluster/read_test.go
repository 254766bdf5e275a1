package cluster_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	authnv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/cptest"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

const failing = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "web:fail-pull"}]}}}`

func TestChildrenAndTheirEventsTellWhyAnObjectIsNotWell(t *testing.T) {
	c, ns := shared(t)
	web := apply(t, c, parse(t, ns, failing))
	other := parse(t, ns, strings.ReplaceAll(failing, "web", "other"))
	apply(t, c, other)
	var kinds []string
	var pod object.ID
	var uid string
	cptest.Eventually(t, patience, "a ReplicaSet and its Pod", func() bool {
		children, err := c.Children(t.Context(), deployments, object.Of(web), string(web.GetUID()))
		if err != nil {
			t.Fatal(err)
		}
		kinds = nil
		owner := string(web.GetUID())
		for _, ch := range children {
			kinds = append(kinds, ch.Object.GetKind())
			if ch.Owner != owner || !strings.HasPrefix(ch.Object.GetName(), "web-") {
				t.Fatalf("%s of %s", ch.Object.GetName(), ch.Owner)
			}
			owner = string(ch.Object.GetUID())
			pod, uid = object.Of(ch.Object), owner
		}
		return len(kinds) == 2
	})
	if strings.Join(kinds, " ") != "ReplicaSet Pod" {
		t.Errorf("children %v", kinds)
	}
	cptest.Eventually(t, patience, "a warning about the image", func() bool {
		events, err := c.Events(t.Context(), pod, uid)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Type == "Warning" && strings.Contains(e.Message, "web:fail-pull") && !e.Last.IsZero() {
				return true
			}
		}
		return false
	})
}

func TestLogsAndPortForwardReachAPod(t *testing.T) {
	c, ns := shared(t)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(target.Close)
	pod := parse(t, ns, `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}, annotations: {plumb.cd/port-forward-to: "`+target.Listener.Addr().String()+`"}}
spec: {containers: [{name: web, image: "web:1"}]}`)
	_, _, err := c.PortForward(t.Context(), ns, "app=web", 80)
	wantFault(t, err, fault.Blocked, fault.ClusterUnreachable, "app=web")
	apply(t, c, pod)
	var address string
	var stop func()
	cptest.Eventually(t, patience, "the Pod is ready", func() bool {
		address, stop, err = c.PortForward(t.Context(), ns, "app=web", 80)
		return err == nil
	})
	resp, err := http.Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != "hello" {
		t.Errorf("answer %q, %v", body, err)
	}
	stop()
	stop()
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("the port is still open")
	}
	log, err := c.Logs(t.Context(), ns, "web", cluster.LogOptions{Tail: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if text, err := io.ReadAll(log); err != nil || len(text) == 0 {
		t.Errorf("log %q, %v", text, err)
	}
	_, err = c.Logs(t.Context(), ns, "absent", cluster.LogOptions{})
	wantFault(t, err, fault.Transient, fault.NotFound)
}

func TestReviewsAnswerWhoAndWhether(t *testing.T) {
	cp := cptest.Shared(t)
	ns := cp.Namespace(t)
	c := connect(t, cp.EngineConfig(t))
	restricted(t, cp, ns) // makes the service account "tenant"
	token, err := cp.Client(t).CoreV1().ServiceAccounts(ns).CreateToken(t.Context(), "tenant", &authnv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	user, err := c.TokenReview(t.Context(), token.Status.Token)
	if err != nil || user.Name != "system:serviceaccount:"+ns+":tenant" || len(user.Groups) == 0 {
		t.Fatalf("%+v, %v", user, err)
	}
	if nobody, err := c.TokenReview(t.Context(), "wrong"); err != nil || nobody.Name != "" {
		t.Errorf("%+v, %v", nobody, err)
	}
	for resource, want := range map[string]bool{"configmaps": true, "secrets": false} {
		got, _, err := c.CanI(t.Context(), user, cluster.Attributes{Verb: "list", Resource: resource, Namespace: ns})
		if err != nil || got != want {
			t.Errorf("may list %s: %v, %v", resource, got, err)
		}
	}
}
