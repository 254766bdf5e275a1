// Package pki keeps the certificates, keys and kubeconfigs of one control plane in a directory. What is there is used
// again, so that clients of an earlier run stay valid.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// Dir is a directory with everything below in place.
//
//	ca, front-proxy-ca             authorities (.crt and .key)
//	apiserver, kubelet             server certificates
//	admin, controller-manager, scheduler, simulation, kubelet-client, front-proxy-client
//	sa.key                         signs service account tokens
type Dir struct{ path string }

// Path returns the path of a file of the directory.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// serviceAddress is the first address of the service range: the Service "kubernetes".
var serviceAddress = net.IPv4(10, 96, 0, 1)

// Ensure makes what is missing in path. address is what the API server listens on; it is named in its certificate.
func Ensure(path string, address net.IP) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	d := &Dir{path}
	ca, err := loadAuthority(d, "ca")
	if err != nil {
		return nil, err
	}
	proxyCA, err := loadAuthority(d, "front-proxy-ca")
	if err != nil {
		return nil, err
	}
	if err := ensureTokenKey(d); err != nil {
		return nil, err
	}
	apiserver, err := apiserverTemplate(address)
	if err != nil {
		return nil, err
	}
	kubelet := server("kubelet")
	kubelet.DNSNames = []string{"localhost"}
	for _, c := range []struct {
		name     string
		by       *authority
		template *x509.Certificate
	}{
		{"apiserver", ca, apiserver},
		{"kubelet", ca, kubelet},
		{"kubelet-client", ca, client("kube-apiserver-kubelet-client", "system:masters")},
		{"front-proxy-client", proxyCA, client("front-proxy-client")},
		{"admin", ca, client("kubernetes-admin", "system:masters")},
		{"controller-manager", ca, client("system:kube-controller-manager")},
		{"scheduler", ca, client("system:kube-scheduler")},
		// All that is not Kubernetes itself. In the group of masters it is exempt from API Priority and Fairness: real
		// kubelets each have a share of their own.
		{"simulation", ca, client("plumb-controlplane", "system:masters")},
	} {
		if err := c.by.ensure(d, c.name, c.template); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func ensureTokenKey(d *Dir) error {
	if _, err := os.Stat(d.Path("sa.key")); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return writeKey(d.Path("sa.key"), key)
}

func apiserverTemplate(address net.IP) (*x509.Certificate, error) {
	t := server("kube-apiserver")
	t.DNSNames = []string{
		"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}
	t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, serviceAddress}
	if !address.IsUnspecified() {
		t.IPAddresses = append(t.IPAddresses, address)
		return t, nil
	}
	// Listening everywhere: every address of this host is a name of the server.
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			t.IPAddresses = append(t.IPAddresses, n.IP)
		}
	}
	return t, nil
}

func server(name string) *x509.Certificate {
	t := newTemplate(pkix.Name{CommonName: name})
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return t
}

func client(user string, groups ...string) *x509.Certificate {
	t := newTemplate(pkix.Name{CommonName: user, Organization: groups})
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return t
}
