package kustomize

import (
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/resmap"

	"plumb.cd/plumb/internal/render"
)

// candidate is an object that a resource file or generator defines, reached along one way through the overlays.
type candidate struct {
	group, kind, namespace, name string
	final                        string // the name with the prefixes and suffixes of the way
	hashed                       bool   // a generator's: the name ends in "-" and a hash, unless turned off
	origin                       render.Origin
	random                       []string // of an object of a chart
}

// places tells which candidate an object of the output is.
type places struct {
	dir    string
	src    *source
	all    []candidate
	byKind map[string][]candidate
	docs   map[string][]document // by file
	depth  int
}

// maxOverlayDepth bounds the walk; Kustomize itself refuses cycles.
const maxOverlayDepth = 100

func newPlaces(src *source, dir string) *places {
	p := &places{dir: dir, src: src, byKind: map[string][]candidate{}, docs: map[string][]document{}}
	options := src.options
	p.walk(dir, options.NamePrefix, options.NameSuffix)
	for _, c := range options.Components {
		p.walk(path.Join(dir, c), options.NamePrefix, options.NameSuffix)
	}
	return p
}

func (p *places) add(c candidate) {
	p.all = append(p.all, c)
	p.byKind[c.kind] = append(p.byKind[c.kind], c)
}

// walk collects what the overlay at dir defines, given the prefix and suffix that the overlays above it add.
func (p *places) walk(dir, prefix, suffix string) {
	o, ok := p.src.overlays[dir]
	if !ok || p.depth > maxOverlayDepth {
		return
	}
	p.depth++
	defer func() { p.depth-- }()
	prefix, suffix = prefix+o.prefix, o.suffix+suffix
	for _, g := range o.generators {
		kind := "ConfigMap"
		if g.field == "secretGenerator" {
			kind = "Secret"
		}
		p.add(candidate{
			kind: kind, name: g.value, final: prefix + g.value + suffix, hashed: true, namespace: o.namespace,
			origin: render.Origin{File: o.file, Line: g.line},
		})
	}
	for _, e := range o.resources {
		name := path.Join(o.dir, e.value)
		if _, isDir := p.src.overlays[name]; isDir {
			p.walk(name, prefix, suffix)
			continue
		}
		for _, d := range p.documents(name) {
			p.add(p.src.charts.place(name, candidate{
				group: d.group, kind: d.kind, name: d.name, namespace: d.namespace, final: prefix + d.name + suffix,
				origin: render.Origin{File: name, Line: d.line, Document: d.index},
			}))
		}
	}
	for _, e := range o.components {
		p.walk(path.Join(o.dir, e.value), prefix, suffix)
	}
}

func (p *places) documents(name string) []document {
	if docs, done := p.docs[name]; done {
		return docs
	}
	data, ok := p.src.read[name]
	if !ok {
		data = p.src.virtual[name]
	}
	docs := outline(name, data)
	p.docs[name] = docs
	return docs
}

// place sets the origin of every object and reports whether all could be placed beyond doubt.
func (p *places) place(objects []render.Object) bool {
	for i := range objects {
		c, ok := p.find(objects[i].Body, "")
		if !ok {
			return false
		}
		objects[i].Origin, objects[i].Random = c.origin, c.random
	}
	return true
}

// find gives the candidate that body was made from, of those in file when it is not empty. The narrowest of four
// readings of the name that fits exactly one place decides.
func (p *places) find(body map[string]any, file string) (candidate, bool) {
	id := render.IDOf(body)
	tiers := [4][]candidate{}
	for _, c := range p.byKind[id.Kind] {
		if c.group != id.Group || (file != "" && c.origin.File != file) {
			continue
		}
		if t := tier(c, id.Name); t >= 0 {
			tiers[t] = append(tiers[t], c)
		}
	}
	for _, found := range tiers {
		if len(found) == 0 {
			continue
		}
		if c, ok := single(found); ok {
			return c, true
		}
		return inNamespace(found, id.Namespace)
	}
	return candidate{}, false
}

func tier(c candidate, name string) int {
	const hashLength = 10
	switch rest, cut := strings.CutPrefix(name, c.final+"-"); {
	case name == c.final:
		return 0
	case c.hashed && cut && len(rest) == hashLength && !strings.Contains(rest, "-"):
		return 0
	case name == c.name:
		return 1
	case strings.Contains(name, c.final):
		return 2
	case strings.Contains(name, c.name):
		return 3
	}
	return -1
}

// single reports whether all candidates are one place.
func single(found []candidate) (candidate, bool) {
	for _, c := range found[1:] {
		if c.origin != found[0].origin {
			return candidate{}, false
		}
	}
	return found[0], true
}

func inNamespace(found []candidate, namespace string) (candidate, bool) {
	var in []candidate
	for _, c := range found {
		if c.namespace == namespace {
			in = append(in, c)
		}
	}
	if len(in) == 0 {
		return candidate{}, false
	}
	return single(in)
}

// placeFrom sets the origins from a second build of the same input that carries Kustomize's annotations. Both builds
// give the same objects in the same order.
func (p *places) placeFrom(objects []render.Object, annotated resmap.ResMap) {
	resources := annotated.Resources()
	used := map[render.Origin]bool{}
	var unplaced []int
	for i := range objects {
		c, ok := p.find(objects[i].Body, "")
		if !ok && i < len(resources) {
			c, ok = p.find(objects[i].Body, p.annotatedFile(resources[i]))
		}
		if !ok {
			unplaced = append(unplaced, i)
			continue
		}
		objects[i].Origin, objects[i].Random = c.origin, c.random
		used[c.origin] = true
	}
	for _, i := range unplaced {
		file := ""
		if i < len(resources) {
			file = p.annotatedFile(resources[i])
		}
		objects[i].Origin = p.leftOver(file, render.IDOf(objects[i].Body).Kind, used)
	}
}

// leftOver is the first document of the kind in file that no other object came from, or the file alone: what a patch
// renamed.
func (p *places) leftOver(file, kind string, used map[render.Origin]bool) render.Origin {
	for _, c := range p.byKind[kind] {
		if c.origin.File == file && !used[c.origin] {
			used[c.origin] = true
			return c.origin
		}
	}
	if file == "" {
		file = p.src.top(p.dir)
	}
	return render.Origin{File: file}
}
