package engine

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// GraphNode is an object of an App's owner forest, or several that look alike, folded into one.
type GraphNode struct {
	ID      string // of the object as object.ID writes it, or "fold:<parent>:<kind>"
	Parent  string // of a node; empty: we apply it
	Object  object.ID
	Health  health.Status
	Ours    bool
	InSync  bool // of ours
	Missing bool // of ours: it is not there
	Hook    bool
	Wave    int
	Facts   []string
	Created time.Time
	File    string
	// Folded is how many objects the node stands for, FoldedBy how they fare; zero: it is one object.
	Folded   int
	FoldedBy map[health.Level]int
	Children int // how many objects below it are not in the answer
	Links    NodeLinks

	worst  health.Level // of it and all below
	inside int          // objects below it
	pods   [2]int       // ready ones, and all, below it and itself
}

// GraphRequest says how much of a forest is wanted.
type GraphRequest struct {
	Expand []string // nodes that are not folded
	Depth  int      // generations; zero: all
	Lens   Lens
}

// Forest is an App's objects with what controllers made of them: parents before children, the worst first among siblings.
type Forest struct {
	Nodes   []GraphNode
	Total   int // objects, folded ones included
	AsOf    time.Time
	Problem *fault.Error // why what controllers made is not in it
}

// Folding: more siblings of a kind than these that fare the same become one node.
const (
	foldHealthy   = 20
	foldUnhealthy = 50
)

// Graph gives the App's forest. What controllers made is read now, by one list for each namespace and kind.
func (e *Engine) Graph(ctx context.Context, key Key, req GraphRequest) (Forest, error) {
	a := e.app(key)
	if a == nil {
		return Forest{}, ErrNoApp
	}
	_, t := e.wires(a)
	if t == nil {
		return Forest{}, pendingFault()
	}
	out := Forest{AsOf: e.asOf()}
	records := t.set(key).all()
	g := grower{e: e, now: out.AsOf, expand: req.Expand, lens: req.Lens, look: t.look(a), below: map[string][]*GraphNode{}}
	var parents []cluster.Parent
	for id, r := range records {
		g.root(id, r)
		if !r.missing && cluster.HasOffspring(r.kind.GroupKind()) {
			parents = append(parents, cluster.Parent{Kind: r.kind, ID: id, UID: r.uid})
		}
	}
	g.announced(e.waitingPlan(a), records)
	if req.Depth != 1 && req.Lens != ByOrder && len(parents) > 0 {
		conn, err := t.connection()
		var children []cluster.Child
		if err == nil {
			children, err = conn.Offspring(ctx, parents)
		}
		if ctx.Err() != nil {
			return Forest{}, ctx.Err()
		}
		out.Problem = fault.Of(err)
		g.children(children, records)
	}
	out.Total = g.count
	g.out = make([]GraphNode, 0, min(g.count, 1000))
	g.emit("", 1, req.Depth)
	if req.Lens != ByOwner {
		g.out = slices.DeleteFunc(g.out, func(n GraphNode) bool { return !req.Lens.shows(&n) })
	}
	e.tellOrigins(a, g.out, req.Lens)
	connect(g.out)
	out.Nodes = g.out
	return out, nil
}

func (e *Engine) waitingPlan(a *app) *plan.Plan {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.snapshot.Plan
}

// grower makes the forest.
type grower struct {
	e      *Engine
	now    time.Time
	look   *eyes
	expand []string
	lens   Lens
	below  map[string][]*GraphNode // by parent
	count  int
	out    []GraphNode
}

// originsOneByOne is for how many nodes a bundle is asked object by object, instead of being read as a whole.
const originsOneByOne = 64

// tellOrigins adds, to the nodes that we apply, the file that they come from and the image that they run.
func (e *Engine) tellOrigins(a *app, nodes []GraphNode, lens Lens) {
	digest := a.shownBundle()
	ours := 0
	for _, n := range nodes {
		if n.Ours && n.Folded == 0 {
			ours++
		}
	}
	find := func(id object.ID) (bundle.Entry, bool) {
		entry, err := e.o.Bundles.Object(digest, id)
		return entry, err == nil
	}
	if ours > originsOneByOne {
		find = e.entriesOf(digest)
	}
	for i := range nodes {
		n := &nodes[i]
		if !n.Ours || n.Folded > 0 {
			continue
		}
		entry, ok := find(n.Object)
		if !ok {
			continue
		}
		n.File = entry.Origin.String()
		lens.applied(n, entry.Body)
		if image := firstImage(entry.Body); image != "" && len(n.Facts) < 3 {
			n.Facts = append(n.Facts, image)
		}
	}
}

