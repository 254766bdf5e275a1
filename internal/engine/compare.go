package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/compare"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// CompareRequest asks for the difference between two sides. Without Left and Right they are those that the App's state
// suggests.
type CompareRequest struct {
	Left, Right Side
	Object      *object.ID // only this one, opened whatever its size
	Quiet       bool       // list the objects too in which nothing wants attention
}

// Compared is the difference between two sides of an App. Values of Secrets are not in it.
type Compared struct {
	Left, Right Side
	At          time.Time
	Compared    int // objects
	Objects     []ObjectDifference
	// Quiet counts by class what differs in objects that are left out, because nothing in them wants attention.
	Quiet        map[compare.Class]int
	QuietObjects int
	Problems     []*fault.Error // of single objects, and what going from left to right would lose
}

// ObjectDifference is how one object differs.
type ObjectDifference struct {
	compare.Result
	Secret  bool
	More    int    // fields that were left out
	Summary string // instead of fields, where the object is large
	Keeps   string // why an object that the right side does not have stays all the same
}

// Limits of what one object's difference tells.
const (
	fieldsShown  = 200
	fieldsOpened = 2000
	linesShown   = 2000
	bytesShown   = 2 << 20
	valuesShown  = 48 << 10 // bytes of values in a list
	valuesOpened = 4 << 20
)

// readers bounds the kinds that are read at the same time.
const readers = 4

// Compare holds two sides of an App against each other. Live objects are read now, those of the App only.
func (e *Engine) Compare(ctx context.Context, key Key, req CompareRequest) (Compared, error) {
	s, lost, err := e.lookAt(key)
	if err != nil {
		return Compared{}, err
	}
	left, right := defaultSides(s.snap)
	if req.Left != "" {
		left = req.Left
	}
	if req.Right != "" {
		right = req.Right
	}
	if lost != nil && (left == SideLive || right == SideLive) {
		return Compared{}, lost
	}
	c := &comparing{e: e, s: s, req: req, out: Compared{Left: left, Right: right, At: e.asOf(), Quiet: map[compare.Class]int{}}}
	if err := c.prepare(ctx); err != nil {
		return Compared{}, err
	}
	if err := c.run(ctx); err != nil {
		return Compared{}, err
	}
	slices.SortFunc(c.out.Objects, func(a, b ObjectDifference) int { return compare.Order(a.Result, b.Result) })
	slices.SortFunc(c.out.Problems, func(a, b *fault.Error) int { return strings.Compare(a.Where+a.Message, b.Where+b.Message) })
	return c.out, nil
}

// comparing is one comparison on its way.
type comparing struct {
	e           *Engine
	s           *scene
	req         CompareRequest
	left, right *side   // nil: live
	sent        []*side // out of which objects were sent last
	records     map[object.ID]record
	rules       compare.Rules

	mu  sync.Mutex
	out Compared
}

func (c *comparing) prepare(ctx context.Context) error {
	from := c.e.sides(c.s)
	var err error
	if c.left, err = from.read(ctx, c.out.Left); err != nil {
		return err
	}
	if c.right, err = from.read(ctx, c.out.Right); err != nil {
		return err
	}
	if c.left != nil {
		c.out.Problems = append(c.out.Problems, c.left.problems...)
	}
	if c.right != nil && c.right != c.left {
		c.out.Problems = append(c.out.Problems, c.right.problems...)
	}
	look := c.s.t.look(c.s.a)
	c.rules = compare.Rules{Manager: c.e.o.Installation, Person: look.prints.Person, Ignored: look.ignores.ForObject}
	if c.left != nil && c.right != nil {
		return nil
	}
	c.records = c.s.t.set(c.s.a.key).all()
	c.sent, err = c.sentBy(ctx, from) // without it every wish of Git counts as a change of Git's
	return err
}

