package cluster

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLinesOfALog(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 5, time.UTC)
	stamp := at.Format(time.RFC3339Nano)
	long := strings.Repeat("é", MaxLogLine)
	tests := map[string]struct {
		log  string
		want []LogLine
	}{
		"a line has a time":                      {stamp + " hello world\n", []LogLine{{at, "hello world"}}},
		"a line without a time is kept":          {"hello world\n", []LogLine{{Text: "hello world"}}},
		"an empty line has a time too":           {stamp + " \n" + stamp + "\n", []LogLine{{At: at}, {At: at}}},
		"the last line may end without its end":  {stamp + " a\n" + stamp + " b", []LogLine{{at, "a"}, {at, "b"}}},
		"a carriage return is no part of a line": {stamp + " a\r\n", []LogLine{{at, "a"}}},
		"a log may be empty":                     {"", nil},
		"a long line is cut, and the next is whole": {
			stamp + " " + long + "\n" + stamp + " next\n", []LogLine{{at, long[:MaxLogLine] + "…"}, {at, "next"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []LogLine
			if err := readLines(strings.NewReader(tt.log), func(l LogLine) error { got = append(got, l); return nil }); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestReadingALogEndsWithItsReader(t *testing.T) {
	stop, n := errors.New("enough"), 0
	err := readLines(strings.NewReader(strings.Repeat("line\n", 100)), func(LogLine) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 3 {
		t.Errorf("%v after %d lines", err, n)
	}
}

func TestALineWithoutEndNeedsNoMemory(t *testing.T) {
	endless := io.LimitReader(zeroes{}, 256<<20)
	var got LogLine
	allocated := testing.AllocsPerRun(1, func() {
		if err := readLines(endless, func(l LogLine) error { got = l; return nil }); err != nil {
			t.Fatal(err)
		}
	})
	if len(got.Text) > MaxLogLine+10 || allocated > 100 {
		t.Errorf("%d bytes, %v allocations", len(got.Text), allocated)
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func ExampleLogLine() {
	_ = readLines(strings.NewReader("2026-01-31T12:00:00Z started\n"), func(l LogLine) error {
		fmt.Println(l.At.Year(), l.Text)
		return nil
	})
	// Output: 2026 started
}
