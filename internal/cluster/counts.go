package cluster

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Counts are what a connection has done since it was made.
type Counts struct {
	Requests map[RequestKind]int64 // that were answered, or not
	Waited   time.Duration         // of all requests together, for their turn
	Ended    int64                 // watches that ended in good order and were resumed
	Lost     int64                 // watches that failed and were tried again
}

// RequestKind tells requests apart. There are a few dozen at most.
type RequestKind struct {
	Verb string // get (lists too), watch, create, apply, dry-run, patch, update, delete; other
	Code string // HTTP status, or "none" where no answer came
}

// counts are kept while requests are made.
type counts struct {
	requests    sync.Map // RequestKind → *atomic.Int64
	ended, lost atomic.Int64
}

// Counts tells what the connection has done.
func (c *Cluster) Counts() Counts {
	out := Counts{Requests: map[RequestKind]int64{}, Ended: c.counts.ended.Load(), Lost: c.counts.lost.Load()}
	c.counts.requests.Range(func(k, n any) bool {
		out.Requests[k.(RequestKind)] = n.(*atomic.Int64).Load()
		return true
	})
	c.limiter.mu.Lock()
	out.Waited = c.limiter.waited
	c.limiter.mu.Unlock()
	return out
}

// wrap counts what passes through a transport.
func (c *counts) wrap(next http.RoundTripper) http.RoundTripper { return counted{c, next} }

type counted struct {
	counts *counts
	next   http.RoundTripper
}

func (t counted) RoundTrip(r *http.Request) (*http.Response, error) {
	kind := RequestKind{Verb: verbOf(r), Code: "none"}
	resp, err := t.next.RoundTrip(r)
	if err == nil {
		kind.Code = strconv.Itoa(resp.StatusCode)
	}
	n, ok := t.counts.requests.Load(kind)
	if !ok {
		n, _ = t.counts.requests.LoadOrStore(kind, new(atomic.Int64))
	}
	n.(*atomic.Int64).Add(1)
	return resp, err
}

// WrappedRoundTripper lets client-go look inside.
func (t counted) WrappedRoundTripper() http.RoundTripper { return t.next }

func verbOf(r *http.Request) string {
	query := r.URL.RawQuery
	switch r.Method {
	case http.MethodGet:
		if strings.Contains(query, "watch=") {
			return "watch"
		}
		return "get"
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		if strings.Contains(query, "dryRun=") {
			return "dry-run"
		}
	}
	switch r.Method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/apply-patch") {
			return "apply"
		}
		return "patch"
	case http.MethodDelete:
		return "delete"
	}
	return "other"
}

// noteRound counts one round of a watch.
func (c *counts) noteRound(err error) {
	if err == nil {
		c.ended.Add(1)
		return
	}
	c.lost.Add(1)
}
