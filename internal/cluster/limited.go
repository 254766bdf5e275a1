package cluster

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// wrap puts the limiter before a transport. Watches and log streams, which last, do not count.
func (l *limiter) wrap(next http.RoundTripper) http.RoundTripper {
	return limited{limiter: l, next: next}
}

type limited struct {
	limiter *limiter
	next    http.RoundTripper
}

func (t limited) RoundTrip(r *http.Request) (*http.Response, error) {
	if lasts(r.URL) {
		return t.next.RoundTrip(r)
	}
	for at := (&turn{sort: sortOf(r)}); ; {
		resp, refusedAgain, err := t.turn(r, at)
		if errors.Is(err, errTurnedAway) {
			return turnedAway(r), nil
		}
		if err != nil || !refusedAgain {
			return resp, err
		}
		again, ok := replay(r)
		if !ok {
			return resp, nil
		}
		_ = resp.Body.Close() // it says that the server is busy, which is known
		r = again
	}
}

// turnedAway is the answer of a server that refuses everybody to who was not even sent.
func turnedAway(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: http.StatusTooManyRequests, Status: "429 Too Many Requests", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Retry-After": {"1"}}, Body: http.NoBody, Request: r,
	}
}

// lasts reports whether a request is a watch, or follows a log.
func lasts(u *url.URL) bool {
	if !strings.Contains(u.RawQuery, "watch=") && !strings.Contains(u.RawQuery, "follow=") {
		return false // most: nothing is read in full
	}
	q := u.Query()
	return q.Get("watch") == "true" || q.Get("watch") == "1" || q.Get("follow") == "true"
}

// staysAway is for how long the server asks to be left alone.
func staysAway(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// replay gives a request as it was before it was sent.
func replay(r *http.Request) (*http.Request, bool) {
	again := r.Clone(r.Context())
	if r.Body == nil || r.Body == http.NoBody {
		return again, true
	}
	if r.GetBody == nil {
		return nil, false
	}
	body, err := r.GetBody()
	again.Body = body
	return again, err == nil
}

// turn waits for a turn and sends the request; it reports whether the request was refused and is to take its turn again.
func (t limited) turn(r *http.Request, at *turn) (resp *http.Response, again bool, err error) {
	limit, _ := r.Context().Value(timeLimit{}).(time.Duration)
	if err := t.limiter.acquire(r.Context(), at, limit); err != nil {
		return nil, false, err
	}
	ctx, cancel := within(r.Context(), limit)
	begin := time.Now()
	resp, err = t.next.RoundTrip(r.WithContext(ctx))
	end := time.Now()
	a := reply{outcome: served2xx, took: end.Sub(begin)}
	switch {
	case err != nil && ctx.Err() != nil && r.Context().Err() == nil:
		a.outcome = late
	case err != nil:
		a.outcome = lost
	default:
		a.level = resp.Header.Get("X-Kubernetes-Pf-Prioritylevel-Uid")
		if resp.StatusCode == http.StatusTooManyRequests {
			a.outcome, a.stay = refused, staysAway(resp)
			a.kind = strings.HasPrefix(resp.Header.Get("Content-Type"), "application/") // a Status; who finds no seat gets plain text
		}
	}
	again = t.limiter.release(a, at, end)
	if err != nil {
		cancel()
		return nil, false, err
	}
	if limit > 0 {
		resp.Body = timedBody{resp.Body, cancel}
	}
	return resp, again, nil
}

// sortOf tells one sort of work of an API server from another: the method, and the kind of object, as its path has it.
func sortOf(r *http.Request) string {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	resource := 2 // api/v1/nodes
	if parts[0] == "apis" {
		resource = 3 // apis/apps/v1/deployments
	}
	if len(parts) <= resource {
		return r.Method
	}
	if parts[resource] == "namespaces" && len(parts) > resource+2 {
		resource += 2
	}
	sort := r.Method + " " + parts[resource]
	if sub := resource + 2; len(parts) > sub {
		sort += "/" + parts[sub]
	}
	return sort
}

// within gives a context that ends after limit, and what frees it before; a limit of 0 is none.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit > 0 {
		return context.WithTimeout(ctx, limit)
	}
	return ctx, func() {}
}

// timeLimit is the key of how long a request may take, from its turn to the end of its answer. The time in the queue does
// not count: requests that die of waiting are asked again, and an API server that is busy would never be less so.
type timeLimit struct{}

// timedBody ends the time limit of an answer that was read.
type timedBody struct {
	io.ReadCloser
	done context.CancelFunc
}

func (b timedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// WrappedRoundTripper lets client-go look inside.
func (t limited) WrappedRoundTripper() http.RoundTripper { return t.next }
