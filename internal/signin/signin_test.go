package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/oidctest"
)

func (s *site) paste(b *oidctest.Browser, token string) int {
	return s.post(b, "/token", url.Values{"token": {token}}).Status
}

// jwt is a token with an expiry; who signed it is the hub's to know.
func jwt(t *testing.T, expires time.Time) string {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"exp": expires.Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return "head." + base64.RawURLEncoding.EncodeToString(raw) + ".signature"
}

func TestATokenSignsInItsOwner(t *testing.T) {
	s := open(t, nil)
	b := oidctest.NewBrowser(t)
	if got := s.paste(b, " kube\n"); got != http.StatusOK {
		t.Fatal(got)
	}
	s.want(b, "kim", "staff")
	s.hub.set(func(h *hub) { h.tokens["kube"] = User{Name: "kim", Groups: []string{"staff", "more"}} })
	s.want(b, "kim", "staff", "more")
	s.hub.set(func(h *hub) { h.err = &fault.Error{Reason: fault.ClusterUnreachable, Message: "away"} })
	if status, _ := s.who(b); status != http.StatusBadGateway {
		t.Errorf("%d while the hub is away", status)
	}
	s.hub.set(func(h *hub) { h.err = nil })
	s.want(b, "kim", "staff", "more")
	s.hub.set(func(h *hub) { delete(h.tokens, "kube") })
	s.wantNobody(b)
	s.hub.set(func(h *hub) { h.tokens["kube"] = User{Name: "kim"} })
	s.wantNobody(b) // over is over
}

func TestASessionEnds(t *testing.T) {
	for name, end := range map[string]struct {
		steps []time.Duration
		good  bool
	}{
		"not while it is used now and then":        {[]time.Duration{7 * time.Hour, 7 * time.Hour, 7 * time.Hour}, true},
		"when nobody uses it":                      {[]time.Duration{7 * time.Hour, 8 * time.Hour}, false},
		"at its latest, however much it is in use": {[]time.Duration{7 * time.Hour, 7 * time.Hour, 7 * time.Hour, 3 * time.Hour}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, nil)
			b := oidctest.NewBrowser(t)
			s.paste(b, "kube")
			for i, step := range end.steps {
				s.clock.pass(step)
				if i < len(end.steps)-1 {
					s.want(b, "kim", "staff")
				}
			}
			if end.good {
				s.want(b, "kim", "staff")
				return
			}
			s.wantNobody(b)
			if left, _ := filepath.Glob(filepath.Join(s.store.path, "*")); len(left) != 0 {
				t.Errorf("%q is left of it", left)
			}
		})
	}
	t.Run("with the token that it was made of", func(t *testing.T) {
		s := open(t, nil)
		token := jwt(t, s.clock.now().Add(time.Hour))
		s.hub.tokens[token] = User{Name: "kim"}
		b := oidctest.NewBrowser(t)
		s.paste(b, token)
		s.want(b, "kim")
		s.clock.pass(time.Hour)
		s.wantNobody(b)
	})
}

func TestAPageThatOnlyStaysOpenKeepsNobodySignedIn(t *testing.T) {
	s := open(t, nil)
	b := oidctest.NewBrowser(t)
	s.paste(b, "kube")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, s.http.URL+"/me", nil)
	site, _ := url.Parse(s.http.URL)
	for _, c := range b.Client.Jar.Cookies(site) {
		r.AddCookie(c)
	}
	id, err := s.Who(http.Header{}, r)
	for range 8 {
		if err != nil {
			t.Fatal(err)
		}
		s.clock.pass(time.Hour)
		id, err = s.Still(t.Context(), id)
	}
	if !fault.Is(err, fault.AuthenticationFailed) {
		t.Errorf("after eight hours: %v", err)
	}
	s.wantNobody(b)
}

