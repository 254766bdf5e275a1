package helm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// source is a chart's files, read once.
type source struct {
	dir     string // what values files are relative to
	archive string // path of the .tgz; empty for a directory
	name    string // of the chart
	version string
	files   []*archive.BufferedFile
	origins *origins
	local   map[string]*source // dependencies on file://, by the name that the parent knows them by
	fresh   *chart.Chart       // parsed and not yet rendered
}

// maxNesting bounds directories below each other and charts that name each other by file://.
const maxNesting = 32

var bom = []byte{0xEF, 0xBB, 0xBF}

// openSource reads the chart that req names.
func openSource(files render.Files, req render.Request) (*source, error) {
	p := req.Helm.Chart
	if p == "" {
		p = req.Path
	}
	p, err := treePath(".", p)
	if err != nil {
		return nil, err
	}
	r := &reader{files: files, budget: archive.MaxDecompressedChartSize, origins: &origins{}}
	return r.open(p, 0)
}

// treePath joins and confines: p is relative to dir, or to the root of the tree when it begins with a slash.
func treePath(dir, p string) (string, error) {
	out := path.Join(dir, p)
	if strings.HasPrefix(p, "/") {
		out = path.Clean(strings.TrimLeft(p, "/"))
	}
	if !fs.ValidPath(out) {
		return "", invalid(fault.PathOutside, p, "the path leaves the repository", nil)
	}
	return out, nil
}

// reader reads charts out of the tree, and no more bytes of it than Helm allows for a chart.
type reader struct {
	files   render.Files
	budget  int64
	origins *origins
}

func (r *reader) open(p string, depth int) (*source, error) {
	if depth > maxNesting {
		return nil, invalid(fault.ChartDependency, p, "charts depend on each other by file:// in a circle", nil)
	}
	render.Prefetch(r.files, render.First(render.Request{Kind: render.Helm, Path: p}))
	info, err := r.files.Stat(p)
	if err != nil {
		return nil, readFault(err, p, "the chart")
	}
	var src *source
	if info.IsDir() {
		src, err = r.openDir(p)
	} else {
		src, err = r.openArchive(p)
	}
	if err != nil {
		return nil, err
	}
	return src, r.resolveLocal(src, p, depth)
}

func (r *reader) openArchive(p string) (*source, error) {
	if !render.IsChartArchive(p) {
		return nil, invalid(fault.PathNotFound, p, "a chart is a directory or a .tgz, this is neither", nil)
	}
	data, err := r.read(p)
	if err != nil {
		return nil, err
	}
	files, err := archive.LoadArchiveFiles(bytes.NewReader(data))
	if err != nil {
		return nil, invalid(fault.RenderFailed, p, "the archive cannot be read", err)
	}
	return &source{dir: path.Dir(p), archive: p, files: files, origins: r.origins}, nil
}

func (r *reader) openDir(dir string) (*source, error) {
	if _, err := r.files.Stat(path.Join(dir, "Chart.yaml")); err != nil {
		return nil, readFault(err, path.Join(dir, "Chart.yaml"), "there is no chart: Chart.yaml")
	}
	rules, err := r.ignoreRules(dir)
	if err != nil {
		return nil, err
	}
	src := &source{dir: dir, origins: r.origins}
	if err := r.walk(src, rules, "", 0); err != nil {
		return nil, err
	}
	return src, nil
}

func (r *reader) read(p string) ([]byte, error) {
	data, err := r.files.ReadFile(p)
	if err != nil {
		return nil, readFault(err, p, "the file")
	}
	if r.budget -= int64(len(data)); r.budget < 0 {
		return nil, invalid(fault.LimitExceeded, p, fmt.Sprintf("the chart has more than %d MiB of files", archive.MaxDecompressedChartSize>>20), nil)
	}
	return bytes.TrimPrefix(data, bom), nil
}

// resolveLocal opens the dependencies on file:// that are not vendored, and refuses the others that are not.
func (r *reader) resolveLocal(src *source, p string, depth int) error {
	ch, err := src.parse()
	if err != nil {
		return err
	}
	src.name, src.version, src.fresh = ch.Name(), ch.Metadata.Version, ch
	for _, dep := range ch.Metadata.Dependencies {
		if dep == nil || vendored(ch, dep.Name) || src.local[dep.Name] != nil {
			continue
		}
		rel, isFile := strings.CutPrefix(dep.Repository, "file://")
		if !isFile || src.archive != "" {
			if depth > 0 {
				continue // Helm checks the dependencies of the chart itself only
			}
			return missingDependency(src, ch, dep)
		}
		child, err := r.openLocal(src, dep, rel, depth)
		if err != nil {
			return err
		}
		if src.local == nil {
			src.local = map[string]*source{}
		}
		src.local[dep.Name] = child
	}
	return nil
}

