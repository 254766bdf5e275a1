package jsonnet

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	jsonnet "github.com/google/go-jsonnet"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// importer finds imports in the tree: beside the importing file, then in the libraries.
type importer struct {
	files   render.Files
	libs    []string
	found   map[string]jsonnet.Contents
	refused error // the first classified error of files; the interpreter would turn it into text
}

// Import gives the same contents for the same file each time, as the interpreter requires.
func (im *importer) Import(from, name string) (jsonnet.Contents, string, error) {
	if path.IsAbs(name) {
		return jsonnet.Contents{}, "", im.refuse(outside(name))
	}
	for _, dir := range append([]string{path.Dir(from)}, im.libs...) {
		file, err := render.Clean(path.Join(dir, name))
		if err != nil {
			return jsonnet.Contents{}, "", im.refuse(outside(name))
		}
		contents, err := im.read(file)
		if err == nil {
			return contents, file, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return jsonnet.Contents{}, "", im.refuse(err)
		}
	}
	return jsonnet.Contents{}, "", fmt.Errorf("couldn't open import %q: no match beside the file or in the libraries", name)
}

func (im *importer) read(file string) (jsonnet.Contents, error) {
	if c, ok := im.found[file]; ok {
		return c, nil
	}
	data, err := im.files.ReadFile(file)
	if err != nil {
		return jsonnet.Contents{}, err
	}
	c := jsonnet.MakeContentsRaw(data)
	im.found[file] = c
	return c, nil
}

func (im *importer) refuse(err error) error {
	var f *fault.Error
	if im.refused == nil && errors.As(err, &f) {
		im.refused = err
	}
	return err
}

func outside(name string) error {
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.PathOutside, Where: name,
		Message: fmt.Sprintf("the import %q leads out of the repository", name),
	}
}