// run compares kind by kind, so that no more than a few kinds' objects are held at a time.
func (c *comparing) run(ctx context.Context) error {
	byKind := map[schema.GroupVersionKind][]object.ID{}
	for id, kind := range c.objects() {
		if c.req.Object == nil || *c.req.Object == id {
			byKind[kind] = append(byKind[kind], id)
		}
	}
	if c.req.Object != nil && len(byKind) == 0 {
		return notOfApp(c.s.a.key, *c.req.Object)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for kind, ids := range byKind {
		g.Go(func() error { return c.kind(ctx, kind, ids) })
	}
	return g.Wait()
}

// objects are those of either side, with the kind to read them by. Hooks are left out where live objects are compared:
// they come and go.
func (c *comparing) objects() map[object.ID]schema.GroupVersionKind {
	out := map[object.ID]schema.GroupVersionKind{}
	live := c.left == nil || c.right == nil
	for _, sd := range []*side{c.left, c.right} {
		if sd == nil {
			continue
		}
		for id, d := range sd.objects {
			if live && (d.Hook != nil || d.Options.Unmanaged || d.Options.Ensure) {
				continue
			}
			out[id] = d.Object.GroupVersionKind()
		}
	}
	for id, r := range c.records {
		if r.hook || r.options.Unmanaged || r.missing {
			continue
		}
		if d, ok := c.wanted(id); !ok || d.Hook == nil {
			out[id] = r.kind
		}
	}
	return out
}

func (c *comparing) wanted(id object.ID) (plan.Desired, bool) {
	for _, sd := range []*side{c.left, c.right} {
		if sd != nil {
			if d, ok := sd.objects[id]; ok {
				return d, true
			}
		}
	}
	return plan.Desired{}, false
}

// kind compares the objects of one kind.
func (c *comparing) kind(ctx context.Context, kind schema.GroupVersionKind, ids []object.ID) error {
	if c.left != nil && c.right != nil {
		for _, id := range ids {
			c.one(id, nil)
		}
		return ctx.Err()
	}
	if err := c.liveKind(ctx, kind, ids); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.problem(fault.Of(err), kind.Kind)
	}
	return nil
}

// singly is how many objects of a kind are read one by one; more of them are listed.
const singly = 3

// liveKind compares the live objects of a kind as they are read, page by page. What stands under a wanted name and does not
// belong to the App is told, and neither compared nor shown.
func (c *comparing) liveKind(ctx context.Context, kind schema.GroupVersionKind, ids []object.ID) error {
	left := make(map[object.ID]bool, len(ids)) // ours, and still to be found
	var owned, unknown []object.ID
	for _, id := range ids {
		if _, ok := c.records[id]; ok {
			owned, left[id] = append(owned, id), true
		} else {
			unknown = append(unknown, id)
		}
	}
	if err := c.owned(ctx, kind, owned, left); err != nil {
		return err
	}
	if _, served := c.s.conn.Scope(kind); served && len(unknown) > 0 {
		foreign, err := c.foreign(ctx, kind, unknown)
		if err != nil {
			return err
		}
		unknown = slices.DeleteFunc(unknown, func(id object.ID) bool { return foreign[id] })
	}
	for id := range left { // deleted behind our back
		c.one(id, nil)
	}
	for _, id := range unknown {
		c.one(id, nil)
	}
	return nil
}

