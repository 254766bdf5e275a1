package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
)

// traffic is what went over the wire to and from the API server, as its own metrics count it: of all its clients, the bodies
// of writes and the answers to all but watches. The bench itself only watches, and creates the Apps.
type traffic struct {
	Sent     float64 `json:"sent"`
	Answered float64 `json:"answered"`
}

func (t traffic) minus(u traffic) traffic {
	return traffic{Sent: t.Sent - u.Sent, Answered: t.Answered - u.Answered}
}

func (s *stage) bytes(ctx context.Context) (traffic, error) {
	var t traffic
	raw, err := s.admin.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return t, fmt.Errorf("the metrics of the API server: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := lines.Text()
		into := (*float64)(nil)
		switch {
		case strings.HasPrefix(text, "apiserver_request_body_size_bytes_sum{"):
			into = &t.Sent
		case strings.HasPrefix(text, "apiserver_response_sizes_sum{") && !strings.Contains(text, `verb="WATCH"`) && !strings.Contains(text, "/metrics"):
			into = &t.Answered
		default:
			continue
		}
		v, err := strconv.ParseFloat(text[strings.LastIndexByte(text, ' ')+1:], 64)
		if err != nil {
			return t, err
		}
		*into += v
	}
	return t, lines.Err()
}
