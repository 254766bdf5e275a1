package render

import (
	"context"
	"fmt"
	"path"
	"sort"

	"plumb.cd/plumb/internal/fault"
)

// PlainFiles gives the files that a request of Kind Plain reads, sorted by path. Each renders by itself: the objects of all
// are those of one after the other.
func PlainFiles(ctx context.Context, files Files, req Request) ([]string, error) {
	if req.Plain.Only != nil {
		return req.Plain.Only, nil
	}
	root, err := Clean(req.Path)
	if err != nil {
		return nil, err
	}
	info, err := files.Stat(root)
	if err != nil {
		return nil, ReadFault(root, err)
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

const maxDirs = 64

type walker struct {
	files   Files
	root    string
	options PlainOptions
	found   []string // relative to root
}

func (w *walker) walk(ctx context.Context, rel string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	dir := path.Join(w.root, rel)
	if depth > maxDirs {
		return &fault.Error{
			Class: fault.Invalid, Reason: fault.LimitExceeded, Where: dir,
			Message: fmt.Sprintf("directories are nested deeper than %d levels", maxDirs),
		}
	}
	entries, err := w.files.ReadDir(dir)
	if err != nil {
		return ReadFault(dir, err)
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
		ok, err := Match(p, name)
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