// owned compares those of ids that are there, and takes them out of left.
func (c *comparing) owned(ctx context.Context, kind schema.GroupVersionKind, ids []object.ID, left map[object.ID]bool) error {
	if len(ids) <= singly {
		for _, id := range ids {
			u, err := c.e.readLive(ctx, c.s, id)
			if errors.Is(err, object.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			delete(left, id)
			c.one(id, u)
		}
		return nil
	}
	me := c.e.owner(c.s.a)
	in := cluster.Within{Namespace: commonNamespace(ids), Labels: object.LabelApp + "=" + me.Label()}
	return c.s.conn.Each(ctx, kind, in, func(u *unstructured.Unstructured) {
		id := object.Of(u)
		if owner, ok := object.OwnerOf(id, u.GetAnnotations()); ok && owner == me && left[id] {
			delete(left, id)
			c.one(id, u)
		}
	})
}

// commonNamespace is the one that all ids are in, or empty.
func commonNamespace(ids []object.ID) string {
	for _, id := range ids {
		if id.Namespace != ids[0].Namespace {
			return ""
		}
	}
	return ids[0].Namespace
}

// foreign finds which of ids stand there already without belonging to the App, by metadata alone.
func (c *comparing) foreign(ctx context.Context, kind schema.GroupVersionKind, ids []object.ID) (map[object.ID]bool, error) {
	out := map[object.ID]bool{}
	found := func(l plan.Live) {
		me, f := c.e.owner(c.s.a), &fault.Error{Class: fault.Blocked, Reason: fault.NotOwned, Where: l.ID.String()}
		switch {
		case l.Owner == nil:
			f.Message, f.Next = "it exists already and no App owns it, so it is not shown", "plumb adopt "+c.s.a.key.Name+" "+l.ID.String()
		case *l.Owner != me:
			f.Reason, f.Message = fault.OwnedByOther, "it belongs to App "+l.Owner.String()+", so it is not shown"
		default:
			return
		}
		out[l.ID] = true
		c.problem(f, "")
	}
	if len(ids) <= singly {
		for _, id := range ids {
			m, err := c.s.conn.GetMeta(ctx, kind, id)
			if errors.Is(err, object.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			found(liveOfMeta(m))
		}
		return out, nil
	}
	metas, err := c.s.conn.ListOwners(ctx, kind, commonNamespace(ids))
	if err != nil {
		return nil, err
	}
	asked := make(map[object.ID]bool, len(ids))
	for _, id := range ids {
		asked[id] = true
	}
	for _, m := range metas {
		if asked[m.ID] {
			found(liveOfMeta(m))
		}
	}
	return out, nil
}

// one compares one object and files the outcome.
func (c *comparing) one(id object.ID, live *unstructured.Unstructured) {
	o := compare.Object{ID: id}
	o.Left, o.Right = c.body(c.left, id, live), c.body(c.right, id, live)
	switch {
	case c.left == nil:
		o.Live = compare.LeftSide
	case c.right == nil:
		o.Live = compare.RightSide
	}
	o.Sent = c.sentOf(id)
	if d, ok := c.wanted(id); ok {
		o.Random, o.Merge = d.Random, d.Options.Merge
	}
	res, differs := compare.Compare(o, c.rules)
	var lost []string
	keeps := c.keeps(id, res)
	if c.left == nil && differs && keeps == "" {
		lost = compare.Losses(id, o.Left, o.Right)
	}
	c.file(res, differs, keeps, lost)
}

func (c *comparing) body(sd *side, id object.ID, live *unstructured.Unstructured) map[string]any {
	if sd == nil {
		if live == nil {
			return nil
		}
		return live.Object
	}
	if d, ok := sd.objects[id]; ok {
		return d.Object.Object
	}
	return nil
}

// keeps says why a live object that the right side does not have would stay.
func (c *comparing) keeps(id object.ID, r compare.Result) string {
	if c.left != nil || r.Action != compare.Removed {
		return ""
	}
	switch rec := c.records[id]; {
	case rec.options.Prune == plan.Off:
		return "it is annotated not to be pruned"
	case rec.options.Prune != plan.On && !c.s.spec.Policy.Prune:
		return "the App does not prune"
	}
	return ""
}

func (c *comparing) file(res compare.Result, differs bool, keeps string, lost []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.Compared++
	if !differs {
		return
	}
	for _, message := range lost {
		c.out.Problems = append(c.out.Problems, &fault.Error{Class: fault.Blocked, Reason: fault.DataLoss, Where: res.ID.String(), Message: message})
	}
	if res.Quiet() && !c.req.Quiet && c.req.Object == nil {
		c.out.QuietObjects++
		for class, n := range res.Counts {
			c.out.Quiet[class] += n
		}
		return
	}
	c.out.Objects = append(c.out.Objects, c.shown(res, keeps))
}

// shown cuts a difference to what is told of one object.
func (c *comparing) shown(res compare.Result, keeps string) ObjectDifference {
	limit, room := fieldsShown, valuesShown
	if c.req.Object != nil {
		limit, room = fieldsOpened, valuesOpened
	}
	secret := res.ID.Sensitive()
	if secret {
		res = res.Redact()
	}
	out := ObjectDifference{Result: res, Secret: secret, Keeps: keeps}
	if keeps != "" {
		out.Risk = compare.NoRisk
	}
	if c.req.Object == nil && (res.Lines > linesShown || res.Bytes > bytesShown) {
		out.Summary = fmt.Sprintf("%d lines, %d kB: %s", res.Lines, res.Bytes>>10, countsInWords(res.Counts))
		out.Fields = nil
		return out
	}
	out.Fields = make([]compare.Field, 0, min(len(res.Fields), limit))
	for i, f := range res.Fields {
		if f = f.Clip(); i == limit || room < 0 {
			out.More = len(res.Fields) - i
			break
		}
		room -= f.Bytes()
		out.Fields = append(out.Fields, f)
	}
	return out
}

func countsInWords(counts map[compare.Class]int) string {
	words := ""
	for _, class := range slices.Sorted(maps.Keys(counts)) {
		if words != "" {
			words += ", "
		}
		words += fmt.Sprintf("%d %s", counts[class], class)
	}
	return words + " fields"
}

func (c *comparing) problem(f *fault.Error, where string) {
	if where != "" && f.Where == "" {
		copied := *f
		copied.Where = where
		f = &copied
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.Problems = append(c.out.Problems, f)
}
