package signin

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"plumb.cd/plumb/internal/oidctest"
)

func TestAPersonSignsInAtAProviderAndComesBackToWhereTheyWere(t *testing.T) {
	s, _ := with(t, oidctest.Options{}, func(p *ProviderConfig) { p.EndSession = true })
	b := oidctest.NewBrowser(t)
	s.wantNobody(b)
	form := b.AtForm(s.http.URL + begin + "?return=" + url.QueryEscape("/apps?filter=state:failed"))
	back := b.Submit(form, oidctest.Login("ada", "ada-password"))
	answered := back.Next.String()
	page := b.Get(answered)
	if page.Status != http.StatusSeeOther || page.Next.RequestURI() != "/apps?filter=state:failed" {
		t.Errorf("%d to %v: %s", page.Status, page.Next, page.Body)
	}
	cookies := page.Header.Values("Set-Cookie")
	i := slices.IndexFunc(cookies, func(c string) bool { return strings.HasPrefix(c, "plumb-session") })
	if i < 0 || !strings.Contains(cookies[i], "HttpOnly") || !strings.Contains(cookies[i], "SameSite=Lax") || !strings.Contains(cookies[i], "Path=/") {
		t.Errorf("the cookies are %q", cookies)
	}
	// system:masters would be every right there is.
	s.want(b, "oidc:ada@example.com", "oidc:platform")

	t.Run("the provider's answer is good once, in one browser", func(t *testing.T) {
		for _, who := range []*oidctest.Browser{b, oidctest.NewBrowser(t)} {
			again := who.Get(answered)
			if again.Status != http.StatusBadRequest || !strings.Contains(again.Body, "was answered already") {
				t.Errorf("%d: %s", again.Status, again.Body)
			}
		}
	})
	t.Run("signing out ends the session, for whoever holds the cookie too", func(t *testing.T) {
		thief := oidctest.NewBrowser(t)
		site, _ := url.Parse(s.http.URL)
		thief.Client.Jar.SetCookies(site, b.Client.Jar.Cookies(site))
		s.want(thief, "oidc:ada@example.com", "oidc:platform")
		out := s.post(b, "/out", nil)
		if next, err := url.Parse(out.Body); err != nil || next.Path != "/session/end" || next.Query().Get("id_token_hint") == "" {
			t.Errorf("the provider's own session ends at %q", out.Body)
		}
		s.wantNobody(b)
		s.wantNobody(thief)
	})
}

func TestSomebodyWhoDoesNotSignInGetsNoSession(t *testing.T) {
	s, _ := with(t, oidctest.Options{}, func(p *ProviderConfig) { p.EmailDomains = []string{"Example.com"} })
	t.Run("wrong password", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		page := b.Submit(b.AtForm(s.http.URL+begin), oidctest.Login("ada", "guess"))
		if page.Status != http.StatusUnauthorized || page.Next != nil {
			t.Errorf("%d, to %v", page.Status, page.Next)
		}
		s.wantNobody(b)
	})
	t.Run("cancelled", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		back := b.Submit(b.AtForm(s.http.URL+begin), url.Values{"cancel": {"yes"}})
		page := b.Get(back.Next.String())
		if page.Status != http.StatusForbidden || !strings.Contains(page.Body, "cancelled") || !strings.Contains(page.Body, "the person said no") {
			t.Errorf("%d: %s", page.Status, page.Body)
		}
		s.wantNobody(b)
	})
	for who, says := range map[string]string{"bob": "not verified", "eve": "addresses of elsewhere.example", "sam": "belongs to Kubernetes"} {
		t.Run(who+": "+says, func(t *testing.T) {
			b := oidctest.NewBrowser(t)
			page := s.signIn(b, who)
			if page.Status != http.StatusForbidden || !strings.Contains(page.Body, says) {
				t.Errorf("%d: %s", page.Status, page.Body)
			}
			s.wantNobody(b)
		})
	}
}

func TestAnAnswerThatWasTamperedWithIsRefused(t *testing.T) {
	s, _ := with(t, oidctest.Options{})
	for name, tamper := range map[string]struct {
		asked, answered func(url.Values)
		says            string
	}{
		"another nonce":             {asked: func(q url.Values) { q.Set("nonce", "mine") }, says: "belongs to another sign-in"},
		"another PKCE challenge":    {asked: func(q url.Values) { q.Set("code_challenge", strings.Repeat("x", 43)) }, says: "the provider refused"},
		"another state":             {answered: func(q url.Values) { q.Set("state", q.Get("state")+"AAAA") }, says: "another browser"},
		"a state that is no state":  {answered: func(q url.Values) { q.Set("state", "a;b=c, d") }, says: "no answer"},
		"no state":                  {answered: func(q url.Values) { q.Del("state") }, says: "no answer"},
		"an invented code":          {answered: func(q url.Values) { q.Set("code", "made-up") }, says: "the provider refused"},
		"no code":                   {answered: func(q url.Values) { q.Del("code") }, says: "the provider refused"},
		"the word of someone else":  {answered: func(q url.Values) { q.Set("iss", "https://evil.example") }, says: "another provider"},
		"a script for a error code": {answered: func(q url.Values) { q.Set("error", "<script>alert(1)</script>") }, says: "&lt;script&gt;"},
	} {
		t.Run(name, func(t *testing.T) {
			b := oidctest.NewBrowser(t)
			first := b.Get(s.http.URL + begin)
			edit(first.Next, tamper.asked)
			back := b.Submit(b.AtForm(first.Next.String()), oidctest.Login("ada", "ada-password"))
			edit(back.Next, tamper.answered)
			page := b.Get(back.Next.String())
			if page.Status/100 != 4 || !strings.Contains(page.Body, tamper.says) || strings.Contains(page.Body, "<script") {
				t.Errorf("%d: %s", page.Status, page.Body)
			}
			s.wantNobody(b)
		})
	}
}

