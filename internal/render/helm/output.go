package helm

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/render"
)

// output is what one run gave, in the order that helm template prints: CRDs, manifests by kind, hooks by kind.
type output struct {
	maxBytes int64
	places   map[string]place
	asked    []string
	lookups  bool
	warnings []string

	crds, manifests, hooks []render.Object
}

// collect turns Helm's map of rendered files into objects.
func (o *output) collect(ch *chart.Chart, rendered map[string]string, opts render.HelmOptions) error {
	names, err := o.documentFiles(rendered)
	if err != nil {
		return err
	}
	if !opts.SkipCRDs {
		for _, crd := range ch.CRDObjects() {
			if err := o.addFile(crd.Filename, string(crd.File.Data), &o.crds); err != nil {
				return err
			}
		}
	}
	for _, name := range names {
		if err := o.addFile(name, rendered[name], nil); err != nil {
			return err
		}
	}
	sortByKind(o.manifests)
	sortByKind(o.hooks)
	o.crds, o.manifests, o.hooks = expand(o.crds), expand(o.manifests), expand(o.hooks)
	return nil
}

// documentFiles gives the names of the files that hold documents, sorted, and holds their size to the limit.
func (o *output) documentFiles(rendered map[string]string) ([]string, error) {
	names := make([]string, 0, len(rendered))
	size := int64(0)
	for name, text := range rendered {
		size += int64(len(text))
		if strings.HasSuffix(name, "NOTES.txt") || strings.HasPrefix(path.Base(name), "_") || strings.TrimSpace(text) == "" {
			continue
		}
		names = append(names, name)
	}
	if size > o.maxBytes {
		return nil, invalid(fault.LimitExceeded, "", fmt.Sprintf("the chart renders to %d bytes, the limit is %d", size, o.maxBytes), nil)
	}
	slices.Sort(names)
	return names, nil
}

// separator is what Helm takes for the start of a document: also "---apiVersion: v1".
var separator = regexp.MustCompile(`(?m)^---[ \t]*`)

func splitDocuments(text string) []string {
	var out []string
	if !strings.Contains(text, "---") {
		if t := strings.TrimLeftFunc(text, unicode.IsSpace); t != "" {
			out = append(out, t)
		}
		return out
	}
	for _, d := range separator.Split(strings.TrimLeftFunc(text, unicode.IsSpace), -1) {
		if t := strings.TrimLeftFunc(d, unicode.IsSpace); t != "" {
			out = append(out, t)
		}
	}
	return out
}

// addFile adds the documents of a file to a list, or, without one, to manifests and hooks as their annotations say.
func (o *output) addFile(name, content string, to *[]render.Object) error {
	p, ok := o.places[name]
	if !ok {
		p = place{file: name}
	}
	docs := splitDocuments(content)
	kinds := make([]string, len(docs))
	for i, doc := range docs {
		kinds[i] = kindOf(doc)
	}
	for i, doc := range docs {
		origin := render.Origin{File: p.file, Line: p.line(i, kinds), Document: i}
		body, err := decode(doc)
		if err != nil {
			return yamlFault(render.Place(origin), fmt.Sprintf("document %d of what it renders to", i+1), err)
		}
		if len(body) == 0 {
			continue
		}
		list := to
		if list == nil {
			list = o.listFor(body, origin)
		}
		if list == nil {
			continue
		}
		*list = append(*list, render.Object{Body: body, Origin: origin})
	}
	return nil
}

// expand takes lists apart, after sorting: Helm sorts a List as one document. What is no list, or no proper one, stays
// for render.Finish to judge.
func expand(list []render.Object) []render.Object {
	out := make([]render.Object, 0, len(list))
	for _, obj := range list {
		items, ok := listItems(obj.Body)
		if !ok {
			out = append(out, obj)
			continue
		}
		for _, item := range items {
			out = append(out, expand([]render.Object{{Body: item, Origin: obj.Origin}})...)
		}
	}
	return out
}

