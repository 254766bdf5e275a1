package server

import (
	"net/http"
	"sync"
	"time"

	"plumb.cd/plumb/internal/engine"
)

// Changes tells open streams which Apps changed. A slow stream loses nothing but intermediate states: what is kept for
// it is the set of Apps to tell about, not a queue of events.
type Changes struct {
	mu      sync.Mutex
	streams map[*stream]bool
}

type stream struct {
	mu   sync.Mutex
	keys map[engine.Key]bool
	wake chan struct{}
}

// NewChanges makes a Changes without streams.
func NewChanges() *Changes { return &Changes{streams: map[*stream]bool{}} }

// Changed tells every stream about an App. It never blocks.
func (c *Changes) Changed(k engine.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for st := range c.streams {
		st.add(k)
	}
}

func (c *Changes) open() *stream {
	st := &stream{keys: map[engine.Key]bool{}, wake: make(chan struct{}, 1)}
	c.mu.Lock()
	c.streams[st] = true
	c.mu.Unlock()
	return st
}

func (c *Changes) close(st *stream) {
	c.mu.Lock()
	delete(c.streams, st)
	c.mu.Unlock()
}

func (st *stream) add(k engine.Key) {
	st.mu.Lock()
	st.keys[k] = true
	st.mu.Unlock()
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

func (st *stream) take() []engine.Key {
	st.mu.Lock()
	defer st.mu.Unlock()
	out := make([]engine.Key, 0, len(st.keys))
	for k := range st.keys {
		out = append(out, k)
	}
	clear(st.keys)
	return out
}

// keepAlive is how often an idle stream says that it is there.
const keepAlive = 20 * time.Second

// events streams Apps as they change, as server-sent events: first every App that matches (?namespace=, ?name=), then
// each one that changes, with intermediate states left out when the reader is slow. One App by its name needs the right to
// get it, several need that to list. The sign-in and the rights are asked about again while the stream is open.
func (s *Server) events(c *call, q eventsQuery, st *stream) error {
	w := newEvents(c)
	for _, snap := range s.o.Engine.Snapshots() {
		st.add(snap.Key)
	}
	idle, again := time.NewTicker(keepAlive), time.NewTicker(recheck)
	defer idle.Stop()
	defer again.Stop()
	for may := s.mayFollow(c, q); ; {
		s.tellAll(w, st, q, may)
		if !w.flush() {
			return nil // the reader went away
		}
		select {
		case <-c.Context().Done():
			return nil
		case <-st.wake:
		case <-again.C:
			if p := s.stillSignedIn(c); p != nil {
				w.event("signout", p)
				w.flush()
				return nil
			}
			may = s.mayFollow(c, q)
		case <-idle.C:
			w.comment("still here")
		}
	}
}

// mayFollow says of which Apps a reader is told.
func (s *Server) mayFollow(c *call, q eventsQuery) func(engine.Key) (bool, error) {
	if q.Namespace != "" && q.Name != "" {
		return func(k engine.Key) (bool, error) {
			return s.o.Access.Allowed(c.Context(), c.user(), Right{"get", AppResource, k})
		}
	}
	list := s.mayList(c)
	return func(k engine.Key) (bool, error) { return list(k.Namespace) }
}

// tellAll tells what changed. What cannot be asked about now is told later.
func (s *Server) tellAll(w *events, st *stream, q eventsQuery, may func(engine.Key) (bool, error)) {
	for _, k := range st.take() {
		if q.Namespace != "" && q.Namespace != k.Namespace || q.Name != "" && q.Name != k.Name {
			continue
		}
		ok, err := may(k)
		switch {
		case err != nil:
			st.keep(k)
		case ok:
			s.tell(w, k)
		}
	}
}

// keep leaves an App for the next time, without waking anybody.
func (st *stream) keep(k engine.Key) {
	st.mu.Lock()
	st.keys[k] = true
	st.mu.Unlock()
}

// stillSignedIn is nil while the reader is, or while that cannot be told.
func (s *Server) stillSignedIn(c *call) *Problem {
	session, err := s.identify(c.Request)
	p := problemOf(err)
	if err != nil && p.Status == http.StatusUnauthorized || err == nil && session.Name != c.session.Name {
		p.Status, p.Message, p.Next = http.StatusUnauthorized, "the sign-in has ended", errSignIn.Next
		return &p
	}
	if err == nil {
		c.session = session
	}
	return nil
}

func (s *Server) tell(w *events, k engine.Key) {
	if snap, ok := s.o.Engine.Snapshot(k); ok {
		w.event("app", ViewOf(snap))
		return
	}
	w.event("gone", k)
}
