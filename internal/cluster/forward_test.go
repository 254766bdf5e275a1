package cluster_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"plumb.cd/plumb/internal/cptest"
)

// withoutWebSockets is a way to an API server through a proxy that refuses WebSockets, as older ones do.
func withoutWebSockets(t *testing.T, rc *rest.Config) *rest.Config {
	t.Helper()
	rc.NextProtos = []string{"http/1.1"} // HTTP/2 has no upgrades
	transport, err := rest.TransportFor(rc)
	if err != nil {
		t.Fatal(err)
	}
	host, err := url.Parse(rc.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(host) }}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			http.Error(w, "no WebSockets here", http.StatusBadRequest)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return &rest.Config{Host: s.URL, QPS: -1}
}

func TestPortForwardReachesAPodWhereWebSocketsAreRefused(t *testing.T) {
	cp := cptest.Shared(t)
	ns := cp.Namespace(t)
	c := connect(t, withoutWebSockets(t, cp.EngineConfig(t)))
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(target.Close)
	apply(t, c, parse(t, ns, `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}, annotations: {plumb.cd/port-forward-to: "`+target.Listener.Addr().String()+`"}}
spec: {containers: [{name: web, image: "web:1"}]}`))
	var address string
	var stop func()
	var err error
	cptest.Eventually(t, patience, "the Pod is reached", func() bool {
		address, stop, err = c.PortForward(t.Context(), ns, "app=web", 80)
		return err == nil
	})
	defer stop()
	resp, err := http.Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "hello" {
		t.Errorf("answer %q, %v", body, err)
	}
}
