package engine

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// Preview is a plan with what its steps would change, field by field.
type Preview struct {
	Plan    plan.Plan                  `json:"plan"`
	Changes map[string][]object.Change `json:"changes"` // by object.ID
	Commit  *CommitView                `json:"commit,omitempty"`
	Errors  map[string]string          `json:"errors,omitempty"` // what the API server says against a step
	Files   map[string]string          `json:"files,omitempty"`
}

// Preview computes what a sync would do now, and asks the API server (by dry-run) what that would change.
func (e *Engine) Preview(ctx context.Context, key Key) (Preview, error) {
	a := e.app(key)
	if a == nil {
		return Preview{}, ErrNoApp
	}
	a.stepping.Lock()
	defer a.stepping.Unlock()
	a.mu.Lock()
	spec := a.spec
	a.mu.Unlock()
	if a.target == nil {
		return Preview{}, errPending
	}
	conn, err := a.target.connection()
	if err != nil {
		return Preview{}, err
	}
	if err := a.compile(spec); err != nil {
		return Preview{}, err
	}
	if spec.Deleting {
		_, pl, err := e.removalPlan(ctx, a, spec, conn)
		return Preview{Plan: pl.plan}, err
	}
	d, err := e.desire(ctx, a, spec, where(spec, conn))
	if err != nil {
		return Preview{}, err
	}
	head := Deployed{Bundle: d.bundle, Revisions: d.revs}
	pl, err := e.plan(ctx, a, spec, conn, choice{want: head, mode: plan.Sync}, nil)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Plan: pl.plan, Changes: map[string][]object.Change{}, Errors: map[string]string{}, Files: map[string]string{}, Commit: e.commit(ctx, head)}
	for _, g := range pl.plan.Groups {
		for _, s := range g.Steps {
			e.previewStep(ctx, conn, pl.desired[s.ID], s, &p)
		}
	}
	return p, nil
}

func (e *Engine) previewStep(ctx context.Context, conn *cluster.Cluster, d plan.Desired, s plan.Step, p *Preview) {
	name := s.ID.String()
	if d.Object == nil {
		return
	}
	p.Files[name] = d.Origin.String()
	if s.Action == plan.Hook {
		return
	}
	gvk := d.Object.GroupVersionKind()
	if _, known := conn.Scope(gvk); !known {
		return // its CRD comes in this bundle
	}
	live, err := conn.Get(ctx, gvk, s.ID)
	if err != nil && !errors.Is(err, object.ErrNotFound) {
		p.Errors[name] = fault.Of(err).Error()
		return
	}
	answer, err := conn.Apply(ctx, d.Object, object.WriteOptions{Force: true, DryRun: true})
	if err != nil {
		f := fault.Of(err)
		if f.Reason != fault.NamespaceMissing || !createsNamespace(p.Plan, s.ID.Namespace) {
			p.Errors[name] = f.Error()
		}
		return
	}
	if live == nil {
		return
	}
	changes := object.Diff(bare(live), bare(answer))
	if s.ID.Sensitive() {
		changes = object.Redact(changes)
	}
	p.Changes[name] = changes
}

func createsNamespace(p plan.Plan, ns string) bool {
	for _, g := range p.Groups {
		for _, s := range g.Steps {
			if s.ID.Kind == "Namespace" && s.ID.Name == ns {
				return true
			}
		}
	}
	return false
}

// bare is an object without what the API server keeps for itself.
func bare(u *unstructured.Unstructured) map[string]any {
	c := u.DeepCopy()
	for _, f := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"} {
		unstructured.RemoveNestedField(c.Object, "metadata", f)
	}
	unstructured.RemoveNestedField(c.Object, "status")
	return c.Object
}