func edit(u *url.URL, f func(url.Values)) {
	if f == nil {
		return
	}
	q := u.Query()
	f(q)
	u.RawQuery = q.Encode()
}

func TestAProviderThatGivesGroupsInItsUserInfoOnlyGivesThem(t *testing.T) {
	s, _ := with(t, oidctest.Options{UserInfoOnly: true}, func(p *ProviderConfig) { p.GroupsPrefix, p.UserPrefix = "idp/", "-" })
	b := oidctest.NewBrowser(t)
	s.signIn(b, "ada")
	s.want(b, "ada@example.com", "idp/platform")
}

func TestAProviderThatIsAwayIsNamedAndComesBack(t *testing.T) {
	s, p := withStopped(t, oidctest.Options{})
	b := oidctest.NewBrowser(t)
	down := func() string { return s.Ways(t.Context()).OIDC[0].Down }
	if d := down(); !strings.Contains(d, p.Issuer) || !strings.Contains(d, "connection refused") {
		t.Errorf("it is down because %q", d)
	}
	page := b.Get(s.http.URL + begin)
	if page.Status != http.StatusBadGateway || !strings.Contains(page.Body, "connection refused") {
		t.Errorf("%d: %s", page.Status, page.Body)
	}
	if !s.Ways(t.Context()).Token {
		t.Error("the other way is shut with it")
	}
	p.Run()
	s.clock.pass(againDown)
	if d := down(); d != "" {
		t.Errorf("it is back, and still called down: %s", d)
	}
	s.signIn(b, "ada")
	s.want(b, "oidc:ada@example.com", "oidc:platform")

	t.Run("it stops in the middle of a sign-in", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		back := b.Submit(b.AtForm(s.http.URL+begin), oidctest.Login("ada", "ada-password"))
		p.Stop()
		page := b.Get(back.Next.String())
		if page.Status != http.StatusBadGateway || !strings.Contains(page.Body, "connection refused") {
			t.Errorf("%d: %s", page.Status, page.Body)
		}
		if d := down(); !strings.Contains(d, "connection refused") {
			t.Errorf("down: %q", d)
		}
		s.wantNobody(b)
	})
}

func TestAProviderThatHangsHoldsNobodyUpForLong(t *testing.T) {
	s, p := with(t, oidctest.Options{})
	one := s.providers[0]
	one.client.Timeout = 300 * time.Millisecond
	b := oidctest.NewBrowser(t)
	back := b.Submit(b.AtForm(s.http.URL+begin), oidctest.Login("ada", "ada-password"))
	p.Change(map[string]any{"hang": true})
	page := b.Get(back.Next.String())
	if page.Status != http.StatusBadGateway || !strings.Contains(page.Body, "did not answer within 300ms") {
		t.Errorf("%d: %s", page.Status, page.Body)
	}
	s.clock.pass(againUp)
	if d := s.Ways(t.Context()).OIDC[0].Down; !strings.Contains(d, "did not answer within 300ms") {
		t.Errorf("down: %q", d)
	}
	p.Change(map[string]any{"hang": false})
	s.clock.pass(againDown)
	if d := s.Ways(t.Context()).OIDC[0].Down; d != "" {
		t.Errorf("down: %q", d)
	}
}

func TestAProviderThatIsNotTheOneThatIsConfiguredIsNotTrusted(t *testing.T) {
	for name, answer := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"another issuer": {200, `{"issuer":"https://evil.example"}`, "calls itself"},
		"no JSON":        {200, `<html>`, "no description of a provider"},
		"not found":      {404, ``, "404"},
		"broken":         {503, ``, "answered 503"},
		"endless":        {200, `{"issuer":"` + strings.Repeat("x", largestBody), "no description of a provider"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, func(c *Config, _ func(string) string) {
				h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(answer.status)
					w.Write([]byte(answer.body))
				})
				c.Providers = []ProviderConfig{{Name: "People", Issuer: serve(t, h), ClientID: "plumb"}}
			})
			if d := s.Ways(t.Context()).OIDC[0].Down; !strings.Contains(d, answer.says) || len(d) > 1000 {
				t.Errorf("down: %q", d)
			}
		})
	}
}

