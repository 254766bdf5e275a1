package chart

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"plumb.cd/plumb/internal/fault"
)

// showURL is an address without its credentials and query.
func showURL(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	rest, _, _ = strings.Cut(rest, "?")
	host, p, slash := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	if slash {
		host += "/" + p
	}
	return scheme + "://" + host
}

// transport gives the connections that trust a CA; they are shared by all who trust the same.
func (c *Client) transport(auth Auth) (*http.Transport, error) {
	key := string(auth.CA)
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.transports[key]; t != nil {
		return t, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(auth.CA) > 0 {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(auth.CA) {
			return nil, failf(fault.Blocked, fault.CertificateInvalid, "", "the CA for the chart repository is no PEM certificate")
		}
	}
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
		TLSClientConfig:       conf,
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   4,
		ForceAttemptHTTP2:     true,
	}
	c.transports[key] = t
	return t, nil
}

// origin is what credentials are bound to.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return strings.ToLower(u.Scheme + "://" + u.Hostname() + ":" + port)
}

// signer adds the credentials to the requests that may carry them, redirected ones included.
type signer struct {
	base   http.RoundTripper
	auth   Auth
	origin string
}

func (s *signer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	r.Header.Del("Referer") // a redirect would show where we came from
	if s.auth.PassCredentials || origin(r.URL) == s.origin {
		switch {
		case s.auth.Token != "":
			r.Header.Set("Authorization", "Bearer "+s.auth.Token)
		case !s.auth.anonymous():
			r.SetBasicAuth(s.auth.Username, s.auth.Password)
		}
	}
	return s.base.RoundTrip(r)
}

// client gives an HTTP client for a Helm repository at u.
func (c *Client) client(u *url.URL, auth Auth) (*http.Client, error) {
	t, err := c.transport(auth)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &signer{base: t, auth: auth, origin: origin(u)}, CheckRedirect: checkRedirect}, nil
}

func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return failf(fault.Blocked, fault.Unreachable, "", "the server redirects again and again")
	}
	if via[len(via)-1].URL.Scheme == "https" && r.URL.Scheme != "https" {
		return failf(fault.Blocked, fault.Unreachable, "", "the server redirects from https to %s, which is refused", r.URL.Scheme)
	}
	return nil
}

// read takes at most limit bytes of an answer.
func read(resp *http.Response, limit int64, what string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, failf(fault.Invalid, fault.LimitExceeded, "", "%s has more than %d bytes", what, limit)
	}
	return b, nil
}

// statusFault classifies an answer that is not the one asked for.
func statusFault(code int, what, where string) error {
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusProxyAuthRequired:
		return failf(fault.Blocked, fault.AuthenticationFailed, "check the credentials of the Repository",
			"%s: the server refuses access to %s (%d %s)", where, what, code, http.StatusText(code))
	case code == http.StatusNotFound || code == http.StatusGone:
		return failf(fault.Blocked, fault.ChartNotFound, "check the address and the name", "%s: there is no %s", where, what)
	default:
		return failf(fault.Transient, fault.Unreachable, "", "%s: the server answers %d %s", where, code, http.StatusText(code))
	}
}

// netFault classifies what a request failed with. A cancelled context stays what it is.
func netFault(ctx context.Context, err error, what, where string) error {
	var f *fault.Error
	var remote *transport.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return f
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.As(err, &remote):
		return statusFault(remoteStatus(remote), what, where)
	case untrusted(err):
		return &fault.Error{Class: fault.Blocked, Reason: fault.CertificateInvalid, Err: err, Next: "give the authority's certificate in the Repository",
			Message: fmt.Sprintf("%s: the server's certificate is not trusted: %v", where, innermost(err))}
	case errors.Is(err, context.DeadlineExceeded):
		return &fault.Error{Class: fault.Transient, Reason: fault.Unreachable, Err: err, Message: where + ": no answer in time"}
	}
	return &fault.Error{Class: fault.Transient, Reason: fault.Unreachable, Err: err, Message: fmt.Sprintf("%s cannot be reached: %v", where, innermost(err))}
}

// remoteStatus takes a registry's own code where it says more than the status does.
func remoteStatus(e *transport.Error) int {
	for _, d := range e.Errors {
		switch d.Code {
		case transport.UnauthorizedErrorCode, transport.DeniedErrorCode:
			return http.StatusUnauthorized
		}
	}
	return e.StatusCode
}

func untrusted(err error) bool {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	return errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &verify)
}

// innermost takes the address, with whatever it carries, off an error of net/http.
func innermost(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}
