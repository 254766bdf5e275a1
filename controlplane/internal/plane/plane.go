// Package plane puts a control plane together: etcd, kube-apiserver, kube-controller-manager, kube-scheduler and
// simulated nodes, in this process, talking TLS on one address as separate processes would.
//
// One process holds one control plane: the Kubernetes components keep feature gates, metrics and logs in globals.
package plane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"plumb.cd/plumb/controlplane/internal/apiserver"
	"plumb.cd/plumb/controlplane/internal/controllers"
	"plumb.cd/plumb/controlplane/internal/egress"
	"plumb.cd/plumb/controlplane/internal/etcd"
	"plumb.cd/plumb/controlplane/internal/kubelet"
	"plumb.cd/plumb/controlplane/internal/nodes"
	"plumb.cd/plumb/controlplane/internal/pki"
	"plumb.cd/plumb/controlplane/internal/supervise"
	"plumb.cd/plumb/controlplane/internal/supply"
)

// Options says what to run.
type Options struct {
	Dir      string // everything that is written; a later start with it goes on where this one ended
	Address  net.IP // to listen on
	Port     int    // 0: the one used last in Dir if it is free, else any
	Nodes    int
	Fsync    etcd.Fsync
	AuditLog string // file; empty: no audit
	Log      LogOptions
}

// Plane is a running control plane.
type Plane struct {
	Server           string // URL
	Kubeconfig       string // file: cluster administrator, exempt from API Priority and Fairness
	EngineKubeconfig string // file: service account EngineNamespace/EngineAccount, with the rights of an administrator

	o       Options
	parts   *supervise.Group
	keys    *pki.Dir
	client  kubernetes.Interface
	failure context.Context // ends with the cause when a part fails
}