func (r *reader) openLocal(src *source, dep *chart.Dependency, rel string, depth int) (*source, error) {
	where := src.where("Chart.yaml")
	p, err := treePath(src.dir, rel)
	if err != nil {
		return nil, invalid(fault.PathOutside, where, fmt.Sprintf("dependency %s lies outside of the repository (%s)", dep.Name, dep.Repository), nil)
	}
	child, err := r.open(p, depth+1)
	if err != nil {
		if fault.Is(err, fault.PathNotFound) {
			return nil, invalid(fault.ChartDependency, where, fmt.Sprintf("dependency %s is not at %s", dep.Name, dep.Repository), err)
		}
		return nil, err
	}
	if child.name != dep.Name || !chartutil.IsCompatibleRange(dep.Version, child.version) {
		return nil, invalid(fault.ChartDependency, where, fmt.Sprintf("dependency %s %s is wanted, at %s is %s %s",
			dep.Name, dep.Version, dep.Repository, child.name, child.version), nil)
	}
	return child, nil
}

func vendored(ch *chart.Chart, name string) bool {
	return slices.ContainsFunc(ch.Dependencies(), func(d *chart.Chart) bool { return d.Name() == name })
}

func missingDependency(src *source, ch *chart.Chart, dep *chart.Dependency) error {
	from := dep.Repository
	if from == "" {
		from = "no repository"
	}
	return &fault.Error{Class: fault.Invalid, Reason: fault.ChartDependency, Where: src.where("Chart.yaml"),
		Message: fmt.Sprintf("chart %s depends on %s %s (%s), which is not in its charts/ directory", ch.Name(), dep.Name, dep.Version, from),
		Next: fmt.Sprintf("run \"helm dependency build %s\" and commit %s, or commit Chart.lock so that it can be fetched",
			src.dir, path.Join(src.dir, "charts"))}
}

// parse loads the chart without its file:// dependencies.
func (s *source) parse() (*chart.Chart, error) {
	ch, err := loader.LoadFiles(s.files)
	if err != nil {
		return nil, loadFault(err, s)
	}
	sortDependencies(ch)
	return ch, nil
}

// load gives a chart of its own: rendering changes the charts that it is given.
func (s *source) load() (*chart.Chart, error) {
	ch := s.fresh
	s.fresh = nil
	if ch == nil {
		var err error
		if ch, err = s.parse(); err != nil {
			return nil, err
		}
	}
	for _, dep := range ch.Metadata.Dependencies {
		if dep == nil {
			continue
		}
		child := s.local[dep.Name]
		if child == nil || vendored(ch, dep.Name) {
			continue
		}
		sub, err := child.load()
		if err != nil {
			return nil, err
		}
		ch.AddDependency(sub)
	}
	return ch, nil
}

// where is a file of the chart as people find it: in the repository, or under the chart's name for an archive.
func (s *source) where(file string) string {
	if s.archive != "" && s.name != "" {
		return path.Join(s.name, file)
	}
	if s.archive != "" {
		return s.archive
	}
	return path.Join(s.dir, file)
}

// inArchive gives a file of an archived chart.
func (s *source) inArchive(name string) ([]byte, bool) {
	if s.archive == "" {
		return nil, false
	}
	for _, f := range s.files {
		if f.Name == name {
			return f.Data, true
		}
	}
	return nil, false
}

// sortDependencies puts subcharts in order, which Helm's loader leaves to chance.
func sortDependencies(ch *chart.Chart) {
	deps := ch.Dependencies()
	if len(deps) == 0 {
		return
	}
	deps = slices.Clone(deps)
	slices.SortStableFunc(deps, compareCharts)
	ch.SetDependencies(deps...)
	for _, d := range deps {
		sortDependencies(d)
	}
}

func compareCharts(a, b *chart.Chart) int {
	if c := strings.Compare(a.Name(), b.Name()); c != 0 {
		return c
	}
	if c := strings.Compare(a.Metadata.Version, b.Metadata.Version); c != 0 {
		return c
	}
	return slices.CompareFunc(a.Raw, b.Raw, func(x, y *chartFile) int {
		if c := strings.Compare(x.Name, y.Name); c != 0 {
			return c
		}
		return bytes.Compare(x.Data, y.Data)
	})
}

// readFault classifies an error of Files; what says who wanted the path.
func readFault(err error, p, what string) error {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return &fault.Error{Class: fault.Invalid, Reason: fault.PathNotFound, Where: p, Message: what + " does not exist", Err: err}
	default:
		return fmt.Errorf("reading %s: %w", p, err)
	}
}
