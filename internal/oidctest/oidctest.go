// Package oidctest starts a real OpenID Connect provider for tests, and is a browser that signs in to it. The provider is
// test/oidc, on Node. It knows ada (verified address, groups platform and system:masters), bob (address not verified, group
// dev), eve (an address of elsewhere.example) and sam (who calls himself system:admin@example.com); each has the
// password NAME-password.
package oidctest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Options say how the provider behaves.
type Options struct {
	Redirect     string        // where it may send browsers back to; required
	IDToken      time.Duration // how long ID tokens are good; default an hour
	NoRefresh    bool          // it gives no refresh tokens
	UserInfoOnly bool          // groups are not in the ID token
}

// Client and Secret are what the provider knows Plumb by.
const (
	Client = "plumb"
	Secret = "client-secret"
)

// Provider is a running provider.
type Provider struct {
	Issuer string
	t      testing.TB
	o      Options
	port   int
	stop   func()
}

// Start starts a provider that ends with the test.
func Start(t testing.TB, o Options) *Provider {
	t.Helper()
	p := At(t, o)
	p.Run()
	return p
}

// At makes a provider that does not run yet: its address is known, and nobody answers there.
func At(t testing.TB, o Options) *Provider {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return &Provider{Issuer: fmt.Sprintf("http://127.0.0.1:%d", port), t: t, o: o, port: port, stop: func() {}}
}

// Run starts the provider, after Stop too: with another key, and nobody is signed in to it.
func (p *Provider) Run() {
	p.t.Helper()
	dir := home(p.t)
	lifetime := p.o.IDToken
	if lifetime == 0 {
		lifetime = time.Hour
	}
	config, err := json.Marshal(map[string]any{
		"port": p.port, "redirect": p.o.Redirect, "client": Client, "secret": Secret, "idToken": int(lifetime.Seconds()),
		"refresh": !p.o.NoRefresh, "userInfoOnly": p.o.UserInfoOnly,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.Command("node", "server.mjs", string(config))
	cmd.Dir = dir
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("the provider needs Node: %v", err)
	}
	p.stop = func() {
		p.stop = func() {}
		if err := cmd.Process.Kill(); err != nil {
			p.t.Error(err)
		}
		cmd.Wait() // it was killed
	}
	p.t.Cleanup(func() { p.stop() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "READY" {
			go io.Copy(io.Discard, out) // ends with the process
			return
		}
	}
	p.stop()
	p.t.Fatalf("the provider did not start:\n%s", said.String())
}

// Stop ends it.
func (p *Provider) Stop() { p.stop() }

// home is test/oidc with what it needs installed.
func home(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		at := filepath.Join(dir, "test", "oidc")
		if _, err := os.Stat(filepath.Join(at, "server.mjs")); err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(at, "node_modules", "oidc-provider")); err != nil {
			t.Fatalf("no provider to test against: run hack/install-deps test (%v)", err)
		}
		return at
	}
	t.Fatal("the working directory is not in the repository")
	return ""
}

// Change changes the running provider: {"rotate":true}, {"hang":true}, {"people":{"ada":{"groups":["x"]}}}.
func (p *Provider) Change(change map[string]any) {
	p.t.Helper()
	body, err := json.Marshal(change)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.Issuer+"/control", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		p.t.Fatalf("the provider's control answers %s", res.Status)
	}
}

// Browser keeps cookies and follows no redirect by itself.
type Browser struct {
	t      testing.TB
	Client *http.Client
}

// NewBrowser makes a browser without cookies.
func NewBrowser(t testing.TB) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Browser{t: t, Client: &http.Client{Jar: jar, CheckRedirect: stay}}
}

// Page is an answer to a browser.
type Page struct {
	Status int
	URL    *url.URL
	Next   *url.URL // of a redirect; nil: none
	Header http.Header
	Body   string
}

// Get opens an address, with headers "Name: value".
func (b *Browser) Get(address string, headers ...string) Page {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	return b.Do(req)
}

// Do makes a request.
func (b *Browser) Do(req *http.Request) Page {
	b.t.Helper()
	res, err := b.Client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	page := Page{Status: res.StatusCode, URL: req.URL, Header: res.Header, Body: string(raw)}
	if page.Next, err = res.Location(); err != nil {
		page.Next = nil
	}
	return page
}

// AtForm follows redirects from address until the provider shows its form.
func (b *Browser) AtForm(address string) Page {
	b.t.Helper()
	page := b.Get(address)
	for range 10 {
		if page.Next == nil {
			return page
		}
		page = b.Get(page.Next.String())
	}
	b.t.Fatalf("too many redirects from %s", address)
	return page
}

// Submit fills the provider's form, and follows redirects as long as they stay at the provider: the page that comes back
// leads away from it, or is the provider's answer.
func (b *Browser) Submit(form Page, fields url.Values) Page {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, form.URL.String(), strings.NewReader(fields.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	page := b.Do(req)
	for range 10 {
		if page.Next == nil || page.Next.Host != form.URL.Host {
			return page
		}
		page = b.Get(page.Next.String())
	}
	b.t.Fatalf("too many redirects at %s", form.URL.Host)
	return page
}

// Login is the form of somebody.
func Login(name, password string) url.Values {
	return url.Values{"name": {name}, "password": {password}}
}
