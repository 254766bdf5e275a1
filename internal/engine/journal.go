package engine

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/apply"
	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// journal is told by an execution what happens, and makes durable what must be.
type journal struct {
	e   *Engine
	a   *app
	run *run
}

func (j *journal) HookStarted(ctx context.Context, key string) error {
	return j.hook(ctx, key, hookStarting)
}

func (j *journal) HookEnded(ctx context.Context, key string, o apply.HookOutcome) error {
	state := outcomeFailed
	if o.Succeeded {
		state = outcomeOK
	}
	return j.hook(ctx, key, state)
}

func (j *journal) hook(ctx context.Context, key, state string) error {
	j.note(key, state)
	return j.e.save(ctx, j.a)
}

func (j *journal) note(key, state string) {
	at := *j.run.attempt
	at.Hooks = maps.Clone(at.Hooks)
	if at.Hooks == nil {
		at.Hooks = map[string]string{}
	}
	at.Hooks[key] = state
	j.run.attempt, j.a.mem.Attempt = &at, &at
}

// created notes that a hook exists. The end of the step makes that durable: a kill before it finds the hook itself.
func (j *journal) created(id object.ID) {
	for key, state := range j.run.attempt.Hooks {
		if state == hookStarting && strings.HasSuffix(key, ":"+id.String()) {
			j.note(key, hookStarted)
		}
	}
}

func (j *journal) Applied(step plan.Step, answer *unstructured.Unstructured) {
	a, t := j.a, j.a.target
	if j.run.desired[step.ID].Options.Ensure {
		return // made where it was missing, owned by nobody
	}
	o := t.observe(a, step.ID, answer)
	set := t.set(a.key)
	t.hold(step.ID, a.key, o.live.Version)
	if step.Action == plan.Hook {
		j.created(step.ID)
		set.observed(o)
		t.ensureWatch(answer.GroupVersionKind())
		return
	}
	digest := j.run.desired[step.ID].Digest
	o.base = t.look(a).base(answer, o.live, j.run.desired[step.ID].Options)
	o.base.Schema = t.names.one(o.base.Schema)
	set.applied(step.ID, o, digest)
	t.remember(o, digest)
	t.ensureWatch(answer.GroupVersionKind())
}

func (j *journal) Pruned(step plan.Step) {
	t := j.a.target
	t.forgetSaved(step.UID)
	t.set(j.a.key).pruned(step.ID)
}

// save makes the App's memory durable; it is a no-op where nothing changed since the last time.
func (e *Engine) save(ctx context.Context, a *app) error {
	if e.o.Memory == nil || !a.number() {
		return nil
	}
	m := a.mem.clone()
	if err := e.o.Memory.SaveMemory(ctx, a.key, m); err != nil {
		return err
	}
	a.memSaved = m
	return nil
}

// saveUses makes durable what the App uses, before anything of it is applied.
func (e *Engine) saveUses(ctx context.Context, a *app) error {
	if e.o.Memory == nil {
		return nil
	}
	a.number()
	return e.o.Memory.SaveUses(ctx, a.key, a.mem.clone())
}

// keep sees to it that the App's memory is stored after a step. What would be done a second time if it were lost is made
// durable here. All else goes with the Snapshot, whose reader stores it together with the status: one write, not two.
func (e *Engine) keep(ctx context.Context, a *app) error {
	if e.o.Memory == nil || !a.number() {
		return nil
	}
	m, s := &a.mem, &a.memSaved
	if m.LastRequest != s.LastRequest || m.LastCancel != s.LastCancel || m.Rewritten != s.Rewritten || !reflect.DeepEqual(m.RolledBack, s.RolledBack) {
		return e.save(ctx, a)
	}
	return nil
}

// number gives the memory a version of its own when it changed, and reports whether it is not durable.
func (a *app) number() bool {
	if !reflect.DeepEqual(a.mem, a.memNumbered) {
		a.mem.Version++
		a.memNumbered = a.mem.clone()
	}
	return a.mem.Version != a.memSaved.Version
}

// clone copies what later steps change.
func (m Memory) clone() Memory {
	m.Targets = slices.Clone(m.Targets)
	if m.Attempt != nil {
		at := *m.Attempt
		at.Hooks = maps.Clone(at.Hooks)
		m.Attempt = &at
	}
	return m
}

