package engine

import (
	"context"
	"errors"
	"slices"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// sendable is a bundle in the form in which it is sent. It lives as long as a step.
type sendable struct {
	bundle   object.Digest
	spec     int64 // generation
	conn     *cluster.Cluster
	desired  []plan.Desired
	warnings []string
	from     *bundle.Index // where the objects are that desired only knows; nil: it has them all
}

// prepared gives the objects of a bundle in the form in which they are sent, and files with the cluster that the App
// wants them. Of a large App whose last bundle was prepared in this process, what is the same is known, not read (see
// plan.Memo).
func (e *Engine) prepared(ctx context.Context, a *app, spec App, conn *cluster.Cluster, want Deployed) ([]plan.Desired, []string, error) {
	if s := a.sendable; s != nil && s.bundle == want.Bundle && s.spec == spec.Generation && s.conn == conn {
		return s.desired, slices.Clone(s.warnings), nil
	}
	s, err := e.known(a, spec, conn, want)
	if err != nil {
		return nil, nil, err
	}
	if s == nil {
		if s, err = e.prepareAll(ctx, a, spec, conn, want); err != nil {
			return nil, nil, err
		}
	}
	a.target.claim(a.key, s.desired)
	a.sendable = s
	return s.desired, slices.Clone(s.warnings), nil
}

// known prepares what the App's Memo does not know of a bundle; nil: all has to be prepared.
func (e *Engine) known(a *app, spec App, conn *cluster.Cluster, want Deployed) (*sendable, error) {
	if a.memo == nil || !a.verified {
		return nil, nil
	}
	from, err := e.o.Bundles.Index(want.Bundle)
	if err != nil {
		return nil, nil // it is rendered again
	}
	load := func(places []int) ([]bundle.Entry, error) { return e.o.Bundles.Entries(from, places) }
	o := e.prepareOptions(a, spec, conn, string(want.Bundle))
	desired, warnings, n, ok, err := a.memo.Prepare(from.Items, load, o)
	switch {
	case errors.Is(err, bundle.ErrNotFound) || err == nil && !ok:
		return nil, nil
	case err != nil:
		return nil, err
	}
	e.did.prepared.Add(int64(n))
	a.kinds, a.kindsFor = from.Kinds(), want.Bundle
	return &sendable{want.Bundle, spec.Generation, conn, desired, warnings, from}, nil
}

// prepareAll reads the bundle and prepares all of it.
func (e *Engine) prepareAll(ctx context.Context, a *app, spec App, conn *cluster.Cluster, want Deployed) (*sendable, error) {
	entries, err := e.entries(ctx, a, spec, conn, want)
	if err != nil {
		return nil, err
	}
	var items []bundle.Item
	if len(entries) >= partsFrom {
		if x, err := e.o.Bundles.Index(want.Bundle); err == nil {
			items = x.Items
		}
	}
	desired, warnings, memo, err := plan.PrepareAll(entries, items, e.prepareOptions(a, spec, conn, string(want.Bundle)))
	if err != nil {
		return nil, err
	}
	if a.memo = nil; len(items) > 0 {
		a.memo = memo
	}
	e.did.prepared.Add(int64(len(entries)))
	a.kinds, a.kindsFor = kindsOf(entries), want.Bundle
	return &sendable{want.Bundle, spec.Generation, conn, desired, warnings, nil}, nil
}

// entries are the objects of a bundle, which nobody may change.
func (e *Engine) entries(ctx context.Context, a *app, spec App, conn *cluster.Cluster, want Deployed) ([]bundle.Entry, error) {
	if entries, err := e.o.Bundles.Recent(want.Bundle); err == nil {
		return entries, nil
	}
	b, err := e.recall(ctx, a, spec, where(spec, conn), want)
	return b.Objects, err
}

// complete fills in the objects of the plan's steps that are only known. It is false when there are so many of them that
// all are better prepared at once.
func (e *Engine) complete(a *app, spec App, conn *cluster.Cluster, p plan.Plan) (bool, error) {
	s := a.sendable
	if s == nil || s.from == nil {
		return true, nil
	}
	at := map[object.ID]bool{}
	for _, groups := range [][]plan.Group{p.Groups, p.OnFailure} {
		for _, g := range groups {
			for _, step := range g.Steps {
				at[step.ID] = true
			}
		}
	}
	first := len(s.desired) - len(s.from.Items) // the namespace that was added comes before them
	var places []int
	for i := range s.desired {
		if s.desired[i].Object == nil && at[s.desired[i].ID] {
			places = append(places, i-first)
		}
	}
	if len(places) > len(s.desired)/4 {
		return false, nil
	}
	entries, err := e.o.Bundles.Entries(s.from, places)
	if err != nil {
		return false, err
	}
	o := e.prepareOptions(a, spec, conn, string(s.bundle))
	for k, place := range places {
		d := &s.desired[first+place]
		full, err := plan.PrepareOne(entries[k], d.Wave, o)
		if err != nil || full.ID != d.ID || full.Digest != d.Digest {
			return false, err
		}
		d.Object = full.Object
	}
	e.did.prepared.Add(int64(len(places)))
	return true, nil
}
