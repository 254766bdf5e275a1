package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"slices"
	"time"
)

// lifetime of every certificate: a directory may be kept for years, and nothing here rotates.
const lifetime = 10 * 365 * 24 * time.Hour

type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// loadAuthority reads the authority NAME.crt and NAME.key, or makes and writes it.
func loadAuthority(d *Dir, name string) (*authority, error) {
	cert, key, err := readPair(d.Path(name+".crt"), d.Path(name+".key"))
	if err == nil {
		return &authority{cert, key}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	template := newTemplate(pkix.Name{CommonName: "plumb-controlplane " + name})
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage |= x509.KeyUsageCertSign
	cert, key, err = sign(template, nil)
	if err != nil {
		return nil, err
	}
	return &authority{cert, key}, writePair(d, name, cert, key)
}

// ensure makes sure that NAME.crt is signed by a and valid for all that template asks for.
func (a *authority) ensure(d *Dir, name string, template *x509.Certificate) error {
	old, _, err := readPair(d.Path(name+".crt"), d.Path(name+".key"))
	if err == nil && old.CheckSignatureFrom(a.cert) == nil && covers(old, template) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	cert, key, err := sign(template, a)
	if err != nil {
		return err
	}
	return writePair(d, name, cert, key)
}

// covers reports whether cert already names every address of want.
func covers(cert, want *x509.Certificate) bool {
	for _, ip := range want.IPAddresses {
		if !slices.ContainsFunc(cert.IPAddresses, ip.Equal) {
			return false
		}
	}
	for _, name := range want.DNSNames {
		if !slices.Contains(cert.DNSNames, name) {
			return false
		}
	}
	return true
}

func newTemplate(subject pkix.Name) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:   subject,
		NotBefore: now.Add(-time.Hour), // the clock of a container may be behind
		NotAfter:  now.Add(lifetime),
		KeyUsage:  x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
}

// sign makes a key and a certificate for template; signer nil means self-signed.
func sign(template *x509.Certificate, signer *authority) (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, nil, err
	}
	parent := signer
	if parent == nil {
		parent = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, key.Public(), parent.key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

func writePair(d *Dir, name string, cert *x509.Certificate, key crypto.Signer) error {
	if err := writeKey(d.Path(name+".key"), key); err != nil {
		return err
	}
	block := &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}
	return os.WriteFile(d.Path(name+".crt"), pem.EncodeToMemory(block), 0o644)
}

// writeKey writes the form that the API server reads for service accounts too: PEM of type "EC PRIVATE KEY".
func writeKey(path string, key crypto.Signer) error {
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("%s: not an ECDSA key", path)
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

// readPair returns fs.ErrNotExist when either file is missing.
func readPair(crtPath, keyPath string) (*x509.Certificate, crypto.Signer, error) {
	crt, err := readBlock(crtPath)
	if err != nil {
		return nil, nil, err
	}
	der, err := readBlock(keyPath)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(crt)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", crtPath, err)
	}
	key, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", keyPath, err)
	}
	return cert, key, nil
}

func readBlock(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM block", path)
	}
	return block.Bytes, nil
}
