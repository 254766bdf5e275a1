package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/transform"
)

// What is rendered of plain files is the same objects whatever the other files say, so that a commit needs no more than
// the files that it changed: the stored bundle has the objects of the others. Smaller Apps are rendered as a whole.
const (
	partsFrom = 200       // objects
	partsRead = 128 << 20 // bytes of all files together, well below what a tree lets a render read
	partKey   = 32        // digits of a part's key
)

// partial is a source whose files render by themselves.
type partial struct {
	in    input
	req   render.Request
	files render.Files
	names []string // in order
	keys  []string // of names
	sizes *sizes   // of what was read
}

// partial looks at what a render would read; nil when it has to be made as a whole.
func (e *Engine) partial(ctx context.Context, spec App, inputs []input, files render.Files, req render.Request) *partial {
	if req.Kind != render.Plain || len(inputs) != 1 || inputs[0].repo == nil || len(spec.Substitute) > 0 {
		return nil
	}
	in := inputs[0]
	names, err := render.PlainFiles(ctx, files, req)
	if err != nil || len(names) < 2 {
		return nil // the render says why
	}
	salt, err := object.DigestValue(map[string]any{
		"build": e.o.Build, "source": in.source.Name, "labels": spec.Labels, "annotations": spec.Annotations,
		"fileBytes": in.repo.settings().Limits.FileBytes,
	})
	if err != nil {
		return nil
	}
	p := &partial{in: in, req: req, names: names, keys: make([]string, len(names))}
	p.sizes = &sizes{Files: files, of: map[string]int64{}}
	p.files = p.sizes
	for i, name := range names {
		id, err := in.files.Identify(name)
		if err != nil || id == "" {
			return nil
		}
		p.keys[i] = string(object.DigestOf([]byte(salt), []byte(name), []byte(id)))[len("sha256:"):][:partKey]
	}
	return p
}

// sizes are files that note how much was read of each.
type sizes struct {
	render.Files
	mu sync.Mutex
	of map[string]int64
}

func (s *sizes) ReadFile(name string) ([]byte, error) {
	data, err := s.Files.ReadFile(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[name] = int64(len(data))
	return data, err
}

// kept gives the draft of a bundle of which only the files that changed since the stored one are rendered. It is false where
// that is not sure to be what a render of everything would give, or spares too little.
func (e *Engine) kept(ctx context.Context, spec App, p *partial, out *rendered) (bundle.Draft, bool) {
	if p.in.former == "" {
		return bundle.Draft{}, false
	}
	from, err := e.o.Bundles.Index(p.in.former)
	if err != nil || len(from.Parts) == 0 {
		return bundle.Draft{}, false
	}
	d := bundle.Draft{From: from, Pieces: make([]bundle.Piece, len(p.names))}
	have := make(map[string]bundle.Piece, len(from.Parts))
	first := 0
	for _, part := range from.Parts {
		have[part.Key] = bundle.Piece{Part: part, Kept: true, First: first}
		first += part.Objects
	}
	var changed []string
	for i, key := range p.keys {
		if piece, ok := have[key]; ok {
			d.Pieces[i] = piece
		} else {
			changed = append(changed, p.names[i])
		}
	}
	if len(changed) > len(p.names)/2 {
		return bundle.Draft{}, false
	}
	if len(changed) > 0 {
		req := p.req
		req.Plain.Only = changed
		res, err := e.o.Renderer.Render(ctx, p.files, req)
		if err != nil || len(res.Warnings)+len(res.AskedAPIs) > 0 {
			return bundle.Draft{}, false
		}
		if !p.fill(ctx, spec, &d, res.Objects) {
			return bundle.Draft{}, false
		}
	}
	out.renderer = string(render.Plain)
	return d, p.allowed(d)
}

// fill puts the objects into the pieces that are not kept.
func (p *partial) fill(ctx context.Context, spec App, d *bundle.Draft, objects []render.Object) bool {
	at := make(map[string]int, len(p.names))
	for i, name := range p.names {
		at[name] = i
	}
	weights := make([]int64, len(p.names))
	all := make([]transform.Object, len(objects))
	last := 0
	for i, o := range objects {
		k, ok := at[o.Origin.File]
		if !ok || k < last || d.Pieces[k].Kept {
			return false // not in the order of the files
		}
		last = k
		weights[k] += render.Weigh(o.Body)
		o.Origin.Source = p.in.source.Name
		all[i] = transform.Object{Body: o.Body, Origin: o.Origin, Random: o.Random}
	}
	all, err := transform.Run(ctx, all, spec.transforms())
	if err != nil || len(all) != len(objects) {
		return false
	}
	for i := range all {
		k := at[objects[i].Origin.File]
		d.Pieces[k].Entries = append(d.Pieces[k].Entries, bundle.Entry{Body: all[i].Body, Origin: all[i].Origin, Random: all[i].Random})
	}
	for i := range d.Pieces {
		if !d.Pieces[i].Kept {
			d.Pieces[i].Part = bundle.Part{Key: p.keys[i], Objects: len(d.Pieces[i].Entries), Weight: weights[i], Read: p.sizes.of[p.names[i]]}
		}
	}
	return true
}

// allowed reports whether the pieces together are within the limits, and hold no object twice.
func (p *partial) allowed(d bundle.Draft) bool {
	objects, weight, read := 0, int64(0), int64(0)
	for _, piece := range d.Pieces {
		objects += piece.Part.Objects
		weight += piece.Part.Weight
		read += piece.Part.Read
	}
	if !p.req.Limits.Allow(objects, weight) || read > partsRead {
		return false
	}
	seen := make(map[object.ID]struct{}, objects)
	n := 0
	see := func(id object.ID) {
		if id.Name == "" {
			return // a generateName may be there often
		}
		n++
		seen[id] = struct{}{}
	}
	for _, piece := range d.Pieces {
		for _, e := range piece.Entries {
			see(e.ID())
		}
		if piece.Kept {
			for i := range d.From.Items[piece.First : piece.First+piece.Part.Objects] {
				see(d.From.Items[piece.First+i].ID)
			}
		}
	}
	return len(seen) == n
}

// whole gives the draft of a bundle all of which was rendered: in parts, where another render may keep some.
func (e *Engine) whole(ctx context.Context, spec App, p *partial, objects []render.Object, warnings []string) (bundle.Draft, bool) {
	if p == nil || len(objects) < partsFrom || len(warnings) > 0 {
		return bundle.Draft{}, false
	}
	d := bundle.Draft{Pieces: make([]bundle.Piece, len(p.names))}
	return d, p.fill(ctx, spec, &d, objects)
}

// add seals the draft and stores the bundle.
func (e *Engine) add(d bundle.Draft, began time.Time, out *rendered) error {
	d.Renderer, d.Warnings, d.Revisions, d.Took = out.renderer, out.warnings, out.revs, e.o.Now().Sub(began)
	sealed, err := e.o.Bundles.Add(d)
	if err != nil {
		return err
	}
	out.bundle, out.count = sealed.Digest, sealed.Count
	e.did.encoded.Add(int64(sealed.Fresh))
	return nil
}

// did counts what was done for single objects.
type did struct{ encoded, prepared atomic.Int64 }

// Work is how many objects were encoded for bundles, and how many were brought into the form in which they are sent, so far.
type Work struct{ Encoded, Prepared int64 }

// Work tells what was done so far.
func (e *Engine) Work() Work { return Work{e.did.encoded.Load(), e.did.prepared.Load()} }
