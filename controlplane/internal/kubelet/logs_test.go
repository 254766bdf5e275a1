package kubelet

import (
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func TestLogsOfAContainer(t *testing.T) {
	running := stream{pod: "web-1", container: "c", start: epoch}
	ended := stream{pod: "web-1", container: "c", start: epoch, ended: epoch, exitCode: 1}
	at := func(d time.Duration) func() time.Time { return func() time.Time { return epoch.Add(d) } }
	for _, c := range []struct {
		name  string
		run   stream
		query string
		now   func() time.Time
		want  []string
	}{
		{"a running container has written a line a second", running, "", at(2 * time.Second), []string{
			"2026-01-02T03:04:05Z web-1/c line 1", "2026-01-02T03:04:06Z web-1/c line 2", "2026-01-02T03:04:07Z web-1/c line 3",
		}},
		{"the tail is the end", running, "tailLines=1", at(time.Hour), []string{"2026-01-02T04:04:05Z web-1/c line 3601"}},
		{"a tail of none is nothing", running, "tailLines=0", at(time.Hour), nil},
		{"since leaves out what is older", running, "sinceSeconds=1", at(10 * time.Second), []string{
			"2026-01-02T03:04:14Z web-1/c line 10", "2026-01-02T03:04:15Z web-1/c line 11",
		}},
		{"timestamps come first", running, "timestamps=true&tailLines=1", at(0), []string{
			"2026-01-02T03:04:05Z 2026-01-02T03:04:05Z web-1/c line 1",
		}},
		{"a container that ended says so, and nothing follows", ended, "follow=true", at(time.Hour), []string{
			"2026-01-02T03:04:05Z web-1/c line 1", "2026-01-02T03:04:05Z web-1/c line 2",
			"2026-01-02T03:04:05Z web-1/c exiting with code 1",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := url.ParseQuery(c.query)
			if err != nil {
				t.Fatal(err)
			}
			o, err := parseLogOptions(q, c.now())
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := c.run.copyTo(t.Context(), &out, o, c.now, nil, func() {}); err != nil {
				t.Fatal(err)
			}
			if want := strings.Join(append(c.want, ""), "\n"); out.String() != want {
				t.Errorf("got\n%swant\n%s", out.String(), want)
			}
		})
	}
}

func TestALongLogKeepsItsEndOnly(t *testing.T) {
	var out strings.Builder
	now := func() time.Time { return epoch.Add(24 * time.Hour) }
	run := stream{pod: "web-1", container: "c", start: epoch}
	if err := run.copyTo(t.Context(), &out, logOptions{tail: -1, limit: -1}, now, nil, func() {}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != keptLines {
		t.Errorf("%d lines, want %d", n, keptLines)
	}
}

func TestTheByteLimitEndsALog(t *testing.T) {
	var out strings.Builder
	now := func() time.Time { return epoch.Add(time.Hour) }
	run := stream{pod: "web-1", container: "c", start: epoch}
	err := run.copyTo(t.Context(), &out, logOptions{tail: -1, limit: 50}, now, nil, func() {})
	if !errors.Is(err, io.EOF) || out.Len() != 50 {
		t.Errorf("%d bytes and %v, want 50 and EOF", out.Len(), err)
	}
}

func TestFollowGoesOnUntilTheContainerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		run := stream{pod: "web-1", container: "c", start: start}
		again := func() (stream, error) {
			s := run
			if time.Since(start) > 3500*time.Millisecond {
				s.ended = time.Now()
			}
			return s, nil
		}
		var out strings.Builder
		if err := run.copyTo(t.Context(), &out, logOptions{follow: true, tail: -1, limit: -1}, time.Now, again, func() {}); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "\n"); n != 5 || !strings.Contains(out.String(), "exiting with code 0") {
			t.Errorf("got\n%s", out.String())
		}
	})
}

func TestALogThatIsNotThereSaysWhy(t *testing.T) {
	p := pod(corev1.RestartPolicyAlways, "web:fail-pull")
	played(t, p, time.Minute)
	if _, err := streamOf(p, "a", false); err == nil || !strings.Contains(err.Error(), "ImagePullBackOff") {
		t.Errorf("%v, want that the image cannot be pulled", err)
	}
	if _, err := streamOf(p, "a", true); err == nil || !strings.Contains(err.Error(), "previous") {
		t.Errorf("%v, want that there is no previous run", err)
	}
}
