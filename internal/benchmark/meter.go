package benchmark

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// counts are requests by verb, and the bytes of their bodies and answers.
type counts struct {
	verbs map[string]int
	bytes int64
}

// total counts what is no watch.
func (c counts) total() int {
	n := 0
	for verb, k := range c.verbs {
		if verb != "watch" {
			n += k
		}
	}
	return n
}

func (c counts) byVerb() string {
	var parts []string
	for _, verb := range slices.Sorted(maps.Keys(c.verbs)) {
		if c.verbs[verb] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.verbs[verb], verb))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func (c counts) minus(d counts) counts {
	out := counts{verbs: maps.Clone(c.verbs), bytes: c.bytes - d.bytes}
	for verb, n := range d.verbs {
		out.verbs[verb] -= n
	}
	return out
}

// meter counts what passes through a transport.
type meter struct {
	mu sync.Mutex
	c  counts
}

// metered is the configuration with its requests counted.
func metered(c *rest.Config) (*rest.Config, *meter) {
	m := &meter{c: counts{verbs: map[string]int{}}}
	c = unthrottled(c)
	c.Wrap(func(next http.RoundTripper) http.RoundTripper { return counting{next, m} })
	return c, m
}

func (m *meter) counts() counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return counts{verbs: maps.Clone(m.c.verbs), bytes: m.c.bytes}
}

func (m *meter) add(n int64) {
	m.mu.Lock()
	m.c.bytes += n
	m.mu.Unlock()
}

type counting struct {
	next  http.RoundTripper
	meter *meter
}

// RoundTrip counts a request and passes it on.
func (t counting) RoundTrip(req *http.Request) (*http.Response, error) {
	verb := strings.ToLower(req.Method)
	if req.Method == http.MethodGet && req.URL.Query().Has("watch") {
		verb = "watch"
	}
	t.meter.mu.Lock()
	t.meter.c.verbs[verb]++
	t.meter.c.bytes += max(0, req.ContentLength)
	t.meter.mu.Unlock()
	res, err := t.next.RoundTrip(req)
	if err == nil {
		res.Body = reading{res.Body, t.meter}
	}
	return res, err
}

type reading struct {
	io.ReadCloser
	meter *meter
}

// Read counts what is read.
func (r reading) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.meter.add(int64(n))
	return n, err
}
