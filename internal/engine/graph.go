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
}

// GraphRequest says how much of a forest is wanted.
type GraphRequest struct {
	Expand []string // nodes that are not folded
	Depth  int      // generations; zero: all
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
	g := grower{e: e, now: out.AsOf, expand: req.Expand, look: t.look(a), below: map[string][]*GraphNode{}, facts: e.originsOf(a)}
	var parents []cluster.Parent
	for id, r := range records {
		g.root(id, r)
		if !r.missing && cluster.HasOffspring(r.kind.GroupKind()) {
			parents = append(parents, cluster.Parent{Kind: r.kind, ID: id, UID: r.uid})
		}
	}
	g.announced(e.waitingPlan(a), records)
	if req.Depth != 1 && len(parents) > 0 {
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
	facts  map[object.ID]originFacts
	below  map[string][]*GraphNode // by parent
	worst  map[string]health.Level
	inside map[string]int // objects below a node
	pods   map[string][2]int
	count  int
	out    []GraphNode
}

// originFacts is what the bundle tells of an object.
type originFacts struct {
	file  string
	image string
}

func (e *Engine) originsOf(a *app) map[object.ID]originFacts {
	out := map[object.ID]originFacts{}
	b, err := e.currentBundle(a)
	if err != nil {
		return out
	}
	for _, entry := range b.Objects {
		out[entry.ID()] = originFacts{file: entry.Origin.String(), image: firstImage(entry.Body)}
	}
	return out
}

func (g *grower) origin(id object.ID) originFacts {
	if f, ok := g.facts[id]; ok {
		return f
	}
	id.Namespace = ""
	return g.facts[id]
}

func (g *grower) add(n *GraphNode) {
	g.below[n.Parent] = append(g.below[n.Parent], n)
	g.count++
}

func (g *grower) root(id object.ID, r record) {
	f := g.origin(id)
	n := &GraphNode{
		ID: id.String(), Object: id, Health: r.health, Ours: true, InSync: r.inSync() || r.hook, Missing: r.missing, Hook: r.hook, Wave: r.wave, File: f.file,
	}
	if f.image != "" {
		n.Facts = append(n.Facts, f.image)
	}
	g.add(n)
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
				ID: s.ID.String(), Object: s.ID, Ours: true, Missing: true, Wave: group.Wave, File: g.origin(s.ID).file,
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
		g.add(&GraphNode{
			ID: id.String(), Parent: node[c.Owner], Object: id, Created: c.Object.GetCreationTimestamp().UTC(),
			Health: health.Compute(c.Object, g.now, nil), Facts: factsOf(c.Object),
		})
	}
}

// measure works out, from the leaves up, the worst health below a node, how much is below it, and how many Pods are
// ready.
func (g *grower) measure(n *GraphNode) (worst health.Level, inside int, pods [2]int) {
	worst = n.Health.Level
	if n.Object.Kind == "Pod" && n.Object.Group == "" {
		pods[1]++
		if n.Health.Level == health.Healthy {
			pods[0]++
		}
	}
	for _, c := range g.below[n.ID] {
		w, i, p := g.measure(c)
		if w.Worse(worst) {
			worst = w
		}
		inside, pods[0], pods[1] = inside+i+1, pods[0]+p[0], pods[1]+p[1]
	}
	g.worst[n.ID], g.inside[n.ID], g.pods[n.ID] = worst, inside, pods
	return worst, inside, pods
}

// emit writes the nodes below a parent, folded.
func (g *grower) emit(parent string, generation, depth int) {
	if parent == "" {
		g.worst, g.inside, g.pods = map[string]health.Level{}, map[string]int{}, map[string][2]int{}
		for _, n := range g.below[""] {
			g.measure(n)
		}
	}
	list := g.below[parent]
	slices.SortFunc(list, g.order)
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
		if p := g.pods[n.ID]; p[1] > 0 && n.Object.Kind != "Pod" {
			n.Facts = append([]string{fmt.Sprintf("%d/%d ready", p[0], p[1])}, n.Facts...)
		}
		n.Facts = n.Facts[:min(len(n.Facts), 3)]
		if depth > 0 && generation >= depth {
			n.Children = g.inside[n.ID]
			g.out = append(g.out, *n)
			continue
		}
		g.out = append(g.out, *n)
		g.emit(n.ID, generation+1, depth)
	}
}

func (g *grower) order(a, b *GraphNode) int {
	wa, wb := g.worst[a.ID], g.worst[b.ID]
	if wa != wb {
		if wa.Worse(wb) {
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
	if w := g.worst[n.ID]; w != health.Healthy {
		key += ":" + string(w) + ":" + n.Health.Reason
	} else if n.Ours && !n.InSync {
		key += ":OutOfSync"
	}
	return key
}

// folds are the nodes that stand for many, by their IDs.
func (g *grower) folds(parent string, list []*GraphNode) map[string]*GraphNode {
	size := map[string]int{}
	for _, n := range list {
		size[g.foldKey(n)]++
	}
	out := map[string]*GraphNode{}
	for _, n := range list {
		key := g.foldKey(n)
		limit := foldUnhealthy
		if g.worst[n.ID] == health.Healthy && (!n.Ours || n.InSync) {
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
			f.Health.Level = g.worst[n.ID]
			out[key] = f
		}
		f.Folded++
		f.FoldedBy[n.Health.Level]++
		f.Children += g.inside[n.ID]
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
