package kubelet

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// lineEvery is how often a running container writes a line.
	lineEvery = time.Second
	// keptLines is how much of a log is kept, as if the rest had been rotated away.
	keptLines = 1000
	// exitLines is what a container writes that ends at once.
	exitLines = 3
)

// logOptions is the query of a log request, as the API server sends it.
type logOptions struct {
	follow, previous, timestamps bool
	since                        time.Time // zero: all
	tail                         int       // lines; negative: all
	limit                        int64     // bytes; negative: no limit
}

func parseLogOptions(q url.Values, now time.Time) (logOptions, error) {
	o := logOptions{
		follow:     q.Get("follow") == "true",
		previous:   q.Get("previous") == "true",
		timestamps: q.Get("timestamps") == "true",
		tail:       -1,
		limit:      -1,
	}
	var err error
	if s := q.Get("tailLines"); s != "" {
		if o.tail, err = strconv.Atoi(s); err != nil {
			return o, fmt.Errorf("tailLines: %w", err)
		}
	}
	if s := q.Get("limitBytes"); s != "" {
		if o.limit, err = strconv.ParseInt(s, 10, 64); err != nil {
			return o, fmt.Errorf("limitBytes: %w", err)
		}
	}
	if s := q.Get("sinceSeconds"); s != "" {
		seconds, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return o, fmt.Errorf("sinceSeconds: %w", err)
		}
		o.since = now.Add(-time.Duration(seconds) * time.Second)
	}
	if s := q.Get("sinceTime"); s != "" {
		if o.since, err = time.Parse(time.RFC3339, s); err != nil {
			return o, fmt.Errorf("sinceTime: %w", err)
		}
	}
	return o, nil
}

// stream is the log of one run of a container: line i is written i seconds after start.
type stream struct {
	pod, container string
	start          time.Time
	ended          time.Time // zero: still running
	exitCode       int32
}

// streamOf finds the run that is asked for. The error is for the user.
func streamOf(pod *corev1.Pod, container string, previous bool) (stream, error) {
	s := stream{pod: pod.Name, container: container}
	all := append(append([]corev1.ContainerStatus{}, pod.Status.InitContainerStatuses...), pod.Status.ContainerStatuses...)
	was := statusOf(all, container)
	state := was.State
	// A container in a crash loop waits; its log is that of the run that just ended.
	if previous || state.Waiting != nil && was.LastTerminationState.Terminated != nil {
		state = was.LastTerminationState
	}
	switch {
	case state.Running != nil:
		s.start = state.Running.StartedAt.Time
	case state.Terminated != nil:
		s.start, s.ended = state.Terminated.StartedAt.Time, state.Terminated.FinishedAt.Time
		s.exitCode = state.Terminated.ExitCode
	case previous:
		return s, fmt.Errorf("previous terminated container %q in pod %q not found", container, pod.Name)
	case state.Waiting != nil:
		return s, fmt.Errorf("container %q in pod %q is waiting to start: %s", container, pod.Name, state.Waiting.Reason)
	default:
		return s, fmt.Errorf("container %q in pod %q is not available", container, pod.Name)
	}
	return s, nil
}

// lines is how many lines there are at the time now.
func (s stream) lines(now time.Time) int {
	if !s.ended.IsZero() {
		return max(exitLines, 1+int(s.ended.Sub(s.start)/lineEvery))
	}
	return 1 + int(max(0, now.Sub(s.start))/lineEvery)
}

func (s stream) at(i int) time.Time {
	if !s.ended.IsZero() {
		if t := s.start.Add(time.Duration(i) * lineEvery); t.Before(s.ended) {
			return t
		}
		return s.ended
	}
	return s.start.Add(time.Duration(i) * lineEvery)
}

func (s stream) line(i int, timestamps bool) string {
	at := s.at(i).UTC()
	text := fmt.Sprintf("%s %s/%s line %d", at.Format(time.RFC3339), s.pod, s.container, i+1)
	if !s.ended.IsZero() && i == s.lines(s.ended)-1 {
		text = fmt.Sprintf("%s %s/%s exiting with code %d", at.Format(time.RFC3339), s.pod, s.container, s.exitCode)
	}
	if timestamps {
		text = at.Format(time.RFC3339Nano) + " " + text
	}
	return text + "\n"
}

// copyTo writes the lines that are there and, when o.follow is set, those to come, until again, which is asked once
// a line, gives another run, the run ends, or ctx does. flush is called when lines are through.
func (s stream) copyTo(ctx context.Context, w io.Writer, o logOptions, now func() time.Time, again func() (stream, error), flush func()) error {
	if o.limit >= 0 {
		w = &limited{w, o.limit}
	}
	total := s.lines(now())
	next := max(0, total-keptLines)
	for next < total && s.at(next).Before(o.since) {
		next++
	}
	if o.tail >= 0 {
		next = max(next, total-o.tail)
	}
	for {
		for ; next < s.lines(now()); next++ {
			if _, err := io.WriteString(w, s.line(next, o.timestamps)); err != nil {
				return err
			}
		}
		flush()
		if !o.follow || !s.ended.IsZero() {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(s.at(next).Sub(now())):
		}
		current, err := again()
		if err != nil || !current.start.Equal(s.start) {
			return nil //nolint:nilerr // the container is gone: the end of its log
		}
		s = current
	}
}

// limited ends with io.EOF after n bytes.
type limited struct {
	w io.Writer
	n int64
}

func (l *limited) Write(p []byte) (int, error) {
	if int64(len(p)) > l.n {
		p = p[:l.n]
	}
	n, err := l.w.Write(p)
	l.n -= int64(n)
	if err == nil && l.n == 0 {
		err = io.EOF
	}
	return n, err
}
