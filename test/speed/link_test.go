package speed

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"plumb.cd/plumb/internal/cptest"
)

// link is what a proxy in front of an API server does to what passes. What is nil passes as it is; everything is JSON.
type link struct {
	// refuse gives an answer instead of the API server's; nil: it is asked.
	refuse func(r *http.Request) *http.Response
	// body copies an answer, stream a watch, until it returns: then the watch ends.
	body   func(w io.Writer, r io.Reader) error
	stream func(r *http.Request, w io.Writer, from io.Reader) error
}

// through starts such a proxy, and gives the engine's kubeconfig for the way through it.
func (k link) through(t *testing.T, cp *cptest.ControlPlane) []byte {
	t.Helper()
	config := cp.EngineConfig(t)
	next, err := rest.TransportFor(&rest.Config{TLSClientConfig: config.TLSClientConfig})
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(cp.Server)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(&httputil.ReverseProxy{
		Transport: refusing{k, next}, FlushInterval: -1, ModifyResponse: k.modify,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Del("Accept-Encoding")
			r.Out.Header.Set("Accept", strings.ReplaceAll(r.In.Header.Get("Accept"), "application/vnd.kubernetes.protobuf", "application/json"))
		},
	})
	t.Cleanup(server.CloseClientConnections)
	raw, err := os.ReadFile(cp.EngineKubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := clientcmd.Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range kubeconfig.Clusters {
		c.Server, c.CertificateAuthorityData, c.InsecureSkipTLSVerify = server.URL, nil, true
	}
	if raw, err = clientcmd.Write(*kubeconfig); err != nil {
		t.Fatal(err)
	}
	return raw
}

type refusing struct {
	link
	next http.RoundTripper
}

// RoundTrip asks the API server, unless the link has an answer.
func (r refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.refuse != nil {
		if res := r.refuse(req); res != nil {
			res.Request = req
			return res, nil
		}
	}
	return r.next.RoundTrip(req)
}

func (k link) modify(res *http.Response) error {
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		return nil
	}
	switch watch := res.Request.URL.Query().Has("watch"); {
	case watch && k.stream != nil:
		from := res.Body
		out, in := io.Pipe()
		go func() { _ = in.CloseWithError(k.stream(res.Request, in, from)) }()
		res.Body = both{out, from}
	case !watch && k.body != nil:
		var b bytes.Buffer
		if err := k.body(&b, res.Body); err != nil {
			return err
		}
		res.Body = io.NopCloser(&b)
	default:
		return nil
	}
	res.Header.Del("Content-Length")
	res.ContentLength = -1
	return nil
}

type both struct {
	*io.PipeReader
	body io.Closer
}

// Close ends both sides.
func (b both) Close() error {
	_ = b.body.Close() // what it was read from
	return b.PipeReader.Close()
}

// event is one line of a watch.
type event struct {
	Type   string         `json:"type"`
	Object map[string]any `json:"object"`
}

// refusal is an answer of an API server that does not do what it is asked.
func refusal(code int, reason metav1.StatusReason) *http.Response {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{ // a recorder takes everything
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: string(reason),
	})
	return w.Result()
}
