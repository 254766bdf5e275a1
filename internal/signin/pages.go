package signin

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"plumb.cd/plumb/internal/fault"
)

// Pages are what a browser is sent to while it signs in: /auth/oidc/{id}, its callback, and /auth/once. Paths are without
// the base path. They need no script.
func (s *Service) Pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth/oidc/{id}", s.toProvider)
	mux.HandleFunc("GET /auth/oidc/{id}/callback", s.fromProvider)
	mux.HandleFunc("GET /auth/once", s.once)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.say(w, r, http.StatusNotFound, "There is nothing here.", "")
	})
	return mux
}

const (
	mostBegun  = 4 // sign-ins that one browser has begun and not ended
	beganWith  = "signin-"
	beganFor   = 600 // seconds
	stateStart = 8
)

// toProvider begins: the browser gets a secret to come back with, and goes to the provider.
func (s *Service) toProvider(w http.ResponseWriter, r *http.Request) {
	p := s.provider(r.PathValue("id"))
	if p == nil {
		s.say(w, r, http.StatusNotFound, "There is no such provider.", "")
		return
	}
	key := newSecret()
	to, err := p.authURL(r.Context(), key)
	if err != nil {
		s.sayError(w, r, err)
		return
	}
	s.forgetBegun(w, r)
	back := base64.RawURLEncoding.EncodeToString([]byte(s.front.Local(r.URL.Query().Get("return"))))
	c := s.front.cookie(r, beganWith+key.state()[:stateStart], key.String()+"."+back) //nolint:gosec // see there
	c.MaxAge = beganFor
	http.SetCookie(w, c)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// forgetBegun keeps sign-ins that nobody ends from filling the browser's cookies.
func (s *Service) forgetBegun(w http.ResponseWriter, r *http.Request) {
	prefix := s.front.cookieName(r, beganWith)
	if i := strings.LastIndex(prefix, beganWith); i >= 0 {
		prefix = prefix[:i+len(beganWith)]
	}
	begun := slices.DeleteFunc(r.Cookies(), func(c *http.Cookie) bool { return !strings.HasPrefix(c.Name, prefix) })
	for len(begun) >= mostBegun {
		old := s.front.cookie(r, sessionCookie, "") //nolint:gosec // see there
		old.Name, old.MaxAge = begun[0].Name, -1
		http.SetCookie(w, old)
		begun = begun[1:]
	}
}

// fromProvider ends what toProvider began.
func (s *Service) fromProvider(w http.ResponseWriter, r *http.Request) {
	p, q := s.provider(r.PathValue("id")), r.URL.Query()
	state := q.Get("state")
	if _, err := base64.RawURLEncoding.DecodeString(state); p == nil || err != nil || len(state) < stateStart {
		s.say(w, r, http.StatusBadRequest, "This is no answer of a provider.", "")
		return
	}
	name := beganWith + state[:stateStart]
	key, back, ok := s.front.begun(r, name)
	s.front.forgetNamed(w.Header(), r, name)
	if !ok || state != key.state() {
		s.say(w, r, http.StatusBadRequest, "This sign-in has ended, was answered already, or was begun in another browser.", "")
		return
	}
	// A provider that says who answers must be the one that was asked.
	if iss := q.Get("iss"); iss != "" && iss != p.c.Issuer {
		s.say(w, r, http.StatusBadRequest, "The answer comes from another provider.", "")
		return
	}
	if code := q.Get("error"); code != "" {
		s.say(w, r, http.StatusForbidden, providerSays(p.c.Name, code), cut(q.Get("error_description")))
		return
	}
	tries, err := s.Attempt(r)
	if err == nil {
		var in session
		var left []string
		if in, left, err = p.redeem(r.Context(), key, q.Get("code")); err == nil {
			tries()
			if len(left) > 0 {
				s.o.Log.Warn("groups of a sign-in were left out: their names are Kubernetes' own", "user", in.User.Name, "groups", left)
			}
			err = s.begin(w.Header(), r, in)
		}
	}
	if err != nil {
		s.sayError(w, r, err)
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther) //nolint:gosec // Front.Local lets only paths of our own through
}

func providerSays(name, code string) string {
	if code == "access_denied" {
		return "You were not signed in: it was cancelled, or " + name + " did not permit it."
	}
	return name + " did not sign you in (" + cut(code) + ")."
}

// begun reads the cookie of a sign-in that is under way.
func (f Front) begun(r *http.Request, name string) (key secret, back string, ok bool) {
	c, err := r.Cookie(f.cookieName(r, name))
	if err != nil {
		return key, "", false
	}
	text, path, _ := strings.Cut(c.Value, ".")
	key, ok = parseSecret(text)
	raw, err := base64.RawURLEncoding.DecodeString(path)
	return key, f.Local(string(raw)), ok && err == nil
}

// once signs in by an address that works once.
func (s *Service) once(w http.ResponseWriter, r *http.Request) {
	if looksAhead(r) {
		s.say(w, r, http.StatusForbidden, "Open this address yourself: it works once.", "")
		return
	}
	// Another site must not sign its visitors in as somebody of its choice.
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" && site != "same-origin" {
		s.say(w, r, http.StatusForbidden, "This address was opened from another site. Copy it into the address bar.", "")
		return
	}
	tries, err := s.Attempt(r)
	if err == nil {
		var in session
		if in, err = s.redeem(r.Context(), r.URL.Query().Get("token")); err == nil {
			tries()
			err = s.begin(w.Header(), r, in)
		}
	}
	if err != nil {
		s.sayError(w, r, err)
		return
	}
	http.Redirect(w, r, s.front.Base, http.StatusSeeOther)
}

