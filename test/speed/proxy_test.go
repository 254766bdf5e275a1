package speed

import (
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"plumb.cd/plumb/internal/cptest"
)

const soon = 60 * time.Second

// cutter passes connections on to an API server, TLS and all, and cuts them when told.
type cutter struct {
	to string
	l  net.Listener

	mu   sync.Mutex
	open map[net.Conn]bool
}

// behind starts a cutter in front of a control plane and gives the engine's kubeconfig for the way through it.
func behind(t *testing.T, cp *cptest.ControlPlane) (*cutter, []byte) {
	t.Helper()
	u, err := url.Parse(cp.Server)
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{to: u.Host, open: map[net.Conn]bool{}}
	if c.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); c.serve() }()
	t.Cleanup(func() {
		_ = c.l.Close() // that ends serve
		c.cut()
		<-done
	})
	raw, err := os.ReadFile(cp.EngineKubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return c, []byte(strings.ReplaceAll(string(raw), cp.Server, "https://"+c.l.Addr().String()))
}

func (c *cutter) serve() {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		in, err := c.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", c.to)
		if err != nil {
			_ = in.Close() // the client sees it
			continue
		}
		c.mu.Lock()
		c.open[in], c.open[out] = true, true
		c.mu.Unlock()
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			wg.Go(func() {
				_, _ = io.Copy(pair[0], pair[1]) // ends when one of them is closed
				c.drop(pair[0], pair[1])
			})
		}
	}
}

func (c *cutter) drop(conns ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close() // it may be closed already
		delete(c.open, conn)
	}
}

// cut ends all connections at once, as a router that restarts does.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		_ = conn.Close()
	}
	clear(c.open)
}
