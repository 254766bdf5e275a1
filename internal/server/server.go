// Package server is Plumb's HTTP API: what the command line and the console speak. It reads the engine and the history,
// and writes people's wishes as changes to our own resources; it applies nothing itself.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/object"
)

// Engine is what the API reads.
type Engine interface {
	Snapshot(key engine.Key) (engine.Snapshot, bool)
	Snapshots() []engine.Snapshot
	Repositories() []engine.RepositorySnapshot
	Targets() []engine.TargetSnapshot
	Tree(ctx context.Context, key engine.Key, children engine.WithChildren) ([]engine.ObjectView, error)
	Why(ctx context.Context, key engine.Key, id *object.ID) (engine.Why, error)
	Preview(ctx context.Context, key engine.Key) (engine.Preview, error)
	Find(id object.ID) []engine.Key
	Revert(ctx context.Context, key engine.Key, req engine.RevertRequest) (engine.Reverted, error)
	Pushed(match func(engine.Repository) bool) int
}

// User is who is asking.
type User struct {
	Name   string   `json:"name"`
	UID    string   `json:"uid,omitempty"`
	Groups []string `json:"groups,omitempty"`
}

// Access says who somebody is and what they may do. Verbs are Kubernetes' own and ours: get, list, sync, approve, hold,
// rollback, suspend, refresh, cancel, on Apps.
type Access interface {
	Authenticate(ctx context.Context, token string) (User, error)
	Allowed(ctx context.Context, u User, verb string, app engine.Key) (bool, error)
}

// Intents writes wishes to the App resource. Errors are *fault.Error.
type Intents interface {
	Annotate(ctx context.Context, app engine.Key, annotations map[string]string) error
	PatchSpec(ctx context.Context, app engine.Key, patch map[string]any) error
}

// Options are what a Server works with.
type Options struct {
	Engine   Engine
	Access   Access
	Intents  Intents
	History  history.Store
	Registry *prometheus.Registry
	Changes  *Changes
	Ready    func() error // nil: ready
	Version  string
	Now      func() time.Time
	Log      *slog.Logger
}

// Server answers requests. Make it with New.
type Server struct {
	o   Options
	mux *http.ServeMux
}

const maxBody = 1 << 20

// New makes the public handler: API, health, metrics and webhook.
func New(o Options) *Server {
	s := &Server{o: o, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	s.mux.HandleFunc("GET /readyz", s.ready)
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{}))
	s.mux.HandleFunc("POST /webhook", s.webhook)
	s.mux.HandleFunc("GET /api/v1/version", s.version)
	s.api("GET /api/v1/whoami", "", s.whoami)
	s.api("GET /api/v1/apps", "list", s.apps)
	s.api("GET /api/v1/apps/{namespace}/{name}", "get", s.app)
	s.api("GET /api/v1/apps/{namespace}/{name}/tree", "get", s.tree)
	s.api("GET /api/v1/apps/{namespace}/{name}/why", "get", s.why)
	s.api("GET /api/v1/apps/{namespace}/{name}/plan", "get", s.plan)
	s.api("GET /api/v1/apps/{namespace}/{name}/history", "get", s.history)
	s.api("GET /api/v1/repositories", "list", s.repositories)
	s.api("GET /api/v1/clusters", "list", s.clusters)
	s.api("GET /api/v1/find", "list", s.find)
	s.api("GET /api/v1/events", "list", s.events)
	s.api("POST /api/v1/apps/{namespace}/{name}/sync", "sync", s.sync)
	s.api("POST /api/v1/apps/{namespace}/{name}/refresh", "refresh", s.refresh)
	s.api("POST /api/v1/apps/{namespace}/{name}/cancel", "cancel", s.cancel)
	s.api("POST /api/v1/apps/{namespace}/{name}/suspend", "suspend", s.suspend)
	s.api("POST /api/v1/apps/{namespace}/{name}/resume", "hold", s.resume)
	s.api("POST /api/v1/apps/{namespace}/{name}/hold", "hold", s.hold)
	s.api("POST /api/v1/apps/{namespace}/{name}/adopt", "approve", s.adopt)
	s.api("POST /api/v1/apps/{namespace}/{name}/revert", "rollback", s.revert)
	return s
}

// Debug is the handler of profiles. It is served on loopback only.
func Debug() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	return mux
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	s.mux.ServeHTTP(w, r)
}

// call is one authenticated request.
type call struct {
	http.ResponseWriter
	*http.Request
	user User
	key  engine.Key
}

// api registers a call that needs a signed-in user and, with a verb, the right to it. Who may not know of an App gets
// the same answer as for one that does not exist.
func (s *Server) api(pattern, verb string, f func(*call) error) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		c := &call{ResponseWriter: w, Request: r, key: engine.Key{Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}}
		if err := s.admit(c, verb); err != nil {
			s.fail(w, err)
			return
		}
		if err := f(c); err != nil {
			s.fail(w, err)
		}
	})
}

func (s *Server) admit(c *call, verb string) error {
	token, ok := strings.CutPrefix(c.Request.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return errSignIn
	}
	var err error
	if c.user, err = s.o.Access.Authenticate(c.Context(), token); err != nil {
		return err
	}
	if verb == "" || (verb == "list" && c.key.Name == "") {
		return nil // lists are filtered, one by one namespace
	}
	if err := s.allow(c, "get", c.key); err != nil {
		return errNotFound(c.key)
	}
	if _, known := s.o.Engine.Snapshot(c.key); !known {
		return errNotFound(c.key)
	}
	return s.allow(c, verb, c.key)
}

func (s *Server) allow(c *call, verb string, key engine.Key) error {
	ok, err := s.o.Access.Allowed(c.Context(), c.user, verb, key)
	if err != nil {
		return err
	}
	if !ok {
		return errForbidden(c.user, verb, key)
	}
	return nil
}
