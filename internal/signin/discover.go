package signin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

const (
	patience    = 10 * time.Second // for one answer of a provider
	onPage      = 2 * time.Second  // of somebody who looks at the sign-in page
	againUp     = 30 * time.Second // how long a provider that answered is taken to be there
	againDown   = 3 * time.Second
	largestBody = 1 << 20
	longestWord = 300
)

// Away means that a provider cannot be used now: it does not answer, or not as a provider does.
type Away struct {
	Provider string
	Why      string
}

func (a Away) Error() string { return a.Provider + " cannot be used now: " + a.Why }

// provider is one OpenID Connect provider. Nothing is asked before somebody wants to sign in.
type provider struct {
	c        ProviderConfig
	callback string
	now      func() time.Time
	client   *http.Client
	flight   singleflight.Group

	mu    sync.Mutex
	known *discovered
	err   error
	at    time.Time // of the last look
}

// discovered is what a provider says of itself.
type discovered struct {
	raw      string
	oidc     *oidc.Provider
	verifier *oidc.IDTokenVerifier
	scopes   []string
	logout   string // where a browser ends the session of the provider itself
	revoke   string
}

// algorithms are those whose keys a provider can publish.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

func newProvider(c ProviderConfig, callback string, now func() time.Time) (*provider, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = patience
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("sign-in provider %q: %w", c.Name, err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("sign-in provider %q: %s has no certificate", c.Name, c.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &provider{c: c, callback: callback, now: now, client: &http.Client{Transport: bounded{transport}, Timeout: patience}}, nil
}

// bounded cuts answers that are far larger than a provider's can be, and makes an error of a server's own trouble.
type bounded struct{ next http.RoundTripper }

// broken is an answer that says that the server is.
type broken string

func (b broken) Error() string { return "answered " + string(b) }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusInternalServerError {
		res.Body.Close()
		return nil, broken(res.Status)
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, largestBody), res.Body}
	return res, nil
}

// keySet tells why keys could not be had: the library's own errors lose it.
type keySet struct{ oidc.KeySet }

type keyTrouble struct{}

func (k keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	if trouble, ok := ctx.Value(keyTrouble{}).(*error); ok && err != nil {
		*trouble = err
	}
	return payload, err
}

// down says why the provider cannot be used now, for people; empty: it can.
func (p *provider) down(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, onPage)
	defer cancel()
	_, err := p.discover(ctx)
	var away Away
	switch {
	case err == nil:
		return ""
	case errors.As(err, &away):
		return away.Why
	}
	return err.Error()
}

// discover gives what the provider says of itself, as of a short time ago. Callers share one question.
func (p *provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	known, err, age := p.known, p.err, p.now().Sub(p.at)
	p.mu.Unlock()
	if err != nil && age < againDown {
		return nil, err
	}
	if err == nil && known != nil && age < againUp {
		return known, nil
	}
	answer := p.flight.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		d, err := p.ask(ctx)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.err, p.at = err, p.now()
		if err == nil && (p.known == nil || p.known.raw != d.raw) { // else the old one keeps its keys
			p.known = d
		}
		return p.known, err
	})
	select {
	case <-ctx.Done():
		return nil, Away{p.c.Name, p.c.Issuer + " has not answered yet"}
	case a := <-answer:
		if a.Err != nil {
			return nil, a.Err
		}
		return a.Val.(*discovered), nil
	}
}

// failed notes that the provider did not answer, so that the sign-in page says so at once.
func (p *provider) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.at = err, p.now()
}

func (p *provider) ask(ctx context.Context) (*discovered, error) {
	address := strings.TrimSuffix(p.c.Issuer, "/") + "/.well-known/openid-configuration"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, p.away(err)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return nil, p.away(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, p.away(err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, Away{p.c.Name, fmt.Sprintf("%s answered %s", address, res.Status)}
	}
	var c oidc.ProviderConfig
	var more struct {
		Scopes []string `json:"scopes_supported"`
		Logout string   `json:"end_session_endpoint"`
		Revoke string   `json:"revocation_endpoint"`
	}
	if err := errors.Join(json.Unmarshal(raw, &c), json.Unmarshal(raw, &more)); err != nil {
		return nil, Away{p.c.Name, address + " is no description of a provider: " + cut(err.Error())}
	}
	switch {
	case c.IssuerURL != p.c.Issuer:
		return nil, Away{p.c.Name, fmt.Sprintf("it calls itself %q, and the configuration says %q", cut(c.IssuerURL), p.c.Issuer)}
	case c.AuthURL == "" || c.TokenURL == "" || c.JWKSURL == "":
		return nil, Away{p.c.Name, address + " lacks addresses that signing in needs"}
	}
	d := &discovered{raw: string(raw), logout: web(more.Logout), revoke: web(more.Revoke), scopes: p.c.Scopes}
	if len(d.scopes) == 0 {
		d.scopes = []string{oidc.ScopeOpenID}
		for _, s := range []string{"email", "profile", "groups", oidc.ScopeOfflineAccess} {
			if slices.Contains(more.Scopes, s) {
				d.scopes = append(d.scopes, s)
			}
		}
	}
	keys := oidc.ClientContext(context.WithoutCancel(ctx), p.client) // keys are fetched when they are needed, also later
	c.Algorithms = slices.DeleteFunc(c.Algorithms, func(a string) bool { return !slices.Contains(algorithms, a) })
	d.oidc = c.NewProvider(keys)
	d.verifier = oidc.NewVerifier(c.IssuerURL, keySet{oidc.NewRemoteKeySet(keys, c.JWKSURL)}, &oidc.Config{
		ClientID: p.c.ClientID, Now: p.now, SupportedSigningAlgs: c.Algorithms,
	})
	return d, nil
}

// oauth is the client of one exchange. The secret's file is read each time, so that a new one needs no restart.
func (p *provider) oauth(d *discovered) (*oauth2.Config, error) {
	c := &oauth2.Config{ClientID: p.c.ClientID, RedirectURL: p.callback, Endpoint: d.oidc.Endpoint(), Scopes: d.scopes}
	if p.c.ClientSecretFile == "" {
		return c, nil
	}
	raw, err := os.ReadFile(p.c.ClientSecretFile)
	if err != nil {
		return nil, Away{p.c.Name, "Plumb cannot read its client secret: " + cut(err.Error())}
	}
	c.ClientSecret = strings.TrimSpace(string(raw))
	return c, nil
}

// away says exactly why a provider was not reached.
func (p *provider) away(err error) Away {
	var u *url.Error
	if errors.As(err, &u) {
		var b broken
		if errors.As(u.Err, &b) {
			return Away{p.c.Name, origin(u.URL) + " " + b.Error()}
		}
		if u.Timeout() || errors.Is(err, context.DeadlineExceeded) {
			return Away{p.c.Name, fmt.Sprintf("%s did not answer within %s", origin(u.URL), p.client.Timeout)}
		}
		return Away{p.c.Name, fmt.Sprintf("%s cannot be reached: %s", origin(u.URL), cut(u.Err.Error()))}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Away{p.c.Name, fmt.Sprintf("%s did not answer within %s", p.c.Issuer, p.client.Timeout)}
	}
	return Away{p.c.Name, cut(err.Error())}
}

// origin is an address without what may be secret in it.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the provider"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// web lets only addresses through that a browser may be sent to.
func web(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return address
}

// cut shortens the words of others, for one line.
func cut(text string) string {
	text = strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "?")
	if len(text) > longestWord {
		text = strings.ToValidUTF8(text[:longestWord], "") + " ..."
	}
	return text
}
