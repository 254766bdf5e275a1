package render

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/fault"
)

// KustomizationNames are the file names that make a directory a kustomization, in the order they are looked for.
var KustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// DetectKind says which renderer a path wants. A directory with a kustomization is Kustomize, with a Chart.yaml Helm;
// then what its files are called decides: Jsonnet, CUE, YAML and JSON. A file is decided by its name.
//
// Errors: PathNotFound, PathOutside, RendererUnknown.
func DetectKind(files Files, name string) (Kind, error) {
	name, err := Clean(name)
	if err != nil {
		return Detect, err
	}
	info, err := files.Stat(name)
	if err != nil {
		return Detect, absent(name, err)
	}
	if !info.IsDir() {
		return detectFile(name)
	}
	for _, probe := range KustomizationNames {
		if isFile(files, path.Join(name, probe)) {
			return Kustomize, nil
		}
	}
	if isFile(files, path.Join(name, "Chart.yaml")) {
		return Helm, nil
	}
	return detectListing(files, name)
}

func detectListing(files Files, name string) (Kind, error) {
	entries, err := files.ReadDir(name)
	if err != nil {
		return Detect, absent(name, err)
	}
	seen := map[Kind]bool{}
	for _, e := range entries {
		if k := kindOfName(e.Name()); k != Detect && !e.IsDir() {
			seen[k] = true
		}
		if e.IsDir() && e.Name() == "cue.mod" {
			seen[CUE] = true
		}
	}
	for _, k := range []Kind{Jsonnet, CUE, Plain} {
		if seen[k] {
			return k, nil
		}
	}
	return Detect, unknown(name)
}

func detectFile(name string) (Kind, error) {
	base := path.Base(name)
	if slices.Contains(KustomizationNames, base) {
		return Kustomize, nil
	}
	if strings.HasSuffix(base, ".tgz") || base == "Chart.yaml" {
		return Helm, nil
	}
	if k := kindOfName(base); k != Detect {
		return k, nil
	}
	return Detect, unknown(name)
}

func kindOfName(base string) Kind {
	switch path.Ext(base) {
	case ".jsonnet":
		return Jsonnet
	case ".cue":
		return CUE
	case ".yaml", ".yml", ".json":
		return Plain
	}
	return Detect
}

func isFile(files Files, name string) bool {
	info, err := files.Stat(name)
	return err == nil && !info.IsDir()
}

func unknown(name string) error {
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.RendererUnknown, Where: name,
		Message: "nothing says how to render this path: no kustomization.yaml, Chart.yaml, *.jsonnet, *.cue, *.yaml, *.yml or *.json was found in it",
		Next:    "correct the path, set the renderer, or turn on plain.recurse when the manifests are in subdirectories",
	}
}

// absent classifies an error of Files for a path that the App names.
func absent(name string, err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &fault.Error{
			Class: fault.Invalid, Reason: fault.PathNotFound, Where: name, Err: err,
			Message: fmt.Sprintf("the path %q does not exist in this revision", name),
		}
	}
	return &fault.Error{Class: fault.Transient, Reason: fault.Internal, Where: name, Message: "reading: " + err.Error(), Err: err}
}

// ReadFault classifies an error that Files gave for name; errors that are classified already stay as they are.
func ReadFault(name string, err error) error { return absent(name, err) }

// Clean gives the one form of a path in Files ("." is the root) and refuses what leads out of the tree.
func Clean(name string) (string, error) {
	clean := path.Clean("/" + name)[1:]
	if plain := path.Clean(name); path.IsAbs(name) || plain == ".." || strings.HasPrefix(plain, "../") || strings.ContainsAny(name, "\\\x00") {
		return "", &fault.Error{
			Class: fault.Invalid, Reason: fault.PathOutside, Where: name,
			Message: fmt.Sprintf("the path %q leads out of the repository", name),
		}
	}
	if clean == "" {
		return ".", nil
	}
	return clean, nil
}
