package plan

import (
	"encoding/hex"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/object"
)

// Memo knows what Prepare made of objects, by their content, so that the next bundle of the same App costs what is new in
// it. It holds no object: a few dozen bytes for each. It speaks of plain objects only; hooks, objects with wishes, random
// leaves or warnings are prepared each time.
type Memo struct {
	owner     object.Owner
	namespace string
	scopes    map[schema.GroupVersionKind]scopeAnswer
	sent      map[memoKey]sent
}

// memoKey is the beginning of a body's digest.
type memoKey [16]byte

type sent struct {
	digest [32]byte
	wave   int32
}

type scopeAnswer struct{ namespaced, known bool }

// PrepareAll is Prepare, and remembers what it made of the entries. items are the bundle's own account of them, in the same
// order. The Memo is nil where the objects of a bundle depend on one another: where it brings definitions of kinds.
func PrepareAll(entries []bundle.Entry, items []bundle.Item, o PrepareOptions) ([]Desired, []string, *Memo, error) {
	p := newPreparer(entries, o)
	err := p.all(entries)
	if err != nil || len(p.kinds) > 0 || len(items) != len(entries) {
		return p.out, p.warnings, nil, err
	}
	m := &Memo{owner: o.Owner, namespace: o.Namespace, scopes: map[schema.GroupVersionKind]scopeAnswer{}, sent: make(map[memoKey]sent, len(items))}
	made := len(p.out) - len(entries) // the namespace that was added comes first
	for i := range items {
		m.remember(p, &items[i], &p.out[made+i], p.warned[i])
	}
	return p.out, p.warnings, m, nil
}

func (m *Memo) remember(p *preparer, it *bundle.Item, d *Desired, warned bool) {
	if warned || d.Hook != nil || len(d.Random) > 0 || it.Random || int(int32(d.Wave)) != d.Wave || !reflect.DeepEqual(d.Options, Options{}) {
		return
	}
	gvk := it.GVK()
	if _, asked := m.scopes[gvk]; !asked {
		namespaced, known := p.scope(gvk)
		m.scopes[gvk] = scopeAnswer{namespaced, known}
	}
	digest, err := bundle.RawDigest(d.Digest)
	if err != nil || d.ID != m.named(it) {
		return
	}
	m.sent[memoKey(it.Digest[:])] = sent{digest, int32(d.Wave)}
}

// named is the ID under which an object goes out whose kind has the remembered scope.
func (m *Memo) named(it *bundle.Item) object.ID {
	id := it.ID
	switch {
	case !m.scopes[it.GVK()].namespaced:
		id.Namespace = ""
	case id.Namespace == "":
		id.Namespace = m.namespace
	}
	return id
}

// Prepare gives what Prepare would give of a bundle with these items, but that known objects have a Kind and no Object. load
// reads the entries at some places, in ascending order; prepared says how many. ok is false where all entries are needed:
// to tell what is wrong, or because the Memo is of another destination.
func (m *Memo) Prepare(items []bundle.Item, load func(places []int) ([]bundle.Entry, error), o PrepareOptions) (out []Desired, warnings []string, prepared int, ok bool, err error) {
	if m == nil || m.owner != o.Owner || m.namespace != o.Namespace {
		return nil, nil, 0, false, nil
	}
	p := newPreparer(nil, o)
	places, ok := m.unknown(p, items)
	if !ok {
		return nil, nil, 0, false, nil
	}
	entries, err := load(places)
	if err != nil {
		return nil, nil, 0, false, err
	}
	p.out = make([]Desired, 0, len(items)+1)
	p.seen = make(map[object.ID]object.Origin, len(items))
	if !m.fill(p, items, places, entries) {
		return nil, nil, 0, false, nil
	}
	made := len(p.out)
	p.ensureNamespace()
	made = len(p.out) - made
	p.raiseWaves()
	if len(p.faults) > 0 {
		return nil, nil, 0, false, nil
	}
	if made > 0 && p.finish(&p.out[0]) != nil {
		return nil, nil, 0, false, nil
	}
	for k, at := range places {
		d := &p.out[made+at]
		if p.finish(d) != nil {
			return nil, nil, 0, false, nil
		}
		m.remember(p, &items[at], d, p.warned[k])
	}
	m.trim(items)
	return p.out, p.warnings, len(places), true, nil
}

// unknown lists the places of what must be prepared; false: everything must.
func (m *Memo) unknown(p *preparer, items []bundle.Item) (places []int, ok bool) {
	now := map[schema.GroupVersionKind]bool{} // the scope is the one that is remembered
	for i := range items {
		it := &items[i]
		gvk := it.GVK()
		if gvk.GroupKind() == crdKind {
			return nil, false
		}
		same, asked := now[gvk]
		if !asked {
			before, known := m.scopes[gvk]
			namespaced, served := p.scope(gvk)
			same = known && before == scopeAnswer{namespaced, served}
			if known && !same {
				return nil, false
			}
			now[gvk] = same
		}
		if _, known := m.sent[memoKey(it.Digest[:])]; !known || !same || it.Random {
			places = append(places, i)
		}
	}
	return places, true
}

// fill puts known and loaded objects together, in their order.
func (m *Memo) fill(p *preparer, items []bundle.Item, places []int, entries []bundle.Entry) bool {
	const size = len("sha256:") + 2*32
	text := make([]byte, 0, size*(len(items)-len(places)))
	next := 0
	for i := range items {
		if next < len(places) && places[next] == i {
			next++
			continue
		}
		known := m.sent[memoKey(items[i].Digest[:])]
		text = hex.AppendEncode(append(text, "sha256:"...), known.digest[:])
	}
	digests := string(text)
	next = 0
	for i := range items {
		it := &items[i]
		if next < len(places) && places[next] == i {
			warned := len(p.warnings)
			d, ok := p.entry(entries[next])
			if !ok {
				return false
			}
			p.warned = append(p.warned, len(p.warnings) > warned)
			p.out = append(p.out, d)
			next++
			continue
		}
		id := m.named(it)
		if _, twice := p.seen[id]; twice {
			return false
		}
		p.seen[id] = it.Origin
		p.out = append(p.out, Desired{
			ID: id, Kind: it.GVK(), Origin: it.Origin, Wave: int(m.sent[memoKey(it.Digest[:])].wave), Digest: object.Digest(digests[:size]),
		})
		digests = digests[size:]
	}
	return next == len(places)
}

// trim forgets what is no longer there, once that is much.
func (m *Memo) trim(items []bundle.Item) {
	if len(m.sent) <= 2*len(items) {
		return
	}
	keep := make(map[memoKey]sent, len(items))
	for i := range items {
		key := memoKey(items[i].Digest[:])
		if s, ok := m.sent[key]; ok {
			keep[key] = s
		}
	}
	m.sent = keep
}
