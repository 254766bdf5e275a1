package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/index"
)

const (
	coalesce    = 250 * time.Millisecond // between two events of a stream
	heartbeat   = 15 * time.Second       // of an idle stream
	recheck     = 10 * time.Second       // of the sign-in and the rights, while a stream is open
	uncertain   = time.Minute            // that a stream stays open while they cannot be asked about
	writeWithin = 30 * time.Second       // a reader that takes nothing for so long is gone
)

const (
	maxUserStreams = 64
	maxStreams     = 2000
)

type streamQuery struct {
	Topics names  `query:"topics" doc:"What is told of, separated by commas: apps (a list, the default), app:NAMESPACE/NAME (one App)"`
	Filter string `query:"filter" doc:"Which Apps; for the topic apps alone"`
	Since  string `query:"since" doc:"Epoch and number of a list, as <epoch>-<seq>, where the header Last-Event-ID cannot be sent"`
}

// streams counts the open streams of each user.
type streams struct {
	mu    sync.Mutex
	total int
	open  map[string]int
}

func newStreams() *streams { return &streams{open: map[string]int{}} }

func (s *streams) enter(user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[user] >= maxUserStreams || s.total >= maxStreams {
		return false
	}
	s.open[user]++
	s.total++
	return true
}

func (s *streams) leave(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.open[user]--; s.open[user] == 0 {
		delete(s.open, user)
	}
}

// broadcast is one open stream.
type broadcast struct {
	s      *Server
	c      *call
	out    *http.ResponseController
	topics topics
	to     index.Audience
	at     uint64    // changes up to this one were told
	asked  time.Time // when sign-in and rights were asked about with an answer
}

// enter counts a stream of the reader's; leave is called at its end.
func (s *Server) enter(c *call) (leave func(), err error) {
	user := c.user().Name
	if !s.streams.enter(user) {
		c.ResponseWriter.Header().Set("Retry-After", "60")
		return nil, Problem{
			Status: http.StatusTooManyRequests, Message: fmt.Sprintf("%s has %d open streams, which is the limit", user, maxUserStreams),
			Next: "close some; one is enough for a browser, whatever the number of its tabs",
		}
	}
	return func() { s.streams.leave(user) }, nil
}

// following makes a handler of what tells changes as they come, until the reader goes: news holds those since it began.
func following[Q any](s *Server, tell func(c *call, q Q, news *stream) error) func(*call) error {
	return func(c *call) error {
		q, err := queryOf[Q](c)
		if err != nil {
			return err
		}
		leave, err := s.enter(c)
		if err != nil {
			return err
		}
		defer leave()
		news := s.o.Changes.open() // before the first look, so that nothing is missed
		defer s.o.Changes.close(news)
		return tell(c, q, news)
	}
}

// errGone says that the reader went away.
var errGone = errors.New("the reader went away")

// stream tells which Apps change, as httpapi/stream.go describes.
func (s *Server) stream(c *call, q streamQuery, news *stream) error {
	about, err := topicsOf(q)
	if err != nil {
		return err
	}
	to := index.Audience{}
	if to.Filter, err = parseFilter(q.Filter); err != nil {
		return err
	}
	s.first(c.Context())
	s.catalog.update()
	if err = s.admitted(c.Context(), c.user(), about, s.catalog.Namespaces(), &to); err != nil {
		return err
	}
	b := &broadcast{s: s, c: c, out: http.NewResponseController(c.ResponseWriter), topics: about, to: to, asked: s.o.Now()}
	h := c.ResponseWriter.Header()
	h.Set("Content-Type", eventStream)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	c.WriteHeader(http.StatusOK)
	id := c.Request.Header.Get("Last-Event-ID")
	if id == "" {
		id = q.Since
	}
	if err := b.begin(id); err != nil {
		return nil // the answer has begun: the reader sees that it ends, and comes back
	}
	_ = b.run(news.wake, func() { news.take() })
	return nil
}

