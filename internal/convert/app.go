package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// DefaultCluster is the Cluster of an App that names none.
const DefaultCluster = "in-cluster"

// App converts an App with what its annotations ask for and what its status remembers. Defaults are those of the schema,
// so that an App from a file means the same as one from the API server. a is not changed and shares nothing that the
// engine changes.
func App(a *v1alpha1.App) engine.App {
	out := engine.App{
		Key:               engine.Key{Namespace: a.Namespace, Name: a.Name},
		UID:               string(a.UID),
		Own:               a.Labels,
		Generation:        a.Generation,
		Cluster:           string(a.Spec.Destination.Cluster),
		Namespace:         string(a.Spec.Destination.Namespace),
		Mode:              engine.SyncMode(a.Spec.Sync.Mode),
		Heal:              enabled(a.Spec.Sync.Heal),
		Health:            healthRules(a.Spec.Health),
		Ignore:            ignoreRules(a.Spec.Ignore),
		RollbackOnFailure: a.Spec.RollbackOnFailure,
		Suspend:           a.Spec.Suspend,
		Deleting:          a.DeletionTimestamp != nil,
		Orphan:            a.Spec.Deletion == v1alpha1.DeletionOrphan,
		Refresh:           a.Annotations[v1alpha1.AnnotationRefresh],
		Cancel:            a.Annotations[v1alpha1.AnnotationCancel],
	}
	if out.Cluster == "" {
		out.Cluster = DefaultCluster
	}
	if out.Mode == "" {
		out.Mode = engine.Auto
	}
	if s := a.Spec.Substitute; s != nil {
		out.Substitute = s.Vars
		if out.Substitute == nil {
			out.Substitute = map[string]string{}
		}
	}
	if m := a.Spec.CommonMetadata; m != nil {
		out.Labels, out.Annotations = m.Labels, m.Annotations
	}
	var errs [7]error
	out.Sources, errs[0] = sources(a)
	out.Policy, errs[1] = policy(a.Spec.Sync)
	out.Deadline, errs[2] = duration("spec.sync.deadline", a.Spec.Sync.Deadline)
	out.DependsOn, errs[3] = dependencies(a)
	out.Hold, errs[4] = hold(a.Spec.Hold)
	out.Request, errs[5] = request(a.Annotations[v1alpha1.AnnotationSyncRequest])
	out.Memory, errs[6] = memory(a)
	for _, err := range errs {
		if err != nil {
			out.Err = err // the first is enough: the fields are corrected one by one
			break
		}
	}
	return out
}

func policy(s v1alpha1.SyncSpec) (p plan.Policy, err error) {
	p = plan.Policy{
		Prune: enabled(s.Prune), AdoptForeign: s.Adopt, Replace: s.Replace, Force: s.Force, SkipIfExists: s.SkipIfExists,
		ApplyUnchanged: s.ApplyUnchanged, CreateNamespace: s.CreateNamespace, AllowEmpty: s.AllowEmpty,
	}
	if p.PruneLimit, err = share("spec.sync.pruneLimit", s.PruneLimit); err != nil {
		return p, err
	}
	if p.WaveDeadline, err = duration("spec.sync.waveDeadline", s.WaveDeadline); err != nil {
		return p, err
	}
	p.HookDeadline, err = duration("spec.sync.hookDeadline", s.HookDeadline)
	return p, err
}

func dependencies(a *v1alpha1.App) ([]engine.Dependency, error) {
	var out []engine.Dependency
	for i, d := range a.Spec.DependsOn {
		field := fmt.Sprintf("spec.dependsOn[%d]", i)
		switch {
		case d.App != nil && d.Object == nil:
			key := engine.Key{Namespace: string(d.App.Namespace), Name: string(d.App.Name)}
			if key.Namespace == "" {
				key.Namespace = a.Namespace
			}
			if key == (engine.Key{Namespace: a.Namespace, Name: a.Name}) {
				return nil, invalid(field, "an App cannot depend on itself")
			}
			out = append(out, engine.Dependency{App: &key})
		case d.Object != nil && d.App == nil:
			gv, err := schema.ParseGroupVersion(d.Object.APIVersion)
			if err != nil || gv.Version == "" {
				return nil, invalid(field+".object.apiVersion", "%q is no apiVersion", d.Object.APIVersion)
			}
			namespace := string(d.Object.Namespace)
			id := object.ID{Group: gv.Group, Kind: d.Object.Kind, Namespace: namespace, Name: d.Object.Name}
			out = append(out, engine.Dependency{Cluster: string(d.Object.Cluster), Object: &id, Kind: gv.WithKind(d.Object.Kind)})
		default:
			return nil, invalid(field, "give either app or object")
		}
	}
	return out, nil
}

