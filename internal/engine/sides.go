package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// Side names one state of an App's objects: SideGit, SideApplied, SideLive, or a past deployment (SideOf).
type Side string

const (
	SideGit     Side = "git"     // what Git says now
	SideApplied Side = "applied" // what was applied last
	SideLive    Side = "live"
)

const deploymentSide = "deployment:"

// SideOf is the state that a deployment brought.
func SideOf(attempt string) Side { return Side(deploymentSide + attempt) }

// attempt is the deployment that the side names; empty for the others.
func (s Side) attempt() string {
	id, ok := strings.CutPrefix(string(s), deploymentSide)
	if !ok {
		return ""
	}
	return id
}

// Valid reports whether the side is written as one.
func (s Side) Valid() bool {
	return s == SideGit || s == SideApplied || s == SideLive || s.attempt() != ""
}

// side is a state that was rendered, ready to be compared.
type side struct {
	objects  map[object.ID]plan.Desired
	problems []*fault.Error // of single objects
}

// scene is an App and what its sides are read from.
type scene struct {
	a    *app
	spec App
	t    *target
	conn *cluster.Cluster
	snap Snapshot
}

// scene finds an App and its cluster, which can be reached as far as is known.
func (e *Engine) scene(key Key) (*scene, error) {
	s, lost, err := e.lookAt(key)
	if err == nil {
		err = lost
	}
	return s, err
}

// lookAt finds an App and its cluster. lost says why the cluster cannot be reached now: what needs it not can be read all
// the same.
func (e *Engine) lookAt(key Key) (s *scene, lost, err error) {
	a := e.app(key)
	if a == nil {
		return nil, nil, ErrNoApp
	}
	_, t := e.wires(a)
	if t == nil {
		return nil, nil, pendingFault()
	}
	a.mu.Lock()
	spec := a.spec
	a.mu.Unlock()
	snap, _ := e.Snapshot(key)
	conn, lost := t.connection()
	switch {
	case isPending(lost):
		return nil, nil, pendingFault()
	case conn == nil:
		return nil, nil, lost
	}
	return &scene{a: a, spec: spec, t: t, conn: conn, snap: snap}, lost, nil
}

func pendingFault() error {
	return &fault.Error{
		Class: fault.Transient, Reason: fault.Initializing, Message: "the App's repository or cluster has not answered yet", Next: "try again in a moment",
	}
}

// deployed finds the bundle that a side stands for; nil for the live side.
func (e *Engine) deployed(ctx context.Context, s *scene, which Side) (*Deployed, error) {
	absent := func(message string) error {
		return &fault.Error{Class: fault.Blocked, Reason: fault.Initializing, Message: message, Next: "plumb status " + s.a.key.Name}
	}
	switch which {
	case SideLive:
		return nil, nil
	case SideGit:
		if s.snap.Desired == nil {
			return nil, absent("nothing of this App has been rendered yet")
		}
		return s.snap.Desired, nil
	case SideApplied:
		if s.snap.Memory.Applied == nil {
			return nil, absent("nothing of this App has been applied yet")
		}
		return s.snap.Memory.Applied, nil
	}
	return e.pastDeployment(ctx, s, which.attempt())
}

func (e *Engine) pastDeployment(ctx context.Context, s *scene, id string) (*Deployed, error) {
	if at := s.snap.Memory.Attempt; at != nil && at.ID == id {
		return &Deployed{Bundle: at.Bundle, Revisions: at.Revisions, At: at.Started}, nil
	}
	ev, err := e.deploymentRecord(ctx, s.a.key, id)
	if err != nil {
		return nil, err
	}
	d := &Deployed{Bundle: object.Digest(ev.Bundle), At: ev.At}
	if !e.o.Bundles.Has(d.Bundle) {
		d.Revisions = e.revisionsOf(ctx, s, ev)
	}
	return d, nil
}

// maxDeployments bounds how far back a deployment is looked for.
const maxDeployments = 2000

func (e *Engine) deploymentRecord(ctx context.Context, key Key, id string) (history.Event, error) {
	missing := &fault.Error{
		Class: fault.Invalid, Reason: fault.RefNotFound, Message: "no deployment " + id + " of " + key.String() + " is recorded", Next: "plumb history " + key.Name,
	}
	if e.o.History == nil {
		return history.Event{}, missing
	}
	events, err := e.o.History.List(ctx, history.Query{App: key.String(), Kinds: []history.Kind{history.Deployment}, Limit: maxDeployments})
	if err != nil {
		return history.Event{}, err
	}
	for _, ev := range events {
		if ev.Attempt == id {
			return ev, nil
		}
	}
	return history.Event{}, missing
}

