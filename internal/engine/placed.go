package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/object"
)

// sides reads sides of one App, each form of a bundle once.
type sides struct {
	e    *Engine
	s    *scene
	have map[sideForm]*side
}

// sideForm is a bundle in the form in which it is sent to a namespace, if its objects name none.
type sideForm struct {
	bundle    object.Digest
	namespace string
}

func (e *Engine) sides(s *scene) *sides { return &sides{e, s, map[sideForm]*side{}} }

// read gives what was applied as it was sent, and any other side as it would be sent now; nil for the live one.
func (x *sides) read(ctx context.Context, which Side) (*side, error) {
	d, err := x.e.deployed(ctx, x.s, which)
	if err != nil || d == nil {
		return nil, err
	}
	if which == SideApplied {
		return x.asSent(ctx, *d)
	}
	return x.in(ctx, *d, x.s.spec.Namespace)
}

// sent gives a side as it was sent.
func (x *sides) sent(ctx context.Context, which Side) (*side, error) {
	d, err := x.e.deployed(ctx, x.s, which)
	if err != nil || d == nil {
		return nil, err
	}
	return x.asSent(ctx, *d)
}

// asSent gives a bundle's objects in the namespace that they were sent to. While a changed spec waits to be applied, the App
// names another one. No record says which it was, but the digests of what was sent tell it.
func (x *sides) asSent(ctx context.Context, d Deployed) (*side, error) {
	best, err := x.in(ctx, d, x.s.spec.Namespace)
	if err != nil {
		return nil, err
	}
	records := x.s.t.set(x.s.a.key).all()
	proof := best.provenBy(records)
	for _, namespace := range best.otherNamespaces(records) {
		sd, err := x.in(ctx, d, namespace)
		if err != nil {
			return nil, err
		}
		if n := sd.provenBy(records); n > proof {
			best, proof = sd, n
		}
	}
	return best, nil
}

func (x *sides) in(ctx context.Context, d Deployed, namespace string) (*side, error) {
	form := sideForm{d.Bundle, namespace}
	if sd := x.have[form]; sd != nil {
		return sd, nil
	}
	sd, err := x.e.side(ctx, x.s, d, namespace)
	if err != nil {
		return nil, err
	}
	x.have[form] = &sd
	return &sd, nil
}

// provenBy counts the objects that are on record as they are here.
func (sd *side) provenBy(records map[object.ID]record) int {
	n := 0
	for id, d := range sd.objects {
		if r, ok := records[id]; ok && (r.applied == "" || r.applied == d.Digest) {
			n++
		}
	}
	return n
}

// maxPlaces bounds how many namespaces are tried.
const maxPlaces = 5

// otherNamespaces are those of recorded objects that the side does not have, most objects first.
func (sd *side) otherNamespaces(records map[object.ID]record) []string {
	found := map[string]int{}
	for id, r := range records {
		if _, ok := sd.objects[id]; !ok && !r.hook && id.Namespace != "" {
			found[id.Namespace]++
		}
	}
	out := slices.SortedFunc(maps.Keys(found), func(a, b string) int { return cmp.Or(found[b]-found[a], strings.Compare(a, b)) })
	return out[:min(len(out), maxPlaces)]
}