// entriesOf reads a whole bundle. An entry without a namespace is found under any.
func (e *Engine) entriesOf(digest object.Digest) func(object.ID) (bundle.Entry, bool) {
	known := map[object.ID]bundle.Entry{}
	if b, err := e.o.Bundles.Get(digest); err == nil {
		for _, entry := range b.Objects {
			known[entry.ID()] = entry
		}
	}
	return func(id object.ID) (bundle.Entry, bool) {
		entry, ok := known[id]
		if !ok {
			id.Namespace = ""
			entry, ok = known[id]
		}
		return entry, ok
	}
}

// shownBundle is what runs, or what is about to.
func (a *app) shownBundle() object.Digest {
	a.mu.Lock()
	defer a.mu.Unlock()
	digest := a.rendered.bundle
	if applied := a.snapshot.Memory.Applied; applied != nil && (digest == "" || a.snapshot.State == StatePaused) {
		digest = applied.Bundle
	}
	return digest
}

func (g *grower) add(n *GraphNode) {
	g.below[n.Parent] = append(g.below[n.Parent], n)
	g.count++
}

func (g *grower) root(id object.ID, r record) {
	g.add(&GraphNode{ID: id.String(), Object: id, Health: r.health, Ours: true, InSync: r.inSync() || r.hook, Missing: r.missing, Hook: r.hook, Wave: r.wave})
}

// announced adds what a plan that waits or runs will create.
func (g *grower) announced(p *plan.Plan, have map[object.ID]record) {
	if p == nil {
		return
	}
	for _, group := range p.Groups {
		for _, s := range group.Steps {
			if _, there := have[s.ID]; there || s.Action != plan.Create {
				continue
			}
			g.add(&GraphNode{
				ID: s.ID.String(), Object: s.ID, Ours: true, Missing: true, Wave: group.Wave,
				Health: health.Status{Level: health.Missing, Message: "not created yet"},
			})
		}
	}
}

func (g *grower) children(children []cluster.Child, records map[object.ID]record) {
	node := make(map[string]string, len(records)+len(children)) // UID → node
	for id, r := range records {
		node[r.uid] = id.String()
	}
	for _, c := range children {
		node[string(c.Object.GetUID())] = object.Of(c.Object).String()
	}
	for _, c := range children {
		id := object.Of(c.Object)
		if _, ours := records[id]; ours {
			continue
		}
		n := &GraphNode{
			ID: id.String(), Parent: node[c.Owner], Object: id, Created: c.Object.GetCreationTimestamp().UTC(),
			Health: health.Compute(c.Object, g.now, nil), Facts: factsOf(c.Object),
		}
		g.lens.made(n, c.Object)
		g.add(n)
	}
}

// measure works out, from the leaves up, the worst health below a node, how much is below it, and how many Pods are
// ready.
func (g *grower) measure(n *GraphNode) {
	n.worst = n.Health.Level
	if n.Object.Kind == "Pod" && n.Object.Group == "" {
		n.pods[1]++
		if n.Health.Level == health.Healthy {
			n.pods[0]++
		}
	}
	for _, c := range g.below[n.ID] {
		g.measure(c)
		if c.worst.Worse(n.worst) {
			n.worst = c.worst
		}
		n.inside += c.inside + 1
		n.pods[0], n.pods[1] = n.pods[0]+c.pods[0], n.pods[1]+c.pods[1]
	}
}

// emit writes the nodes below a parent, folded.
func (g *grower) emit(parent string, generation, depth int) {
	if parent == "" {
		for _, n := range g.below[""] {
			g.measure(n)
		}
	}
	list := g.below[parent]
	slices.SortFunc(list, nodeOrder)
	folds := g.folds(parent, list)
	told := map[string]bool{}
	for _, n := range list {
		if f := folds[g.foldKey(n)]; f != nil {
			if !told[f.ID] {
				told[f.ID] = true
				g.out = append(g.out, *f)
			}
			continue
		}
		if p := n.pods; p[1] > 0 && n.Object.Kind != "Pod" {
			n.Facts = append([]string{fmt.Sprintf("%d/%d ready", p[0], p[1])}, n.Facts...)
		}
		n.Facts = n.Facts[:min(len(n.Facts), 3)]
		if depth > 0 && generation >= depth {
			n.Children = n.inside
			g.out = append(g.out, *n)
			continue
		}
		g.out = append(g.out, *n)
		g.emit(n.ID, generation+1, depth)
	}
}

