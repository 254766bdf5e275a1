package engine

import (
	"context"
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
	var wg sync.WaitGroup
	for _, q := range queries {
		wg.Go(func() {
			if err := r.read(ctx, s.conn, q); err != nil {
				cancel() // the reader went away
			}
		})
	}
	wg.Wait()
	return len(queries), r.ended
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

// logReading passes on what several logs say, one line at a time.
type logReading struct {
	mu    sync.Mutex
	to    LogReader
	ended error // of the reader
}

func (r *logReading) problem(f *fault.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to.Problem(f)
}

// read reads one log; an error means that the reader has had enough.
func (r *logReading) read(ctx context.Context, conn *cluster.Cluster, q cluster.LogQuery) error {
	err := conn.LogLines(ctx, q, func(l cluster.LogLine) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ended == nil {
			r.ended = r.to.Line(LogEntry{Pod: q.Pod, Container: q.Container, LogLine: l})
		}
		return r.ended
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && r.ended == nil && ctx.Err() == nil {
		f := *fault.Of(err)
		f.Where = q.Pod + "/" + q.Container
		r.to.Problem(&f)
	}
	return r.ended
}