func ignoreRules(rules []v1alpha1.IgnoreRule) []drift.Ignore {
	var out []drift.Ignore
	for _, r := range rules {
		out = append(out, drift.Ignore{
			Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name,
			Pointers: r.Pointers, Paths: r.Paths, Managers: r.Managers,
		})
	}
	return out
}

func hold(h *v1alpha1.Hold) (*engine.Hold, error) {
	if h == nil {
		return nil, nil
	}
	if (h.Revision == "") == (h.Bundle == "") {
		return nil, invalid("spec.hold", "hold either a revision or a bundle")
	}
	until, err := timestamp("spec.hold.until", h.Until)
	if err != nil {
		return nil, err
	}
	return &engine.Hold{Revision: h.Revision, Bundle: object.Digest(h.Bundle), Owner: h.Owner, Reason: h.Reason, Until: until}, nil
}

// request reads AnnotationSyncRequest: a v1alpha1.SyncRequest, or the JSON of an engine.Request.
func request(annotation string) (*engine.Request, error) {
	if annotation == "" {
		return nil, nil
	}
	const field = "metadata.annotations[" + v1alpha1.AnnotationSyncRequest + "]"
	var r struct {
		v1alpha1.SyncRequest
		Only []objectName `json:"only"`
	}
	if err := json.Unmarshal([]byte(annotation), &r); err != nil {
		return nil, invalid(field, "not the JSON of a request: %v", err)
	}
	if r.ID == "" {
		return nil, invalid(field, "the request has no id")
	}
	out := &engine.Request{ID: r.ID, Actor: r.Actor, Plan: object.Digest(r.Plan), All: r.All, At: r.At.Time}
	for _, id := range r.Only {
		out.Only = append(out.Only, object.ID(id))
	}
	return out, nil
}

// objectName is an object.ID, as a string or as an object.
type objectName object.ID

func (n *objectName) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '"' {
		return json.Unmarshal(b, (*object.ID)(n))
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	id, err := object.ParseID(s)
	*n = objectName(id)
	return err
}

// RequestAnnotation is the value of AnnotationSyncRequest that asks for r.
func RequestAnnotation(r engine.Request) (string, error) {
	if r.ID == "" {
		return "", errors.New("a sync request needs an ID")
	}
	out := v1alpha1.SyncRequest{ID: r.ID, Actor: r.Actor, Plan: string(r.Plan), All: r.All}
	out.At.Time = r.At.UTC()
	for _, id := range r.Only {
		out.Only = append(out.Only, id.String())
	}
	b, err := json.Marshal(out)
	return string(b), err
}

// memory reads what the status remembers. What cannot be read stops the App: without it, objects could be forgotten.
// An App whose first attempt has not ended yet has no memory but what it uses.
func memory(a *v1alpha1.App) (m engine.Memory, err error) {
	if s := a.Status; s.Memory == nil || len(s.Memory.Raw) == 0 {
		if uses := a.Annotations[v1alpha1.AnnotationUses]; uses != "" {
			if m.Targets, err = Targets([]byte(uses)); err != nil {
				return m, invalid("metadata.annotations["+v1alpha1.AnnotationUses+"]", "%v", err)
			}
		}
		return m, nil
	}
	if err := json.Unmarshal(a.Status.Memory.Raw, &m); err != nil {
		return m, invalid("status.memory", "cannot be read: %v", err)
	}
	if a := m.Applied; a != nil { // what is stored once, see Memory
		if h := m.Healthy; h != nil && h.Bundle == a.Bundle && h.Revisions == nil {
			h.Revisions = a.Revisions
		}
		if t := m.Attempt; t != nil && t.Bundle == a.Bundle && t.Revisions == nil {
			t.Revisions = a.Revisions
		}
	}
	return m, nil
}

// Uses lists the Repositories that the App names, sorted.
func Uses(a *v1alpha1.App) []string {
	var names []string
	for _, s := range sourceList(a) {
		if s.Repository != "" && !slices.Contains(names, string(s.Repository)) {
			names = append(names, string(s.Repository))
		}
	}
	slices.Sort(names)
	return names
}
