package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
)

// Logs reads the logs of an object's containers until they end, or, following them, until the context does. It returns how
// many containers it read; more than a few dozen are not read together.
func (e *Engine) Logs(ctx context.Context, key Key, req LogRequest, to LogReader) (containers int, err error) {
	s, err := e.scene(key)
	if err != nil {
		return 0, err
	}
	pods, err := e.podsOf(ctx, s, req.Object)
	if err != nil {
		return 0, err
	}
	queries := logQueries(pods, req)
	if len(queries) == 0 {
		return 0, noLog(req)
	}
	r := &logReading{to: to}
	if left := len(queries) - logsTogether; left > 0 {
		queries = queries[:logsTogether]
		r.problem(&fault.Error{
			Class: fault.Blocked, Reason: fault.LimitExceeded, Where: req.Object.String(),
			Message: fmt.Sprintf("only the logs of the newest %d containers are read, %d more are not", logsTogether, left), Next: "choose a Pod",
		})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := newLogMerge(len(queries), req.Follow, r.line)
	var wg sync.WaitGroup
	for i, q := range queries {
		wg.Go(func() {
			defer m.end(i)
			r.read(ctx, s.conn, q, func(l LogEntry) bool { return m.put(i, l) })
		})
	}
	err = m.run(ctx)
	cancel() // the reader went away, or all have ended
	wg.Wait()
	return len(queries), err
}

func noLog(req LogRequest) error {
	f := &fault.Error{Class: fault.Blocked, Reason: fault.RefNotFound, Where: req.Object.String(), Message: "there is no Pod yet", Next: "wait for its Pods"}
	if req.Container != "" {
		f.Message, f.Next = "none of its Pods has a container "+req.Container, "choose another container"
	}
	return f
}

// logQueries are the logs to read: of the container that was named, else of all but init containers, or of those too
// where nothing else has begun.
func logQueries(pods []*unstructured.Unstructured, req LogRequest) []cluster.LogQuery {
	var out []cluster.LogQuery
	for _, pod := range pods {
		for _, c := range containersOf(pod) {
			if req.Container != "" && c.Name != req.Container || req.Container == "" && c.Init {
				continue
			}
			out = append(out, cluster.LogQuery{
				Namespace: pod.GetNamespace(), Pod: pod.GetName(), Container: c.Name,
				Follow: req.Follow, Previous: req.Previous, Tail: req.Tail, Since: req.Since,
			})
		}
	}
	return out
}

// logReading passes on what several logs say, one call at a time.
type logReading struct {
	mu sync.Mutex
	to LogReader
}

func (r *logReading) problem(f *fault.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to.Problem(f)
}

func (r *logReading) line(l LogEntry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.to.Line(l)
}

// errUnread ends the reading of a log that nobody wants any more.
var errUnread = errors.New("nobody reads the log any more")

// read gives one log to put, until that says no. What is wrong with it is told.
func (r *logReading) read(ctx context.Context, conn *cluster.Cluster, q cluster.LogQuery, put func(LogEntry) bool) {
	err := conn.LogLines(ctx, q, func(l cluster.LogLine) error {
		if !put(LogEntry{Pod: q.Pod, Container: q.Container, LogLine: l}) {
			return errUnread
		}
		return nil
	})
	if err == nil || errors.Is(err, errUnread) || ctx.Err() != nil {
		return
	}
	f := *fault.Of(err)
	f.Where = q.Pod + "/" + q.Container
	r.problem(&f)
}
