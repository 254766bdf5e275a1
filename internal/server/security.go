package server

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/signin"
)

// SecurityOptions are what signing in and the pages need.
type SecurityOptions struct {
	SignIn  *signin.Service // nil: by bearer token only
	Console http.Handler    // the console's files; nil: none
}

// session is somebody who is signed in.
type session struct {
	User
	Expires time.Time // zero: it is not known
	CSRF    string    // of a session by cookie, else empty
	SignOut string    // path that ends it
}

// csrfHeader carries back what Me.CSRF said.
const csrfHeader = "X-Plumb-CSRF"

const (
	signInPath  = "/api/v1/signin"
	signOutPath = "/api/v1/signout"
)

func (s *Server) securityCalls() []operation {
	return []operation{
		{method: "GET", path: signInPath, needs: anyone, doc: "How one can sign in. A provider that is away says why.", answer: httpapi.Ways{}, handle: s.ways},
		{
			method: "POST", path: signInPath, needs: anyone, body: httpapi.SignIn{}, status: http.StatusNoContent, handle: s.signIn,
			doc: "Signs the owner of a Kubernetes token in to this browser. The session ends when the token does.",
		},
		{
			method: "POST", path: signInPath + "/link", needs: signedIn, body: httpapi.InvitationWish{}, answer: httpapi.Invitation{}, handle: s.invite,
			doc: "Makes an address that signs the owner of the bearer token in to a browser, once.",
		},
		{
			method: "POST", path: signOutPath, needs: signedIn, answer: httpapi.SignedOut{}, handle: s.signOut,
			doc: "Ends this browser's session, on every replica.",
		},
	}
}

// identify says who makes a request. An error whose problem has status 401 means that the sign-in is not, or no longer, good;
// any other that it could not be told. A stream asks again while it runs.
func (s *Server) identify(r *http.Request) (session, error) {
	token, byToken := bearer(r)
	in := s.o.Security.SignIn
	switch {
	case byToken && in == nil:
		u, err := s.o.Access.Authenticate(r.Context(), token)
		return session{User: u, Expires: signin.ExpiryOf(token)}, err
	case byToken:
		u, err := in.Bearer(r, token)
		return session{User: User(u), Expires: signin.ExpiryOf(token)}, turnedAway(r, err)
	case in == nil:
		return session{}, errSignIn
	}
	id, err := s.byCookie(r)
	if errors.Is(err, signin.ErrNone) {
		return session{}, errSignIn
	}
	if err != nil {
		return session{}, turnedAway(r, err)
	}
	if !sameOrigin(r) { // browsers send the cookie along with some requests of other sites
		return session{}, errForeign
	}
	return session{User: User(id.User), Expires: id.Expires, CSRF: id.CSRF, SignOut: signOutPath}, nil
}

// byCookie names the owner of the session. To ask again for the same request, as a stream does, is no use of the session.
func (s *Server) byCookie(r *http.Request) (signin.Identity, error) {
	in, seen := s.o.Security.SignIn, seenOf(r)
	if seen.id != nil {
		return in.Still(r.Context(), *seen.id)
	}
	id, err := in.Who(seen.answer, r)
	if err == nil {
		seen.id = &id
	}
	return id, err
}

func bearer(r *http.Request) (string, bool) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token, ok && token != ""
}

// turnedAway gives an error of signing in its problem, and says when to come back.
func turnedAway(r *http.Request, err error) error {
	var many signin.TooMany
	if !errors.As(err, &many) {
		return err
	}
	answerTo(r).Set("Retry-After", many.Seconds())
	return Problem{
		Status: http.StatusTooManyRequests, Reason: fault.LimitExceeded, Message: "there were " + many.Error(),
		Next: fmt.Sprintf("try again in %s seconds", many.Seconds()),
	}
}

var (
	errForeign = Problem{
		Status: http.StatusForbidden, Reason: fault.Forbidden, Message: "this call comes from another site",
		Next: "open the console, or send a bearer token",
	}
	errForged = Problem{
		Status: http.StatusForbidden, Reason: fault.Forbidden, Message: "the call does not carry this session's " + csrfHeader,
		Next: "reload the page",
	}
)

