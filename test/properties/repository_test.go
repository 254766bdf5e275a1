package properties

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/render"
)

// files is a model of a repository: path → content, as gittest writes it (symlinks and executable files included).
type files map[string]string

// app is what an App renders.
type app struct {
	name string
	req  render.Request
}

// apps are those of every repository here: overlays on shared bases and a component, releases of one chart with values
// files of their own, and directories of plain YAML, one of which is read with everything below it.
func apps() []app {
	var out []app
	for i := range 3 {
		out = append(out, app{fmt.Sprintf("overlay-%d", i), render.Request{Path: fmt.Sprintf("app/k%d", i)}})
	}
	for i := range 2 {
		out = append(out, app{fmt.Sprintf("release-%d", i), render.Request{
			Path: "chart/c", Target: render.Target{Namespace: "web"},
			Helm: render.HelmOptions{ReleaseName: fmt.Sprintf("r%d", i), ValuesFiles: []string{"/values/common.yaml", fmt.Sprintf("/values/r%d.yaml", i)}, IgnoreMissing: true},
		}})
	}
	for i := range 3 {
		out = append(out, app{fmt.Sprintf("plain-%d", i), render.Request{
			Path: fmt.Sprintf("app/p%d", i), Kind: render.Plain, Plain: render.PlainOptions{Recurse: i == 0},
		}})
	}
	return out
}

// start is a repository in which everything renders.
func start(t *rapid.T) files {
	f := files{"README.md": "words\n", "docs/a.md": "more words\n"}
	whole := func(p string) { f.put(p, sound(t, p)) }
	for i := range 2 {
		whole(fmt.Sprintf("base/b%d/kustomization.yaml", i))
		whole(fmt.Sprintf("base/b%d/cm.yaml", i))
	}
	for _, p := range []string{
		"comp/kustomization.yaml", "comp/patch.yaml", "app/k0/kustomization.yaml", "app/k1/kustomization.yaml", "app/k2/kustomization.yaml",
		"app/k0/local.yaml", "app/k0/conf.txt", "app/k1/local.yaml", "app/k1/conf.txt", "app/k2/local.yaml", "app/k2/conf.txt", "chart/c/Chart.yaml", "chart/c/values.yaml", "chart/c/templates/cm.yaml", "chart/c/conf/a.txt", "values/r0.yaml",
		"other/r0.yaml", "other/r1.yaml", "app/p0/a.yaml", "app/p0/sub/b.yaml", "app/p1/a.yaml", "app/p2/a.yaml",
	} {
		whole(p)
	}
	f["shared/cm.yaml"] = configMap("shared", "0")
	f["app/p2/link.yaml"] = gittest.Link("../../shared/cm.yaml")
	return f
}

// places are paths that edits are about, beside those that are there: what a listing would have shown, and what was looked
// for in vain.
var places = []string{
	"app/k0/kustomization.yml", "app/k0/Kustomization", "app/k1/local.yaml", "app/k2/local.yaml", "app/k2/conf.txt", "app/k0/conf.txt", "base/b0/kustomization.yml",
	"base/b1/more.yaml", "comp/patch.yaml", "chart/c/templates/new.yaml", "chart/c/templates/_helpers.tpl", "chart/c/conf/b.txt", "chart/c/.helmignore",
	"chart/c/crds/crd.yaml", "values/r1.yaml", "values/common.yaml", "app/p0/new.yaml", "app/p0/sub/deep/new.yml", "app/p1/new.json", "app/p1/sub/ignored.yaml",
	"app/p2/new.yaml", "values", "shared/cm.yaml", "docs/b.md", "LICENSE", "app/k0/README.md", "app/p1/notes.txt", "unrelated/x.yaml",
}

func configMap(name, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  value: %q\n", name, value)
}

// write gives a path content that fits it; now and then it is broken.
func (f files) write(t *rapid.T, p string) {
	content := sound(t, p)
	if rapid.IntRange(0, 9).Draw(t, "broken") == 0 {
		content += "\n]: {\n"
	}
	f.put(p, content)
}

// sound is content that fits a path.
func sound(t *rapid.T, p string) string {
	value := fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "value"))
	name := strings.ToLower(strings.NewReplacer("/", "-", ".", "-", "_", "-").Replace(p))
	content := value + "\n"
	switch base := path.Base(p); {
	case base == "Chart.yaml":
		content = "apiVersion: v2\nname: c\nversion: 1.0." + value + "\n"
	case base == ".helmignore":
		content = "conf/b*\n"
	case strings.HasPrefix(p, "comp/kust"):
		content = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n- {path: patch.yaml, target: {kind: ConfigMap}}\n"
	case strings.HasPrefix(p, "comp/patch"):
		content = fmt.Sprintf("- {op: add, path: /metadata/annotations, value: {by: %q}}\n", value)
	case strings.HasPrefix(strings.ToLower(base), "kustomization"):
		content = kustomization(t, p)
	case strings.HasPrefix(p, "chart/c/templates/_"):
		content = "{{- define \"v\" }}" + value + "{{ end }}\n"
	case strings.HasPrefix(p, "chart/c/templates/"):
		content = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-" + name + "}\ndata:\n  rev: {{ .Values.rev | quote }}\n" +
			"  files: {{ (.Files.Glob \"conf/*\").AsConfig | quote }}\n  fixed: " + `"` + value + "\"\n"
	case strings.HasPrefix(p, "values/"), strings.HasPrefix(p, "other/"), p == "chart/c/values.yaml":
		content = "rev: " + value + "\n"
	case strings.HasSuffix(p, ".json"):
		content = fmt.Sprintf(`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": %q}, "data": {"value": %q}}`, name, value)
	case strings.HasPrefix(p, "chart/c/crds/"):
		content = ""
	case strings.HasSuffix(p, ".yaml"), strings.HasSuffix(p, ".yml"):
		content = configMap(name, value)
	}
	return content
}

