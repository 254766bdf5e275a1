// Package cue evaluates CUE packages whose values are objects.
package cue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	cuelang "cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/load"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
	"cuelang.org/go/mod/modfile"
	"cuelang.org/go/mod/module"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// New gives the renderer.
func New() render.Renderer { return renderer{} }

type renderer struct{}

// Render evaluates every package in the directory at req.Path (or the one file) and takes each struct with apiVersion
// and kind, in the order of the source. Definitions and hidden fields are not looked at.
func (renderer) Render(ctx context.Context, files render.Files, req render.Request) (render.Result, error) {
	dir, file, err := locate(files, req.Path)
	if err != nil {
		return render.Result{}, err
	}
	res := render.Result{Kind: render.CUE}
	src := &source{Files: files}
	err = render.Guard(dir, func() error {
		instances := load.Instances([]string{file}, &load.Config{
			FS: src, Dir: "/" + strings.TrimPrefix(dir, "."), Package: "*", Tags: tags(req.CUE.Tags),
			Registry: noRegistry{}, Env: []string{},
		})
		for _, instance := range instances {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := evaluate(instance, dir, req.CUE.Expression, &res.Objects); err != nil {
				return err
			}
		}
		return nil
	})
	if refused := src.refusal(); refused != nil {
		return render.Result{}, refused
	}
	if err != nil {
		return render.Result{}, err
	}
	return render.Finish(res, req.Limits)
}

// locate gives the directory to load in and what to load: "." for the directory, or the file.
func locate(files render.Files, name string) (dir, file string, err error) {
	name, err = render.Clean(name)
	if err != nil {
		return "", "", err
	}
	info, err := files.Stat(name)
	if err != nil {
		return "", "", render.ReadFault(name, err)
	}
	if info.IsDir() {
		return name, ".", nil
	}
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return ".", "./" + name, nil
	}
	return name[:i], "./" + name[i+1:], nil
}

func tags(values map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out = append(out, name+"="+values[name])
	}
	return out
}

func evaluate(instance *build.Instance, dir, expression string, out *[]render.Object) error {
	if instance.Err != nil {
		return explain(dir, instance.Err)
	}
	cue := cuecontext.New()
	v := cue.BuildInstance(instance)
	if expression != "" {
		expr, err := parser.ParseExpr("expression", expression)
		if err != nil {
			return &fault.Error{
				Class: fault.Invalid, Reason: fault.SyntaxInvalid, Err: err,
				Message: fmt.Sprintf("the expression %q is not CUE: %v", expression, err),
			}
		}
		v = cue.BuildExpr(expr, cuelang.Scope(v), cuelang.InferBuiltins(true))
	}
	if err := v.Validate(); err != nil {
		return explain(dir, err)
	}
	w := walker{dir: dir, out: out}
	return w.walk(v, 0)
}

type walker struct {
	dir string
	out *[]render.Object
}

const maxDepth = 200

func (w walker) walk(v cuelang.Value, depth int) error {
	if depth > maxDepth {
		return nil
	}
	switch v.IncompleteKind() {
	case cuelang.StructKind:
		if v.LookupPath(versionPath).Exists() && v.LookupPath(kindPath).Exists() {
			return w.object(v)
		}
		fields, err := v.Fields()
		if err != nil {
			return explain(w.dir, err)
		}
		for fields.Next() {
			if err := w.walk(fields.Value(), depth+1); err != nil {
				return err
			}
		}
	case cuelang.ListKind:
		items, err := v.List()
		if err != nil {
			return explain(w.dir, err)
		}
		for items.Next() {
			if err := w.walk(items.Value(), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

var versionPath, kindPath = cuelang.ParsePath("apiVersion"), cuelang.ParsePath("kind")

func (w walker) object(v cuelang.Value) error {
	origin := render.Origin{File: w.dir}
	if file, line, ok := place(v.Pos()); ok {
		origin.File, origin.Line = file, line
	}
	at := render.Place(origin)
	if err := v.Validate(cuelang.Concrete(true), cuelang.Final()); err != nil {
		return explain(at, err)
	}
	text, err := v.MarshalJSON()
	if err != nil {
		return explain(at, err)
	}
	body, err := render.FromJSON(text)
	if err != nil {
		return render.Placed(origin.File, 0, err)
	}
	m, ok := body.(map[string]any)
	if !ok {
		return nil
	}
	*w.out = append(*w.out, render.Object{Body: m, Origin: origin})
	return nil
}

func place(pos token.Pos) (file string, line int, ok bool) {
	if !pos.IsValid() || pos.Filename() == "" {
		return "", 0, false
	}
	return strings.TrimPrefix(pos.Filename(), "/"), pos.Line(), true
}

// explain gives the first of CUE's errors a place; where it has none of its own, the given one.
func explain(at string, err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return f
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	f := &fault.Error{Class: fault.Invalid, Reason: fault.RenderFailed, Where: at, Err: err, Message: err.Error()}
	list := cueerrors.Errors(err)
	if len(list) == 0 {
		return f
	}
	first := list[0]
	f.Message = cueerrors.String(first)
	if file, line, ok := place(first.Position()); ok {
		f.Where = render.At(file, line)
		return f
	}
	for _, pos := range first.InputPositions() {
		if file, line, ok := place(pos); ok {
			f.Where = render.At(file, line)
			break
		}
	}
	return f
}

// source is Files that remembers the first classified error, which CUE would turn into text.
type source struct {
	render.Files
	mu      sync.Mutex
	refused error
}

func (s *source) refusal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

func (s *source) ReadFile(name string) ([]byte, error) {
	data, err := s.Files.ReadFile(name)
	var f *fault.Error
	if errors.As(err, &f) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.refused == nil {
			s.refused = err
		}
	}
	return data, err
}

// noRegistry stands where CUE would fetch modules.
type noRegistry struct{}

func refuse(what string) error {
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.RemoteRefused,
		Message: "the CUE module " + what + " would have to be fetched; rendering uses no network",
		Next:    "vendor it under cue.mod/pkg",
	}
}

func (noRegistry) ModFile(_ context.Context, m module.Version) (*modfile.File, error) {
	return nil, refuse(m.String())
}

func (noRegistry) Fetch(_ context.Context, m module.Version) (module.SourceLoc, error) {
	return module.SourceLoc{}, refuse(m.String())
}

func (noRegistry) ModuleVersions(_ context.Context, path string) ([]string, error) {
	return nil, refuse(path)
}