func TestKeysRotateAndASignInGoesOn(t *testing.T) {
	s, p := with(t, oidctest.Options{})
	s.signIn(oidctest.NewBrowser(t), "ada")
	p.Change(map[string]any{"rotate": true})
	b := oidctest.NewBrowser(t)
	s.signIn(b, "ada")
	s.want(b, "oidc:ada@example.com", "oidc:platform")
}

func TestGroupsFollowTheProviderAndTheSessionEndsWithThePerson(t *testing.T) {
	s, p := with(t, oidctest.Options{IDToken: 2 * time.Second})
	b := oidctest.NewBrowser(t)
	s.signIn(b, "ada")
	s.want(b, "oidc:ada@example.com", "oidc:platform")
	p.Change(map[string]any{"people": map[string]any{"ada": map[string]any{"groups": []string{"dba"}}}})
	soon(t, "the new groups hold", func() bool {
		_, u := s.who(b)
		return slices.Equal(u.Groups, []string{"oidc:dba"})
	})
	p.Change(map[string]any{"people": map[string]any{"ada": nil}})
	soon(t, "the session of somebody who is gone ends", func() bool {
		status, _ := s.who(b)
		return status == http.StatusUnauthorized
	})
}

// without takes fields out of what the provider answers to a refresh.
type without struct {
	http.RoundTripper
	fields []string
}

func (w without) RoundTrip(r *http.Request) (*http.Response, error) {
	var form []byte
	if r.Body != nil {
		form, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(form))
	}
	res, err := w.RoundTripper.RoundTrip(r)
	if err != nil || !bytes.Contains(form, []byte("grant_type=refresh_token")) || res.StatusCode != http.StatusOK {
		return res, err
	}
	answer := map[string]any{}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, err
	}
	for _, f := range w.fields {
		delete(answer, f)
	}
	raw, err := json.Marshal(answer)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	return res, err
}

func TestGroupsFollowAProviderThatGivesNoNewIDToken(t *testing.T) {
	s, p := with(t, oidctest.Options{IDToken: 2 * time.Second})
	client := s.providers[0].client
	client.Transport = without{client.Transport, []string{"id_token", "expires_in"}}
	b := oidctest.NewBrowser(t)
	s.signIn(b, "ada")
	p.Change(map[string]any{"people": map[string]any{"ada": map[string]any{"groups": []string{"dba"}}}})
	soon(t, "the new groups hold", func() bool {
		_, u := s.who(b)
		return slices.Equal(u.Groups, []string{"oidc:dba"})
	})
	s.clock.pass(usualExpiry - time.Minute)
	s.want(b, "oidc:ada@example.com", "oidc:dba")
	p.Change(map[string]any{"people": map[string]any{"ada": map[string]any{"email_verified": false}}})
	s.clock.pass(2 * time.Minute)
	s.wantNobody(b)
}

func TestSeveralCallsAtOnceRefreshOnce(t *testing.T) {
	s, _ := with(t, oidctest.Options{IDToken: 2 * time.Second}) // it takes a refresh token once
	b := oidctest.NewBrowser(t)
	s.signIn(b, "ada")
	tokens := map[string]bool{}
	soon(t, "three refreshes", func() bool {
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { s.want(b, "oidc:ada@example.com", "oidc:platform") })
		}
		wg.Wait()
		for _, k := range s.sessions.known {
			tokens[k.Refresh] = true
		}
		return len(tokens) > 3 || t.Failed()
	})
}

func TestWithoutRefreshTokensASessionEndsWithTheIDToken(t *testing.T) {
	s, _ := with(t, oidctest.Options{NoRefresh: true})
	b := oidctest.NewBrowser(t)
	s.signIn(b, "ada")
	s.want(b, "oidc:ada@example.com", "oidc:platform")
	s.clock.pass(59 * time.Minute)
	s.want(b, "oidc:ada@example.com", "oidc:platform")
	s.clock.pass(time.Minute)
	s.wantNobody(b)
}

func TestAProviderThatIsAwayForAMomentEndsNoSession(t *testing.T) {
	s, p := with(t, oidctest.Options{})
	b := oidctest.NewBrowser(t)
	s.signIn(b, "ada")
	p.Stop()
	s.clock.pass(time.Hour + grace - time.Minute)
	s.want(b, "oidc:ada@example.com", "oidc:platform")
	s.clock.pass(time.Minute)
	if page := b.Get(s.http.URL + "/me"); page.Status != http.StatusUnauthorized || !strings.Contains(page.Body, "connection refused") {
		t.Errorf("%d: %s", page.Status, page.Body)
	}
	s.wantNobody(b)
}

func TestSignInsThatNobodyEndsDoNotFillTheBrowser(t *testing.T) {
	s, _ := with(t, oidctest.Options{})
	b := oidctest.NewBrowser(t)
	for range 3 * mostBegun {
		b.Get(s.http.URL + begin)
	}
	site, _ := url.Parse(s.http.URL)
	if n := len(b.Client.Jar.Cookies(site)); n > mostBegun {
		t.Errorf("%d cookies", n)
	}
	s.signIn(b, "ada")
	s.want(b, "oidc:ada@example.com", "oidc:platform")
}
