package kustomize

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// Where the tree and our own wrapper are mounted in what Kustomize sees. They are siblings, because Kustomize takes a
// base above its overlay for a cycle.
const (
	treeMount    = "/tree"
	optionsMount = "/options"
)

// errNeedsAlone says that a build brings its own OpenAPI schema and must run with nothing beside it.
var errNeedsAlone = errors.New("the build brings its own OpenAPI schema")

// source is the read-only file system that one build sees. It remembers what was read, and the first refusal:
// Kustomize tries several readings of an entry and would hide it.
type source struct {
	files    render.Files
	options  render.KustomizeOptions
	wrapper  []byte // the kustomization of our options; nil when there are none
	charts   *charts
	alone    bool   // custom OpenAPI schemas are allowed
	annotate string // the directory whose kustomization is made to note origins; noAnnotations for none

	overlays map[string]*overlay // by directory
	read     map[string][]byte   // every file by path
	virtual  map[string][]byte   // rendered charts
	above    map[string]string   // namespace that the overlays above a directory set
	refused  error
}

var _ filesys.FileSystem = (*source)(nil)

// inTree gives the path in the tree, or a refusal.
func (s *source) inTree(name string) (string, error) {
	name = path.Clean(filepath.ToSlash(name))
	if name == treeMount {
		return ".", nil
	}
	rel, ok := strings.CutPrefix(name, treeMount+"/")
	if !ok {
		return "", s.refuse(&fault.Error{
			Class: fault.Invalid, Reason: fault.PathOutside, Where: strings.TrimPrefix(name, "/"),
			Message: fmt.Sprintf("a kustomization names the path %q, which is outside the repository", name),
		})
	}
	return rel, nil
}

func (s *source) refuse(err error) error {
	if s.refused == nil {
		s.refused = err
	}
	return err
}

// note keeps a classified error of Files, since only these are refusals; an absent file is none.
func (s *source) note(err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) && !errors.Is(err, fs.ErrNotExist) {
		return s.refuse(err)
	}
	return err
}

func (s *source) ReadFile(name string) ([]byte, error) {
	if s.refused != nil {
		return nil, s.refused
	}
	if name == optionsMount+"/kustomization.yaml" && s.wrapper != nil {
		return s.wrapper, nil
	}
	rel, err := s.inTree(name)
	if err != nil {
		return nil, err
	}
	if data, ok := s.virtual[rel]; ok {
		return data, nil
	}
	data, err := s.files.ReadFile(rel)
	if err != nil {
		return nil, s.note(err)
	}
	s.read[rel] = data
	if isManifestName(rel) || path.Base(rel) == "Kustomization" {
		if err := render.CheckAliases(rel, data); err != nil {
			return nil, s.refuse(err)
		}
	}
	if slices.Contains(render.KustomizationNames, path.Base(rel)) {
		return s.kustomization(rel, data)
	}
	return data, nil
}

// kustomization looks at a kustomization file before Kustomize does.
func (s *source) kustomization(rel string, data []byte) ([]byte, error) {
	o, err := scan(rel, data)
	if err != nil {
		return nil, s.refuse(err)
	}
	if o.customSchema && !s.alone {
		return nil, s.refuse(errNeedsAlone)
	}
	if _, again := s.overlays[o.dir]; !again {
		render.Prefetch(s.files, render.Ahead{Files: o.next()})
	}
	s.overlays[o.dir] = o
	s.inherit(o)
	if data, err = s.charts.inflate(s, o, data); err != nil {
		return nil, s.refuse(err)
	}
	if o.dir == s.annotate && s.wrapper == nil {
		return withOrigins(o, data)
	}
	return data, nil
}

// inherit notes for the overlays below which namespace their charts are rendered for.
func (s *source) inherit(o *overlay) {
	namespace := o.namespace
	if namespace == "" {
		namespace = s.above[o.dir]
	}
	for _, e := range slices.Concat(o.resources, o.components) {
		s.above[path.Join(o.dir, e.value)] = namespace
	}
}

func (s *source) stat(name string) (fs.FileInfo, error) {
	if s.refused != nil {
		return nil, s.refused
	}
	rel, err := s.inTree(name)
	if err != nil {
		return nil, err
	}
	info, err := s.files.Stat(rel)
	return info, s.note(err)
}

// CleanedAbs gives the directory and, for a file, its name. It fails for what does not exist.
func (s *source) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	name = path.Clean(filepath.ToSlash(name))
	if s.wrapper != nil {
		switch name {
		case optionsMount:
			return optionsMount, "", nil
		case optionsMount + "/kustomization.yaml":
			return optionsMount, "kustomization.yaml", nil
		}
		if strings.HasPrefix(name, optionsMount+"/") {
			return "", "", fs.ErrNotExist
		}
	}
	if _, ok := s.virtual[strings.TrimPrefix(name, treeMount+"/")]; ok {
		return filesys.ConfirmedDir(path.Dir(name)), path.Base(name), nil
	}
	info, err := s.stat(name)
	if err != nil {
		return "", "", err
	}
	if info.IsDir() {
		return filesys.ConfirmedDir(name), "", nil
	}
	return filesys.ConfirmedDir(path.Dir(name)), path.Base(name), nil
}

func (s *source) IsDir(name string) bool {
	info, err := s.stat(name)
	return err == nil && info.IsDir()
}

func (s *source) Exists(name string) bool {
	_, err := s.stat(name)
	return err == nil
}

func (s *source) ReadDir(name string) ([]string, error) {
	rel, err := s.inTree(name)
	if err != nil {
		return nil, err
	}
	entries, err := s.files.ReadDir(rel)
	if err != nil {
		return nil, s.note(err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// Glob is what generators' file patterns would use; Kustomize has none that reach it.
func (s *source) Glob(string) ([]string, error) { return nil, errors.ErrUnsupported }

// Walk is for commands that edit kustomizations.
func (s *source) Walk(string, filepath.WalkFunc) error { return errors.ErrUnsupported }

// The rest writes, and nothing here is written.

func (s *source) Open(string) (filesys.File, error)   { return nil, errors.ErrUnsupported }
func (s *source) Create(string) (filesys.File, error) { return nil, fs.ErrPermission }
func (s *source) Mkdir(string) error                  { return fs.ErrPermission }
func (s *source) MkdirAll(string) error               { return fs.ErrPermission }
func (s *source) RemoveAll(string) error              { return fs.ErrPermission }
func (s *source) WriteFile(string, []byte) error      { return fs.ErrPermission }
