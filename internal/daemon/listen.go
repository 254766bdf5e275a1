package daemon

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/server"
)

const (
	shutdown     = 5 * time.Second
	headerWithin = 10 * time.Second
	bodyWithin   = 30 * time.Second
	idleWithin   = 2 * time.Minute
	largestHead  = 64 << 10
)

// serve is the public listener.
func serve(ctx context.Context, o cli.DaemonOptions, h http.Handler) error {
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("listening for the API: %w", err)
	}
	secure, err := tlsConfig(o.SignIn)
	if err != nil {
		l.Close()
		return err
	}
	if o.Ready != nil {
		o.Ready(l.Addr().String())
	}
	return serveOn(ctx, l, secure, h)
}

func serveDebug(ctx context.Context, address string) error {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("profiles are served on loopback only, not on %q", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listening for profiles: %w", err)
	}
	return serveOn(ctx, l, nil, server.Debug())
}

// serveOn serves until ctx ends: plain HTTP, or HTTP/2 and 1.1 over TLS where there is a configuration for it.
func serveOn(ctx context.Context, l net.Listener, secure *tls.Config, h http.Handler) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := &http.Server{
		Handler: prompt(h, bodyWithin), ReadHeaderTimeout: headerWithin, IdleTimeout: idleWithin, MaxHeaderBytes: largestHead,
		BaseContext: func(net.Listener) context.Context { return base }, TLSConfig: secure,
	}
	run := srv.Serve
	if secure != nil {
		run = func(l net.Listener) error { return srv.ServeTLS(l, "", "") }
	}
	failed := make(chan error, 1)
	go func() { failed <- run(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	cancel() // open streams end
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), shutdown)
	defer done()
	return srv.Shutdown(stop)
}

// prompt gives up on bodies that trickle in. The server's own ReadTimeout would end streams too, which read nothing.
func prompt(h http.Handler, within time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			c := http.NewResponseController(w)
			if err := c.SetReadDeadline(time.Now().Add(within)); err == nil {
				r.Body = &promptBody{ReadCloser: r.Body, c: c}
			}
		}
		h.ServeHTTP(w, r)
	})
}

type promptBody struct {
	io.ReadCloser
	c *http.ResponseController
}

func (b *promptBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil { // it is read, or will never be: what the handler does now may take its time
		_ = b.c.SetReadDeadline(time.Time{}) // the connection is gone, or takes it
	}
	return n, err
}

// tlsConfig is nil where no certificate is given.
func tlsConfig(o cli.SignInOptions) (*tls.Config, error) {
	if o.TLSCert == "" && o.TLSKey == "" {
		return nil, nil
	}
	c := &certificate{cert: o.TLSCert, key: o.TLSKey}
	if _, err := c.get(nil); err != nil {
		return nil, fmt.Errorf("serving TLS: %w", err)
	}
	return &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12}, nil
}

// certificate reads its files again when they change. A new one that cannot be read leaves the old one.
type certificate struct {
	cert, key string

	mu     sync.Mutex
	loaded *tls.Certificate
	from   time.Time // when the file was written
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(c.cert)
	if err == nil && c.loaded != nil && info.ModTime().Equal(c.from) {
		return c.loaded, nil
	}
	pair, loadErr := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil || loadErr != nil {
		if c.loaded != nil {
			return c.loaded, nil
		}
		return nil, loadErr
	}
	c.loaded, c.from = &pair, info.ModTime()
	return c.loaded, nil
}
