package worker

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// answer reads what the child wants out of files and sends it. The names are the child's, and files confines them.
func answer(p *pipe, files render.Files, wants string) error {
	d := &decoder{s: wants}
	frame := p.begin(frameAnswers)
	for d.s != "" {
		w := want{op: d.byte(), name: d.string()}
		if d.err != nil {
			return d.err
		}
		if w.op != wantFile && w.op != wantStat && w.op != wantList {
			return errMalformed
		}
		frame = appendAnswer(frame, files, w)
	}
	return p.end(frame)
}

// fullFrame is the size from which a frame holds no more files, so that reading ahead takes no memory to speak of.
const fullFrame = 8 << 20

func appendAnswer(b []byte, files render.Files, w want) []byte {
	switch {
	case w.op == wantList:
		return appendListing(b, files, w.name)
	case w.op == wantFile && len(b) > fullFrame:
		return append(b, isLater)
	default:
		return appendNode(b, files, w.op, w.name)
	}
}

func appendNode(b []byte, files render.Files, op byte, name string) []byte {
	info, err := files.Stat(name)
	if err != nil {
		return appendProblem(b, err)
	}
	if info.IsDir() {
		return append(b, isDir)
	}
	if op == wantStat {
		return binary.AppendUvarint(append(b, isFile), uint64(max(info.Size(), 0)))
	}
	data, err := files.ReadFile(name)
	if err != nil {
		return appendProblem(b, err)
	}
	b = binary.AppendUvarint(append(b, isFile), uint64(len(data)))
	return append(b, data...)
}

func appendListing(b []byte, files render.Files, name string) []byte {
	entries, err := files.ReadDir(name)
	if err != nil {
		return appendProblem(b, err)
	}
	b = binary.AppendUvarint(append(b, isList), uint64(len(entries)))
	for _, e := range entries {
		kind := byte(isFile)
		switch {
		case e.IsDir():
			kind = isDir
		case e.Type()&fs.ModeSymlink != 0:
			kind = linkEntry
		}
		b = appendString(append(b, kind), e.Name())
	}
	return b
}

func appendProblem(b []byte, err error) []byte {
	b = append(b, isError)
	var f *fault.Error
	if errors.Is(err, fs.ErrNotExist) {
		return appendString(append(b, isAbsent), "")
	}
	if errors.As(err, &f) {
		if text, jsonErr := json.Marshal(failureOf(f)); jsonErr == nil {
			return appendString(append(b, isFault), string(text))
		}
	}
	return appendString(append(b, isBroken), err.Error())
}

// failed turns a failure frame into its error. A child cannot pretend to know our errors: what is no fault of a known
// shape counts as a defect.
func (c *child) failed(ctx context.Context, where string, body []byte) error {
	var f failure
	if err := json.Unmarshal(body, &f); err != nil {
		return c.fate(ctx, where, fmt.Errorf("%w: %w", errMalformed, err))
	}
	if f.Tainted {
		c.spoil()
	}
	return f.error()
}