// checkForgery refuses a call that another site made in the reader's name: one by cookie, that changes something, without
// what only our own pages can know.
func (s *Server) checkForgery(c *call) error {
	if c.session.CSRF == "" || safe(c.Method) {
		return nil
	}
	if !s.ownOrigin(c.Request) {
		return errForeign
	}
	if subtle.ConstantTimeCompare([]byte(c.Request.Header.Get(csrfHeader)), []byte(c.session.CSRF)) != 1 {
		return errForged
	}
	return nil
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// sameOrigin is what the browser says, where it is new enough to say.
func sameOrigin(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin" || site == "none"
}

// ownOrigin also believes Origin, which every browser sends with what is no GET.
func (s *Server) ownOrigin(r *http.Request) bool {
	if !sameOrigin(r) {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" || r.Header.Get("Sec-Fetch-Site") != "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	return u.Host == r.Host || s.public() != nil && u.Host == s.public().Host
}

func (s *Server) front() signin.Front {
	if s.o.Security.SignIn == nil {
		return signin.Front{Base: "/"}
	}
	return s.o.Security.SignIn.Front()
}

func (s *Server) public() *url.URL { return s.front().Public }

func (s *Server) ways(c *call) error {
	if s.o.Security.SignIn == nil {
		return c.reply(httpapi.Ways{})
	}
	return c.reply(s.o.Security.SignIn.Ways(c.Context()))
}

var errNoSessions = Problem{Status: http.StatusNotFound, Message: "this server makes no sessions: send a bearer token with each call"}

func (s *Server) signIn(c *call) error {
	if s.o.Security.SignIn == nil {
		return errNoSessions
	}
	if !s.ownOrigin(c.Request) { // nobody signs another site's visitors in as somebody of its choice
		return errForeign
	}
	var body httpapi.SignIn
	if err := c.body(&body); err != nil {
		return err
	}
	if err := s.o.Security.SignIn.WithToken(answerTo(c.Request), c.Request, body.Token); err != nil {
		return turnedAway(c.Request, err)
	}
	c.WriteHeader(http.StatusNoContent)
	return nil
}

const usualInvitation = 120 // seconds

func (s *Server) invite(c *call) error {
	token, ok := bearer(c.Request)
	if s.o.Security.SignIn == nil || !ok {
		return Problem{Status: http.StatusForbidden, Reason: fault.Forbidden, Message: "only the owner of a bearer token can be signed in so", Next: "plumb ui"}
	}
	wish := httpapi.InvitationWish{Seconds: usualInvitation}
	if err := c.body(&wish); err != nil {
		return err
	}
	if wish.Seconds < 1 || wish.Seconds > 3600 {
		return Problem{Status: http.StatusBadRequest, Message: "seconds: want a number from 1 to 3600"}
	}
	path, until, err := s.o.Security.SignIn.Link(c.Context(), token, time.Duration(wish.Seconds)*time.Second)
	if err != nil {
		return err
	}
	return c.reply(httpapi.Invitation{Path: path, Expires: until})
}

func (s *Server) signOut(c *call) error {
	if s.o.Security.SignIn == nil {
		return errNoSessions
	}
	return c.reply(httpapi.SignedOut{Next: s.o.Security.SignIn.SignOut(answerTo(c.Request), c.Request)})
}

// seen is what is known of one request while it is served.
type seen struct {
	answer http.Header      // of the answer, for cookies: signing in and out happens where only the request is known
	id     *signin.Identity // of the session, once it was asked about
}

type seenKey struct{}

func seenOf(r *http.Request) *seen {
	if s, ok := r.Context().Value(seenKey{}).(*seen); ok {
		return s
	}
	return &seen{answer: http.Header{}}
}

func answerTo(r *http.Request) http.Header { return seenOf(r).answer }

func withAnswer(w http.ResponseWriter, r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), seenKey{}, &seen{answer: w.Header()}))
}
