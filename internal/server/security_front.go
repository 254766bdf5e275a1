package server

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"plumb.cd/plumb/internal/fault"
)

// apiPolicy is for answers that are no pages: nothing in them is ever to run.
const apiPolicy = "default-src 'none'; frame-ancestors 'none'"

// secure puts what every answer needs before the routes, takes the base path off, and leads to the sign-in's pages and to the
// console what is theirs.
func (s *Server) secure(next http.Handler) http.Handler {
	pages := http.NotFoundHandler()
	if in := s.o.Security.SignIn; in != nil {
		pages = in.Pages()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.headers(w.Header(), r)
		base := s.front().Base
		if base != "/" && r.URL.Path+"/" == base {
			http.Redirect(w, r, base, http.StatusPermanentRedirect)
			return
		}
		r = withAnswer(w, below(base, r))
		switch {
		case strings.HasPrefix(r.URL.Path, "/auth/"):
			pages.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/api/"):
			s.serveAPI(w, r, next)
		case s.o.Security.Console == nil || s.routed(r):
			next.ServeHTTP(w, r)
		default:
			s.o.Security.Console.ServeHTTP(w, r)
		}
	})
}

// headers are the same for all; what is a page, or may be kept, says so itself.
func (s *Server) headers(h http.Header, r *http.Request) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", apiPolicy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("X-Frame-Options", "DENY")
	if s.front().Secure(r) {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// below takes the base path off, where a proxy in between has not done so.
func below(base string, r *http.Request) *http.Request {
	rest, ok := strings.CutPrefix(r.URL.Path, base)
	if base == "/" || !ok {
		return r
	}
	out := *r
	out.URL = new(url.URL)
	*out.URL = *r.URL
	out.URL.Path = "/" + rest
	if raw, ok := strings.CutPrefix(r.URL.RawPath, base); ok {
		out.URL.RawPath = "/" + raw
	}
	return &out
}

// routed says whether a path is one of ours, whatever the method.
func (s *Server) routed(r *http.Request) bool {
	if _, pattern := s.mux.Handler(r); pattern != "" {
		return true
	}
	return len(s.methods(r)) > 0
}

// methods are those that a path can be called with.
func (s *Server) methods(r *http.Request) []string {
	var out []string
	other := *r
	for _, other.Method = range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if _, pattern := s.mux.Handler(&other); pattern != "" {
			out = append(out, other.Method)
		}
	}
	return out
}

// serveAPI answers with a Problem where there is no such call, and where the body is too large before anybody reads it.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.ContentLength > maxBody {
		s.fail(w, &http.MaxBytesError{Limit: maxBody})
		return
	}
	if _, pattern := s.mux.Handler(r); pattern != "" {
		next.ServeHTTP(w, r)
		return
	}
	p := Problem{Status: http.StatusNotFound, Reason: fault.NotFound, Message: "the API has no " + r.URL.Path, Next: "read " + s.front().Base + "api/v1/openapi.json"}
	if can := s.methods(r); len(can) > 0 {
		w.Header().Set("Allow", strings.Join(can, ", "))
		p.Status, p.Message = http.StatusMethodNotAllowed, fmt.Sprintf("%s cannot be done with %s", r.Method, r.URL.Path)
	}
	s.fail(w, p)
}
