package kubelet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"plumb.cd/plumb/controlplane/internal/nodes"
	"plumb.cd/plumb/controlplane/internal/pki"
)

// Server is the HTTPS endpoint of all simulated kubelets. It listens nowhere: the egress proxy of the API server
// connects to it inside the process.
type Server struct {
	runner   *Runner
	listener *pipeListener
	server   *http.Server
}

// NewServer returns a server of the Pods that runner knows. Only the API server's client certificate is let in.
func NewServer(runner *Runner, keys *pki.Dir) (*Server, error) {
	cert, err := tls.LoadX509KeyPair(keys.Path("kubelet.crt"), keys.Path("kubelet.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(keys.Path("ca.crt"))
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(ca)
	s := &Server{runner: runner, listener: newPipeListener()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", s.logs)
	mux.HandleFunc("/portForward/{namespace}/{pod}", s.portForward)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, fmt.Sprintf("simulated Pods cannot do %s", r.URL.Path), http.StatusNotImplemented)
	})
	s.server = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{
			MinVersion:   tls.VersionTLS13,
			Certificates: []tls.Certificate{cert},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    clients,
		},
	}
	return s, nil
}

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.server.Close() })
	defer stop()
	if err := s.server.ServeTLS(s.listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Serves reports whether hostport is the kubelet of a node.
func (s *Server) Serves(hostport string) bool {
	a, err := netip.ParseAddrPort(hostport)
	return err == nil && nodes.IsAddress(a.Addr()) && a.Port() == nodes.KubeletPort
}

// Dial connects to the server.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) { return s.listener.dial(ctx) }

func (s *Server) logs(w http.ResponseWriter, r *http.Request) {
	options, err := parseLogOptions(r.URL.Query(), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	find := func() (stream, error) {
		pod, err := s.runner.pods.Pods(r.PathValue("namespace")).Get(r.PathValue("pod"))
		if err != nil {
			return stream{}, err
		}
		return streamOf(pod, r.PathValue("container"), options.previous)
	}
	run, err := find()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	flush := func() { _ = http.NewResponseController(w).Flush() }
	// An error is the client's leaving, or the byte limit: both are the end.
	_ = run.copyTo(r.Context(), w, options, time.Now, find, flush)
}

// pipeListener hands out in-memory connections.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "kubelet:" + strconv.Itoa(nodes.KubeletPort) }
