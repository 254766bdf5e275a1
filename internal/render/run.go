package render

import (
	"context"
	"errors"
	"fmt"

	"plumb.cd/plumb/internal/fault"
)

// Run renders with the renderer that the request names or, when it names none, the files ask for, and finishes the
// result. A panic of a renderer comes back as a fault RenderCrashed.
func Run(ctx context.Context, registry map[Kind]Renderer, files Files, req Request) (Result, error) {
	kind, err := Resolve(files, req)
	if err != nil {
		return Result{}, err
	}
	req.Kind = kind
	r, ok := registry[req.Kind]
	if !ok {
		return Result{}, &fault.Error{
			Class: fault.Invalid, Reason: fault.RendererUnknown, Where: req.Path,
			Message: fmt.Sprintf("there is no renderer %q", req.Kind),
		}
	}
	var res Result
	err = Guard(req.Path, func() (err error) {
		res, err = r.Render(ctx, files, req)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	res.Kind = req.Kind
	return Finish(res, req.Limits)
}

// Resolve gives the renderer that a request names or, when it names none, the files ask for. A directory that says
// nothing by itself is Plain when the request recurses into what is below.
func Resolve(files Files, req Request) (Kind, error) {
	if req.Kind != Detect {
		return req.Kind, nil
	}
	kind, err := DetectKind(files, req.Path)
	if req.Plain.Recurse && fault.Is(err, fault.RendererUnknown) {
		return Plain, nil
	}
	return kind, err
}

// Guard calls code of others and turns its panic into a fault RenderCrashed at where.
func Guard(where string, call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &fault.Error{
				Class: fault.Invalid, Reason: fault.RenderCrashed, Where: where,
				Message: fmt.Sprintf("the renderer panicked: %.300v", r),
			}
		}
	}()
	return call()
}

// Failed wraps an error of a renderer's library that nobody classified as RenderFailed. Classified errors and those of
// the context pass unchanged.
func Failed(where, message string, err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return f
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &fault.Error{Class: fault.Invalid, Reason: fault.RenderFailed, Where: where, Message: message, Err: err}
}
