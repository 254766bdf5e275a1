package daemon

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/cli"
)

// listen serves h as the daemon does, and gives the address.
func listen(t *testing.T, o cli.SignInOptions, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure, err := tlsConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serveOn(ctx, l, secure, h) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, address, request string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func answerOn(t *testing.T, c net.Conn) *http.Response {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func TestHugeCookiesAreRefused(t *testing.T) {
	address := listen(t, cli.SignInOptions{}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it got through") }))
	c := dial(t, address, "GET / HTTP/1.1\r\nHost: x\r\nCookie: a="+strings.Repeat("x", 100<<10)+"\r\n\r\n")
	if res := answerOn(t, c); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d", res.StatusCode)
	}
}

func TestABodyThatTricklesInIsGivenUp(t *testing.T) {
	read := make(chan error, 1)
	h := prompt(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		read <- err
	}), 100*time.Millisecond)
	dial(t, listen(t, cli.SignInOptions{}, h), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123")
	select {
	case err := <-read:
		var slow net.Error
		if !errors.As(err, &slow) || !slow.Timeout() {
			t.Errorf("%v", err)
		}
	case <-time.After(patience):
		t.Error("it is still read")
	}
}

func TestWhatAHandlerDoesWithABodyMayTakeLonger(t *testing.T) {
	const within = 50 * time.Millisecond
	h := prompt(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil || string(raw) != "0123456789" {
			t.Errorf("%q, %v", raw, err)
		}
		select {
		case <-r.Context().Done():
			t.Error("the request was cancelled while it was worked on")
		case <-time.After(4 * within):
		}
		w.WriteHeader(http.StatusAccepted)
	}), within)
	c := dial(t, listen(t, cli.SignInOptions{}, h), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789")
	if res := answerOn(t, c); res.StatusCode != http.StatusAccepted {
		t.Errorf("%d", res.StatusCode)
	}
}

// certify writes a certificate for 127.0.0.1 with a name.
func certify(t *testing.T, dir, name string, at time.Time) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	rawKey, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	pool = x509.NewCertPool()
	for path, block := range map[string]*pem.Block{key: {Type: "PRIVATE KEY", Bytes: rawKey}, cert: {Type: "CERTIFICATE", Bytes: raw}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return cert, key, pool
}

func TestACertificateIsReadAgainWhenItChanges(t *testing.T) {
	dir, then := t.TempDir(), time.Now().Add(-time.Hour)
	cert, key, _ := certify(t, dir, "first", then)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.TLS != nil) })
	address := listen(t, cli.SignInOptions{TLSCert: cert, TLSKey: key}, h)
	_, _, pool := certify(t, dir, "second", then.Add(time.Minute))
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	t.Cleanup(c.CloseIdleConnections)
	res, err := c.Get("https://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if name := res.TLS.PeerCertificates[0].DNSNames[0]; name != "second" || res.ProtoMajor != 2 {
		t.Errorf("the certificate is the %s, the protocol %s", name, res.Proto)
	}
	if err := os.WriteFile(cert, []byte("half wri"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.CloseIdleConnections()
	again, err := c.Get("https://" + address)
	if err != nil {
		t.Fatalf("with a file that is being written: %v", err)
	}
	again.Body.Close()
	if _, err := tlsConfig(cli.SignInOptions{TLSCert: cert, TLSKey: key}); err == nil {
		t.Error("a start with half a certificate")
	}
}

func TestAStreamOutlivesTheTimeForBodies(t *testing.T) {
	const within = 50 * time.Millisecond
	h := prompt(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		fmt.Fprint(w, "first\n")
		if err := c.Flush(); err != nil {
			t.Error(err)
		}
		select {
		case <-r.Context().Done():
			t.Error("the stream was ended")
		case <-time.After(4 * within):
		}
		fmt.Fprint(w, "second\n")
	}), within)
	res, err := http.Get("http://" + listen(t, cli.SignInOptions{}, h))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if raw, err := io.ReadAll(res.Body); err != nil || string(raw) != "first\nsecond\n" {
		t.Errorf("%q, %v", raw, err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
