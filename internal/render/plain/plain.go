// Package plain renders a file or a directory of YAML and JSON as it stands.
package plain

import (
	"context"

	"plumb.cd/plumb/internal/render"
)

// New gives the renderer.
func New() render.Renderer { return renderer{} }

type renderer struct{}

// Render reads the chosen files in path order, and in each the documents in file order.
func (renderer) Render(ctx context.Context, files render.Files, req render.Request) (render.Result, error) {
	names, err := render.PlainFiles(ctx, files, req)
	if err != nil {
		return render.Result{}, err
	}
	render.Prefetch(files, render.Ahead{Files: names})
	res := render.Result{Kind: render.Plain}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return render.Result{}, err
		}
		if res.Objects, err = read(files, name, res.Objects); err != nil {
			return render.Result{}, err
		}
	}
	return render.Finish(res, req.Limits)
}

func read(files render.Files, name string, objects []render.Object) ([]render.Object, error) {
	data, err := files.ReadFile(name)
	if err != nil {
		return nil, render.ReadFault(name, err)
	}
	docs, err := render.Decode(name, data)
	if err != nil {
		return nil, err
	}
	for _, d := range docs {
		origin := render.Origin{File: name, Line: d.Line, Document: d.Index}
		if d.Value == nil {
			continue
		}
		body, ok := d.Value.(map[string]any)
		if !ok {
			return nil, render.NotAnObject(origin, d.Value)
		}
		if len(body) > 0 {
			objects = append(objects, render.Object{Body: body, Origin: origin})
		}
	}
	return objects, nil
}
