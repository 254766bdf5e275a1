package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/apply"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// DriftData is the Data of a history.Drift, Healed or Fight.
type DriftData struct {
	Deleted  bool            `json:"deleted,omitempty"`
	Culprits []drift.Culprit `json:"culprits,omitempty"`
	Yielded  []string        `json:"yielded,omitempty"`
}

// onTop reports whether somebody added a field that Git does not have: applying what Git has does not take it away.
func (d DriftData) onTop() bool {
	return slices.ContainsFunc(d.Culprits, func(c drift.Culprit) bool {
		return slices.ContainsFunc(c.Fields, func(f object.Change) bool { return f.From == nil })
	})
}

// heal looks at the objects that no longer say what was applied: who changed what is recorded first, then it is undone,
// unless the App only reports, or the field is left to the manager who keeps taking it.
func (e *Engine) heal(ctx context.Context, a *app, spec App, conn *cluster.Cluster, applied Deployed, o *outcome) {
	set := a.target.set(a.key)
	for _, id := range set.suspects() {
		if err := e.healOne(ctx, a, spec, conn, applied, id); err != nil {
			if errors.Is(err, object.ErrNotFound) || fault.Is(err, fault.NamespaceMissing) {
				a.unsettled = true // more than this object went: the next plan looks at everything
			}
			e.addFault(a, o, err)
			if o.err != nil && o.blocking == nil {
				blame := id
				o.blocking = &Blocking{Object: blame, Message: fault.Of(err).Error()}
			}
			o.current = false
			return
		}
	}
}

func (e *Engine) healOne(ctx context.Context, a *app, spec App, conn *cluster.Cluster, applied Deployed, id object.ID) error {
	set := a.target.set(a.key)
	rec, ok := set.get(id)
	if !ok {
		set.clear(id, 0)
		return nil
	}
	want, err := e.wanted(ctx, a, spec, conn, applied, id)
	if err != nil {
		return err
	}
	if want == nil { // not in the bundle any more: the next plan prunes it
		set.clear(id, rec.live.Version)
		return nil
	}
	live, err := conn.Get(ctx, rec.kind, id)
	if err != nil && !errors.Is(err, object.ErrNotFound) {
		return err
	}
	if live != nil {
		set.observed(a.target.observe(a, id, live))
		if rec, _ = set.get(id); rec.inSync() && e.owns(a, id, live) {
			set.clear(id, rec.live.Version)
			return nil
		}
	}
	data := e.attribute(a, want, live)
	if live != nil && len(data.Culprits) == 0 && e.owns(a, id, live) && e.stillOurs(a, live) {
		o := a.target.observe(a, id, live) // the hash differs, no field does: what we own changed its form, not its meaning
		set.accept(id, o.live)
		return nil
	}
	yielded := e.yield(a, spec, rec, data, id)
	if err := e.recordDrift(ctx, a, id, rec, data, yielded); err != nil {
		return err
	}
	if len(yielded) > 0 && live != nil && e.accept(a, id, live, data, yielded) {
		return nil
	}
	if !spec.Heal {
		set.clear(id, rec.live.Version)
		return nil
	}
	return e.undo(ctx, a, spec, conn, *want, live, data)
}

// stillOurs reports whether our field manager still owns anything of the object.
func (e *Engine) stillOurs(a *app, live *unstructured.Unstructured) bool {
	_, err := a.target.look(a).prints.Fingerprint(live)
	return err == nil || drift.Bare(live)
}

// owns reports whether our mark is still on the object.
func (e *Engine) owns(a *app, id object.ID, live *unstructured.Unstructured) bool {
	owner, ok := object.OwnerOf(id, live.GetAnnotations())
	return ok && owner == e.owner(a) && live.GetLabels()[object.LabelApp] == owner.Label()
}

// wanted gives one object of the applied bundle in the form in which it is sent; nil when the bundle has none such. It
// reads that one object, not the bundle.
func (e *Engine) wanted(ctx context.Context, a *app, spec App, conn *cluster.Cluster, applied Deployed, id object.ID) (*plan.Desired, error) {
	if !e.o.Bundles.Has(applied.Bundle) {
		if _, err := e.recall(ctx, a, spec, where(spec, conn), applied); err != nil {
			return nil, err
		}
	}
	entries, err := e.o.Bundles.Objects(applied.Bundle, id.GroupKind(), id.Name)
	if err != nil {
		return nil, err
	}
	rec, _ := a.target.set(a.key).get(id)
	now := e.prepareOptions(a, spec, conn, string(applied.Bundle))
	before := now
	before.Namespace = id.Namespace // the App may name another one since, which nobody has applied yet
	for _, entry := range entries {
		d, err := plan.PrepareOne(entry, rec.wave, now)
		if err != nil {
			return nil, err
		}
		if d.ID == id {
			return &d, nil
		}
		if d, err = plan.PrepareOne(entry, rec.wave, before); err == nil && d.ID == id && d.Digest == rec.applied {
			return &d, nil
		}
	}
	return nil, nil
}

func (e *Engine) attribute(a *app, want *plan.Desired, live *unstructured.Unstructured) DriftData {
	if live == nil {
		return DriftData{Deleted: true}
	}
	look := a.target.look(a)
	d := DriftData{Culprits: look.prints.Attribute(want.Object.Object, live, look.ignores)}
	if want.ID.Sensitive() {
		for i := range d.Culprits {
			d.Culprits[i].Fields = object.Redact(d.Culprits[i].Fields)
		}
	}
	return d
}

