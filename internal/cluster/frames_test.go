package cluster

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestStreamsAreCutIntoObjects(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 3*firstFrame) + `"}`
	tests := map[string]struct {
		stream string
		want   []string
		err    error
	}{
		"lines, as API servers send them":      {"{\"a\":1}\n{\"b\":2}\n", []string{`{"a":1}`, "\n" + `{"b":2}`}, io.EOF},
		"objects without anything in between":  {`{}{"a":{}}`, []string{`{}`, `{"a":{}}`}, io.EOF},
		"an object of several lines":           {"{\n \"a\": {\n }\n}\r\n", []string{"{\n \"a\": {\n }\n}"}, io.EOF},
		"braces and quotes in strings":         {`{"}{":"\"}{\\"}{"b":"}"}`, []string{`{"}{":"\"}{\\"}`, `{"b":"}"}`}, io.EOF},
		"an object larger than what is read":   {long + "\n" + long, []string{long, "\n" + long}, io.EOF},
		"a stream that is cut in an object":    {`{"a":1}{"b":`, []string{`{"a":1}`}, io.EOF},
		"a stream that is cut in a string":     {`{"a":"}`, nil, io.EOF},
		"what is no object":                    {`{"a":1} "x"`, []string{`{"a":1}`}, errFrame},
		"a brace too many":                     {`{}}`, []string{`{}`}, errFrame},
		"an answer of something else entirely": {`<html>`, nil, errFrame},
	}
	readers := map[string]func(io.Reader) io.Reader{
		"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with the error of the end": iotest.DataErrReader,
	}
	for name, tt := range tests {
		for how, reader := range readers {
			t.Run(name+" "+how, func(t *testing.T) {
				f := &frames{from: reader(strings.NewReader(tt.stream))}
				var got []string
				for {
					raw, err := f.next()
					if err != nil {
						if !errors.Is(err, tt.err) {
							t.Errorf("it ends with %v, want %v", err, tt.err)
						}
						break
					}
					got = append(got, string(raw))
				}
				if d := cmp.Diff(tt.want, got); d != "" {
					t.Error(d)
				}
			})
		}
	}
}
