// Package plain renders a file or a directory of YAML and JSON as it stands.
package plain

import (
	"context"
	"fmt"
	"path"
	"sort"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// New gives the renderer.
func New() render.Renderer { return renderer{} }

type renderer struct{}

// Render reads the chosen files in path order, and in each the documents in file order.
func (renderer) Render(ctx context.Context, files render.Files, req render.Request) (render.Result, error) {
	names, err := list(ctx, files, req)
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

// list gives the files to read, sorted by path.
func list(ctx context.Context, files render.Files, req render.Request) ([]string, error) {
	root, err := render.Clean(req.Path)
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
	w := walker{files: files, root: root, options: req.Plain}
	if len(w.options.Include) == 0 {
		w.options.Include = []string{"*.yaml", "*.yml", "*.json"}
	}
	if err := w.walk(ctx, "", 0); err != nil {
		return nil, err
	}
	sort.Strings(w.found)
	for i, rel := range w.found {
		w.found[i] = path.Join(root, rel)
	}
	return w.found, nil
}

const maxDepth = 64

type walker struct {
	files   render.Files
	root    string
	options render.PlainOptions
	found   []string // relative to root
}

func (w *walker) walk(ctx context.Context, rel string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	dir := path.Join(w.root, rel)
	if depth > maxDepth {
		return &fault.Error{
			Class: fault.Invalid, Reason: fault.LimitExceeded, Where: dir,
			Message: fmt.Sprintf("directories are nested deeper than %d levels", maxDepth),
		}
	}
	entries, err := w.files.ReadDir(dir)
	if err != nil {
		return render.ReadFault(dir, err)
	}
	for _, e := range entries {
		name := path.Join(rel, e.Name())
		if e.IsDir() { // a symbolic link to a directory is not followed, as kubectl does not
			if err := w.descend(ctx, name, depth); err != nil {
				return err
			}
			continue
		}
		if chosen, err := w.chosen(name); err != nil {
			return err
		} else if chosen {
			w.found = append(w.found, name)
		}
	}
	return nil
}

func (w *walker) descend(ctx context.Context, name string, depth int) error {
	if !w.options.Recurse || path.Base(name)[0] == '.' {
		return nil
	}
	if out, err := matchAny(w.options.Exclude, name); err != nil || out {
		return err
	}
	return w.walk(ctx, name, depth+1)
}

func (w *walker) chosen(name string) (bool, error) {
	in, err := matchAny(w.options.Include, name)
	if err != nil || !in {
		return false, err
	}
	out, err := matchAny(w.options.Exclude, name)
	return !out, err
}

func matchAny(patterns []string, name string) (bool, error) {
	for _, p := range patterns {
		ok, err := render.Match(p, name)
		if err != nil {
			return false, &fault.Error{
				Class: fault.Invalid, Reason: fault.InvalidSpec,
				Message: fmt.Sprintf("the glob %q is malformed", p), Err: err,
			}
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}