// looksAhead tells browsers and programs that fetch an address before somebody opens it.
func looksAhead(r *http.Request) bool {
	for _, h := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if v := strings.ToLower(r.Header.Get(h)); strings.Contains(v, "prefetch") || strings.Contains(v, "preview") {
			return true
		}
	}
	return r.Method == http.MethodHead
}

func (s *Service) sayError(w http.ResponseWriter, r *http.Request, err error) {
	var away Away
	var many TooMany
	var f *fault.Error
	switch {
	case errors.As(err, &away):
		s.o.Log.Warn("a provider cannot be used", "provider", away.Provider, "why", away.Why)
		s.say(w, r, http.StatusBadGateway, away.Provider+" cannot be used now.", away.Why)
	case errors.As(err, &many):
		w.Header().Set("Retry-After", many.Seconds())
		s.say(w, r, http.StatusTooManyRequests, "There were "+many.Error()+".", "")
	case errors.As(err, &f) && f.Reason == fault.AuthenticationFailed:
		s.say(w, r, http.StatusForbidden, "You were not signed in.", f.Message)
	default:
		s.o.Log.Error("a sign-in failed", "err", err)
		s.say(w, r, http.StatusInternalServerError, "Signing in failed; Plumb's log says why.", "")
	}
}

// Seconds is how long to wait, as Retry-After writes it.
func (t TooMany) Seconds() string { return strconv.Itoa(int(math.Ceil(t.After.Seconds()))) }

const style = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color:#1c2330;background:#fff}" +
	"h1{font-size:1.3rem}a{color:#0b5cad}p{overflow-wrap:anywhere}" +
	"@media(prefers-color-scheme:dark){body{color:#e6e9ef;background:#14181f}a{color:#7db7ff}}"

var (
	pageCSP = func() string {
		sum := sha256.Sum256([]byte(style))
		return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	}()
	page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Plumb: sign-in</title>
<style>{{.Style}}</style></head><body><main><h1>{{.Title}}</h1>{{with .Detail}}<p>{{.}}</p>{{end}}
<p><a href="{{.SignIn}}">To the sign-in page</a></p></main></body></html>
`))
)

// say is a page for people.
func (s *Service) say(w http.ResponseWriter, _ *http.Request, status int, title, detail string) {
	var out bytes.Buffer
	err := page.Execute(&out, map[string]any{"Style": template.CSS(style), "Title": title, "Detail": detail, "SignIn": s.front.Base + "signin"}) //nolint:gosec // a constant of ours
	if err != nil {
		http.Error(w, title, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pageCSP)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(out.Bytes())
}

// signInPage is the address of the console's sign-in page; empty: unknown.
func (f Front) signInPage() string {
	if f.Public == nil {
		return ""
	}
	return f.Public.ResolveReference(&url.URL{Path: f.Base + "signin"}).String()
}
