// Package jsonnet evaluates Jsonnet programs whose value is objects: one, a list, or mappings that hold them.
package jsonnet

import (
	"context"
	"io"
	"path"
	"slices"
	"strings"

	jsonnet "github.com/google/go-jsonnet"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// New gives the renderer.
func New() render.Renderer { return renderer{} }

type renderer struct{}

// maxStack bounds the calls of a program, as the program jsonnet does.
const maxStack = 500

// Render evaluates the file at req.Path, or each *.jsonnet directly in the directory, by name.
func (renderer) Render(ctx context.Context, files render.Files, req render.Request) (render.Result, error) {
	programs, err := list(files, req.Path)
	if err != nil {
		return render.Result{}, err
	}
	libs, err := libraries(req.Jsonnet.Libs)
	if err != nil {
		return render.Result{}, err
	}
	res := render.Result{Kind: render.Jsonnet}
	imports := &importer{files: files, libs: libs, found: map[string]jsonnet.Contents{}}
	for _, program := range programs {
		if err := ctx.Err(); err != nil {
			return render.Result{}, err
		}
		value, err := evaluate(imports, program, req.Jsonnet)
		if err != nil {
			return render.Result{}, err
		}
		first := len(res.Objects)
		if err := render.Collect(value, render.Origin{File: program}, "", &res.Objects); err != nil {
			return render.Result{}, err
		}
		for i := range res.Objects[first:] {
			res.Objects[first+i].Origin.Document = i
		}
	}
	return render.Finish(res, req.Limits)
}

func list(files render.Files, name string) ([]string, error) {
	root, err := render.Clean(name)
	if err != nil {
		return nil, err
	}
	info, err := files.Stat(root)
	if err != nil {
		return nil, render.ReadFault(root, err)
	}
	if !info.IsDir() {
		return []string{root}, nil
	}
	entries, err := files.ReadDir(root)
	if err != nil {
		return nil, render.ReadFault(root, err)
	}
	var programs []string
	for _, e := range entries {
		if path.Ext(e.Name()) == ".jsonnet" && !e.IsDir() {
			programs = append(programs, path.Join(root, e.Name()))
		}
	}
	slices.Sort(programs)
	if len(programs) == 0 {
		return nil, &fault.Error{
			Class: fault.Invalid, Reason: fault.RendererUnknown, Where: root, Message: "there is no *.jsonnet file here",
		}
	}
	return programs, nil
}

// libraries gives the library paths in the order that they are searched in: the last one named first, as the
// program jsonnet does.
func libraries(names []string) ([]string, error) {
	libs := make([]string, 0, len(names))
	for _, name := range slices.Backward(names) {
		lib, err := render.Clean(strings.TrimPrefix(name, "/"))
		if err != nil {
			return nil, err
		}
		libs = append(libs, lib)
	}
	return libs, nil
}

func evaluate(imports *importer, program string, options render.JsonnetOptions) (any, error) {
	vm := jsonnet.MakeVM()
	vm.MaxStack = maxStack
	vm.SetTraceOut(io.Discard)
	vm.Importer(imports)
	report := &reporter{program: program}
	vm.ErrorFormatter = report
	for _, bind := range []struct {
		set    func(name, value string)
		values map[string]string
	}{
		{vm.TLAVar, options.TLAs}, {vm.TLACode, options.TLACode}, {vm.ExtVar, options.Ext}, {vm.ExtCode, options.ExtCode},
	} {
		for name, value := range bind.values {
			bind.set(name, value)
		}
	}
	imports.refused = nil
	var text string
	err := render.Guard(program, func() (err error) {
		text, err = vm.EvaluateFile(program)
		return err
	})
	if imports.refused != nil {
		return nil, imports.refused
	}
	if err != nil {
		return nil, report.fault(err)
	}
	v, err := render.FromJSON([]byte(text))
	if err != nil {
		return nil, render.Placed(program, 0, err)
	}
	return v, nil
}