// Start returns when everything in Ready is true. When it returns an error nothing is left running.
func Start(ctx context.Context, o Options) (*Plane, error) {
	ctx, fail := context.WithCancelCause(ctx)
	p := &Plane{o: o, parts: supervise.New(ctx, fail), failure: ctx}
	p.parts.OnStop(func() { fail(context.Canceled) })
	if err := p.start(ctx); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// Failed is closed when a part has ended by itself, or the context of Start has ended; Cause says which.
func (p *Plane) Failed() <-chan struct{} { return p.failure.Done() }

// Cause is why Failed is closed.
func (p *Plane) Cause() error { return context.Cause(p.failure) }

// Stop ends everything, in reverse order of the start, and returns when it has.
func (p *Plane) Stop() {
	p.parts.Stop()
	flushLogs()
}

func (p *Plane) path(name string) string { return filepath.Join(p.o.Dir, name) }

func (p *Plane) start(ctx context.Context) error {
	if err := p.prepare(); err != nil {
		return err
	}
	listener, err := listen(p.o.Address, p.o.Port, p.path("port"))
	if err != nil {
		return err
	}
	if err := p.credentials(listener); err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := p.serve(ctx, listener); err != nil {
		return err
	}
	if err := p.control(ctx); err != nil {
		return err
	}
	return p.settle(ctx)
}

// prepare makes the directory ours.
func (p *Plane) prepare() error {
	dir, err := filepath.Abs(p.o.Dir)
	if err != nil {
		return err
	}
	p.o.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	p.parts.OnStop(func() { _ = lock.Close() })
	logs, err := openLogs(p.path("controlplane.log"), p.o.Log)
	if err != nil {
		return err
	}
	p.parts.OnStop(func() { flushLogs(); _ = logs.Close() })
	return nil
}

// credentials makes the keys and the kubeconfigs for the server that listener will be.
func (p *Plane) credentials(listener net.Listener) error {
	var err error
	if p.keys, err = pki.Ensure(p.path("pki"), p.o.Address); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	host := p.o.Address
	if host.IsUnspecified() {
		host = net.IPv4(127, 0, 0, 1)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	p.Server = "https://" + net.JoinHostPort(host.String(), strconv.Itoa(port))
	p.Kubeconfig = p.path("admin.kubeconfig")
	p.EngineKubeconfig = p.path("engine.kubeconfig")
	for name, file := range map[string]string{
		"admin":              p.Kubeconfig,
		"controller-manager": p.keys.Path("controller-manager.kubeconfig"),
		"scheduler":          p.keys.Path("scheduler.kubeconfig"),
		"simulation":         p.keys.Path("simulation.kubeconfig"),
	} {
		if err := p.keys.WriteKubeconfig(file, p.Server, name); err != nil {
			return fmt.Errorf("kubeconfig: %w", err)
		}
	}
	p.client, err = connect(p.Kubeconfig)
	return err
}

// clientConfig has no rate limit and speaks protobuf.
func clientConfig(kubeconfig string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = config.ContentType + ",application/json"
	return config, nil
}

func connect(kubeconfig string) (*kubernetes.Clientset, error) {
	config, err := clientConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// serve starts etcd and the API server, and what the API server dials, and waits until it is ready.
func (p *Plane) serve(ctx context.Context, listener net.Listener) error {
	sockets, err := socketDir(p.parts, p.o.Dir)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	url, err := etcd.Start(ctx, p.parts, etcd.Options{
		Dir: p.path("etcd"), Sockets: sockets, Log: p.path("etcd.log"), Fsync: p.o.Fsync,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("etcd: %w", err), listener.Close())
	}
	egressSocket := filepath.Join(sockets, "egress.sock")
	kubelets, err := p.kubelets()
	if err != nil {
		return errors.Join(fmt.Errorf("kubelets: %w", err), listener.Close())
	}
	if err := egress.Start(p.parts, egressSocket, kubelets.server); err != nil {
		return errors.Join(fmt.Errorf("egress proxy: %w", err), listener.Close())
	}
	err = apiserver.Start(ctx, p.parts, apiserver.Options{
		Listener: listener, PKI: p.keys, EtcdURL: url, EgressSocket: egressSocket, AuditLog: p.o.AuditLog,
	})
	if err != nil {
		return fmt.Errorf("kube-apiserver: %w", err)
	}
	if err := apiserver.WaitReady(ctx, p.client.Discovery().RESTClient(), p.parts.Failed()); err != nil {
		return fmt.Errorf("kube-apiserver: %w", err)
	}
	// Not earlier: its client would meet a server that does not serve yet and back off.
	p.parts.Go("kubelets", kubelets.runner.Run)
	return nil
}

type kubelets struct {
	runner *kubelet.Runner
	server *kubelet.Server
}

func (p *Plane) kubelets() (k kubelets, err error) {
	client, err := connect(p.keys.Path("simulation.kubeconfig"))
	if err != nil {
		return k, err
	}
	if k.runner, err = kubelet.NewRunner(client); err != nil {
		return k, err
	}
	if k.server, err = kubelet.NewServer(k.runner, p.keys); err != nil {
		return k, err
	}
	p.parts.Go("kubelet server", k.server.Run)
	return k, nil
}

// control starts what acts on the API.
func (p *Plane) control(ctx context.Context) error {
	manager := p.keys.Path("controller-manager.kubeconfig")
	if err := controllers.StartManager(ctx, p.parts, p.keys, manager, p.path("volume-plugins")); err != nil {
		return fmt.Errorf("kube-controller-manager: %w", err)
	}
	if err := controllers.StartScheduler(p.parts, p.keys.Path("scheduler.kubeconfig")); err != nil {
		return fmt.Errorf("kube-scheduler: %w", err)
	}
	if err := nodes.Start(p.parts, p.keys.Path("simulation.kubeconfig"), p.path("kwok.log")); err != nil {
		return fmt.Errorf("kwok: %w", err)
	}
	config, err := clientConfig(p.keys.Path("simulation.kubeconfig"))
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	p.parts.Go("supply", func(ctx context.Context) error { return supply.Run(ctx, client) })
	p.parts.Go("namespaces", func(ctx context.Context) error { return controllers.RunNamespaces(ctx, client, objects) })
	return nil
}
