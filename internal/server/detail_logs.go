package server

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/httpapi"
)

type logsQuery struct {
	Object    string        `query:"object" doc:"ID of a Pod, or of what Pods stem from; required"`
	Container string        `query:"container" doc:"Default: all but init containers"`
	Tail      int           `query:"tail" minimum:"1" maximum:"100000" doc:"Only the last lines; default 200 where the log is followed, else all"`
	Since     time.Duration `query:"since" doc:"Only lines of this last time"`
	Previous  bool          `query:"previous" doc:"Of the container before its last restart"`
	Follow    bool          `query:"follow" doc:"Go on until the container ends"`
}

const defaultTail = 200

func (d *details) containers(c *call) error {
	q, err := queryOf[neededObjectQuery](c)
	if err != nil {
		return err
	}
	id, err := neededObject(q.Object)
	if err != nil {
		return err
	}
	found, err := d.o.Engine.Containers(c.Context(), c.key, id)
	if err != nil {
		return answered(err)
	}
	out := httpapi.List[httpapi.Container]{Items: make([]httpapi.Container, 0, len(found))}
	for _, f := range found {
		out.Items = append(out.Items, httpapi.Container{Pod: f.Pod, Name: f.Name, Init: f.Init, State: f.State, Restarts: int(f.Restarts), Reason: f.Reason})
	}
	return c.reply(out)
}

func (d *details) logs(c *call) error {
	q, err := queryOf[logsQuery](c)
	if err != nil {
		return err
	}
	id, err := neededObject(q.Object)
	if err != nil {
		return err
	}
	if _, err := d.o.Engine.Containers(c.Context(), c.key, id); err != nil {
		return answered(err) // while an answer can still have a status
	}
	leave, err := d.enter(c)
	if err != nil {
		return err
	}
	defer leave()
	select {
	case d.logging <- struct{}{}:
		defer func() { <-d.logging }()
	default:
		return Problem{
			Status: http.StatusTooManyRequests, Reason: fault.LimitExceeded, Message: fmt.Sprintf("%d logs are being read already", manyLogs), Next: "try again in a moment",
		}
	}
	req := engine.LogRequest{
		Object: id, Container: q.Container, Follow: q.Follow && !q.Previous, Previous: q.Previous, Tail: int64(q.Tail), Since: q.Since,
	}
	if req.Follow && req.Tail == 0 && req.Since == 0 {
		req.Tail = defaultTail
	}
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	queue := newLogQueue(ctx, req.Follow)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		n, err := d.o.Engine.Logs(ctx, c.key, req, queue)
		queue.finish(n, err)
	}()
	d.pump(c, queue)
	cancel()
	<-finished
	return nil
}

// slowest is how long one write to a reader may take before it is given up.
const slowest = 30 * time.Second

// pump writes what is in the queue to the reader, a batch at a time, until the logs end, the reader goes away, or it loses
// the right to read.
func (d *details) pump(c *call, queue *logQueue) {
	w := newEvents(c)
	flush := time.NewTicker(cmp.Or(d.o.Detail.FlushEvery, 100*time.Millisecond))
	defer flush.Stop()
	recheck := time.NewTicker(cmp.Or(d.o.Detail.RecheckEvery, 10*time.Second))
	defer recheck.Stop()
	idle := time.NewTicker(keepAlive)
	defer idle.Stop()
	for {
		select {
		case <-c.Context().Done():
			return
		case <-recheck.C:
			if p := d.mayStillRead(c); p != nil {
				w.event("problem", p)
				w.flush()
				return
			}
		case <-idle.C:
			w.comment("still here")
		case <-flush.C:
			for more := true; more; {
				var b logBatch
				b, more = queue.take()
				b.tell(w)
				if b.ended {
					w.flush()
					return
				}
			}
		}
		if !w.flush() {
			return
		}
	}
}

// mayStillRead asks again who reads, and whether they may: a sign-in ends, a right is taken away.
func (d *details) mayStillRead(c *call) *httpapi.Problem {
	session, err := d.identify(c.Request)
	if err == nil {
		c.session = session
		err = d.allow(c, Right{"logs", AppResource, c.key})
	}
	if err == nil {
		return nil
	}
	p := problemOf(err)
	return &httpapi.Problem{Status: p.Status, Reason: string(p.Reason), Message: p.Message, Where: p.Where, Next: p.Next}
}

// tell writes the batch as events.
func (b logBatch) tell(w *events) {
	if b.dropped > 0 {
		w.event("dropped", droppedView{b.dropped})
	}
	if len(b.lines) > 0 {
		w.event("lines", b.lines)
	}
	for _, p := range b.problems {
		w.event("problem", p)
	}
	if b.ended {
		w.event("end", endView{b.message})
	}
}

type droppedView struct {
	Lines int `json:"lines"`
}

type endView struct {
	Message string `json:"message"`
}

// events writes server-sent events. After the first failure it writes nothing.
type events struct {
	w      http.ResponseWriter
	rc     *http.ResponseController
	failed bool
}

func newEvents(c *call) *events {
	h := c.ResponseWriter.Header()
	h.Set("Content-Type", eventStream)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	c.WriteHeader(http.StatusOK)
	e := &events{w: c.ResponseWriter, rc: http.NewResponseController(c.ResponseWriter)}
	e.flush() // the reader knows at once that it is read to
	return e
}

func (e *events) event(name string, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		return
	}
	e.write("event: %s\ndata: %s\n\n", name, raw)
}

func (e *events) comment(text string) { e.write(": %s\n\n", text) }

func (e *events) write(format string, args ...any) {
	if e.failed {
		return
	}
	defer e.limit()()
	_, err := fmt.Fprintf(e.w, format, args...)
	e.failed = err != nil
}

// flush sends what was written, and reports whether the reader is still there.
func (e *events) flush() bool {
	if !e.failed {
		defer e.limit()()
		e.failed = e.rc.Flush() != nil
	}
	return !e.failed
}

// limit gives a reader that takes nothing up: a deadline in the past ends the write. Not every ResponseWriter can have one;
// the context ends those.
func (e *events) limit() (done func()) {
	stalled := time.AfterFunc(slowest, func() { _ = e.rc.SetWriteDeadline(time.Unix(1, 0)) })
	return func() { stalled.Stop() }
}

func endMessage(containers int, err error) (string, *fault.Error) {
	if err != nil {
		return "the log ended with an error", fault.Of(err)
	}
	if containers == 1 {
		return "the container's log ended", nil
	}
	return fmt.Sprintf("the logs of %d containers ended", containers), nil
}
