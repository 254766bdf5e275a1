// Package egress decides what the API server may dial inside "the cluster". Pods, Services and nodes have addresses
// that nobody owns, or that somebody else owns in the network of this host; none of them may ever be dialled. The API
// server therefore sends all such traffic through a CONNECT proxy on a unix socket, which is this package.
package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"plumb.cd/plumb/controlplane/internal/supervise"
)

// Kubelets answers for the addresses of nodes.
type Kubelets interface {
	// Serves reports whether hostport is the kubelet of a node.
	Serves(hostport string) bool
	Dial(ctx context.Context) (net.Conn, error)
}

const dialTimeout = 5 * time.Second

// Start serves the proxy on socket as a part of g. Loopback is dialled, node addresses go to kubelets, the rest is
// refused with a reason.
func Start(g *supervise.Group, socket string, kubelets Kubelets) error {
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: &proxy{kubelets}, ReadHeaderTimeout: dialTimeout}
	g.Go("egress proxy", func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { _ = server.Close() })
		defer stop()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

type proxy struct{ kubelets Kubelets }

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "CONNECT only", http.StatusMethodNotAllowed)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), dialTimeout)
	defer cancel()
	upstream, dialErr := p.dial(ctx, r.URL.Host)
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		if upstream != nil {
			_ = upstream.Close()
		}
		return
	}
	defer client.Close()
	if dialErr != nil {
		// The API server shows the status line, and only that, to the user.
		reason := strings.Join(strings.Fields(dialErr.Error()), " ")
		fmt.Fprintf(client, "HTTP/1.1 502 %s\r\nContent-Length: 0\r\n\r\n", reason)
		return
	}
	defer upstream.Close()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	join(client, upstream)
}

func (p *proxy) dial(ctx context.Context, hostport string) (net.Conn, error) {
	if p.kubelets.Serves(hostport) {
		return p.kubelets.Dial(ctx)
	}
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	if !isLoopback(host) {
		return nil, fmt.Errorf("nothing listens on %s: Pods and Services are simulated; "+
			"a Service of type ExternalName with the name localhost reaches this host", hostport)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", hostport)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// join copies both ways until either side ends.
func join(a, b net.Conn) {
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1]) // an error is the end of the connection
			done <- struct{}{}
		}()
	}
	<-done
	_ = a.Close()
	_ = b.Close()
	<-done
}