// record appends to the history. Losing history is a loss of history only: it stops nothing.
func (e *Engine) record(ctx context.Context, ev history.Event) {
	if e.o.History == nil {
		return
	}
	ev.At = e.o.Now()
	if _, err := e.o.History.Append(ctx, ev); err != nil {
		e.o.Log.Error("the history could not be written", "app", ev.App, "kind", string(ev.Kind), "err", err)
	}
}

// DeploymentData is the Data of a history.Deployment.
type DeploymentData struct {
	Mode    plan.Mode     `json:"mode"`
	Plan    object.Digest `json:"plan,omitempty"`
	Started time.Time     `json:"started"`
	Took    time.Duration `json:"took"`
	Steps   []StepData    `json:"steps,omitempty"` // at most 200
	Counts  StepCounts    `json:"counts,omitzero"` // of all steps that were carried out
	// Revisions are those of every source, so that the bundle can be rendered again when it is no longer stored.
	Revisions []bundle.Revision `json:"revisions,omitempty"`
	DeploymentFacts
}

// StepCounts are the steps of a deployment that were carried out, by what they did.
type StepCounts struct {
	Created int `json:"created,omitempty"`
	Changed int `json:"changed,omitempty"`
	Deleted int `json:"deleted,omitempty"`
}

func (c *StepCounts) add(a plan.Action) {
	switch a {
	case plan.Create:
		c.Created++
	case plan.Apply, plan.Replace, plan.Recreate, plan.Adopt:
		c.Changed++
	case plan.Prune:
		c.Deleted++
	case plan.Orphan, plan.Hook:
	}
}

// StepData is one step of a deployment.
type StepData struct {
	Action plan.Action `json:"action"`
	Object object.ID   `json:"object"`
	Why    string      `json:"why,omitempty"`
	Error  string      `json:"error,omitempty"`
}

func deploymentData(at Attempt, r *run) json.RawMessage {
	const limit = 200
	d := DeploymentData{Mode: at.Mode, Plan: at.Plan, Started: at.Started, Took: at.Ended.Sub(at.Started), Revisions: at.Revisions}
	if r.line != nil {
		d.DeploymentFacts = r.line.facts
	}
	for _, res := range r.state.Results {
		if res.Err == nil {
			d.Counts.add(res.Step.Action)
		}
		if len(d.Steps) == limit {
			continue
		}
		s := StepData{Action: res.Step.Action, Object: res.Step.ID, Why: res.Step.Why}
		if res.Err != nil {
			s.Error = res.Err.Error()
		}
		d.Steps = append(d.Steps, s)
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return nil
	}
	return raw
}

// targetsWith adds the kinds and namespaces of desired to the App's targets.
func (a *app) targetsWith(cluster string, desired map[object.ID]plan.Desired) (targets []TargetUse, grew bool) {
	targets = slices.Clone(a.mem.Targets)
	for _, d := range desired {
		gvk := d.GVK()
		i := slices.IndexFunc(targets, func(t TargetUse) bool {
			return t.Cluster == cluster && t.Group == gvk.Group && t.Kind == gvk.Kind
		})
		if i < 0 {
			targets = append(targets, TargetUse{Cluster: cluster, Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind})
			i, grew = len(targets)-1, true
		}
		if d.ID.Namespace != "" && !slices.Contains(targets[i].Namespaces, d.ID.Namespace) {
			targets[i].Namespaces = append(slices.Clone(targets[i].Namespaces), d.ID.Namespace)
			slices.Sort(targets[i].Namespaces)
			grew = true
		}
	}
	slices.SortFunc(targets, func(x, y TargetUse) int {
		return object.ID{Namespace: x.Cluster, Group: x.Group, Kind: x.Kind}.Compare(object.ID{Namespace: y.Cluster, Group: y.Group, Kind: y.Kind})
	})
	return targets, grew
}

// targetsLeft drops the kinds of which the App has no object any more.
func (a *app) targetsLeft() []TargetUse {
	used := map[[2]string]map[string]bool{}
	for _, id := range a.target.set(a.key).ids() {
		k := [2]string{id.Group, id.Kind}
		if used[k] == nil {
			used[k] = map[string]bool{}
		}
		used[k][id.Namespace] = true
	}
	var out []TargetUse
	for _, t := range a.mem.Targets {
		if t.Cluster != a.target.name {
			out = append(out, t)
			continue
		}
		namespaces := used[[2]string{t.Group, t.Kind}]
		if namespaces == nil {
			continue
		}
		t.Namespaces = slices.DeleteFunc(slices.Clone(t.Namespaces), func(ns string) bool { return !namespaces[ns] })
		out = append(out, t)
	}
	return out
}
