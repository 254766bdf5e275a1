package signin

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func front(t *testing.T, public, base string, proxies ...string) Front {
	t.Helper()
	f, err := newFront(public, base, proxies)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestOnlyATrustedProxysWordCounts(t *testing.T) {
	f := front(t, "", "", "10.0.0.0/8", "fd00::1")
	for name, c := range map[string]struct {
		peer, forwarded, proto, want string
		secure                       bool
	}{
		"nobody in between":                     {peer: "192.0.2.1:999", want: "192.0.2.1"},
		"a stranger's word":                     {peer: "192.0.2.1:999", forwarded: "1.2.3.4", proto: "https", want: "192.0.2.1"},
		"a proxy's word":                        {peer: "10.1.2.3:999", forwarded: "1.2.3.4", proto: "https", want: "1.2.3.4", secure: true},
		"what the client itself claimed":        {peer: "10.1.2.3:999", forwarded: "9.9.9.9, 1.2.3.4", want: "1.2.3.4"},
		"two proxies":                           {peer: "[fd00::1]:999", forwarded: "9.9.9.9, 1.2.3.4, 10.0.0.9", want: "1.2.3.4"},
		"a proxy without a word":                {peer: "10.1.2.3:999", want: "10.1.2.3"},
		"a proxy that talks nonsense":           {peer: "10.1.2.3:999", forwarded: "1.2.3.4, nonsense", want: "10.1.2.3"},
		"an address of 4 written as one of 6":   {peer: "[::ffff:10.1.2.3]:999", forwarded: "::ffff:1.2.3.4", want: "1.2.3.4"},
		"a proxy that was reached without TLS":  {peer: "10.1.2.3:999", proto: "http", want: "10.1.2.3"},
		"a peer without an address (a socket?)": {peer: "@", want: "0.0.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-For", c.forwarded)
			}
			r.Header.Set("X-Forwarded-Proto", c.proto)
			if got := f.Address(r).String(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if f.Secure(r) != c.secure {
				t.Errorf("secure: %v", f.Secure(r))
			}
		})
	}
}

func TestCookiesAreAsStrictAsTheConnectionAllows(t *testing.T) {
	plain := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:7373/", nil)
	secure := httptest.NewRequest(http.MethodGet, "https://plumb.example.com/", nil)
	secure.TLS = &tls.ConnectionState{}
	for _, c := range []struct {
		r                *http.Request
		base, name, path string
	}{
		{plain, "/", "plumb-session-7373", "/"},
		{secure, "/", "__Host-plumb-session", "/"},
		{secure, "/plumb/", "__Secure-plumb-session", "/plumb/"},
	} {
		cookie := front(t, "", c.base).cookie(c.r, sessionCookie, newSecret().String())
		if cookie.Name != c.name || cookie.Path != c.path || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Domain != "" || cookie.Secure != (c.r.TLS != nil) {
			t.Errorf("%+v", cookie)
		}
		if err := cookie.Valid(); err != nil {
			t.Error(err)
		}
	}
}

func TestASignInLeadsBackIntoTheConsoleOnly(t *testing.T) {
	f := front(t, "", "/plumb")
	for want, got := range map[string]string{
		"/plumb/a/team/shop?tab=diff":   "/plumb/a/team/shop?tab=diff",
		"/a/team/shop":                  "/plumb/a/team/shop",
		"/plumb":                        "/plumb/",
		"":                              "/plumb/",
		"https://evil.example/":         "/plumb/",
		"//evil.example/":               "/plumb/",
		"/plumb//evil.example":          "/plumb/",
		"/\\evil.example":               "/plumb/",
		"/plumb/\tevil":                 "/plumb/",
		"javascript:alert(1)":           "/plumb/",
		"/plumb/auth/once?token=x":      "/plumb/",
		"/api/v1/apps":                  "/plumb/",
		"/" + strings.Repeat("x", 3000): "/plumb/",
		"/%zz":                          "/plumb/",
	} {
		if back := f.Local(want); back != got {
			t.Errorf("%q leads to %q, want %q", want, back, got)
		}
	}
}

func TestAddressesThatCannotBeAreRefused(t *testing.T) {
	for name, c := range map[string][3]string{
		"no scheme":                  {"plumb.example.com", "", ""},
		"a query":                    {"https://plumb.example.com/?x=1", "", ""},
		"a password":                 {"https://u:p@plumb.example.com/", "", ""},
		"two base paths":             {"https://plumb.example.com/a", "/b", ""},
		"a base path with quotes":    {"", `/a"b/`, ""},
		"a base path that climbs":    {"", "/../", ""},
		"a proxy that is no network": {"", "", "10.0.0.0/99"},
		"a proxy by name":            {"", "", "proxy"},
	} {
		if f, err := newFront(c[0], c[1], strings.Fields(c[2])); err == nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
	f := front(t, "https://plumb.example.com/tools/plumb/", "")
	if f.Base != "/tools/plumb/" || f.callback("x") != "https://plumb.example.com/tools/plumb/auth/oidc/x/callback" || f.signInPage() != "https://plumb.example.com/tools/plumb/signin" {
		t.Errorf("%s %s %s", f.Base, f.callback("x"), f.signInPage())
	}
}

func TestALimiterFillsAgain(t *testing.T) {
	c := &clock{}
	at := c.now()
	l := newLimiter(2, time.Minute, func() time.Time { return at })
	for i, want := range []time.Duration{0, 0, time.Minute} {
		if got := l.take("a"); got != want {
			t.Errorf("take %d: %s", i, got)
		}
	}
	if l.take("b") != 0 {
		t.Error("one is limited for another")
	}
	at = at.Add(90 * time.Second)
	if l.take("a") != 0 || l.take("a") != 30*time.Second {
		t.Error("it does not fill as time passes")
	}
	l.giveBack("a")
	if l.take("a") != 0 {
		t.Error("nothing was given back")
	}
	for i := range maxKeys {
		l.take(strings.Repeat("x", i%7) + string(rune(i)))
	}
	if len(l.keys) > maxKeys {
		t.Errorf("%d keys", len(l.keys))
	}
}
