package server

import (
	"net/http"
	"strings"
	"time"
)

// SecurityOptions are what signing in and the pages need.
type SecurityOptions struct{}

// session is somebody who is signed in.
type session struct {
	User
	Expires time.Time // zero: it is not known
	CSRF    string    // of a session by cookie, else empty
	SignOut string    // path that ends it
}

func (s *Server) securityCalls() []operation { return nil }

// secure puts what every answer needs before the routes.
func (s *Server) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// identify says who makes a request. An error whose problem has status 401 means that the sign-in is not, or no longer, good;
// any other that it could not be told. A stream asks again while it runs.
func (s *Server) identify(r *http.Request) (session, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return session{}, errSignIn
	}
	u, err := s.o.Access.Authenticate(r.Context(), token)
	return session{User: u}, err
}

// checkForgery refuses a call that another site made in the reader's name.
func (s *Server) checkForgery(*call) error { return nil }
