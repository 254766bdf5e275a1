// Package apiserver runs kube-apiserver inside this process.
package apiserver

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apiserver/pkg/server/flagz"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"

	"plumb.cd/plumb/controlplane/internal/pki"
	"plumb.cd/plumb/controlplane/internal/supervise"
)

// Options says how to serve.
type Options struct {
	Listener     net.Listener // bound by the caller, so that port 0 works; its address is the one that is served
	PKI          *pki.Dir
	EtcdURL      string
	EgressSocket string // of the CONNECT proxy for traffic to nodes, Pods and Services
	AuditLog     string // file; empty: no audit
}

//go:embed audit-policy.yaml
var auditPolicy []byte

const egressTemplate = `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: %q
`

// Start runs the server as a part of g. It serves, but is not ready yet: see WaitReady, which must have returned before
// g is stopped.
func Start(ctx context.Context, g *supervise.Group, o Options) error {
	args, err := arguments(o)
	if err != nil {
		return err
	}
	s := options.NewServerRunOptions()
	named := s.Flags()
	s.Flagz = flagz.NamedFlagSetsReader{FlagSets: named}
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range named.FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	s.SecureServing.Listener = o.Listener
	// One registry of feature gates for all components of the process, set here once.
	if err := s.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	completed, err := s.Complete(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) != 0 {
		return errors.Join(errs...)
	}
	g.Go("kube-apiserver", func(ctx context.Context) error { return app.Run(ctx, completed) })
	return nil
}

func arguments(o Options) ([]string, error) {
	egress := o.PKI.Path("egress.yaml")
	if err := os.WriteFile(egress, fmt.Appendf(nil, egressTemplate, o.EgressSocket), 0o600); err != nil {
		return nil, err
	}
	address, ok := o.Listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("cannot serve on %s", o.Listener.Addr())
	}
	args := []string{
		"--etcd-servers=" + o.EtcdURL,
		"--bind-address=" + address.IP.String(),
		fmt.Sprintf("--secure-port=%d", address.Port),
		// By default the first interface of the host would be advertised. The Service "kubernetes" gets no endpoints:
		// they may not be loopback addresses, and no Pod could use them.
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + o.PKI.Path("apiserver.crt"),
		"--tls-private-key-file=" + o.PKI.Path("apiserver.key"),
		"--kubelet-client-certificate=" + o.PKI.Path("kubelet-client.crt"),
		"--kubelet-client-key=" + o.PKI.Path("kubelet-client.key"),
		"--proxy-client-cert-file=" + o.PKI.Path("front-proxy-client.crt"),
		"--proxy-client-key-file=" + o.PKI.Path("front-proxy-client.key"),
		"--client-ca-file=" + o.PKI.Path("ca.crt"),
		"--requestheader-client-ca-file=" + o.PKI.Path("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + o.PKI.Path("sa.key"),
		"--service-account-signing-key-file=" + o.PKI.Path("sa.key"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction", // with the default ones, as kubeadm has it
		"--allow-privileged=true",
		"--service-cluster-ip-range=10.96.0.0/12", // the default /24 holds 254 Services
		"--kubelet-preferred-address-types=InternalIP",
		"--egress-selector-config-file=" + egress,
	}
	if o.AuditLog == "" {
		return args, nil
	}
	policy := o.PKI.Path("audit-policy.yaml")
	if err := os.WriteFile(policy, auditPolicy, 0o600); err != nil {
		return nil, err
	}
	log, err := filepath.Abs(o.AuditLog)
	if err != nil {
		return nil, err
	}
	const never = "1000000" // MB; 0 would put the log aside at 100 MB, and whoever reads along would lose their place
	return append(args, "--audit-policy-file="+policy, "--audit-log-path="+log, "--audit-log-maxsize="+never), nil
}

const (
	readyTimeout = 2 * time.Minute
	readyPoll    = 20 * time.Millisecond
)

// WaitReady returns when /readyz says yes, which covers the post-start hooks (RBAC roles, priority classes, system
// namespaces). It waits even when ctx has ended, up to readyTimeout or failed: a server that is stopped inside its
// post-start hooks ends the whole process.
func WaitReady(ctx context.Context, client rest.Interface, failed <-chan struct{}) error {
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
	defer cancel()
	for {
		body, err := client.Get().AbsPath("/readyz").Timeout(2 * time.Second).DoRaw(patient)
		if err == nil {
			return context.Cause(ctx)
		}
		select {
		case <-failed:
			return context.Cause(ctx)
		case <-patient.Done():
			return fmt.Errorf("not ready within %v: %w: %s", readyTimeout, err, body)
		case <-time.After(readyPoll):
		}
	}
}
