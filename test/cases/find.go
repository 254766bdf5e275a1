package main

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// found is one App to be made: a path in a repository, and how to render it where the files do not say.
type found struct {
	repo, path string
	variant    string         // what is different from the path's own; empty: nothing
	options    map[string]any // of the source in the App
	namespace  string         // empty: one of its own
	plugin     bool           // it needs a plug-in: it is listed, not tried
}

func (f found) label() string {
	label := path.Join(f.repo, f.path)
	if f.variant != "" {
		label += " (" + f.variant + ")"
	}
	return label
}

// find lists the Apps of a repository: its charts, Kustomize roots and components, Jsonnet files, and directories of
// plain YAML that belong to none of these.
func find(repo string, files fs.FS) ([]found, error) {
	s := search{files: files, repo: repo}
	if err := s.directory("."); err != nil {
		return nil, err
	}
	for i := range s.out {
		s.out[i].namespace = namespaces[path.Join(repo, s.out[i].path)]
	}
	for _, v := range variants {
		if v.repo == repo && slices.ContainsFunc(s.out, func(f found) bool { return f.path == v.path }) {
			s.out = append(s.out, v)
		}
	}
	slices.SortStableFunc(s.out, func(a, b found) int { return strings.Compare(a.path, b.path) })
	return s.out, nil
}

type search struct {
	files fs.FS
	repo  string
	out   []found
}

func (s *search) add(f found) { f.repo = s.repo; s.out = append(s.out, f) }

// directory looks at dir and what is below it.
func (s *search) directory(dir string) error {
	entries, err := fs.ReadDir(s.files, dir)
	if err != nil {
		return err
	}
	kind, err := s.kind(dir, entries)
	switch {
	case err != nil:
		return err
	case path.Base(dir) == "plugins":
		return s.plugins(dir, entries)
	case kind == "Chart":
		s.add(found{path: dir})
		return nil
	case kind == "Kustomization":
		s.add(found{path: dir})
	case kind == "Component":
		s.add(componentCase(dir))
		return nil
	case kind == "Jsonnet":
		s.add(found{path: dir})
		return nil
	case dir != "." && s.plain(dir):
		options := map[string]any{}
		if slices.ContainsFunc(entries, fs.DirEntry.IsDir) {
			options["plain"] = map[string]any{"recurse": true}
		}
		s.add(found{path: dir, options: options})
		return nil
	}
	for _, e := range entries {
		below := path.Join(dir, e.Name())
		if !e.IsDir() || kind == "Kustomization" && s.plain(below) {
			continue // what a Kustomize root is made of
		}
		if err := s.directory(below); err != nil {
			return err
		}
	}
	return nil
}

// kind says what the files of a directory make it: Chart, Kustomization, Component, Jsonnet, or nothing.
func (s *search) kind(dir string, entries []fs.DirEntry) (string, error) {
	for _, e := range entries {
		switch name := e.Name(); {
		case name == "Chart.yaml":
			return "Chart", nil
		case name == "kustomization.yaml":
			raw, err := fs.ReadFile(s.files, path.Join(dir, name))
			if err != nil {
				return "", err
			}
			var k struct{ Kind string }
			if err := yaml.Unmarshal(raw, &k); err != nil {
				return "", err
			}
			if k.Kind == "Component" {
				return "Component", nil
			}
			return "Kustomization", nil
		case strings.HasSuffix(name, ".jsonnet"):
			return "Jsonnet", nil
		}
	}
	return "", nil
}

// plain reports whether there are YAML files below dir, and nothing that says to render them otherwise or that makes them
// the parts of something else.
func (s *search) plain(dir string) bool {
	found := false
	err := fs.WalkDir(s.files, dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch name := d.Name(); {
		case name == "Chart.yaml" || name == "kustomization.yaml" || strings.HasSuffix(name, ".jsonnet") || strings.HasSuffix(name, ".sh"):
			return errOther
		default:
			found = found || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
		}
		return nil
	})
	return err == nil && found
}

var errOther = errors.New("something else")

// plugins lists what Argo CD renders by a program that the user brings.
func (s *search) plugins(dir string, entries []fs.DirEntry) error {
	for _, e := range entries {
		if e.IsDir() {
			s.add(found{path: path.Join(dir, e.Name()), plugin: true})
		}
	}
	return nil
}

// componentCase tries a component on the base beside its directory, as spec.source.kustomize.components has it.
func componentCase(dir string) found {
	return found{
		path: path.Join(dir, "..", "..", "base"), variant: "with " + path.Base(dir),
		options: map[string]any{"kustomize": map[string]any{"components": []any{"../components/" + path.Base(dir)}}},
	}
}

// namespaces are those that cases name themselves and expect to exist.
var namespaces = map[string]string{"argocd-example-apps/apps": "argocd"}

// variants are Apps with options of their own: the values files that are in the repositories, and values that switch
// everything on.
var variants = []found{
	{
		repo: "argocd-example-apps", path: "helm-guestbook", variant: "values-production.yaml",
		options: helm(map[string]any{"valuesFiles": []any{"values-production.yaml"}}),
	},
	{
		repo: "argocd-example-apps", path: "helm-dependency", variant: "values-nomaria.yaml",
		options: helm(map[string]any{"valuesFiles": []any{"values-nomaria.yaml"}}),
	},
	{
		repo: "argocd-example-apps", path: "jsonnet-guestbook-tla", variant: "top-level arguments",
		options: map[string]any{"jsonnet": map[string]any{"tlas": map[string]any{"type": "ClusterIP"}, "tlaCode": map[string]any{"replicas": "2"}}},
	},
	{
		repo: "podinfo", path: "charts/podinfo", variant: "values-prod.yaml",
		options: helm(map[string]any{"valuesFiles": []any{"values-prod.yaml"}}),
	},
	{
		repo: "podinfo", path: "charts/podinfo", variant: "everything on",
		options: helm(map[string]any{"values": everyPodinfo}),
	},
	{
		repo: "online-boutique", path: "helm-chart", variant: "everything on",
		options: helm(map[string]any{"values": everyBoutique}),
	},
}

func helm(options map[string]any) map[string]any { return map[string]any{"helm": options} }

func enabled() map[string]any { return map[string]any{"enabled": true} }
func create() map[string]any  { return map[string]any{"create": true} }

var everyPodinfo = map[string]any{
	"redis": enabled(), "ingress": enabled(), "hpa": enabled(), "serviceMonitor": enabled(), "httpRoute": enabled(), "grpcRoute": enabled(),
	"serviceAccount": enabled(), "podDisruptionBudget": map[string]any{"minAvailable": 1},
	"certificate": map[string]any{
		"create": true, "issuerRef": map[string]any{"kind": "ClusterIssuer", "name": "self-signed"}, "dnsNames": []any{"podinfo"},
	},
}

var everyBoutique = map[string]any{
	"networkPolicies": create(), "sidecars": create(), "authorizationPolicies": create(), "opentelemetryCollector": create(),
	"googleCloudOperations": map[string]any{"profiler": true, "tracing": true, "metrics": true},
	"seccompProfile":        map[string]any{"enable": true},
	"frontend":              map[string]any{"virtualService": create()},
}
