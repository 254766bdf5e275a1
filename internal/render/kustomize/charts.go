package kustomize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// charts renders what helmCharts name before Kustomize sees the file, and puts the objects into a resource file of its
// own, so that Kustomize neither fetches a chart nor starts a program.
type charts struct {
	build    *build
	rendered map[string][]render.Object // by the virtual file that holds them, one document each
}

// inflate gives the kustomization with its charts replaced by resources. Only charts in the tree are rendered.
func (c *charts) inflate(s *source, o *overlay, data []byte) ([]byte, error) {
	if old := child(o.root, "helmChartInflationGenerator"); old != nil {
		return nil, &fault.Error{
			Class: fault.Invalid, Reason: fault.RenderFailed, Where: render.At(o.file, old.Line),
			Message: "helmChartInflationGenerator is no longer supported", Next: "use helmCharts",
		}
	}
	list := child(o.root, "helmCharts")
	if list == nil || len(list.Content) == 0 {
		return data, nil
	}
	var spec struct {
		HelmGlobals types.HelmGlobals `yaml:"helmGlobals"`
		HelmCharts  []types.HelmChart `yaml:"helmCharts"`
	}
	if err := yaml.Unmarshal(data, &spec); err != nil {
		return nil, render.Placed(o.file, 0, err)
	}
	for i, chart := range spec.HelmCharts {
		r := chartRun{source: s, overlay: o, home: spec.HelmGlobals.ChartHome, chart: chart, line: list.Content[i].Line}
		objects, err := r.objects(c.build)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf(".charts/%d-%s.yaml", i, path.Base(chart.Name))
		file := path.Join(o.dir, name)
		if s.virtual[file], err = documents(objects); err != nil {
			return nil, err
		}
		if c.rendered == nil {
			c.rendered = map[string][]render.Object{}
		}
		c.rendered[file] = objects
		o.resources = append(o.resources, entry{"helmCharts", name, r.line})
	}
	return withoutCharts(o, data)
}

// place gives the candidate of a chart's object the origin that the chart's renderer found.
func (c *charts) place(file string, found candidate) candidate {
	if objects, ok := c.rendered[file]; ok && found.origin.Document < len(objects) {
		o := objects[found.origin.Document]
		found.origin, found.random = o.Origin, o.Random
	}
	return found
}

