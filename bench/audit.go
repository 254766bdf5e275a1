package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// rawAgent is the user agent of the raw loop, which is the same user as the daemon.
const rawAgent = "raw-loop"

// requests counts what one client asked, by "verb resource".
type requests struct {
	Watches int            `json:"watches"`
	Leases  int            `json:"leases"` // of the election of a leader
	Events  int            `json:"events"` // Kubernetes Events: told slowly, behind everything else
	Other   map[string]int `json:"other"`
	Refused int            `json:"refused"` // answered with 4xx or 5xx, of Other
}

// total counts what is neither a watch, nor the renewal of the leader's Lease, nor an Event.
func (q requests) total() int {
	n := 0
	for _, v := range q.Other {
		n += v
	}
	return n
}

func (q requests) byVerb() string {
	verbs := map[string]int{}
	for what, n := range q.Other {
		verb, _, _ := strings.Cut(what, " ")
		verbs[verb] += n
	}
	var parts []string
	for _, verb := range slices.Sorted(maps.Keys(verbs)) {
		parts = append(parts, fmt.Sprintf("%d %s", verbs[verb], verb))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// auditEvent is what is read of a line of the audit log.
type auditEvent struct {
	Stage     string `json:"stage"`
	Verb      string `json:"verb"`
	UserAgent string `json:"userAgent"`
	User      struct {
		Username string `json:"username"`
	} `json:"user"`
	RequestURI string `json:"requestURI"`
	ObjectRef  *struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// audit reads the log of the API server piece by piece.
type audit struct {
	path   string
	offset int64
}

// since counts what the daemon asked since the last call.
func (a *audit) since() (requests, error) {
	q := requests{Other: map[string]int{}}
	f, err := os.Open(a.path)
	if err != nil {
		return q, err
	}
	defer f.Close()
	if _, err := f.Seek(a.offset, io.SeekStart); err != nil {
		return q, err
	}
	lines := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return q, nil // half a line is read next time
		}
		if err != nil {
			return q, err
		}
		a.offset += int64(len(line))
		var e auditEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return q, fmt.Errorf("the audit log: %w", err)
		}
		if strings.HasPrefix(e.User.Username, "system:serviceaccount:") && e.UserAgent != rawAgent {
			q.add(e)
		}
	}
}

func (q *requests) add(e auditEvent) {
	switch {
	case e.Verb == "watch":
		if e.Stage == "ResponseStarted" {
			q.Watches++
		}
		return
	case e.Stage != "ResponseComplete":
		return
	case e.ObjectRef != nil && e.ObjectRef.Resource == "leases":
		q.Leases++
		return
	case e.ObjectRef != nil && e.ObjectRef.Resource == "events":
		q.Events++
		return
	}
	what := e.Verb + " discovery"
	if e.ObjectRef != nil {
		what = e.Verb + " " + e.ObjectRef.Resource
		if e.ObjectRef.Subresource != "" {
			what += "/" + e.ObjectRef.Subresource
		}
	}
	if strings.Contains(e.RequestURI, "dryRun=All") {
		what += " (dry-run)"
	}
	q.Other[what]++
	if e.ResponseStatus.Code >= 400 {
		q.Refused++
	}
}

// quiet returns when the daemon asked nothing for a while.
func (s *stage) quiet() error {
	return s.silence(2*time.Minute, requests.total)
}

// still is quiet with Events counted in, if that can be had: after much has happened they follow at fifty a second, and slower
// where the API server is.
func (s *stage) still() {
	err := s.silence(2*time.Minute+time.Duration(len(s.shape.apps))*time.Second/20, func(q requests) int { return q.total() + q.Events })
	if err != nil {
		fmt.Fprintln(os.Stderr, "  not waited for:", err)
	}
}

func (s *stage) silence(limit time.Duration, count func(requests) int) error {
	const silence = 3 * time.Second
	began, last := time.Now(), time.Now()
	probe := audit{path: s.audit.path, offset: s.audit.offset}
	for time.Since(last) < silence {
		q, err := probe.since()
		if err != nil {
			return err
		}
		if count(q) > 0 {
			if time.Since(began) > limit {
				return fmt.Errorf("the daemon does not come to rest within %v: just now it asked %s, and told %d Events", limit, q.byVerb(), q.Events)
			}
			last = time.Now()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}
