package kustomize

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// overlay is what one kustomization file says that we need to know before Kustomize acts on it: which paths it names
// and where, and what it does to names.
type overlay struct {
	file, dir string
	root      *yaml.Node // its mapping

	resources, components []entry
	paths                 []entry // patches, generator inputs and every other file
	generators            []entry // names of ConfigMaps and Secrets that it generates
	prefix, suffix        string
	namespace             string
	isComponent           bool
	customSchema          bool
	warnings              []string
}

// entry is a string of a kustomization file with its line and the field that it stands in.
type entry struct {
	field, value string
	line         int
}

// Fields whose entries are paths, by how they are written.
var (
	pathLists = []string{
		"resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators",
		"patchesStrategicMerge",
	}
	pathObjects = []string{"patches", "patchesJson6902", "replacements"}
	inlineOK    = []string{"generators", "transformers", "validators", "patchesStrategicMerge"}
	deprecated  = map[string]string{
		"bases": "resources", "commonLabels": "labels", "imageTags": "images", "patchesJson6902": "patches",
		"patchesStrategicMerge": "patches", "vars": "replacements",
	}
)

// scan reads a kustomization file and refuses what would leave the tree for the network.
func scan(file string, data []byte) (*overlay, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		_, derr := render.Decode(file, data)
		if derr == nil {
			derr = render.Placed(file, 0, err)
		}
		return nil, derr
	}
	o := &overlay{file: file, dir: path.Dir(file)}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return o, nil // Kustomize has words of its own for an empty or senseless file
	}
	o.root = doc.Content[0]
	for i := 0; i+1 < len(o.root.Content); i += 2 {
		o.field(o.root.Content[i], o.root.Content[i+1])
	}
	for _, e := range slices.Concat(o.resources, o.components, o.paths) {
		if isRemote(e.value) {
			return nil, remoteRefused(render.At(file, e.line), fmt.Sprintf("%s entry %q", e.field, e.value))
		}
	}
	return o, nil
}

func remoteRefused(where, what string) error {
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.RemoteRefused, Where: where,
		Message: fmt.Sprintf("the %s is remote; rendering uses no network", what),
		Next:    "vendor it into the repository and name the local path",
	}
}

func (o *overlay) field(key, value *yaml.Node) {
	name := key.Value
	if instead, old := deprecated[name]; old {
		o.warnings = append(o.warnings, fmt.Sprintf("%s: %q is deprecated in Kustomize; use %q", render.At(o.file, key.Line), name, instead))
	}
	switch {
	case slices.Contains(pathLists, name):
		o.pathList(name, value)
	case slices.Contains(pathObjects, name):
		for _, item := range value.Content {
			if p := child(item, "path"); p != nil {
				o.paths = append(o.paths, entry{name, p.Value, p.Line})
			}
		}
	case name == "configMapGenerator" || name == "secretGenerator":
		for _, item := range value.Content {
			o.generator(name, item)
		}
	default:
		o.single(name, value)
	}
}

func (o *overlay) single(name string, value *yaml.Node) {
	switch name {
	case "openapi":
		o.customSchema = len(value.Content) > 0
		if p := child(value, "path"); p != nil {
			o.paths = append(o.paths, entry{"openapi", p.Value, p.Line})
		}
	case "namePrefix":
		o.prefix = value.Value
	case "nameSuffix":
		o.suffix = value.Value
	case "namespace":
		o.namespace = value.Value
	case "kind":
		o.isComponent = value.Value == "Component"
	}
}

func (o *overlay) pathList(name string, value *yaml.Node) {
	for _, item := range value.Content {
		e := entry{name, item.Value, item.Line}
		switch {
		case item.Kind != yaml.ScalarNode:
		case slices.Contains(inlineOK, name) && strings.Contains(item.Value, "\n"):
		case name == "resources" || name == "bases":
			o.resources = append(o.resources, e)
		case name == "components":
			o.components = append(o.components, e)
		default:
			o.paths = append(o.paths, e)
		}
	}
}

func (o *overlay) generator(kind string, item *yaml.Node) {
	behavior := child(item, "behavior")
	adds := behavior == nil || behavior.Value == "" || behavior.Value == "create"
	if n := child(item, "name"); n != nil && adds {
		o.generators = append(o.generators, entry{kind, n.Value, n.Line})
	}
	for _, list := range []string{"files", "envs"} {
		values := child(item, list)
		if values == nil {
			continue
		}
		for _, v := range values.Content {
			name := v.Value
			if _, file, keyed := strings.Cut(name, "="); keyed && list == "files" {
				name = file
			}
			o.paths = append(o.paths, entry{kind, name, v.Line})
		}
	}
	if env := child(item, "env"); env != nil {
		o.paths = append(o.paths, entry{kind, env.Value, env.Line})
	}
}

func child(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

var userAtHost = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*@[^/:]+[/:]`)

// isRemote knows every form that Kustomize would fetch: URLs of any scheme, scp-like addresses, and its short form for
// one well-known host. It takes such an entry for remote even when a local path of that name exists, as Kustomize does.
func isRemote(s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	for _, prefix := range []string{"http:", "https:", "git::", "github.com/", "github.com:"} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return strings.Contains(s, "://") || userAtHost.MatchString(s)
}

// next lists the paths that Kustomize will read because of this file, so that they can be fetched at once.
func (o *overlay) next() []string {
	var names []string
	add := func(rel string) {
		if name, err := render.Clean(path.Join(o.dir, rel)); err == nil {
			names = append(names, name)
		}
	}
	for _, e := range o.resources {
		add(e.value)
		if !isManifestName(e.value) {
			addKustomizations(add, e.value)
		}
	}
	for _, e := range o.components {
		add(e.value)
		addKustomizations(add, e.value)
	}
	for _, e := range o.paths {
		add(e.value)
	}
	return names
}

func addKustomizations(add func(string), dir string) {
	for _, name := range render.KustomizationNames {
		add(path.Join(dir, name))
	}
}

func isManifestName(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}
