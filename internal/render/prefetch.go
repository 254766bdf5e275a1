package render

import (
	"path"
	"slices"
	"strings"
)

// Ahead names what is certain to be read next.
type Ahead struct {
	Files []string // to be read; absent ones and directories too
	Dirs  []string // to be listed
}

// Prefetcher is a Files for which many reads at once cost less than one after the other (the worker's view of its
// parent's tree).
type Prefetcher interface {
	Files
	// Prefetch reads ahead, and keeps errors for the read itself.
	Prefetch(ahead Ahead)
}

// Prefetch tells files what is certain to be read next. Each path counts as read.
func Prefetch(files Files, ahead Ahead) {
	if p, ok := files.(Prefetcher); ok && len(ahead.Files)+len(ahead.Dirs) > 0 {
		p.Prefetch(ahead)
	}
}

// First is what the renderer of a request reads before anything else, whatever is in the tree: a pure function, so that
// both sides of a worker's pipe know it and the answers travel with the request.
func First(req Request) Ahead {
	switch req.Kind {
	case Kustomize:
		return firstOfOverlay(req.Path)
	case Helm:
		return firstOfChart(req)
	case Plain:
		return firstOfPlain(req)
	default:
		return Ahead{}
	}
}

func firstOfOverlay(name string) Ahead {
	dir, err := Clean(name)
	if err != nil {
		return Ahead{}
	}
	if slices.Contains(KustomizationNames, path.Base(dir)) {
		dir = path.Dir(dir)
	}
	files := []string{dir}
	for _, name := range KustomizationNames {
		files = append(files, path.Join(dir, name))
	}
	return Ahead{Files: files}
}

func firstOfChart(req Request) Ahead {
	name := req.Helm.Chart
	if name == "" {
		name = req.Path
	}
	chart, err := Clean(strings.TrimLeft(name, "/"))
	if err != nil {
		return Ahead{}
	}
	if IsChartArchive(chart) {
		return Ahead{Files: []string{chart}}
	}
	ahead := Ahead{Files: []string{chart, path.Join(chart, "Chart.yaml"), path.Join(chart, ".helmignore")}, Dirs: []string{chart}}
	for _, name := range req.Helm.ValuesFiles {
		dir := chart
		if strings.HasPrefix(name, "$") || strings.HasPrefix(name, "/") {
			dir = "."
		}
		if file, err := Clean(path.Join(dir, name)); err == nil && !strings.Contains(name, "://") {
			ahead.Files = append(ahead.Files, file)
		}
	}
	return ahead
}

func firstOfPlain(req Request) Ahead {
	if req.Plain.Only != nil {
		return Ahead{Files: req.Plain.Only}
	}
	name, err := Clean(req.Path)
	switch {
	case err != nil:
		return Ahead{}
	case kindOfName(name) == Plain:
		return Ahead{Files: []string{name}}
	}
	return Ahead{Files: []string{name}, Dirs: []string{name}}
}

// IsChartArchive reports whether a path is called like a packed chart.
func IsChartArchive(name string) bool {
	return strings.HasSuffix(name, ".tgz") || strings.HasSuffix(name, ".tar.gz")
}