// listItems gives the items of a List, or of a typed list, whose items may leave out what the list's own kind says.
func listItems(body map[string]any) ([]map[string]any, bool) {
	kind := text(body["kind"])
	items, ok := body["items"].([]any)
	if !ok || !strings.HasSuffix(kind, "List") {
		return nil, false
	}
	out := make([]map[string]any, 0, len(items))
	for _, item := range items {
		m, ok := item.(map[string]any)
		if !ok {
			return nil, false
		}
		if of := strings.TrimSuffix(kind, "List"); of != "" && m["kind"] == nil {
			m["kind"], m["apiVersion"] = of, body["apiVersion"]
		}
		out = append(out, m)
	}
	return out, true
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// events are the hooks that Helm knows; false for those that never run in an installation or upgrade.
var events = map[string]bool{
	string(release.HookPreInstall): true, string(release.HookPostInstall): true,
	string(release.HookPreUpgrade): true, string(release.HookPostUpgrade): true,
	string(release.HookPreDelete): true, string(release.HookPostDelete): true,
	string(release.HookPreRollback): false, string(release.HookPostRollback): false,
	string(release.HookTest): false, "test-success": false,
}

// listFor says where a document belongs; nil for one that is left out.
func (o *output) listFor(body map[string]any, origin render.Origin) *[]render.Object {
	meta, _ := body["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	hook, ok := annotations[release.HookAnnotation].(string)
	if !ok {
		return &o.manifests
	}
	runs := false
	for h := range strings.SplitSeq(hook, ",") {
		r, known := events[strings.ToLower(strings.TrimSpace(h))]
		if !known {
			o.warnings = append(o.warnings, fmt.Sprintf("%s: left out, as Helm does: %s %q is no hook that Helm knows", render.Place(origin), release.HookAnnotation, hook))
			return nil
		}
		runs = runs || r
	}
	if !runs {
		return nil
	}
	return &o.hooks
}

// rank is the place of a kind in Helm's order of installation; unknown kinds come last, by name.
var rank = func() map[string]int {
	m := make(map[string]int, len(releaseutil.InstallOrder))
	for i, k := range releaseutil.InstallOrder {
		m[k] = i
	}
	return m
}()

func sortByKind(list []render.Object) {
	slices.SortStableFunc(list, func(a, b render.Object) int {
		ka, kb := text(a.Body["kind"]), text(b.Body["kind"])
		ra, aKnown := rank[ka]
		rb, bKnown := rank[kb]
		switch {
		case aKnown && bKnown:
			return ra - rb
		case aKnown:
			return -1
		case bKnown:
			return 1
		}
		return strings.Compare(ka, kb)
	})
}

func (o *output) all() []render.Object { return slices.Concat(o.crds, o.manifests, o.hooks) }

func (o *output) result(warnings []string) render.Result {
	res := render.Result{Kind: render.Helm, Objects: o.all(), AskedAPIs: o.asked, Warnings: slices.Concat(warnings, o.warnings)}
	if o.lookups {
		res.Warnings = append(res.Warnings, "the chart calls lookup, which finds nothing while rendering")
	}
	return res
}

// markRandom notes on the objects of out which leaves came out differently in again, a second run of the same input.
func markRandom(out, again *output) {
	for i, list := range [][]render.Object{out.crds, out.manifests, out.hooks} {
		other := [][]render.Object{again.crds, again.manifests, again.hooks}[i]
		if len(other) != len(list) {
			out.warnings = append(out.warnings, "the number of objects that the chart renders to is random")
		}
		for n := range list {
			if twin := twinOf(list, other, n); twin != nil {
				for _, c := range object.Diff(list[n].Body, twin) {
					list[n].Random = append(list[n].Random, c.Path)
				}
			}
		}
	}
}

// twinOf finds object n of list in other: at the same place where both have as many, otherwise by kind and name.
func twinOf(list, other []render.Object, n int) map[string]any {
	if len(list) == len(other) {
		return other[n].Body
	}
	for _, o := range other {
		if identity(o.Body) == identity(list[n].Body) {
			return o.Body
		}
	}
	return nil
}

func identity(body map[string]any) string {
	meta, _ := body["metadata"].(map[string]any)
	return fmt.Sprint(body["apiVersion"], "|", body["kind"], "|", meta["namespace"], "|", meta["name"])
}
