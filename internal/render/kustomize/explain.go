package kustomize

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// top is the kustomization file of dir, or dir when none was read.
func (s *source) top(dir string) string {
	if o, ok := s.overlays[dir]; ok {
		return o.file
	}
	return dir
}

func (s *source) warnings() []string {
	var out []string
	for _, dir := range slices.Sorted(maps.Keys(s.overlays)) {
		out = append(out, s.overlays[dir].warnings...)
	}
	return out
}

// explain turns the library's error into a fault with a file and line. The library's errors hold neither, so the
// files that it read are examined for the usual causes.
func explain(src *source, dir string, err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return f
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if len(src.overlays) == 0 {
		return &fault.Error{
			Class: fault.Invalid, Reason: fault.RendererUnknown, Where: dir, Err: err,
			Message: "there is no kustomization.yaml, kustomization.yml or Kustomization here",
		}
	}
	for _, find := range []func(*source, string, error) error{badKustomization, missingEntry, badSyntax, twice, plugin} {
		if f := find(src, dir, err); f != nil {
			return f
		}
	}
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.RenderFailed, Where: src.top(dir), Err: err,
		Message: "kustomize build: " + readable(err),
	}
}

// readable takes our mount points out of the library's message.
func readable(err error) string {
	s := strings.NewReplacer(
		"'"+treeMount+"/", "'", `"`+treeMount+"/", `"`, " "+treeMount+"/", " ",
		"'"+treeMount+"'", "'.'", "'"+optionsMount+"'", "'(options of the App)'",
	).Replace(strings.TrimSpace(err.Error()))
	const limit = 2000
	if len(s) > limit {
		s = s[:limit] + " …"
	}
	return s
}

func (s *source) sorted() []*overlay {
	out := make([]*overlay, 0, len(s.overlays))
	for _, dir := range slices.Sorted(maps.Keys(s.overlays)) {
		out = append(out, s.overlays[dir])
	}
	return out
}

// badKustomization finds a kustomization file with a field that is unknown or of the wrong type.
func badKustomization(src *source, _ string, _ error) error {
	for _, o := range src.sorted() {
		var k types.Kustomization
		if err := k.Unmarshal(src.read[o.file]); err != nil {
			return &fault.Error{Class: fault.Invalid, Reason: fault.RenderFailed, Where: o.file, Err: err, Message: readable(err)}
		}
	}
	return nil
}

// missingEntry finds an entry that names nothing.
func missingEntry(src *source, _ string, cause error) error {
	for _, o := range src.sorted() {
		for _, e := range slices.Concat(o.resources, o.components, o.paths) {
			name, err := render.Clean(path.Join(o.dir, e.value))
			if err != nil || strings.Contains(e.value, "\n") {
				continue
			}
			if _, err := src.files.Stat(name); !errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if _, ok := src.virtual[name]; ok {
				continue
			}
			return &fault.Error{
				Class: fault.Invalid, Reason: fault.RenderFailed, Where: render.At(o.file, e.line), Err: cause,
				Message: fmt.Sprintf("%s entry %q: %s does not exist", e.field, e.value, name),
			}
		}
	}
	return nil
}

// badSyntax finds a file of YAML that does not parse.
func badSyntax(src *source, _ string, _ error) error {
	for _, name := range slices.Sorted(maps.Keys(src.read)) {
		if !isManifestName(name) {
			continue
		}
		if _, err := render.Decode(name, src.read[name]); err != nil {
			return err
		}
	}
	return nil
}

// twice finds two definitions of an object, when that is what the library complains of.
func twice(src *source, dir string, cause error) error {
	if !strings.Contains(cause.Error(), "already registered id") {
		return nil
	}
	type key struct{ group, kind, namespace, name string }
	seen := map[key]candidate{}
	for _, c := range newPlaces(src, dir).all {
		k := key{c.group, c.kind, c.namespace, c.final}
		first, dup := seen[k]
		if !dup {
			seen[k] = c
			continue
		}
		return &fault.Error{
			Class: fault.Invalid, Reason: fault.DuplicateObject, Where: render.Place(c.origin), Err: cause,
			Message: fmt.Sprintf("%s %s is defined twice: first at %s", c.kind, c.name, render.Place(first.origin)),
			Next:    "remove one of the two definitions",
		}
	}
	return nil
}

// plugin recognises the library's refusal to run programs.
func plugin(src *source, dir string, cause error) error {
	if !types.IsErrOnlyBuiltinPluginsAllowed(cause) && !strings.Contains(cause.Error(), "external plugins disabled") {
		return nil
	}
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.RenderFailed, Where: src.top(dir), Err: cause,
		Message: "a generator or transformer is a program or a container, and rendering runs none: " + readable(cause),
		Next:    "use what is built into Kustomize, or run the plug-in beforehand and commit its output",
	}
}
