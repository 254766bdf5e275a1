package signin

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Front is where browsers come from: the address that they know, and the proxies whose word about them counts.
type Front struct {
	Public  *url.URL       // as people type it; nil: unknown
	Base    string         // path below which everything lives: begins and ends with a slash
	Trusted []netip.Prefix // proxies that may say X-Forwarded-For and X-Forwarded-Proto
}

// Address is the client's: the last one in X-Forwarded-For that is no trusted proxy, where a trusted proxy passes the
// request on.
func (f Front) Address(r *http.Request) netip.Addr {
	peer := peerOf(r)
	if !f.trusts(peer) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		peer = hop.Unmap()
		if !f.trusts(peer) {
			break
		}
	}
	return peer
}

func peerOf(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.IPv4Unspecified()
	}
	return a.Addr().Unmap()
}

func (f Front) trusts(a netip.Addr) bool {
	for _, p := range f.Trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Secure says whether the browser reached us over TLS.
func (f Front) Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	return f.trusts(peerOf(r)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// callback is where a provider sends browsers back to.
func (f Front) callback(id string) string {
	if f.Public == nil {
		return ""
	}
	return f.Public.JoinPath("auth", "oidc", id, "callback").String()
}

// cookieName keeps cookies of several Plumbs apart: over TLS by what browsers guarantee for a name with __Host- (this host,
// no other path) or __Secure-, else by the port, which cookies know nothing of.
func (f Front) cookieName(r *http.Request, what string) string {
	switch {
	case f.Secure(r) && f.Base == "/":
		return "__Host-plumb-" + what
	case f.Secure(r):
		return "__Secure-plumb-" + what
	}
	_, port, err := net.SplitHostPort(r.Host)
	if _, number := strconv.ParseUint(port, 10, 16); err != nil || number != nil {
		return "plumb-" + what
	}
	return "plumb-" + what + "-" + port
}

// cookie is not for scripts, nor for requests that other sites make, unless a person follows a link. It ends with the
// browser's own session; the server knows when it ends at the latest.
func (f Front) cookie(r *http.Request, what, value string) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure is what the connection is; without TLS there would be no sign-in else
		Name: f.cookieName(r, what), Value: value, Path: f.Base, HttpOnly: true, Secure: f.Secure(r), SameSite: http.SameSiteLaxMode,
	}
}

const sessionCookie = "session"

func (f Front) session(r *http.Request) (secret, bool) {
	c, err := r.Cookie(f.cookieName(r, sessionCookie))
	if err != nil {
		return secret{}, false
	}
	return parseSecret(c.Value)
}

func (f Front) remember(answer http.Header, r *http.Request, key secret) {
	answer.Add("Set-Cookie", f.cookie(r, sessionCookie, key.String()).String())
}

func (f Front) forget(answer http.Header, r *http.Request) { f.forgetNamed(answer, r, sessionCookie) }

func (f Front) forgetNamed(answer http.Header, r *http.Request, what string) {
	c := f.cookie(r, what, "") //nolint:gosec // as above
	c.MaxAge, c.Expires = -1, time.Unix(1, 0)
	answer.Add("Set-Cookie", c.String())
}

// Local is a path of the console that a sign-in may lead back to; anything else becomes the console's first page. The
// path is as the browser knows it, with the base path.
func (f Front) Local(want string) string {
	const longest = 2000
	u, err := url.Parse(want)
	ok := err == nil && len(want) <= longest && strings.HasPrefix(want, "/") && !strings.HasPrefix(want, "//") &&
		!strings.ContainsFunc(want, func(c rune) bool { return c < ' ' || c == '\\' || c == 0x7f }) &&
		u.Scheme == "" && u.Host == "" && u.User == nil
	if !ok {
		return f.Base
	}
	rest := strings.TrimPrefix(want, strings.TrimSuffix(f.Base, "/"))
	if strings.HasPrefix(rest, "/api/") || strings.HasPrefix(rest, "/auth/") || strings.HasPrefix(rest, "//") || !strings.HasPrefix(rest, "/") {
		return f.Base
	}
	return f.Base + strings.TrimPrefix(rest, "/")
}