// begin tells a reader what it missed since the event with this ID; "" is none.
func (b *broadcast) begin(id string) error {
	if id == "" {
		b.at = b.s.catalog.Seq()
		return b.event("apps", b.standing())
	}
	epoch, number, _ := strings.Cut(id, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil || epoch != b.s.catalog.Epoch() {
		return b.reset()
	}
	b.at = seq
	if err := b.tell(); err != nil {
		return err
	}
	return b.comment("here")
}

// run tells what changes until the reader or the sign-in goes.
func (b *broadcast) run(wake <-chan struct{}, taken func()) error {
	beat, again := time.NewTicker(heartbeat), time.NewTicker(recheck)
	defer beat.Stop()
	defer again.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	<-pause.C
	resting := false // an event was told less than coalesce ago
	due := false
	for {
		select {
		case <-b.c.Context().Done():
			return errGone
		case <-wake:
			due = true
		case <-pause.C:
			resting = false
		case <-beat.C:
			if err := b.comment("still here"); err != nil {
				return err
			}
		case <-again.C:
			if err := b.review(); err != nil {
				return err
			}
		}
		if due && !resting {
			due, resting = false, true
			pause.Reset(coalesce)
			taken()
			if err := b.tell(); err != nil {
				return err
			}
		}
	}
}

// tell files what changed and tells the reader's part of it.
func (b *broadcast) tell() error {
	b.s.catalog.update()
	if err := b.newNamespaces(); err != nil {
		return nil // the next review says what is wrong
	}
	d, ok := b.s.catalog.Since(b.at, b.to, b.s.o.Now())
	if !ok {
		return b.reset()
	}
	b.at = d.Seq
	if len(d.Rows) == 0 && len(d.Gone) == 0 {
		return nil
	}
	return b.event("apps", httpapi.AppsDelta{Rows: d.Rows, Gone: d.Gone, Counts: b.counts()})
}

// newNamespaces asks about the namespaces that came up since the last review.
func (b *broadcast) newNamespaces() error {
	if !b.topics.list || b.to.Scope.All {
		return nil
	}
	var fresh []string
	for _, ns := range b.s.catalog.Namespaces() {
		if _, known := b.to.Scope.Namespaces[ns]; !known {
			fresh = append(fresh, ns)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	more, err := b.s.scopeOver(b.c.Context(), b.c.user(), fresh)
	if err != nil || more.All {
		return err // that everything may be seen now is the next review's news
	}
	for ns, may := range more.Namespaces {
		b.to.Scope.Namespaces[ns] = may
	}
	return nil
}

// review asks again whether the reader is still signed in, and what they may see.
func (b *broadcast) review() error {
	session, err := b.s.identify(b.c.Request)
	if p := problemOf(err); err != nil && p.Status == http.StatusUnauthorized || err == nil && session.Name != b.c.session.Name {
		p.Status, p.Message, p.Next = http.StatusUnauthorized, "the sign-in has ended", errSignIn.Next
		if err := b.event("signout", p); err != nil {
			return err
		}
		return errGone
	}
	known := b.s.catalog.Namespaces()
	for ns := range b.to.Scope.Namespaces {
		if !slices.Contains(known, ns) {
			known = append(known, ns)
		}
	}
	next := index.Audience{Filter: b.to.Filter}
	if err == nil {
		b.c.session = session
		err = b.s.admitted(b.c.Context(), session.User, b.topics, known, &next)
	}
	if err != nil {
		if b.s.o.Now().Sub(b.asked) > uncertain {
			return errGone // what one may see cannot be told; who comes back is told why
		}
		return nil
	}
	b.asked = b.s.o.Now()
	before := b.to
	b.to = next
	if before.Scope.All != next.Scope.All || altered(before.Scope.Namespaces, next.Scope.Namespaces) || altered(before.Apps, next.Apps) {
		return b.reset()
	}
	return b.tell() // what could not be told before
}

// reset has the reader begin anew.
func (b *broadcast) reset() error {
	b.at = b.s.catalog.Seq()
	return b.event("reset", httpapi.Reset{Epoch: b.s.catalog.Epoch(), Seq: b.at})
}

func (b *broadcast) event(name string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return b.write(fmt.Sprintf("id: %s-%d\nevent: %s\ndata: %s\n\n", b.s.catalog.Epoch(), b.at, name, raw))
}

func (b *broadcast) comment(text string) error { return b.write(": " + text + "\n\n") }

// write sends text. A reader that takes nothing is given up: a deadline in the past ends the write.
func (b *broadcast) write(text string) error {
	stalled := time.AfterFunc(writeWithin, func() { _ = b.out.SetWriteDeadline(time.Unix(1, 0)) })
	defer stalled.Stop()
	if _, err := b.c.ResponseWriter.Write([]byte(text)); err != nil {
		return err
	}
	return b.out.Flush()
}
