package worker

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// A frame is a kind, the length of its payload in four bytes, and the payload.
//
//	parent → child   hello (JSON), render (JSON Request, first wants with their answers), answers
//	child → parent   ready (JSON), wants, result (flags, Result), failed (JSON)
//
// Between render and result or failed, the child sends wants and the parent answers each; nothing else is in flight.
const (
	frameHello   = 'h'
	frameRender  = 'r'
	frameAnswers = 'a'
	frameReady   = 'y'
	frameWants   = 'w'
	frameResult  = 'o'
	frameFailed  = 'f'
)

// maxFrame bounds a frame either way; Files and Limits bound what is in them well below.
const maxFrame = 512 << 20

// errTooLarge is a frame beyond maxFrame.
var errTooLarge = errors.New("a message between Plumb and its worker is too large")

type hello struct {
	MemoryBytes int64 `json:"memoryBytes"`
	Warm        bool  `json:"warm,omitempty"` // nobody waits yet: make ready what the first render would wait for
}

type ready struct {
	Isolation []string `json:"isolation"`
}

// failure is a fault on the wire.
type failure struct {
	Class   fault.Class  `json:"class"`
	Reason  fault.Reason `json:"reason"`
	Where   string       `json:"where,omitempty"`
	Message string       `json:"message"`
	Next    string       `json:"next,omitempty"`
	Cause   string       `json:"cause,omitempty"`
	Tainted bool         `json:"tainted,omitempty"`
}

// pipe sends and receives frames; it is used by one goroutine at a time.
type pipe struct {
	r   *bufio.Reader
	w   io.Writer
	out []byte
}

func newPipe(r io.Reader, w io.Writer) *pipe {
	return &pipe{r: bufio.NewReaderSize(r, 64<<10), w: w}
}

// begin gives a buffer that already holds room for the frame's head; end sends it.
func (p *pipe) begin(kind byte) []byte {
	return append(p.out[:0], kind, 0, 0, 0, 0)
}

func (p *pipe) end(frame []byte) error {
	const keep = 1 << 20 // a larger buffer is given back
	if cap(frame) <= keep {
		p.out = frame
	} else {
		p.out = nil
	}
	if len(frame) > maxFrame {
		return errTooLarge
	}
	binary.BigEndian.PutUint32(frame[1:5], uint32(len(frame)-5))
	_, err := p.w.Write(frame)
	return err
}

func (p *pipe) sendJSON(kind byte, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return p.end(append(p.begin(kind), body...))
}

// receive gives the next frame's kind and payload. The payload grows with what really arrives, so that a length alone
// takes no memory.
func (p *pipe) receive() (byte, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := int64(binary.BigEndian.Uint32(head[1:]))
	if n > maxFrame {
		return 0, nil, errTooLarge
	}
	const atOnce = 1 << 20
	if n <= atOnce {
		body := make([]byte, n)
		_, err := io.ReadFull(p.r, body)
		return head[0], body, err
	}
	body, err := io.ReadAll(io.LimitReader(p.r, n))
	if err == nil && int64(len(body)) < n {
		err = io.ErrUnexpectedEOF
	}
	return head[0], body, err
}

// sendRender sends a request together with what its renderer certainly reads first.
func (p *pipe) sendRender(files render.Files, req render.Request) error {
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	frame := appendString(p.begin(frameRender), string(body))
	for _, w := range wantsOf(render.First(req)) {
		frame = appendString(append(frame, w.op), w.name)
		frame = appendAnswer(frame, files, w)
	}
	return p.end(frame)
}

// receiveRender gives the next request, and a decoder of the answers that came with it.
func (p *pipe) receiveRender() (render.Request, *decoder, error) {
	var req render.Request
	kind, body, err := p.receive()
	if err != nil {
		return req, nil, err
	}
	if kind != frameRender {
		return req, nil, fmt.Errorf("%w: want frame %q, got %q", errMalformed, frameRender, kind)
	}
	d := &decoder{s: string(body)}
	if err := json.Unmarshal([]byte(d.string()), &req); err != nil {
		return req, nil, err
	}
	return req, d, d.err
}

func (p *pipe) receiveJSON(kind byte, v any) error {
	got, body, err := p.receive()
	if err != nil {
		return err
	}
	if got != kind {
		return fmt.Errorf("%w: want frame %q, got %q", errMalformed, kind, got)
	}
	return json.Unmarshal(body, v)
}

// Wants: what the child asks of a path.
const (
	wantFile = 'f' // what it is and, of a file, the content
	wantStat = 's' // what it is
	wantList = 'd' // the entries of a directory
)

// Answers to one want.
const (
	isFile    = 'f' // content, or size for wantStat
	isDir     = 'd'
	isLater   = 'p' // a file, of which there is no room in this frame: ask for it alone
	isList    = 'l' // entries
	isError   = 'E' // followed by one of the next three and a text
	isAbsent  = 'n'
	isFault   = 'x' // a classified error, JSON
	isBroken  = 'e' // any other error
	linkEntry = 'k' // in a list: a symbolic link
)

func failureOf(err error) failure {
	f := fault.Of(err)
	out := failure{Class: f.Class, Reason: f.Reason, Where: f.Where, Message: f.Message, Next: f.Next}
	if f.Err != nil && !errors.Is(f.Err, err) {
		out.Cause = f.Err.Error()
	}
	return out
}

func (f failure) error() error {
	out := &fault.Error{Class: f.Class, Reason: f.Reason, Where: f.Where, Message: f.Message, Next: f.Next}
	if f.Cause != "" {
		out.Err = errors.New(f.Cause)
	}
	return out
}
