package signin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/oidctest"
)

// clock is the time, and as much as a test has let pass.
type clock struct {
	mu   sync.Mutex
	plus time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.plus)
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plus += d
}

// hub knows tokens. Its error stands for an API server that is away.
type hub struct {
	mu     sync.Mutex
	tokens map[string]User
	err    error
}

func (h *hub) owner(_ context.Context, token string) (User, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return User{}, h.err
	}
	u, ok := h.tokens[token]
	if !ok {
		return u, &fault.Error{Class: fault.Invalid, Reason: fault.AuthenticationFailed, Message: "the token is not accepted"}
	}
	return u, nil
}

func (h *hub) set(f func(h *hub)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h)
}

// site is Plumb as far as signing in goes: the pages, /me and /signout.
type site struct {
	*Service
	t     *testing.T
	clock *clock
	hub   *hub
	http  *httptest.Server
	store *Dir
}

// open makes a site. The configuration is completed with the site's own address, and each provider with its client.
func open(t *testing.T, change func(c *Config, callback func(id string) string)) *site {
	t.Helper()
	s := &site{t: t, clock: &clock{}, hub: &hub{tokens: map[string]User{"kube": {Name: "kim", Groups: []string{"staff"}}}}}
	mux := http.NewServeMux()
	s.http = httptest.NewServer(mux)
	t.Cleanup(s.http.Close)
	front, err := newFront(s.http.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.store, err = OpenDir(filepath.Join(t.TempDir(), "sessions")); err != nil {
		t.Fatal(err)
	}
	c := Config{PublicURL: s.http.URL}
	if change != nil {
		change(&c, front.callback)
	}
	s.Service = s.again(c, s.store)
	mux.Handle("/auth/", s.Pages())
	mux.HandleFunc("GET /me", s.me)
	mux.HandleFunc("POST /out", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(s.SignOut(w.Header(), r))) })
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if err := s.WithToken(w.Header(), r, r.FormValue("token")); err != nil {
			http.Error(w, err.Error(), statusOf(err))
		}
	})
	return s
}

// again is a Service as after a restart, or as another replica.
func (s *site) again(c Config, store Store) *Service {
	s.t.Helper()
	out, err := New(Options{Config: c, Store: store, Owner: s.hub.owner, Now: s.clock.now, Log: slog.New(slog.NewTextHandler(s.t.Output(), nil))})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func statusOf(err error) int {
	var many TooMany
	switch {
	case errors.As(err, &many):
		return http.StatusTooManyRequests
	case errors.Is(err, ErrNone), fault.Is(err, fault.AuthenticationFailed):
		return http.StatusUnauthorized
	}
	return http.StatusBadGateway
}

func (s *site) me(w http.ResponseWriter, r *http.Request) {
	id, err := s.Who(w.Header(), r)
	if err != nil {
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"name": id.Name, "groups": id.Groups, "csrf": id.CSRF, "expires": id.Expires}) //nolint:errchkjson // strings
}

// who gives the status of /me, and the user.
func (s *site) who(b *oidctest.Browser) (int, User) {
	s.t.Helper()
	page := b.Get(s.http.URL + "/me")
	var u User
	if page.Status == http.StatusOK {
		if err := json.Unmarshal([]byte(page.Body), &u); err != nil {
			s.t.Fatal(err)
		}
	}
	return page.Status, u
}

func (s *site) post(b *oidctest.Browser, path string, form url.Values) oidctest.Page {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.http.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.Do(req)
}

// with lets a site use a provider; the provider is made when the site's address is known.
func with(t *testing.T, o oidctest.Options, change ...func(*ProviderConfig)) (*site, *oidctest.Provider) {
	t.Helper()
	s, p := withStopped(t, o, change...)
	p.Run()
	return s, p
}

func withStopped(t *testing.T, o oidctest.Options, change ...func(*ProviderConfig)) (*site, *oidctest.Provider) {
	t.Helper()
	secretFile := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secretFile, []byte(oidctest.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var p *oidctest.Provider
	s := open(t, func(c *Config, callback func(string) string) {
		o.Redirect = callback("people")
		p = oidctest.At(t, o)
		one := ProviderConfig{Name: "People", Issuer: p.Issuer, ClientID: oidctest.Client, ClientSecretFile: secretFile}
		for _, f := range change {
			f(&one)
		}
		c.Providers = []ProviderConfig{one}
	})
	return s, p
}

const begin = "/auth/oidc/people"

// signIn goes the whole way: the last page is the site's answer.
func (s *site) signIn(b *oidctest.Browser, name string) oidctest.Page {
	s.t.Helper()
	form := b.AtForm(s.http.URL + begin)
	if form.Status != http.StatusOK || !strings.Contains(form.Body, "password") {
		s.t.Fatalf("no form: %d %s", form.Status, form.Body)
	}
	back := b.Submit(form, oidctest.Login(name, name+"-password"))
	if back.Next == nil {
		s.t.Fatalf("the provider answers %d: %s", back.Status, back.Body)
	}
	return b.Get(back.Next.String())
}

func (s *site) want(b *oidctest.Browser, name string, groups ...string) {
	s.t.Helper()
	if status, u := s.who(b); status != http.StatusOK || u.Name != name || !slices.Equal(u.Groups, groups) {
		s.t.Errorf("%d, %s %q; want %s %q", status, u.Name, u.Groups, name, groups)
	}
}

func (s *site) wantNobody(b *oidctest.Browser) {
	s.t.Helper()
	if status, u := s.who(b); status != http.StatusUnauthorized {
		s.t.Errorf("%d, %s; want 401", status, u.Name)
	}
}

// soon waits for something that another process does.
func soon(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("not soon enough: %s", what)
		case <-tick.C:
		}
	}
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}
