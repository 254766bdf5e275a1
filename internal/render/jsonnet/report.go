package jsonnet

import (
	"errors"
	"slices"
	"strings"

	jsonnet "github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// reporter keeps the interpreter's error before it becomes text, because only then does it have a place.
type reporter struct {
	program string
	err     error
}

// Format is called with every error that the interpreter returns.
func (r *reporter) Format(err error) string {
	r.err = err
	return err.Error()
}

// SetMaxStackTraceSize and SetColorFormatter are of no use to us.
func (r *reporter) SetMaxStackTraceSize(int)                 {}
func (r *reporter) SetColorFormatter(jsonnet.ColorFormatter) {}

// located is a syntax or static error of the interpreter.
type located interface{ Loc() ast.LocationRange }

func (r *reporter) fault(err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return f
	}
	f := &fault.Error{Class: fault.Invalid, Reason: fault.RenderFailed, Where: r.program, Err: err, Message: err.Error()}
	var runtime jsonnet.RuntimeError
	var static located
	switch {
	case errors.As(r.err, &runtime):
		f.Message = runtime.Msg
		for _, frame := range slices.Backward(runtime.StackTrace) { // the innermost comes last
			if frame.Loc.IsSet() && frame.Loc.FileName != "" && !strings.HasPrefix(frame.Loc.FileName, "<") {
				f.Where = render.At(frame.Loc.FileName, frame.Loc.Begin.Line)
				break
			}
		}
	case errors.As(r.err, &static):
		loc := static.Loc()
		f.Reason = fault.SyntaxInvalid
		f.Where = render.At(loc.FileName, loc.Begin.Line)
		f.Message = strings.TrimPrefix(r.err.Error(), loc.String()+" ")
	}
	return f
}