// yield finds the fields to leave to others: an autoscaler's at once, anybody's that keeps taking the field back after it
// was undone. The same change seen again is no new one.
func (e *Engine) yield(a *app, spec App, rec record, data DriftData, id object.ID) []string {
	var out []string
	fresh := spec.Heal && (rec.told != rec.live.Hash || data.Deleted)
	for _, c := range data.Culprits {
		for _, f := range c.Fields {
			var d drift.Decision
			if fresh {
				d = a.fights.Observe(id, f.Path, c.Manager, e.o.Now())
			}
			if !d.Yield && drift.AutoscalerOwns(c) && f.Path == drift.ReplicasField {
				d = a.fights.Yield(id, f.Path, c.Manager, e.o.Now())
			}
			if d.Yield {
				out = append(out, f.Path)
			}
		}
	}
	return out
}

// accept leaves the yielded fields to their managers. It reports whether nothing else differs.
func (e *Engine) accept(a *app, id object.ID, live *unstructured.Unstructured, data DriftData, yielded []string) bool {
	for _, p := range yielded {
		if !slices.Contains(a.yields[id], p) {
			a.yields[id] = append(a.yields[id], p)
		}
	}
	a.yieldsSeen = -1
	a.mu.Lock()
	spec := a.spec
	a.mu.Unlock()
	if err := a.compile(spec); err != nil {
		e.o.Log.Error("a yielded field cannot be ignored", "object", id.String(), "err", err)
		return false
	}
	for _, c := range data.Culprits {
		for _, f := range c.Fields {
			if !slices.Contains(yielded, f.Path) {
				return false
			}
		}
	}
	o := a.target.observe(a, id, live)
	set := a.target.set(a.key)
	set.update(id, func(r *record) { r.yielded = true })
	set.accept(id, o.live)
	return true
}

// recordDrift writes the finding to the history before anything is undone; the same live state is told once.
func (e *Engine) recordDrift(ctx context.Context, a *app, id object.ID, rec record, data DriftData, yielded []string) error {
	if rec.told == rec.live.Hash && !data.Deleted {
		return nil
	}
	a.target.set(a.key).update(id, func(r *record) { r.told = r.live.Hash })
	data.Yielded = yielded
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	kind, reason := history.Drift, fault.Drifted
	if len(yielded) > 0 {
		kind, reason = history.Fight, fault.Fighting
		e.metrics.fights.Inc()
	}
	e.metrics.drift.Inc()
	e.record(ctx, history.Event{
		Kind: kind, App: a.key.String(), Object: id.String(), Actor: actors(data), Reason: string(reason),
		Message: describeDrift(id, data, yielded), Data: raw,
	})
	if len(yielded) > 0 {
		a.note(describeDrift(id, data, yielded))
	}
	return nil
}

func actors(d DriftData) string {
	var names []string
	for _, c := range d.Culprits {
		if !slices.Contains(names, c.Manager) {
			names = append(names, c.Manager)
		}
	}
	return strings.Join(names, ", ")
}

func describeDrift(id object.ID, d DriftData, yielded []string) string {
	if d.Deleted {
		return id.String() + " was deleted"
	}
	if len(yielded) > 0 {
		return fmt.Sprintf("%s: %s is left to %s, which keeps setting it; take the field out of Git, or stop the other manager",
			id, strings.Join(yielded, ", "), actors(d))
	}
	var parts []string
	for _, c := range d.Culprits {
		for _, f := range c.Fields {
			if len(parts) == 3 {
				return id.String() + ": " + strings.Join(parts, "; ") + " and more"
			}
			parts = append(parts, fmt.Sprintf("%s %s → %s by %s", f.Path, brief(f.From), brief(f.To), c.Manager))
		}
	}
	return id.String() + ": " + strings.Join(parts, "; ")
}

func brief(v any) string {
	if v == nil {
		return "(absent)"
	}
	raw, err := json.Marshal(v)
	if err != nil || len(raw) > 60 {
		return "…"
	}
	return strings.Trim(string(raw), `"`)
}

// undo applies the object again; what people's tools put on top is taken over first, so that it goes too.
func (e *Engine) undo(ctx context.Context, a *app, spec App, conn *cluster.Cluster, want plan.Desired, live *unstructured.Unstructured, data DriftData) error {
	me := e.owner(a)
	in := plan.Input{
		Mode: plan.Heal, App: me, Desired: []plan.Desired{want}, Policy: spec.Policy, Live: map[object.ID]plan.Live{},
	}
	if live != nil {
		if foreign := a.target.look(a).prints.Foreign(live); len(foreign) > 0 && !want.Options.Merge && data.onTop() {
			if err := conn.TakeOver(ctx, live, foreign); err != nil {
				return err
			}
		}
		in.Live[want.ID] = plan.Live{ID: want.ID, Kind: live.GroupVersionKind(), UID: string(live.GetUID()), Owner: &me}
	}
	p := plan.Compute(in)
	r := &run{attempt: &Attempt{}, plan: p, desired: map[object.ID]plan.Desired{want.ID: want}}
	x := apply.New(p, r.desired, apply.Deps{
		Cluster: conn, Observer: a.target.set(a.key), Journal: &journal{e: e, a: a, run: r}, Attempt: "heal",
		Preparer: preparer{a.target.look(a), e.o.Installation},
	}, nil)
	st := x.Advance(ctx, e.o.Now())
	if st.Failed != nil {
		return st.Failed
	}
	for _, res := range st.Results {
		if res.Err != nil {
			return res.Err
		}
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	e.metrics.healed.Inc()
	e.record(ctx, history.Event{
		Kind: history.Healed, App: a.key.String(), Object: want.ID.String(), Actor: actors(data),
		Message: "undone: " + describeDrift(want.ID, data, nil), Data: raw,
	})
	return nil
}
