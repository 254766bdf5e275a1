package server_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/server"
	"plumb.cd/plumb/internal/signin"
	"plumb.cd/plumb/ui"
)

// door is a server with sessions and the console, as staff's browsers meet it.
type door struct {
	t      *testing.T
	engine *stub
	wishes *wishes
	http   *httptest.Server
	api    *server.Server
}

func newDoor(t *testing.T, config signin.Config) *door {
	t.Helper()
	d := &door{t: t, engine: newStub(), wishes: &wishes{}}
	store, err := signin.OpenDir(filepath.Join(t.TempDir(), "sessions"))
	if err != nil {
		t.Fatal(err)
	}
	in, err := signin.New(signin.Options{Config: config, Store: store, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), Owner: owner})
	if err != nil {
		t.Fatal(err)
	}
	console, err := ui.New(in.Front().Base)
	if err != nil {
		t.Fatal(err)
	}
	d.api = server.New(server.Options{
		Engine: d.engine, Access: staff, Intents: d.wishes, Registry: prometheus.NewRegistry(), Changes: server.NewChanges(),
		Version: "v1", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Security: server.SecurityOptions{SignIn: in, Console: console},
	})
	d.http = httptest.NewServer(d.api)
	t.Cleanup(func() {
		d.http.CloseClientConnections()
		d.http.Close()
	})
	return d
}

// visitor is a browser. It sends the CSRF token of its session with everything, unless a test says otherwise.
type visitor struct {
	*door
	client *http.Client
	csrf   string
}

func (d *door) visitor() *visitor {
	d.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{door: d, client: &http.Client{Jar: jar, CheckRedirect: stay}}
}

// as is a visitor who is signed in.
func (d *door) as(token string) *visitor {
	d.t.Helper()
	v := d.visitor()
	if status, body, _ := v.do(http.MethodPost, "/api/v1/signin", `{"token":"`+token+`"}`); status != http.StatusNoContent {
		d.t.Fatalf("signing in: %d %s", status, body)
	}
	_, body, _ := v.do(http.MethodGet, "/api/v1/me", "")
	var me httpapi.Me
	if err := json.Unmarshal([]byte(body), &me); err != nil || me.Name != token || me.CSRF == "" || me.SignOut == "" {
		d.t.Fatalf("me: %s (%v)", body, err)
	}
	v.csrf = me.CSRF
	return v
}

// do makes a request, with headers "Name: value"; an empty value takes one away.
func (v *visitor) do(method, path, body string, headers ...string) (int, string, http.Header) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.http.URL+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if v.csrf != "" {
		req.Header.Set("X-Plumb-CSRF", v.csrf)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if value == "" {
			req.Header.Del(name)
			continue
		}
		req.Header.Set(name, value)
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return res.StatusCode, "", res.Header
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res.StatusCode, string(raw), res.Header
}

