package cluster

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"plumb.cd/plumb/internal/object"
)

// LogQuery chooses what of a container's log is read.
type LogQuery struct {
	Namespace, Pod, Container string
	Follow                    bool // go on until the container or the context ends
	Previous                  bool // of the container before its last restart
	Tail                      int64
	Since                     time.Duration
}

// LogLine is one line of a log. A longer one than MaxLogLine is cut.
type LogLine struct {
	At   time.Time // zero: the server told none
	Text string
}

// MaxLogLine is how many bytes of a line are kept.
const MaxLogLine = 16 << 10

// logLimit bounds what is read of a log that is not followed.
const logLimit = 64 << 20

// LogLines gives a container's log line by line, in order, to each; an error of each ends it and is returned. It returns nil
// when the log ended.
func (c *Cluster) LogLines(ctx context.Context, q LogQuery, each func(LogLine) error) error {
	r := c.rest.Get().AbsPath("/api/v1/namespaces", q.Namespace, "pods", q.Pod, "log").Param("timestamps", "true")
	if q.Container != "" {
		r.Param("container", q.Container)
	}
	if q.Tail > 0 {
		r.Param("tailLines", strconv.FormatInt(q.Tail, 10))
	}
	if q.Since > 0 {
		r.Param("sinceSeconds", strconv.FormatInt(max(int64(q.Since/time.Second), 1), 10))
	}
	if q.Previous {
		r.Param("previous", "true")
	}
	if q.Follow {
		r.Param("follow", "true")
	} else {
		r.Param("limitBytes", strconv.FormatInt(logLimit, 10))
	}
	about := about(podKind, object.ID{Kind: "Pod", Namespace: q.Namespace, Name: q.Pod})
	s, err := r.Stream(ctx)
	if err != nil {
		return classify(err, about)
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close() })() // a blocked read ends with the reader
	err = readLines(s, each)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// readLines splits a log into lines and reads their times. The memory that it needs does not grow with a line.
func readLines(r io.Reader, each func(LogLine) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if room := MaxLogLine + maxStamp - len(line); room > 0 {
			line = append(line, part[:min(len(part), room)]...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case len(line) > 0:
			if err := each(lineOf(line)); err != nil {
				return err
			}
			line = line[:0]
		}
		if err != nil {
			return nil // the container ended, or the connection did: there is nothing more to come
		}
	}
}

// maxStamp is longer than any time that the kubelet puts before a line.
const maxStamp = 40

func lineOf(raw []byte) LogLine {
	text := strings.TrimRight(string(raw), "\r\n")
	if stamp, rest, ok := strings.Cut(text, " "); ok && len(stamp) < maxStamp {
		if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
			return LogLine{At: at, Text: cutLine(rest)}
		}
	} else if at, err := time.Parse(time.RFC3339Nano, text); err == nil { // an empty line
		return LogLine{At: at}
	}
	return LogLine{Text: cutLine(text)}
}

func cutLine(s string) string {
	if len(s) <= MaxLogLine {
		return s
	}
	return strings.ToValidUTF8(s[:MaxLogLine], "") + "…"
}