// revisionsOf says what to render again to get a deployment's bundle, which is no longer stored: what its record names, and
// for sources that it does not name, what they stand at now. A wrong guess shows: the bundle's digest differs then.
func (e *Engine) revisionsOf(ctx context.Context, s *scene, ev history.Event) []bundle.Revision {
	var data struct {
		Revisions []bundle.Revision `json:"revisions"`
	}
	if json.Unmarshal(ev.Data, &data) == nil && len(data.Revisions) > 0 {
		return data.Revisions
	}
	if s.snap.Desired == nil {
		return nil
	}
	out := slices.Clone(s.snap.Desired.Revisions)
	for i := range out {
		if out[i].Tree == "" {
			continue
		}
		mirror, err := e.o.Mirrors.Mirror(out[i].URL)
		if err != nil {
			return nil
		}
		c, err := mirror.Commit(ctx, ev.Commit)
		if err != nil {
			return nil
		}
		out[i].Commit, out[i].Tree = c.SHA, c.Tree
		break
	}
	return out
}

// side gives a side's objects in the form in which they are sent, those that name no namespace in this one. What is wrong with
// single objects is told, and the others are given all the same.
func (e *Engine) side(ctx context.Context, s *scene, d Deployed, namespace string) (side, error) {
	b, err := e.bundleOf(ctx, s, d)
	if err != nil {
		return side{}, err
	}
	o := e.prepareOptions(s.a, s.spec, s.conn, string(d.Bundle))
	o.Namespace = namespace
	desired, _, err := plan.Prepare(b.Objects, o)
	out := side{objects: make(map[object.ID]plan.Desired, len(desired))}
	if err != nil {
		out.problems = plan.Faults(err)
		desired = desired[:0]
		for _, entry := range b.Objects {
			if d, err := plan.PrepareOne(entry, 0, o); err == nil {
				desired = append(desired, d)
			}
		}
	}
	for _, d := range desired {
		out.objects[d.ID] = d
	}
	return out, nil
}

// bundleOf reads a bundle, or renders it again from its revisions.
func (e *Engine) bundleOf(ctx context.Context, s *scene, d Deployed) (bundle.Bundle, error) {
	b, err := e.o.Bundles.Get(d.Bundle)
	if err == nil || !errors.Is(err, bundle.ErrNotFound) {
		return b, err
	}
	if len(d.Revisions) > 0 {
		s.a.stepping.Lock()
		defer s.a.stepping.Unlock()
		return e.recall(ctx, s.a, s.spec, where(s.spec, s.conn), d)
	}
	return b, &fault.Error{
		Class: fault.Blocked, Reason: fault.RefNotFound, Err: err,
		Message: fmt.Sprintf("what the bundle %s had in it is no longer stored, and its commit cannot be rendered again", d.Bundle.Short()),
		Next:    "compare the commits instead",
	}
}

// readLive reads one object of the App as it is now. Only what carries the App's mark is given.
func (e *Engine) readLive(ctx context.Context, s *scene, id object.ID) (*unstructured.Unstructured, error) {
	rec, ok := s.t.set(s.a.key).get(id)
	if !ok {
		return nil, notOfApp(s.a.key, id)
	}
	live, err := s.conn.Get(ctx, rec.kind, id)
	if err != nil {
		return nil, err
	}
	if owner, ok := object.OwnerOf(id, live.GetAnnotations()); !ok || owner != e.owner(s.a) {
		return nil, notOfApp(s.a.key, id)
	}
	return live, nil
}

func notOfApp(key Key, id object.ID) error {
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.NotOwned, Where: id.String(), Message: "it does not belong to App " + key.String(), Err: object.ErrNotFound,
		Next: "plumb tree " + key.Name,
	}
}

// defaultSides: live and Git while something waits to be applied, what was applied and live otherwise.
func defaultSides(s Snapshot) (left, right Side) {
	if s.Memory.Applied == nil || s.InSync == OutOfSync && s.Counts.Drifted == 0 {
		return SideLive, SideGit
	}
	return SideApplied, SideLive
}

// asOf is when a comparison was made.
func (e *Engine) asOf() time.Time { return e.o.Now().UTC() }
