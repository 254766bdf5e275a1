package gittest

import (
	"encoding/pem"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// HTTPOptions say what an HTTP server asks of its clients. The zero value lets everyone in.
type HTTPOptions struct {
	User, Password string // asks for basic authentication
	Token          string // asks for a bearer token
	TLS            bool   // https with a certificate of its own authority
	// Before may answer a request instead of git: it reports whether it did.
	Before func(http.ResponseWriter, *http.Request) bool
}

// HTTPServer serves every repository below a directory with git http-backend.
type HTTPServer struct {
	URL      string // the root; a repository's URL is URL + "/name.git"
	CA       []byte // PEM, with TLS
	requests atomic.Int64
	sent     atomic.Int64
}

// Requests is how many requests came in so far, and Sent how many bytes of answers went out.
func (s *HTTPServer) Requests() int64 { return s.requests.Load() }

// Sent is how many bytes of answers went out so far.
func (s *HTTPServer) Sent() int64 { return s.sent.Load() }

// ServeHTTP serves the repositories below root until the test ends.
func ServeHTTP(t testing.TB, root string, o HTTPOptions) *HTTPServer {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatalf("git is missing (install git 2.39 or newer): %v", err)
	}
	backend := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	s := &HTTPServer{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if o.Before != nil && o.Before(w, r) {
			return
		}
		if !o.allows(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h := cgi.Handler{
			Path: backend, InheritEnv: []string{"PATH"}, Stderr: t.Output(),
			Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "REMOTE_USER=test"},
		}
		h.ServeHTTP(&countingWriter{w, s}, r)
	})
	srv := httptest.NewUnstartedServer(handler)
	if o.TLS {
		srv.StartTLS()
		s.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	} else {
		srv.Start()
	}
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	s.URL = srv.URL
	return s
}

func (o HTTPOptions) allows(r *http.Request) bool {
	if o.Token != "" {
		return r.Header.Get("Authorization") == "Bearer "+o.Token
	}
	if o.User == "" && o.Password == "" {
		return true
	}
	u, p, ok := r.BasicAuth()
	return ok && u == o.User && p == o.Password
}

type countingWriter struct {
	http.ResponseWriter
	s *HTTPServer
}

func (c *countingWriter) Write(p []byte) (int, error) {
	c.s.sent.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}
