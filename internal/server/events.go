package server

import (
	"encoding/json"
	"fmt"
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
// each one that changes, with intermediate states left out when the reader is slow. Rights are looked at again for each.
func (s *Server) events(c *call) error {
	flusher := http.NewResponseController(c.ResponseWriter)
	h := c.ResponseWriter.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	c.WriteHeader(http.StatusOK)
	st := s.o.Changes.open()
	defer s.o.Changes.close(st)
	q := c.URL.Query()
	for _, snap := range s.o.Engine.Snapshots() {
		st.add(snap.Key)
	}
	idle := time.NewTicker(keepAlive)
	defer idle.Stop()
	for {
		for _, k := range st.take() {
			if (q.Get("namespace") != "" && q.Get("namespace") != k.Namespace) || (q.Get("name") != "" && q.Get("name") != k.Name) {
				continue
			}
			if ok, err := s.o.Access.Allowed(c.Context(), c.user(), Right{"get", AppResource, k}); err != nil || !ok {
				continue
			}
			if err := s.tell(c.ResponseWriter, k); err != nil {
				return nil // the reader went away
			}
		}
		if err := flusher.Flush(); err != nil {
			return nil
		}
		select {
		case <-c.Context().Done():
			return nil
		case <-st.wake:
		case <-idle.C:
			if _, err := fmt.Fprint(c.ResponseWriter, ": still here\n\n"); err != nil {
				return nil
			}
		}
	}
}

func (s *Server) tell(w http.ResponseWriter, k engine.Key) error {
	snap, ok := s.o.Engine.Snapshot(k)
	if !ok {
		_, err := fmt.Fprintf(w, "event: gone\ndata: {\"namespace\":%q,\"name\":%q}\n\n", k.Namespace, k.Name)
		return err
	}
	raw, err := json.Marshal(ViewOf(snap))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "event: app\ndata: %s\n\n", raw)
	return err
}
