package git

import (
	"net/http"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/fault"
)

func TestSpellingsOfOneRepositoryMeet(t *testing.T) {
	for want, spellings := range map[string][]string{
		"github.com/o/r": {
			"https://github.com/o/r", "https://github.com/o/r.git", "https://user:pw@GitHub.com:443/o/r.git/", "http://github.com/o/r",
			"ssh://git@github.com/o/r.git", "ssh://git@github.com:22/o/r", "git@github.com:o/r.git", "github.com:o/r", "git@github.com:/o/r",
		},
		"host:8443/o/r":      {"https://host:8443/o/r", "https://a@host:8443/o/r.git"},
		"host:2222/o/r":      {"ssh://git@host:2222/o/r.git"},
		"[::1]:2222/o/r":     {"ssh://git@[::1]:2222/o/r.git"},
		"host/group/sub/r":   {"https://host/group/sub/r.git"},
		"host/with space/r":  {"https://host/with%20space/r"},
		"/srv/git/r":         {"/srv/git/r.git", "file:///srv/git/r.git", "file:///srv/git/r", "/srv/git/r/"},
		"dev.azure.com/o/p":  {"https://dev.azure.com/o/p"},
		"host/o/r.git.extra": {"https://host/o/r.git.extra"},
	} {
		for _, s := range spellings {
			if got, err := NormalizeURL(s); err != nil || got != want {
				t.Errorf("%s: %q, %v; want %q", s, got, err, want)
			}
		}
	}
}

func TestURLsThatMeanHarmAreRefused(t *testing.T) {
	for _, u := range []string{
		"", "-oProxyCommand=id", "--upload-pack=id", "ext::sh -c id", "fd::17", "foo::bar", "https://host/a\nb", "https://host/a\x00b", "git://host/r",
		"ftp://host/r", "gopher://host/r", "ssh://-oProxyCommand=id/r", "ssh://-l@host/r", "-x@host:r", "host:-r", "host:", "https://", "https://host",
		"https://host/", "ssh://host", "https://host/r?x=y", "https://host/r#f", "file://host/r", "file:r", "javascript:alert(1)//", "ssh://a b@host/r", "git@ho st:r",
		"git@$(id):r", "https://host/%0a", "http://[::1",
	} {
		l, err := parseURL(u)
		if err == nil && l.scheme == "ssh" && (u == "file:r" || strings.HasPrefix(u, "javascript:")) {
			continue // a host of that name, over ssh, is harmless
		}
		if !fault.Is(err, fault.InvalidSpec) {
			t.Errorf("%q is accepted as %+v (%v)", u, l, err)
		}
	}
}

func TestAPlainPathMayHaveColons(t *testing.T) {
	for _, p := range []string{"/srv/a:b", "./a:b", "/srv/x::y"} {
		if l, err := parseURL(p); err != nil || l.scheme != "file" {
			t.Errorf("%s: %+v, %v", p, l, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"https://u:p@host:1/x", "git@host:x", "/a/b", "ssh://[::1]:22/~u/x", "file:///x%20y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := parseURL(s)
		if err != nil {
			return
		}
		shown := l.String()
		if strings.HasPrefix(shown, "-") || strings.ContainsAny(shown, "\n\x00") {
			t.Fatalf("%q becomes %q", s, shown)
		}
		again, err := parseURL(shown)
		if err != nil || again.key() != l.key() {
			t.Fatalf("%q becomes %q, which is %+v (%v), not %+v", s, shown, again, err, l)
		}
	})
}

func TestWebhooks(t *testing.T) {
	secret := []byte("0123456789abcdef")
	body := []byte(`{"repository": "git@github.com:o/r.git", "ref": "refs/heads/main"}`)
	head := func(v ...string) http.Header { return http.Header{SignatureHeader: v} }
	good := SignWebhook(secret, body)
	if err := VerifyWebhook(secret, body, head(good)); err != nil {
		t.Fatal(err)
	}
	w, err := ParseWebhook(body)
	if err != nil || w.Ref != "refs/heads/main" {
		t.Fatalf("%+v, %v", w, err)
	}
	for what, err := range map[string]error{
		"no signature":       VerifyWebhook(secret, body, http.Header{}),
		"an empty signature": VerifyWebhook(secret, body, head("")),
		"two signatures":     VerifyWebhook(secret, body, head(good, good)),
		"another body":       VerifyWebhook(secret, append(body, ' '), head(good)),
		"another secret":     VerifyWebhook([]byte("another secret!!"), body, head(good)),
		"another algorithm":  VerifyWebhook(secret, body, head("sha1="+good[7:])),
		"no hexadecimal":     VerifyWebhook(secret, body, head("sha256=zz")),
		"half a signature":   VerifyWebhook(secret, body, head(good[:40])),
	} {
		if !fault.Is(err, fault.AuthenticationFailed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := VerifyWebhook(nil, body, head(SignWebhook(nil, body))); !fault.Is(err, fault.CredentialsMissing) {
		t.Errorf("an empty secret: %v", err)
	}
	for what, body := range map[string]string{
		"no JSON": "x", "no repository": "{}", "a bad URL": `{"repository": "ext::id"}`, "a bad ref": `{"repository": "/x", "ref": "a b"}`,
		"a large body": `{"repository": "` + strings.Repeat("x", maxWebhook) + `"}`,
	} {
		if _, err := ParseWebhook([]byte(body)); fault.Of(err) == nil || fault.Of(err).Class != fault.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := ReadWebhook(strings.NewReader(strings.Repeat("x", maxWebhook+1))); !fault.Is(err, fault.LimitExceeded) {
		t.Errorf("reading a large body: %v", err)
	}
}