func kustomization(t *rapid.T, p string) string {
	if strings.HasPrefix(p, "base/") {
		return "resources: [cm.yaml]\n"
	}
	var b strings.Builder
	resources := []string{fmt.Sprintf("../../base/b%d", rapid.IntRange(0, 1).Draw(t, "base"))}
	if rapid.Bool().Draw(t, "local") {
		resources = append(resources, "local.yaml")
	}
	fmt.Fprintf(&b, "namePrefix: %s-\nresources: [%s]\n", path.Base(path.Dir(p)), strings.Join(resources, ", "))
	if rapid.Bool().Draw(t, "component") {
		b.WriteString("components: [../../comp]\n")
	}
	if rapid.IntRange(0, 2).Draw(t, "generator") == 0 {
		b.WriteString("configMapGenerator:\n- {name: conf, files: [conf.txt]}\n")
	}
	return b.String()
}

// put adds a file, in place of whatever stands in its way.
func (f files) put(p, content string) {
	f.drop(p)
	for d := path.Dir(p); d != "."; d = path.Dir(d) {
		delete(f, d)
	}
	f[p] = content
}

func (f files) drop(p string) {
	for q := range f {
		if q == p || strings.HasPrefix(q, p+"/") {
			delete(f, q)
		}
	}
}

// somewhere is a path that is there, or that could be.
func (f files) somewhere(t *rapid.T) string {
	if rapid.IntRange(0, 2).Draw(t, "new") == 0 {
		return rapid.SampledFrom(places).Draw(t, "place")
	}
	p := rapid.SampledFrom(slices.Sorted(maps.Keys(f))).Draw(t, "path")
	if rapid.IntRange(0, 9).Draw(t, "directory") == 0 && path.Dir(p) != "." {
		return path.Dir(p)
	}
	return p
}

// edit gives the repository after a few changes of all sorts, and says what they were.
func edit(t *rapid.T, old files) (files, []string) {
	f := maps.Clone(old)
	var did []string
	for range rapid.IntRange(1, 3).Draw(t, "edits") {
		p := f.somewhere(t)
		what := rapid.SampledFrom([]string{"write", "write", "write", "delete", "rename", "link", "chmod", "divert"}).Draw(t, "edit")
		did = append(did, what+" "+p)
		switch what {
		case "write":
			if _, file := f[p]; file || slices.Contains(places, p) {
				f.write(t, p)
			}
		case "delete":
			f.drop(p)
		case "rename":
			to := f.somewhere(t)
			did[len(did)-1] += " to " + to
			f.rename(p, to)
		case "link":
			f.link(t, p)
		case "divert": // what was looked for in vain is found elsewhere
			f.put("values", gittest.Link("other"))
		case "chmod":
			if c, ok := f[p]; ok && !strings.HasPrefix(c, "\x00") {
				f[p] = gittest.Exec(c)
			}
		}
		f["README.md"] = "words\n" // a repository is never empty
	}
	return f, did
}

func (f files) rename(p, to string) {
	if p == to || strings.HasPrefix(to, p+"/") || strings.HasPrefix(p, to+"/") {
		return
	}
	moved := files{}
	for q, c := range f {
		if q == p || strings.HasPrefix(q, p+"/") {
			moved[to+strings.TrimPrefix(q, p)] = c
		}
	}
	f.drop(p)
	for q, c := range moved {
		f.put(q, c)
	}
}

// link makes p a symlink to another file or directory, or to nowhere.
func (f files) link(t *rapid.T, p string) {
	target := f.somewhere(t)
	if target == p || strings.HasPrefix(target, p+"/") || strings.HasPrefix(p, target+"/") {
		return
	}
	f.put(p, gittest.Link(strings.Repeat("../", strings.Count(p, "/"))+target))
}

// changes are what brings old to f, for gittest.
func (f files) changes(old files) gittest.Files {
	out := gittest.Files{}
	for p := range old {
		if _, ok := f[p]; !ok {
			out[p] = gittest.Delete
		}
	}
	for p, c := range f {
		if was, ok := old[p]; !ok || was != c {
			out[p] = c
		}
	}
	return out
}
