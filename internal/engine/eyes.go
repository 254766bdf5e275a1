package engine

import (
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// eyes are how an App's objects are looked at: its health rules, and what counts as drift.
type eyes struct {
	spec    int64  // its generation ...
	uid     string // ... and UID
	rules   *health.Rules
	ignores *drift.Ignores
	prints  *drift.Fingerprinter
}

// look gives the App's eyes, or those of an App without rules of its own (a may be nil: not known yet).
func (t *target) look(a *app) *eyes {
	if a != nil {
		if l := a.eyes.Load(); l != nil {
			return l
		}
	}
	return t.plain
}

// print is the fingerprint of an object as it is.
func (l *eyes) print(obj *unstructured.Unstructured) drift.Record {
	if drift.Bare(obj) {
		return l.prints.FingerprintBare(obj)
	}
	r, err := l.prints.Fingerprint(obj)
	if err != nil { // our fields are nobody's any more: the hash of nothing differs from any
		return drift.Record{UID: string(obj.GetUID()), Version: versionOf(obj), Schema: obj.GetAPIVersion()}
	}
	return r
}

// base is the fingerprint that an object is to have from now on, out of the answer to a write or a dry-run, whose own
// fingerprint is live. What people's tools put on top is no part of it, unless it is to stay.
func (l *eyes) base(obj *unstructured.Unstructured, live drift.Record, o plan.Options) drift.Record {
	if drift.Bare(obj) || o.Merge || l.prints.Plain(obj) {
		return live
	}
	r, err := l.prints.Baseline(obj)
	if err != nil {
		return live
	}
	return r
}

// prints makes a fingerprinter for the cluster's objects.
func (t *target) prints(ignores *drift.Ignores) *drift.Fingerprinter {
	return drift.New(t.e.o.HashKey, t.e.o.Installation, drift.Rules{Ignores: ignores, Schema: t.schema})
}

// schema is what the meaning of a hash depends on besides the object: the generation of a custom resource's CRD.
func (t *target) schema(gvk schema.GroupVersionKind) string {
	t.mu.Lock()
	conn := t.conn
	t.mu.Unlock()
	if conn == nil {
		return ""
	}
	return conn.Schema(gvk)
}

// compile makes the App's eyes from its spec and from the fields that were yielded.
func (a *app) compile(spec App) error {
	have := a.eyes.Load()
	if have != nil && have.spec == spec.Generation && have.uid == spec.UID && len(a.yields) == a.yieldsSeen {
		return nil
	}
	next := &eyes{spec: spec.Generation, uid: spec.UID}
	var err error
	if len(spec.Health) > 0 {
		if next.rules, err = health.CompileRules(spec.Health); err != nil {
			return err
		}
	}
	ignore := slices.Clone(spec.Ignore)
	for _, fields := range []map[object.ID][]string{a.yields, a.left} {
		for id, paths := range fields {
			ignore = append(ignore, drift.Ignore{Group: id.Group, Kind: id.Kind, Namespace: id.Namespace, Name: id.Name, Paths: paths})
		}
	}
	if len(ignore) > 0 {
		if next.ignores, err = drift.CompileIgnores(ignore); err != nil {
			return err
		}
	}
	if next.prints = a.target.plain.prints; next.ignores != nil {
		next.prints = a.target.prints(next.ignores)
	}
	a.eyes.Store(next)
	a.yieldsSeen = len(a.yields)
	return nil
}

// note keeps the newest findings of drift for the Snapshot.
func (a *app) note(s string) {
	const limit = 3
	a.notes = append([]string{s}, slices.DeleteFunc(a.notes, func(o string) bool { return o == s })...)
	a.notes = a.notes[:min(len(a.notes), limit)]
}

// blamed is the place that an object of a bundle was rendered from. The same object blocks for many steps.
type blamed struct {
	bundle object.Digest
	id     object.ID
	file   string
}

// fileOf finds the file and line that the blocking object was rendered from. It is called within a step.
func (e *Engine) fileOf(a *app, b Blocking) string {
	if a.mem.Applied == nil && a.rendered.bundle == "" {
		return ""
	}
	digest := a.rendered.bundle
	if digest == "" {
		digest = a.mem.Applied.Bundle
	}
	if a.blamed.bundle == digest && a.blamed.id == b.Object {
		return a.blamed.file
	}
	entries, err := e.o.Bundles.Objects(digest, b.Object.GroupKind(), b.Object.Name)
	if err != nil || len(entries) == 0 {
		return ""
	}
	a.blamed = blamed{digest, b.Object, entries[0].Origin.String()}
	return a.blamed.file
}

// followed is one object that Apps depend on without owning it.
type followed struct {
	status health.Status
	err    error
	synced bool
}

// follow watches one object that an App depends on, and tells how it fares. errPending: not heard of yet.
func (t *target) follow(conn *cluster.Cluster, kind schema.GroupVersionKind, id object.ID, user Key) (health.Status, error) {
	t.mu.Lock()
	if t.follows == nil {
		t.follows = map[object.ID]*followed{}
	}
	f := t.follows[id]
	fresh := f == nil
	if fresh {
		f = &followed{status: health.Status{Level: health.Missing}}
		t.follows[id] = f
	}
	t.mu.Unlock()
	if fresh {
		tell := func(obj *unstructured.Unstructured, err error) {
			t.mu.Lock()
			f.synced, f.err = true, err
			f.status = health.Status{Level: health.Missing, Message: "it does not exist"}
			if obj != nil {
				f.status = health.Compute(obj, t.e.o.Now(), nil)
			}
			t.mu.Unlock()
			t.kickUsers()
			t.e.kickKeys([]Key{user})
		}
		conn.Follow(kind, id, tell)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !f.synced {
		return f.status, errPending
	}
	return f.status, f.err
}

// ensureWatch starts the watch of a kind that a plan has just brought objects of.
func (t *target) ensureWatch(kind schema.GroupVersionKind) {
	t.mu.Lock()
	conn := t.conn
	_, started := t.watched[kind]
	if !started && conn != nil {
		t.watched[kind] = false
	}
	t.mu.Unlock()
	if started || conn == nil {
		return
	}
	conn.EnsureWatch(kind, t)
}

// remember puts a fingerprint into the state store, soon.
func (t *target) remember(o observation, digest object.Digest) {
	if t.e.o.Owned == nil {
		return
	}
	raw, err := json.Marshal(savedRecord{Want: o.base, Applied: digest})
	if err != nil {
		return
	}
	t.unsaved.put(o.live.UID, raw)
}

func (t *target) forgetSaved(uid string) {
	if t.e.o.Owned != nil && uid != "" {
		t.unsaved.put(uid, nil)
	}
}