// nodeOrder puts the worst first; of equals what differs from Git, then by wave and name.
func nodeOrder(a, b *GraphNode) int {
	if a.worst != b.worst {
		if a.worst.Worse(b.worst) {
			return -1
		}
		return 1
	}
	return cmp.Or(boolRank(a.InSync || !a.Ours)-boolRank(b.InSync || !b.Ours), cmp.Compare(a.Wave, b.Wave), a.Object.Compare(b.Object))
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// foldKey names the node that siblings of one kind that fare the same are folded into. Only what is well through and
// through folds as healthy.
func (g *grower) foldKey(n *GraphNode) string {
	kind := n.Object.Kind
	if n.Object.Group != "" {
		kind += "." + n.Object.Group
	}
	key := "fold:" + n.Parent + ":" + kind
	if w := n.worst; w != health.Healthy {
		key += ":" + string(w) + ":" + n.Health.Reason
	} else if n.Ours && !n.InSync {
		key += ":OutOfSync"
	}
	return key
}

// folds are the nodes that stand for many, by their IDs. A lens needs them one by one.
func (g *grower) folds(parent string, list []*GraphNode) map[string]*GraphNode {
	if g.lens != ByOwner {
		return nil
	}
	size := map[string]int{}
	for _, n := range list {
		size[g.foldKey(n)]++
	}
	out := map[string]*GraphNode{}
	for _, n := range list {
		key := g.foldKey(n)
		limit := foldUnhealthy
		if n.worst == health.Healthy && (!n.Ours || n.InSync) {
			limit = foldHealthy
		}
		if size[key] <= limit || slices.Contains(g.expand, key) {
			continue
		}
		f := out[key]
		if f == nil {
			f = &GraphNode{
				ID: key, Parent: parent, Object: object.ID{Group: n.Object.Group, Kind: n.Object.Kind, Namespace: n.Object.Namespace},
				Health: n.Health, Ours: n.Ours, InSync: n.InSync, Missing: n.Missing, Wave: n.Wave, FoldedBy: map[health.Level]int{},
			}
			f.Health.Level = n.worst
			out[key] = f
		}
		f.Folded++
		f.FoldedBy[n.Health.Level]++
		f.Children += n.inside
	}
	return out
}

// factsOf is what people want to know of a child at a glance.
func factsOf(u *unstructured.Unstructured) []string {
	if u.GetKind() != "Pod" {
		return nil
	}
	var out []string
	statuses, _, _ := unstructured.NestedSlice(u.Object, "status", "containerStatuses")
	ready, restarts := 0, int64(0)
	for _, s := range statuses {
		m, _ := s.(map[string]any)
		if ok, _ := m["ready"].(bool); ok {
			ready++
		}
		n, _ := m["restartCount"].(int64)
		restarts += n
	}
	if len(statuses) > 0 {
		out = append(out, fmt.Sprintf("%d/%d ready", ready, len(statuses)))
	}
	if restarts > 0 {
		out = append(out, fmt.Sprintf("%d restarts", restarts))
	}
	if image := firstImage(u.Object); image != "" {
		out = append(out, image)
	}
	return out
}

// firstImage is the image of a workload's first container, without its registry.
func firstImage(body map[string]any) string {
	for _, at := range podSpecs {
		containers, ok, _ := unstructured.NestedFieldNoCopy(body, append(slices.Clone(at), "containers")...)
		list, isList := containers.([]any)
		if !ok || !isList || len(list) == 0 {
			continue
		}
		m, _ := list[0].(map[string]any)
		image, _ := m["image"].(string)
		return shortImage(image)
	}
	return ""
}

// podSpecs are the places of a Pod's spec in the kinds that have one.
var podSpecs = [][]string{{"spec", "template", "spec"}, {"spec"}, {"spec", "jobTemplate", "spec", "template", "spec"}}

func shortImage(image string) string {
	image = path.Base(image)
	if name, digest, ok := strings.Cut(image, "@"); ok {
		_, hex, _ := strings.Cut(digest, ":")
		return name + "@" + hex[:min(len(hex), 12)]
	}
	return image
}