func TestTwoReplicasDoNotUndoEachOthersChecks(t *testing.T) {
	s := open(t, nil)
	other := s.again(s.o.Config, s.store)
	now := s.clock.now()
	key, err := s.sessions.create(t.Context(), session{Way: "people", User: User{Name: "ada"}, Refresh: "one", Check: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	mine, err := s.sessions.use(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	s.clock.pass(30 * time.Minute) // long enough for its use to be noted anew
	if _, err := other.sessions.use(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	mine.Refresh = "two"
	if err := s.sessions.update(t.Context(), key, mine); err != nil {
		t.Fatal(err)
	}
	s.clock.pass(30 * time.Minute)
	if in, err := other.sessions.use(t.Context(), key); err != nil || in.Refresh != "two" {
		t.Errorf("%q, %v", in.Refresh, err)
	}
	if in, err := s.sessions.reread(t.Context(), key); err != nil || in.Refresh != "two" {
		t.Errorf("the store has %q, %v", in.Refresh, err)
	}
}

func TestASessionOutlivesARestartAndGoesOnAtAnotherReplica(t *testing.T) {
	s := open(t, nil)
	b := oidctest.NewBrowser(t)
	s.paste(b, "kube")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, s.http.URL+"/me", nil)
	site, _ := url.Parse(s.http.URL)
	for _, c := range b.Client.Jar.Cookies(site) {
		r.AddCookie(c)
	}
	other := s.again(s.o.Config, s.store)
	if id, err := other.Who(http.Header{}, r); err != nil || id.Name != "kim" {
		t.Fatalf("%+v, %v", id, err)
	}
	s.post(b, "/out", nil)
	s.clock.pass(fresh)
	if _, err := other.Who(http.Header{}, r); !fault.Is(err, fault.AuthenticationFailed) {
		t.Errorf("signed out here, and there %v", err)
	}
}

func TestWhatTheStoreHoldsOpensNothing(t *testing.T) {
	s := open(t, nil)
	b := oidctest.NewBrowser(t)
	s.paste(b, "kube")
	files, err := filepath.Glob(filepath.Join(s.store.path, "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	name := strings.TrimSuffix(filepath.Base(files[0]), ".json")
	site, _ := url.Parse(s.http.URL)
	cookie := b.Client.Jar.Cookies(site)[0].Value
	for _, word := range []string{"kim", "kube", cookie} {
		if strings.Contains(string(raw)+name, word) {
			t.Errorf("the store knows %q", word)
		}
	}
	t.Run("nor does a record that was put under another name", func(t *testing.T) {
		key := newSecret()
		if err := os.Rename(files[0], filepath.Join(s.store.path, key.index()+".json")); err != nil {
			t.Fatal(err)
		}
		s.clock.pass(fresh)
		s.wantNobody(b)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, s.http.URL+"/me", nil)
		r.AddCookie(s.front.cookie(r, sessionCookie, key.String()))
		if _, err := s.Who(http.Header{}, r); !fault.Is(err, fault.AuthenticationFailed) {
			t.Error(err)
		}
	})
}

func TestAnAddressWorksOnce(t *testing.T) {
	s := open(t, nil)
	path, until, err := s.Link(t.Context(), "kube", 2*time.Minute)
	if err != nil || !until.After(s.clock.now()) {
		t.Fatal(until, err)
	}
	first, second := oidctest.NewBrowser(t), oidctest.NewBrowser(t)
	for name, headers := range map[string][]string{
		"a browser that looks ahead": {"Sec-Purpose: prefetch;prerender"},
		"another site":               {"Sec-Fetch-Site: cross-site"},
	} {
		if page := second.Get(s.http.URL+path, headers...); page.Status != http.StatusForbidden {
			t.Errorf("%s gets %d", name, page.Status)
		}
	}
	if page := first.Get(s.http.URL+path, "Sec-Fetch-Site: none"); page.Status != http.StatusSeeOther || page.Next.Path != "/" {
		t.Fatalf("%d: %s", page.Status, page.Body)
	}
	s.want(first, "kim", "staff")
	page := second.Get(s.http.URL + path)
	if page.Status != http.StatusForbidden || !strings.Contains(page.Body, "has been used, or is too old") {
		t.Errorf("the second time: %d: %s", page.Status, page.Body)
	}
	s.wantNobody(second)

	t.Run("and not when it is too old", func(t *testing.T) {
		path, _, err := s.Link(t.Context(), "kube", 2*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		s.clock.pass(2 * time.Minute)
		if page := second.Get(s.http.URL + path); page.Status != http.StatusForbidden {
			t.Errorf("%d", page.Status)
		}
	})
	t.Run("nor for a token that is no longer good", func(t *testing.T) {
		path, _, err := s.Link(t.Context(), "kube", 100*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		s.hub.set(func(h *hub) { delete(h.tokens, "kube") })
		if page := second.Get(s.http.URL + path); page.Status != http.StatusForbidden {
			t.Errorf("%d", page.Status)
		}
		s.wantNobody(second)
	})
	t.Run("its secret is no session cookie", func(t *testing.T) {
		s.hub.set(func(h *hub) { h.tokens["kube"] = User{Name: "kim"} })
		path, _, err := s.Link(t.Context(), "kube", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, s.http.URL+"/me", nil)
		r.AddCookie(s.front.cookie(r, sessionCookie, path[strings.Index(path, "=")+1:]))
		if id, err := s.Who(http.Header{}, r); !fault.Is(err, fault.AuthenticationFailed) {
			t.Errorf("%+v, %v", id, err)
		}
	})
	t.Run("and nobody makes one without a token", func(t *testing.T) {
		if path, _, err := s.Link(t.Context(), "wrong", time.Minute); !fault.Is(err, fault.AuthenticationFailed) {
			t.Error(path, err)
		}
	})
}

func TestGuessingIsSlowed(t *testing.T) {
	guess := map[string]func(s *site, b *oidctest.Browser) int{
		"tokens": func(s *site, b *oidctest.Browser) int { return s.paste(b, "guess") },
		"addresses": func(s *site, b *oidctest.Browser) int {
			return b.Get(s.http.URL + "/auth/once?token=" + newSecret().String()).Status
		},
		"cookies": func(s *site, b *oidctest.Browser) int {
			return b.Get(s.http.URL+"/me", "Cookie: "+s.front.cookieName(httptest.NewRequest(http.MethodGet, s.http.URL, nil), sessionCookie)+"="+newSecret().String()).Status
		},
	}
	for name, try := range guess {
		t.Run(name, func(t *testing.T) {
			s := open(t, nil)
			b := oidctest.NewBrowser(t)
			s.paste(b, "kube")
			stranger := oidctest.NewBrowser(t)
			for i := range attempts {
				if got := try(s, stranger); got == http.StatusTooManyRequests || got/100 != 4 {
					t.Fatalf("try %d: %d", i, got)
				}
			}
			if got := try(s, stranger); got != http.StatusTooManyRequests {
				t.Errorf("one more: %d", got)
			}
			s.want(b, "kim", "staff") // who is signed in stays so
			s.clock.pass(attemptsEvery)
			if got := s.paste(stranger, "kube"); got != http.StatusOK {
				t.Errorf("after a while: %d", got)
			}
		})
	}
}

func TestSignInsOfOnePersonAreLimited(t *testing.T) {
	s := open(t, nil)
	for i := range signIns {
		if got := s.paste(oidctest.NewBrowser(t), "kube"); got != http.StatusOK {
			t.Fatalf("sign-in %d: %d", i, got)
		}
	}
	if got := s.paste(oidctest.NewBrowser(t), "kube"); got != http.StatusTooManyRequests {
		t.Errorf("one more: %d", got)
	}
	s.hub.tokens["other"] = User{Name: "ann"}
	if got := s.paste(oidctest.NewBrowser(t), "other"); got != http.StatusOK {
		t.Errorf("somebody else: %d", got)
	}
}

func TestASecondSignInEndsTheFirstSession(t *testing.T) {
	s := open(t, nil)
	b, thief := oidctest.NewBrowser(t), oidctest.NewBrowser(t)
	s.paste(b, "kube")
	site, _ := url.Parse(s.http.URL)
	thief.Client.Jar.SetCookies(site, b.Client.Jar.Cookies(site))
	s.want(thief, "kim", "staff")
	s.paste(b, "kube")
	s.want(b, "kim", "staff")
	s.wantNobody(thief)
}

func TestOldRecordsAreSwept(t *testing.T) {
	s := open(t, nil)
	for range 3 {
		s.paste(oidctest.NewBrowser(t), "kube")
	}
	if _, _, err := s.Link(t.Context(), "kube", time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.store.path, "damaged.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.clock.pass(25 * time.Hour)
	s.paste(oidctest.NewBrowser(t), "kube")
	if files, _ := filepath.Glob(filepath.Join(s.store.path, "*")); len(files) != 1 {
		t.Errorf("%d files are left", len(files))
	}
}

// full is a store that has no room.
type full struct{ Store }

func (full) Create(context.Context, string, Record) error { return fmt.Errorf("no space left") }

func TestAStoreThatIsFullSignsNobodyIn(t *testing.T) {
	s := open(t, nil)
	s.sessions.store = full{s.store}
	b := oidctest.NewBrowser(t)
	if got := s.paste(b, "kube"); got != http.StatusBadGateway {
		t.Errorf("%d", got)
	}
	s.wantNobody(b)
}
