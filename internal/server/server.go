// Package server is Plumb's HTTP API: what the command line and the console speak. It reads the engine and the history,
// and writes people's wishes as changes to our own resources; it applies nothing itself.
//
// Every call is an operation value (operation.go), kept by area: lists, streams and the reader in core.go, one App in detail.go
// and app.go, measures in dora.go, notifications in channels.go, signing in in security.go. An area is a method of Server that
// gives its operations, and, where it needs something of its own, a field of Options of a type of its own.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/history"
)

// Engine is what the API reads; each area declares its part.
type Engine interface {
	ListEngine
	DetailEngine
	WishEngine
}

// User is who is asking.
type User struct {
	Name   string   `json:"name"`
	UID    string   `json:"uid,omitempty"`
	Groups []string `json:"groups,omitempty"`
}

// AppResource is the resource of Apps, in rights.
const AppResource = "apps"

// Right is something that one may do to a resource of group plumb.cd. Key without a name: to any in the namespace; without
// both: to any in all namespaces.
type Right struct {
	Verb     string // Kubernetes' own and ours: get, list, sync, approve, hold, rollback, suspend, refresh, cancel, logs
	Resource string // apps, repositories, clusters, channels
	Key      engine.Key
}

// Access says who somebody is and what they may do.
type Access interface {
	Authenticate(ctx context.Context, token string) (User, error)
	Allowed(ctx context.Context, u User, r Right) (bool, error)
}

// Intents writes wishes to the App resource. Errors are *fault.Error.
type Intents interface {
	Annotate(ctx context.Context, app engine.Key, annotations map[string]string) error
	PatchSpec(ctx context.Context, app engine.Key, patch map[string]any) error
}

// Options are what a Server works with. The last ones belong to one area each.
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

	List     ListOptions
	Detail   DetailOptions
	DORA     DORAOptions
	Channels ChannelOptions
	Security SecurityOptions
	View     ViewOptions
}

// Server answers requests. Make it with New.
type Server struct {
	o    Options
	mux  *http.ServeMux
	root http.Handler // mux behind what security puts before it

	catalog *catalog
	looked  atomic.Bool // somebody asked for a list before
	streams *streams
	day     lastDay
	windows doraCache

	documented  sync.Once
	document    []byte
	documentErr error
	metrics     *metrics
}

const maxBody = 1 << 20

// New makes the public handler: API, health, metrics and webhook.
func New(o Options) *Server {
	s := &Server{o: o, mux: http.NewServeMux(), catalog: newCatalog(o), streams: newStreams(), metrics: newMetrics()}
	o.Registry.MustRegister(s.collectors()...)
	if s.o.DORA.Matching == nil {
		s.o.DORA.Matching = s.matching
	}
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	s.mux.HandleFunc("GET /readyz", s.ready)
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{}))
	s.mux.HandleFunc("POST /webhook", s.webhook)
	for _, op := range s.operations() {
		s.route(op)
	}
	s.root = s.secure(s.mux)
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

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.root.ServeHTTP(w, r) }

// call is one request to an operation.
type call struct {
	http.ResponseWriter
	*http.Request
	session session
	key     engine.Key // of the path
}

// user is who asks.
func (c *call) user() User { return c.session.User }
