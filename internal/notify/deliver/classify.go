package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/notify"
)

// maxExcerpt is how much of an answer an error quotes.
const maxExcerpt = 200

// classify gives an error of the network its class. What url.Error adds is left out: it would show the address.
func classify(target string, err error) *fault.Error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	out := &fault.Error{Class: fault.Transient, Reason: fault.Unreachable, Message: target + ": " + notify.Cut(notify.OneLine(err.Error()), maxExcerpt)}
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var bad x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &bad), errors.As(err, &verify):
		out.Class, out.Reason, out.Next = fault.Blocked, fault.CertificateInvalid, "put the certificate authority into the Secret as ca.crt"
	case errors.Is(err, context.DeadlineExceeded), timedOut(err):
		out.Message = target + " did not answer in time"
	case errors.As(err, &dns) && dns.IsNotFound:
		out.Message = "there is no host " + target
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		out.Message = target + " closed the connection without an answer"
	}
	return out
}

func timedOut(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// scope says what an answer that refuses is about.
type scope int

const (
	aboutChannel scope = iota // 401, 403 and 404 are about the address and the credentials: others would fare the same
	aboutMessage              // 403 and 404 are about the repository: others may fare better
)

// judge makes an error of an answer; nil: it was taken.
func judge(target string, a answer, about scope, now time.Time) error {
	code := a.code
	if code >= 200 && code < 300 {
		return nil
	}
	f := &fault.Error{Class: fault.Invalid, Reason: fault.DeliveryRefused, Message: target + " answered " + strconv.Itoa(code) + " " + http.StatusText(code)}
	if a.excerpt != "" {
		f.Message += ": " + a.excerpt
	}
	switch {
	case code >= 300 && code < 400:
		f.Class, f.Message = fault.Blocked, target+" answered with a redirect ("+strconv.Itoa(code)+elsewhere(a)+"), which is not followed"
		f.Next = "put the final address into the Secret"
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code == http.StatusTooEarly, code >= 500:
		f.Class = fault.Transient
	case code == http.StatusUnauthorized, code == http.StatusProxyAuthRequired:
		f.Class, f.Reason, f.Next = fault.Blocked, fault.AuthenticationFailed, "correct the Secret"
	case code == http.StatusForbidden && limited(a):
		f.Class = fault.Transient
	case about == aboutChannel && (code == http.StatusForbidden || code == http.StatusNotFound || code == http.StatusGone || code == http.StatusMethodNotAllowed):
		f.Class, f.Next = fault.Blocked, "correct the address in the Secret"
	}
	if d := asked(a, now); d > 0 && f.Class == fault.Transient {
		return later{f, d}
	}
	return f
}

// elsewhere names the host of a redirect.
func elsewhere(a answer) string {
	if a.other == "" {
		return ""
	}
	return " to " + notify.Cut(notify.OneLine(a.other), 100)
}

// limited tells GitHub's "too many" from its "you may not".
func limited(a answer) bool {
	return a.header.Get("Retry-After") != "" || a.header.Get("X-RateLimit-Remaining") == "0"
}

// asked is how long the receiver asks to wait.
func asked(a answer, now time.Time) time.Duration {
	if s := strings.TrimSpace(a.header.Get("Retry-After")); s != "" {
		if n, err := strconv.Atoi(s); err == nil && n > 0 {
			return min(time.Duration(min(n, 86_400))*time.Second, maxAfter)
		}
		if at, err := http.ParseTime(s); err == nil {
			return max(0, at.Sub(now))
		}
	}
	if a.header.Get("X-RateLimit-Remaining") == "0" {
		if n, err := strconv.ParseInt(a.header.Get("X-RateLimit-Reset"), 10, 64); err == nil {
			return max(0, time.Unix(n, 0).Sub(now))
		}
	}
	return 0
}
