package server

import (
	"context"
	"sync"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/httpapi"
)

// logQueue holds lines between the containers that say them and the reader. It is bounded: when the reader of a log that
// is followed is too slow, the oldest lines go and are counted; a log that is not followed is read as fast as it is taken.
type logQueue struct {
	ctx    context.Context // of the reader; one object with the queue, and of its life
	follow bool

	mu       sync.Mutex
	lines    []httpapi.LogLine // those from first on wait
	first    int
	bytes    int
	dropped  int
	problems []httpapi.Problem
	ended    bool
	message  string
	room     chan struct{} // told when lines were taken
}

// Limits of a queue, and of one event.
const (
	queueLines = 5000
	queueBytes = 4 << 20
	batchLines = 1000
	batchBytes = 512 << 10
	maxTold    = 100 // problems
)

func newLogQueue(ctx context.Context, follow bool) *logQueue {
	return &logQueue{ctx: ctx, follow: follow, room: make(chan struct{}, 1)}
}

// Line takes a line. It fails when the reader is gone.
func (q *logQueue) Line(l engine.LogEntry) error {
	line := httpapi.LogLine{At: l.At.UTC(), Pod: l.Pod, Container: l.Container, Text: l.Text}
	if l.At.IsZero() {
		line.At = l.At
	}
	for !q.put(line) {
		select {
		case <-q.room:
		case <-q.ctx.Done():
			return q.ctx.Err()
		}
	}
	return q.ctx.Err()
}

func weight(l httpapi.LogLine) int { return len(l.Text) + len(l.Pod) + len(l.Container) + 80 }

// put files a line; false: there is no room, and it must wait.
func (q *logQueue) put(l httpapi.LogLine) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.waiting() == queueLines || q.waiting() > 0 && q.bytes+weight(l) > queueBytes {
		if !q.follow {
			return false
		}
		q.pop()
		q.dropped++
	}
	if q.first > len(q.lines)/2 {
		n := copy(q.lines, q.lines[q.first:])
		clear(q.lines[n:])
		q.lines, q.first = q.lines[:n], 0
	}
	q.lines = append(q.lines, l)
	q.bytes += weight(l)
	return true
}

func (q *logQueue) waiting() int { return len(q.lines) - q.first }

func (q *logQueue) pop() httpapi.LogLine {
	l := q.lines[q.first]
	q.lines[q.first] = httpapi.LogLine{}
	q.first, q.bytes = q.first+1, q.bytes-weight(l)
	return l
}

// Problem takes what stands against one container's log.
func (q *logQueue) Problem(f *fault.Error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.problems) < maxTold {
		q.problems = append(q.problems, told(f))
	}
}

// finish says that nothing more comes.
func (q *logQueue) finish(containers int, err error) {
	message, f := endMessage(containers, err)
	if f != nil && q.ctx.Err() == nil {
		q.Problem(f)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended, q.message = true, message
}

// logBatch is what one event tells, and what belongs to it.
type logBatch struct {
	lines    []httpapi.LogLine
	dropped  int
	problems []httpapi.Problem
	ended    bool // and everything was told
	message  string
}

// take gives what there is, as much as one event may hold; more: there is more at once.
func (q *logQueue) take() (b logBatch, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b.dropped, q.dropped = q.dropped, 0
	for size := 0; q.waiting() > 0 && len(b.lines) < batchLines && size < batchBytes; {
		l := q.pop()
		size += weight(l)
		b.lines = append(b.lines, l)
	}
	select {
	case q.room <- struct{}{}:
	default:
	}
	if q.waiting() > 0 {
		return b, true
	}
	b.problems, q.problems = q.problems, nil
	b.ended, b.message = q.ended, q.message
	return b, false
}
