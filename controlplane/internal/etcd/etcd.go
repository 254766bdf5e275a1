// Package etcd runs the single embedded etcd member of a control plane.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"

	"plumb.cd/plumb/controlplane/internal/supervise"
)

// Fsync says whether a write is on disk before it is acknowledged.
type Fsync int

const (
	// NoFsync is quicker; a crash of the machine, not of the process, may lose the last writes.
	NoFsync Fsync = iota
	// AlwaysFsync is what a production cluster does.
	AlwaysFsync
)

const startTimeout = time.Minute

// Options says where the member lives.
type Options struct {
	Dir     string // of the database
	Sockets string // directory for unix sockets, private: whoever connects is let in
	Log     string // file
	Fsync   Fsync
}

// Start runs the member as a part of g and returns the URL for clients when it serves.
func Start(ctx context.Context, g *supervise.Group, o Options) (string, error) {
	clients, peers := filepath.Join(o.Sockets, "etcd.sock"), filepath.Join(o.Sockets, "peer.sock")
	remove := func() error {
		for _, socket := range []string{clients, peers} {
			if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	}
	// A killed process leaves its sockets. The lock on the directory says that nobody else uses them.
	if err := remove(); err != nil {
		return "", err
	}
	e, err := embed.StartEtcd(config(o, clients, peers))
	if err != nil {
		return "", err
	}
	g.OnStop(func() {
		e.Close()
		_ = remove() // gone already when etcd closed in order
	})
	select {
	case <-e.Server.ReadyNotify():
	case err := <-e.Err():
		return "", err
	case <-time.After(startTimeout):
		return "", fmt.Errorf("not ready within %v", startTimeout)
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	go func() {
		if err := <-e.Err(); err != nil { // closed by e.Close
			g.Fail(fmt.Errorf("etcd: %w", err))
		}
	}()
	return "unix://" + clients, nil
}

func config(o Options, clients, peers string) *embed.Config {
	c := embed.NewConfig()
	c.Dir = o.Dir
	c.ListenClientUrls = []url.URL{{Scheme: "unix", Path: clients}}
	// Nobody dials what a single member advertises, but the peer URL is stored and must be the same after a restart,
	// and it must have a host and a port.
	advertised := url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	c.AdvertiseClientUrls = []url.URL{advertised}
	c.AdvertisePeerUrls = []url.URL{advertised}
	// There is no way to have no peer listener; on a socket nobody else can reach it.
	c.ListenPeerUrls = []url.URL{{Scheme: "unix", Path: peers}}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	c.UnsafeNoFsync = o.Fsync == NoFsync
	c.QuotaBackendBytes = 8 << 30
	// A lone member becomes leader after one election timeout: keep it short.
	c.TickMs, c.ElectionMs = 50, 250
	c.EnableGRPCGateway = false
	// Zero, the default of the library, would log every request as slow.
	c.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration
	c.LogLevel = "warn"
	c.LogOutputs = []string{o.Log}
	return c
}
