package convert

import (
	"fmt"
	"path"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/render"
)

func sourceList(a *v1alpha1.App) []v1alpha1.Source {
	if a.Spec.Source != nil {
		return append([]v1alpha1.Source{*a.Spec.Source}, a.Spec.Sources...)
	}
	return a.Spec.Sources
}

func sources(a *v1alpha1.App) ([]engine.Source, error) {
	list := sourceList(a)
	field := func(i int) string { return fmt.Sprintf("spec.sources[%d]", i) }
	if a.Spec.Source != nil {
		field = func(int) string { return "spec.source" }
	}
	if (a.Spec.Source != nil) == (len(a.Spec.Sources) > 0) {
		return nil, invalid("spec.source", "give either source or sources")
	}
	var out []engine.Source
	names := map[string]bool{}
	rendered := false
	for i, s := range list {
		converted, err := source(field(i), s, a.Name)
		if err != nil {
			return nil, err
		}
		if len(list) > 1 && (s.Name == "" || names[s.Name]) {
			return nil, invalid(field(i)+".name", "with several sources each needs a name of its own")
		}
		names[s.Name] = true
		rendered = rendered || !s.ValuesOnly
		out = append(out, converted)
	}
	if !rendered {
		return nil, invalid(field(0)+".valuesOnly", "at least one source must be rendered")
	}
	return out, nil
}

func source(field string, s v1alpha1.Source, app string) (engine.Source, error) {
	out := engine.Source{Name: s.Name, Repository: string(s.Repository), URL: s.URL, ValuesOnly: s.ValuesOnly}
	if (s.Repository == "") == (s.URL == "") {
		return out, invalid(field, "give either repository (the name of a Repository) or url")
	}
	if s.Ref != nil {
		out.Ref = git.Ref{Branch: s.Ref.Branch, Tag: s.Ref.Tag, Semver: s.Ref.SemVer, Commit: s.Ref.Commit, Name: s.Ref.Name}
		if err := out.Ref.Validate(); err != nil {
			return out, invalid(field+".ref", "%s", fault.Of(err).Message)
		}
	}
	if s.Chart != nil {
		if s.Ref != nil || s.Path != "" {
			return out, invalid(field+".chart", "a chart has a version, neither ref nor path")
		}
		out.Chart = &chart.Reference{Name: s.Chart.Name, Version: s.Chart.Version}
	}
	var err error
	out.Render, err = renderRequest(field, s, app)
	return out, err
}

// renderRequest has the options of one renderer at most; options without a renderer choose theirs.
func renderRequest(field string, s v1alpha1.Source, app string) (render.Request, error) {
	req := render.Request{Kind: render.Kind(s.Renderer), Path: cleanPath(s.Path)}
	req.Helm.ReleaseName = app
	imply := func(k render.Kind) error {
		if req.Kind != render.Detect && req.Kind != k {
			return invalid(field+"."+strings.ToLower(string(k)), "the options are those of another renderer than %s", req.Kind)
		}
		req.Kind = k
		return nil
	}
	var err error
	if s.Chart != nil {
		err = imply(render.Helm)
	}
	if s.Plain != nil && err == nil {
		err = imply(render.Plain)
		req.Plain = render.PlainOptions{Recurse: s.Plain.Recurse, Include: s.Plain.Include, Exclude: s.Plain.Exclude}
	}
	if s.Kustomize != nil && err == nil {
		err = imply(render.Kustomize)
		req.Kustomize = kustomizeOptions(s.Kustomize)
	}
	if s.Helm != nil && err == nil {
		if err = imply(render.Helm); err == nil {
			req.Helm, err = helmOptions(field+".helm", s.Helm, app)
		}
	}
	if s.Jsonnet != nil && err == nil {
		err = imply(render.Jsonnet)
		j := s.Jsonnet
		req.Jsonnet = render.JsonnetOptions{Libs: j.Libs, TLAs: j.TLAs, TLACode: j.TLACode, Ext: j.Ext, ExtCode: j.ExtCode}
	}
	if s.CUE != nil && err == nil {
		err = imply(render.CUE)
		req.CUE = render.CUEOptions{Expression: s.CUE.Expression, Tags: s.CUE.Tags}
	}
	return req, err
}

// cleanPath is p as io/fs takes it: relative to the root, which is ".".
func cleanPath(p string) string {
	return path.Clean("./" + strings.TrimLeft(p, "/"))
}

func kustomizeOptions(k *v1alpha1.Kustomize) render.KustomizeOptions {
	out := render.KustomizeOptions{
		NamePrefix: k.NamePrefix, NameSuffix: k.NameSuffix, Namespace: k.Namespace, CommonLabels: k.CommonLabels,
		CommonAnnotations: k.CommonAnnotations, Images: k.Images, Components: k.Components,
	}
	for name, n := range k.Replicas {
		if out.Replicas == nil {
			out.Replicas = map[string]int64{}
		}
		out.Replicas[name] = int64(n)
	}
	for _, p := range k.Patches {
		out.Patches = append(out.Patches, render.KustomizePatch{Patch: p.Patch, Target: p.Target})
	}
	return out
}

func helmOptions(field string, h *v1alpha1.Helm, app string) (render.HelmOptions, error) {
	out := render.HelmOptions{
		ReleaseName: h.ReleaseName, ValuesFiles: h.ValuesFiles, IgnoreMissing: h.IgnoreMissingValuesFiles,
		Set: h.Set, SetString: h.SetString, SetFile: h.SetFile,
		SkipCRDs: h.SkipCRDs, SkipSchema: h.SkipSchemaValidation, IsUpgrade: h.IsUpgrade,
	}
	if out.ReleaseName == "" {
		out.ReleaseName = app
	}
	if h.Values != nil && len(h.Values.Raw) > 0 {
		// Whole numbers stay whole: 1000000 must not become 1e+06 in a template.
		if err := utiljson.Unmarshal(h.Values.Raw, &out.Values); err != nil {
			return out, invalid(field+".values", "not an object: %v", err)
		}
	}
	return out, nil
}