func TestABrowserSignsInActsAndSignsOut(t *testing.T) {
	d := newDoor(t, signin.Config{})
	v := d.as("ann")
	if status, body, _ := v.do(http.MethodPost, "/api/v1/apps/team-a/shop/refresh", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := v.do(http.MethodGet, "/api/v1/apps/team-b/bank", ""); status != http.StatusNotFound {
		t.Errorf("what Ann may not see: %d", status)
	}
	if status, body, _ := v.do(http.MethodPost, "/api/v1/signout", ""); status != http.StatusOK || body != "{}\n" {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := v.do(http.MethodGet, "/api/v1/me", ""); status != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", status)
	}
}

func TestACallThatAnotherSiteMadeIsRefused(t *testing.T) {
	d := newDoor(t, signin.Config{PublicURL: "https://plumb.example.com"})
	v := d.as("ann")
	const refresh = "/api/v1/apps/team-a/shop/refresh"
	for name, headers := range map[string][]string{
		"without the session's word":        {"X-Plumb-CSRF: "},
		"with a wrong word":                 {"X-Plumb-CSRF: guess"},
		"from another site":                 {"Sec-Fetch-Site: cross-site"},
		"from a neighbour of the same site": {"Sec-Fetch-Site: same-site"},
		"from another origin":               {"Origin: https://evil.example"},
		"from no origin that can be named":  {"Origin: null"},
	} {
		if status, body, _ := v.do(http.MethodPost, refresh, "", headers...); status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, _, _ := v.do(http.MethodGet, "/api/v1/apps", "", "Sec-Fetch-Site: cross-site"); status != http.StatusForbidden {
		t.Errorf("reading from another site: %d", status)
	}
	if n := len(d.wishes.annotations); n > 0 {
		t.Fatalf("%d wishes were written", n)
	}
	for name, headers := range map[string][]string{
		"from our own page":             {"Sec-Fetch-Site: same-origin", "Origin: " + d.http.URL},
		"from an older browser":         {"Origin: " + d.http.URL},
		"through a proxy":               {"Origin: https://plumb.example.com"},
		"by token, which needs no word": {"Authorization: Bearer ann", "X-Plumb-CSRF: ", "Cookie: "},
	} {
		if status, body, _ := v.do(http.MethodPost, refresh, "", headers...); status != http.StatusOK {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	// Nor does another site sign its visitors in as somebody of its choice.
	stranger := d.visitor()
	if status, _, h := stranger.do(http.MethodPost, "/api/v1/signin", `{"token":"ann"}`, "Sec-Fetch-Site: cross-site"); status != http.StatusForbidden || h.Get("Set-Cookie") != "" {
		t.Errorf("signing in from another site: %d %q", status, h.Get("Set-Cookie"))
	}
	// The word of one session is none of another's.
	other := d.as("zoe")
	if status, _, _ := other.do(http.MethodPost, refresh, "", "X-Plumb-CSRF: "+v.csrf); status != http.StatusForbidden {
		t.Errorf("another session's word: %d", status)
	}
}

func TestGuessingATokenIsSlowedAndWhoIsKnownIsNot(t *testing.T) {
	d := newDoor(t, signin.Config{})
	v := d.visitor()
	if status, _, _ := v.do(http.MethodGet, "/api/v1/apps", "", "Authorization: Bearer ann"); status != http.StatusOK {
		t.Fatal(status)
	}
	last := 0
	for range 40 {
		status, body, h := v.do(http.MethodGet, "/api/v1/apps", "", "Authorization: Bearer guess")
		if status == http.StatusTooManyRequests && (h.Get("Retry-After") == "" || !strings.Contains(body, "LimitExceeded")) {
			t.Fatalf("%s %v", body, h)
		}
		last = status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("after 40 guesses: %d", last)
	}
	if status, _, h := v.do(http.MethodPost, "/api/v1/signin", `{"token":"ann"}`); status != http.StatusTooManyRequests || h.Get("Retry-After") == "" {
		t.Errorf("signing in: %d", status)
	}
	if status, _, _ := v.do(http.MethodGet, "/api/v1/apps", "", "Authorization: Bearer ann"); status != http.StatusOK {
		t.Errorf("Ann, at the same address: %d", status)
	}
	if status, _, _ := v.do(http.MethodGet, "/api/v1/apps", "", "Authorization: Bearer broken"); status != http.StatusTooManyRequests {
		t.Errorf("a new token: %d", status)
	}
}

func TestAHubThatIsAwayCountsAsNoGuess(t *testing.T) {
	v := newDoor(t, signin.Config{}).visitor()
	for range 40 {
		if status, _, _ := v.do(http.MethodGet, "/api/v1/apps", "", "Authorization: Bearer broken"); status != http.StatusBadGateway {
			t.Fatal(status)
		}
	}
}

func TestAnInvitationIsForOwnersOfTokens(t *testing.T) {
	d := newDoor(t, signin.Config{})
	status, body, _ := d.visitor().do(http.MethodPost, "/api/v1/signin/link", `{"seconds":60}`, "Authorization: Bearer bob")
	var i httpapi.Invitation
	if err := json.Unmarshal([]byte(body), &i); err != nil || status != http.StatusOK || !i.Expires.Equal(now.Add(time.Minute)) {
		t.Fatalf("%d %s", status, body)
	}
	v := d.visitor()
	if status, body, h := v.do(http.MethodGet, i.Path, ""); status != http.StatusSeeOther || h.Get("Location") != "/" || h.Get("Referrer-Policy") == "" {
		t.Fatalf("%d %s", status, body)
	}
	if _, body, _ := v.do(http.MethodGet, "/api/v1/me", ""); !strings.Contains(body, `"name":"bob"`) {
		t.Error(body)
	}
	if status, body, h := d.visitor().do(http.MethodGet, i.Path, ""); status != http.StatusForbidden || !strings.Contains(body, "has been used") ||
		!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %s %v", status, body, h)
	}
	for name, c := range map[string]struct{ body, header string }{
		"by cookie":         {`{}`, "Authorization: "},
		"for a day":         {`{"seconds":86400}`, "Authorization: Bearer bob"},
		"for a negative":    {`{"seconds":-1}`, "Authorization: Bearer bob"},
		"that is no wish":   {`{"hours":1}`, "Authorization: Bearer bob"},
		"without a sign-in": {`{}`, "Cookie: "},
	} {
		if status, body, _ := d.as("bob").do(http.MethodPost, "/api/v1/signin/link", c.body, c.header); status/100 != 4 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestEveryAnswerSaysWhatBrowsersMayDoWithIt(t *testing.T) {
	d := newDoor(t, signin.Config{TrustedProxies: []string{"127.0.0.0/8"}})
	v := d.as("ann")
	for _, path := range []string{"/", "/a/team/shop", "/theme-that-is-none.js", "/api/v1/apps", "/api/v1/nothing", "/healthz", "/auth/once", "/auth/nothing", "/metrics"} {
		_, _, h := v.do(http.MethodGet, path, "", "Accept: text/html")
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("%s: %q", path, policy)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY", "Strict-Transport-Security": "",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s may be read by other sites", path)
		}
	}
	_, _, h := v.do(http.MethodGet, "/healthz", "", "X-Forwarded-Proto: https")
	if h.Get("Strict-Transport-Security") == "" {
		t.Error("over TLS, browsers are not told to stay there")
	}
	_, _, h = d.visitor().do(http.MethodPost, "/api/v1/signin", `{"token":"ann"}`, "X-Forwarded-Proto: https")
	if c := h.Get("Set-Cookie"); !strings.HasPrefix(c, "__Host-plumb-session=") || !strings.Contains(c, "; Secure") {
		t.Errorf("over TLS the cookie is %q", c)
	}
}

func TestWhatIsNoCallOfTheAPIIsAProblem(t *testing.T) {
	d := newDoor(t, signin.Config{})
	v := d.as("ann")
	for call, want := range map[string]int{
		"GET /api/v1/nothing": http.StatusNotFound, "GET /api/": http.StatusNotFound, "GET /api/v2/apps": http.StatusNotFound,
		"DELETE /api/v1/apps": http.StatusMethodNotAllowed, "GET /api/v1/signout": http.StatusMethodNotAllowed,
	} {
		method, path, _ := strings.Cut(call, " ")
		status, body, h := v.do(method, path, "", "Accept: text/html")
		var p httpapi.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || status != want || p.Status != want || p.Message == "" || h.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", call, status, body)
		}
		if allow := h.Get("Allow"); (allow == "") != (want == http.StatusNotFound) || path == "/api/v1/apps" && allow != "GET, HEAD" {
			t.Errorf("%s: it may be called with %q", call, allow)
		}
	}
	if status, _, _ := v.do(http.MethodPost, "/healthz", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("POST /healthz: %d", status)
	}
}

func TestABodyIsMeasuredBeforeItIsRead(t *testing.T) {
	d := newDoor(t, signin.Config{})
	large := `{"reason":"` + strings.Repeat("x", 2<<20) + `"}`
	for _, path := range []string{"/api/v1/apps/team-a/shop/hold", "/api/v1/signin"} {
		for name, v := range map[string]*visitor{"Ann": d.as("ann"), "a stranger": d.visitor()} {
			if status, body, _ := v.do(http.MethodPost, path, large); status != http.StatusRequestEntityTooLarge {
				t.Errorf("%s, %s: %d %.200s", path, name, status, body)
			}
		}
	}
	// One that does not say how long it is.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.http.URL+"/api/v1/apps/team-a/shop/hold", io.MultiReader(strings.NewReader(large)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer ann")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("of unknown length: %d", res.StatusCode)
	}
	if len(d.wishes.patches) > 0 {
		t.Error("it was a wish all the same")
	}
}

func TestEverythingLivesBelowTheBasePath(t *testing.T) {
	d := newDoor(t, signin.Config{BasePath: "/tools/plumb"})
	v := d.visitor()
	if status, _, h := v.do(http.MethodGet, "/tools/plumb", ""); status != http.StatusPermanentRedirect || h.Get("Location") != "/tools/plumb/" {
		t.Errorf("%d to %s", status, h.Get("Location"))
	}
	status, body, _ := v.do(http.MethodGet, "/tools/plumb/a/team/shop", "", "Accept: text/html")
	if status != http.StatusOK || !strings.Contains(body, `<base href="/tools/plumb/">`) {
		t.Errorf("%d %s", status, body)
	}
	_, _, h := v.do(http.MethodPost, "/tools/plumb/api/v1/signin", `{"token":"ann"}`)
	if c := h.Get("Set-Cookie"); !strings.Contains(c, "Path=/tools/plumb/;") {
		t.Errorf("the cookie is %q", c)
	}
	if status, body, _ := v.do(http.MethodGet, "/tools/plumb/api/v1/apps/team-a/shop", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if _, body, _ := v.do(http.MethodGet, "/tools/plumb/api/v1/me", ""); !strings.Contains(body, `"signOut":"/api/v1/signout"`) {
		t.Error(body)
	}
	// A proxy that takes the path off gets the same.
	if status, _, _ := v.do(http.MethodGet, "/api/v1/version", ""); status != http.StatusOK {
		t.Errorf("without the base path: %d", status)
	}
	if status, _, _ := v.do(http.MethodGet, "/tools/plumber/api/v1/version", "", "Accept: */*"); status != http.StatusNotFound {
		t.Errorf("a neighbour's path: %d", status)
	}
}
