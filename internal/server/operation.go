package server

import (
	"net/http"
	"strings"

	"plumb.cd/plumb/internal/engine"
)

// An operation is one call of the API. The routes are filled from these values, and the OpenAPI document is made of them:
// a call that is in the one is in the other.
//
// Each area keeps its own list in a file of its own, as a method of Server (detailCalls, doraCalls, channelCalls, ...);
// operations() joins them.
type operation struct {
	method string // GET, POST ...
	path   string // pattern of http.ServeMux without the method: /api/v1/apps/{namespace}/{name}/tree
	needs  need   // who may call it; required
	doc    string // for people; the first sentence is the summary

	query  any    // nil: none; else a zero struct whose fields carry `query:"name" doc:"..."`. What it does not name is refused, see queryOf
	body   any    // nil: none; else a zero value of what the body is decoded into by call.body
	answer any    // nil: no content; else a zero value of the answer (of one event's data, for a stream)
	media  string // of the answer; empty: application/json
	status int    // of the answer; zero: 200

	handle func(*call) error
}

const eventStream = "text/event-stream"

// need says who may make a call. The zero value is nobody, and is refused at start.
type need struct {
	kind     needKind
	verb     string
	resource string
}

type needKind int

const (
	needUnset needKind = iota
	needNothing
	needSignIn
	needRight
)

var (
	// anyone may call it, signed in or not.
	anyone = need{kind: needNothing}
	// signedIn is for everybody who is; what they get is limited by the handler (lists: by namespace).
	signedIn = need{kind: needSignIn}
)

// onApp is for those who may do verb to the App of the path ({namespace} and {name}). Who may not see it gets the same
// answer as for one that does not exist; who may see it but not do verb is told so.
func onApp(verb string) need { return need{kind: needRight, verb: verb, resource: AppResource} }

// on is the same for another kind of our resources, e.g. "repositories"; whether it exists is the handler's to say, with
// errAbsent.
func on(resource, verb string) need { return need{kind: needRight, verb: verb, resource: resource} }

// operations are all calls of the API.
func (s *Server) operations() []operation {
	var out []operation
	for _, area := range [][]operation{
		s.metaCalls(), s.listCalls(), s.appCalls(), s.detailCalls(), s.doraCalls(), s.channelCalls(), s.securityCalls(), s.viewCalls(),
	} {
		out = append(out, area...)
	}
	return out
}

// route files an operation with the mux.
func (s *Server) route(op operation) {
	if op.needs.kind == needUnset || op.handle == nil || op.doc == "" {
		panic("server: the operation " + op.method + " " + op.path + " is not complete") // a defect, seen by every test
	}
	s.mux.HandleFunc(op.method+" "+op.path, s.metrics.measured(op, s.o.Now, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		c := &call{ResponseWriter: w, Request: r, key: engine.Key{Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}}
		err := s.admit(c, op)
		if err == nil && op.body == nil && op.method == http.MethodPost {
			err = c.noBody()
		}
		if err == nil {
			err = op.handle(c)
		}
		if err != nil {
			s.fail(w, err)
		}
	}))
}

// admit looks at who calls, and whether they may.
func (s *Server) admit(c *call, op operation) error {
	if op.needs.kind == needNothing {
		return nil
	}
	var err error
	if c.session, err = s.identify(c.Request); err != nil {
		return err
	}
	if err := s.checkForgery(c); err != nil {
		return err
	}
	if op.needs.kind == needRight {
		if err := s.admitTo(c, op.needs); err != nil {
			return err
		}
	}
	return checkQuery(op.query, c.URL.Query())
}

func (s *Server) admitTo(c *call, n need) error {
	absent := errAbsent(n.resource, c.key)
	ok, err := s.o.Access.Allowed(c.Context(), c.session.User, Right{Verb: "get", Resource: n.resource, Key: c.key})
	if err != nil {
		return err // nobody could be asked: that says nothing about what there is
	}
	if !ok {
		return absent
	}
	if n.resource == AppResource {
		if _, known := s.o.Engine.Snapshot(c.key); !known {
			return absent
		}
	}
	return s.allow(c, Right{Verb: n.verb, Resource: n.resource, Key: c.key})
}

func (s *Server) allow(c *call, r Right) error {
	ok, err := s.o.Access.Allowed(c.Context(), c.session.User, r)
	if err != nil {
		return err
	}
	if !ok {
		return errForbidden(c.session.User, r)
	}
	return nil
}

// summary is the first sentence of the documentation.
func (op operation) summary() string {
	first, _, _ := strings.Cut(op.doc, ". ")
	return strings.TrimSuffix(first, ".")
}
