package kustomize

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// wrapper is the kustomization that applies our options on top of an overlay. The fields are Kustomize's own.
type wrapper struct {
	Resources         []string          `yaml:"resources,omitempty"`
	Components        []string          `yaml:"components,omitempty"`
	NamePrefix        string            `yaml:"namePrefix,omitempty"`
	NameSuffix        string            `yaml:"nameSuffix,omitempty"`
	Namespace         string            `yaml:"namespace,omitempty"`
	Labels            []labels          `yaml:"labels,omitempty"`
	CommonAnnotations map[string]string `yaml:"commonAnnotations,omitempty"`
	Images            []image           `yaml:"images,omitempty"`
	Replicas          []replicas        `yaml:"replicas,omitempty"`
	Patches           []patch           `yaml:"patches,omitempty"`
	BuildMetadata     any               `yaml:"buildMetadata,omitempty"`
	SortOptions       *yaml.Node        `yaml:"sortOptions,omitempty"`
}

type labels struct {
	Pairs            map[string]string `yaml:"pairs"`
	IncludeSelectors bool              `yaml:"includeSelectors"`
}

type image struct {
	Name    string `yaml:"name"`
	NewName string `yaml:"newName,omitempty"`
	NewTag  string `yaml:"newTag,omitempty"`
	Digest  string `yaml:"digest,omitempty"`
}

type replicas struct {
	Name  string `yaml:"name"`
	Count int64  `yaml:"count"`
}

type patch struct {
	Patch  string            `yaml:"patch"`
	Target map[string]string `yaml:"target,omitempty"`
}

// hasOptions reports whether anything is to be applied on top of the overlay.
func hasOptions(o render.KustomizeOptions) bool {
	return o.NamePrefix != "" || o.NameSuffix != "" || o.Namespace != "" || len(o.CommonLabels)+len(o.CommonAnnotations)+
		len(o.Images)+len(o.Replicas)+len(o.Patches)+len(o.Components) > 0
}

// wrap writes the kustomization that stands above dir. What Kustomize reads from the topmost file alone (sort order,
// build metadata) is carried over from under.
func wrap(o render.KustomizeOptions, dir string, under *overlay, origins bool) ([]byte, error) {
	base := path.Join("..", treeMount, dir)
	w := wrapper{
		NamePrefix: o.NamePrefix, NameSuffix: o.NameSuffix, Namespace: o.Namespace, CommonAnnotations: o.CommonAnnotations,
	}
	if under.isComponent {
		w.Components = append(w.Components, base)
	} else {
		w.Resources = append(w.Resources, base)
	}
	for _, c := range o.Components {
		if isRemote(c) {
			return nil, remoteRefused("", fmt.Sprintf("component %q of the App", c))
		}
		w.Components = append(w.Components, path.Join(base, c))
	}
	if len(o.CommonLabels) > 0 {
		w.Labels = []labels{{Pairs: o.CommonLabels, IncludeSelectors: true}}
	}
	for _, s := range o.Images {
		img, err := parseImage(s)
		if err != nil {
			return nil, err
		}
		w.Images = append(w.Images, img)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Replicas)) {
		w.Replicas = append(w.Replicas, replicas{name, o.Replicas[name]})
	}
	for _, p := range o.Patches {
		target, err := parseTarget(p.Target)
		if err != nil {
			return nil, err
		}
		w.Patches = append(w.Patches, patch{p.Patch, target})
	}
	w.SortOptions = child(under.root, "sortOptions")
	w.BuildMetadata = buildMetadata(under, origins)
	return yaml.Marshal(w)
}

func buildMetadata(under *overlay, origins bool) any {
	var list []string
	if m := child(under.root, "buildMetadata"); m != nil {
		for _, item := range m.Content {
			list = append(list, item.Value)
		}
	}
	if origins && !slices.Contains(list, originsOption) {
		list = append(list, originsOption)
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// parseImage reads "name=new:tag", "name=new@digest", "name:tag" and "name@digest".
func parseImage(s string) (image, error) {
	name, ref, renamed := strings.Cut(s, "=")
	if !renamed {
		ref = s
	}
	repo, tag, digest := splitReference(ref)
	img := image{Name: name, NewName: repo, NewTag: tag, Digest: digest}
	if !renamed {
		img.Name, img.NewName = repo, ""
	}
	if img.Name == "" || (renamed && repo == "") || (!renamed && tag == "" && digest == "") {
		return image{}, invalidOption(fmt.Sprintf("the image %q is not of the form name=new:tag, name:tag or name@digest", s))
	}
	return img, nil
}

func splitReference(ref string) (repo, tag, digest string) {
	repo, digest, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(repo, ':'); i > strings.LastIndexByte(repo, '/') {
		repo, tag = repo[:i], repo[i+1:]
	}
	if digest != "" {
		tag = "" // Kustomize takes one of the two; the digest says more
	}
	return repo, tag, digest
}

// parseTarget reads "group/version/Kind:namespace/name".
func parseTarget(s string) (map[string]string, error) {
	if s == "" {
		return nil, nil
	}
	gvk, nn, _ := strings.Cut(s, ":")
	parts, names := strings.Split(gvk, "/"), strings.Split(nn, "/")
	if len(parts) > 3 || len(names) > 2 {
		return nil, invalidOption(fmt.Sprintf("the patch target %q is not of the form group/version/Kind:namespace/name", s))
	}
	target := map[string]string{}
	set := func(key, value string) {
		if value != "" {
			target[key] = value
		}
	}
	for i, key := range []string{"kind", "version", "group"}[:len(parts)] {
		set(key, parts[len(parts)-1-i])
	}
	for i, key := range []string{"name", "namespace"}[:len(names)] {
		set(key, names[len(names)-1-i])
	}
	return target, nil
}

func invalidOption(message string) error {
	return &fault.Error{Class: fault.Invalid, Reason: fault.InvalidSpec, Message: message}
}