// documents writes objects as Kustomize reads resources, marked as it marks those of charts.
func documents(objects []render.Object) ([]byte, error) {
	var out bytes.Buffer
	for _, o := range objects {
		body, err := json.Marshal(marked(o.Body))
		if err != nil {
			return nil, err
		}
		out.WriteString("---\n")
		out.Write(body)
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// marked is a copy with the annotation by which Kustomize knows an object of a chart; it removes it in the end.
func marked(body map[string]any) map[string]any {
	out, meta, notes := map[string]any{}, map[string]any{}, map[string]any{}
	copyInto(out, body)
	old, _ := body["metadata"].(map[string]any)
	copyInto(meta, old)
	oldNotes, _ := old["annotations"].(map[string]any)
	copyInto(notes, oldNotes)
	notes[konfig.HelmGeneratedAnnotation] = "true"
	meta["annotations"], out["metadata"] = notes, meta
	return out
}

func copyInto(to, from map[string]any) {
	for k, v := range from {
		to[k] = v
	}
}

// withoutCharts is the kustomization with the charts' rendered files among its resources.
func withoutCharts(o *overlay, data []byte) ([]byte, error) {
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, render.Placed(o.file, 0, err)
	}
	delete(doc, "helmCharts")
	delete(doc, "helmGlobals")
	resources, _ := doc["resources"].([]any)
	for _, e := range o.resources {
		if e.field == "helmCharts" {
			resources = append(resources, e.value)
		}
	}
	doc["resources"] = resources
	return yaml.Marshal(doc)
}

// chartRun is one entry of helmCharts.
type chartRun struct {
	source  *source
	overlay *overlay
	home    string
	chart   types.HelmChart
	line    int
}

func (r chartRun) fault(reason fault.Reason, message, next string) error {
	return &fault.Error{Class: fault.Invalid, Reason: reason, Where: render.At(r.overlay.file, r.line), Message: message, Next: next}
}

func (r chartRun) objects(b *build) ([]render.Object, error) {
	req, err := r.request(b)
	if err != nil {
		return nil, err
	}
	if b.inflater == nil {
		return nil, r.fault(fault.RenderFailed, "helmCharts cannot be rendered here: there is no Helm renderer", "")
	}
	files := b.files
	if values := r.chart.ValuesInline; len(values) > 0 {
		data, err := yaml.Marshal(values)
		if err != nil {
			return nil, err
		}
		files = withFile{files, strings.TrimPrefix(r.inlineFile(), "/"), data}
	}
	res, err := b.inflater.Render(b.ctx, files, req)
	if err != nil {
		return nil, err
	}
	var out []render.Object
	for _, o := range res.Objects {
		if !r.skips(o.Body) {
			out = append(out, o)
		}
	}
	return out, nil
}

func (r chartRun) skips(body map[string]any) bool {
	meta, _ := body["metadata"].(map[string]any)
	notes, _ := meta["annotations"].(map[string]any)
	hook, _ := notes["helm.sh/hook"].(string)
	return hook != "" && (r.chart.SkipHooks || (r.chart.SkipTests && strings.Contains(hook, "test")))
}

// request says to the Helm renderer what Kustomize would say to the program helm.
func (r chartRun) request(b *build) (render.Request, error) {
	chart, err := r.locate()
	if err != nil {
		return render.Request{}, err
	}
	name := r.chart.ReleaseName
	if name == "" && !strings.Contains(r.chart.NameTemplate, "{{") {
		name = r.chart.NameTemplate
	}
	if name == "" {
		return render.Request{}, r.fault(fault.RenderFailed, fmt.Sprintf("the chart %q has no releaseName, so that every render would have another name", r.chart.Name), "set releaseName")
	}
	target := b.req.Target
	target.Namespace = r.chart.Namespace
	if target.Namespace == "" {
		target.Namespace = r.overlay.namespace
	}
	if target.Namespace == "" {
		target.Namespace = r.source.above[r.overlay.dir]
	}
	if r.chart.KubeVersion != "" {
		target.KubeVersion = r.chart.KubeVersion
	}
	if len(r.chart.ApiVersions) > 0 {
		target.APIVersions = r.chart.ApiVersions
	}
	files, err := r.valuesFiles()
	return render.Request{
		Kind: render.Helm, Path: chart, Target: target, Limits: b.req.Limits,
		Helm: render.HelmOptions{Chart: chart, ReleaseName: name, ValuesFiles: files, SkipCRDs: !r.chart.IncludeCRDs},
	}, err
}

// locate finds the chart where Kustomize would, and refuses to fetch it when it is not there.
func (r chartRun) locate() (string, error) {
	home := r.home
	if home == "" {
		home = types.HelmDefaultHome
	}
	if r.chart.Version != "" && r.chart.Repo != "" {
		home = path.Join(home, r.chart.Name+"-"+r.chart.Version)
	}
	chart, err := render.Clean(path.Join(r.overlay.dir, home, r.chart.Name))
	if err != nil {
		return "", err
	}
	if info, err := r.source.files.Stat(chart); err == nil && info.IsDir() {
		return chart, nil
	}
	if r.chart.Repo == "" {
		return "", r.fault(fault.ChartNotFound, fmt.Sprintf("there is no chart at %s", chart), "vendor the chart there")
	}
	return "", remoteRefused(render.At(r.overlay.file, r.line), fmt.Sprintf("chart %q of %s", r.chart.Name, r.chart.Repo))
}

// inlineFile is where the inline values appear to be, from the root.
func (r chartRun) inlineFile() string {
	return "/" + path.Join(r.overlay.dir, ".charts", "values.yaml")
}

// valuesFiles are in the order of growing weight; valuesMerge says where the inline values stand.
func (r chartRun) valuesFiles() ([]string, error) {
	var files []string
	if r.chart.ValuesFile != "" {
		files = append(files, "/"+path.Join(r.overlay.dir, r.chart.ValuesFile))
	} else if r.chart.ValuesMerge == "merge" {
		files = append(files, "values.yaml") // the chart's own
	}
	if len(r.chart.ValuesInline) > 0 {
		switch r.chart.ValuesMerge {
		case "", "override":
			files = append(files, r.inlineFile())
		case "merge":
			files = append([]string{r.inlineFile()}, files...)
		case "replace":
			files = []string{r.inlineFile()}
		default:
			return nil, r.fault(fault.RenderFailed, fmt.Sprintf("valuesMerge %q is none of override, merge and replace", r.chart.ValuesMerge), "")
		}
	}
	for _, f := range r.chart.AdditionalValuesFiles {
		files = append(files, "/"+path.Join(r.overlay.dir, f))
	}
	return files, nil
}

// withFile is Files with one file more.
type withFile struct {
	render.Files
	name string
	data []byte
}

func (w withFile) ReadFile(name string) ([]byte, error) {
	if name == w.name {
		return w.data, nil
	}
	return w.Files.ReadFile(name)
}

func (w withFile) Stat(name string) (fs.FileInfo, error) {
	if name == w.name {
		return fileInfo{path.Base(name), int64(len(w.data))}, nil
	}
	return w.Files.Stat(name)
}

type fileInfo struct {
	name string
	size int64
}

func (i fileInfo) Name() string     { return i.name }
func (i fileInfo) Size() int64      { return i.size }
func (fileInfo) Mode() fs.FileMode  { return 0o444 }
func (fileInfo) ModTime() time.Time { return time.Time{} }
func (fileInfo) IsDir() bool        { return false }
func (fileInfo) Sys() any           { return nil }
