package cluster

import (
	"errors"
	"io"
)

// frames cuts a stream into the JSON objects that it consists of, whatever blanks are between and in them.
type frames struct {
	from io.Reader
	buf  []byte // buf[:end] was read, buf[:at] was looked at
	at   int
	end  int
}

const (
	firstFrame   = 8 << 10
	largestFrame = 64 << 20 // bytes; an API server's objects are far smaller
)

var errFrame = errors.New("the stream is no sequence of JSON objects")

// next gives the bytes of the next object; they are good until the next call. What is between braces may still be no JSON.
func (f *frames) next() ([]byte, error) {
	f.end = copy(f.buf, f.buf[f.at:f.end])
	f.at = 0
	depth, quoted, escaped := 0, false, false
	for {
		for ; f.at < f.end; f.at++ {
			switch c := f.buf[f.at]; {
			case escaped:
				escaped = false
			case quoted:
				quoted, escaped = c != '"', c == '\\'
			case c == '{':
				depth++
			case depth == 0:
				if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
					return nil, errFrame
				}
			case c == '"':
				quoted = true
			case c == '}':
				if depth--; depth == 0 {
					f.at++
					return f.buf[:f.at], nil
				}
			}
		}
		if err := f.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads more behind what is there.
func (f *frames) fill() error {
	if f.end == len(f.buf) {
		if len(f.buf) >= largestFrame {
			return errFrame
		}
		larger := make([]byte, max(firstFrame, 2*len(f.buf)))
		copy(larger, f.buf[:f.end])
		f.buf = larger
	}
	n, err := f.from.Read(f.buf[f.end:])
	f.end += n
	if n > 0 {
		return nil // an error comes again with the next read
	}
	return err
}
