package plan

import (
	"fmt"
	"slices"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// Compute decides what is done to which object, and in which order. It depends on nothing but its input, and the order
// of Input.Desired does not matter.
//
//   - Sync and Rollback apply what differs, run hooks when there is something to do (in a rollback the ones declared for
//     it), and prune last.
//   - Heal applies what drifted or is missing, and nothing else.
//   - Delete prunes or orphans what the App owns.
//
// Only objects that carry the proof of belonging to the App are ever deleted or orphaned.
func Compute(in Input) Plan {
	c := newComputer(in)
	switch in.Mode {
	case Delete:
		c.remove()
	case Heal:
		c.heal()
	default:
		c.sync()
	}
	c.plan.Digest = c.digest()
	return c.plan
}

type computer struct {
	in   Input
	plan Plan

	objects []*Desired // ordinary, managed ones, in canonical order, within Only
	hooks   []Desired
	names   map[object.ID]bool // everything that Git has, hooks and unmanaged objects included
	only    map[object.ID]bool // nil: all

	steps   map[object.ID]Step // of objects
	skipped map[object.ID]bool // left to others: neither sent nor waited for
	prunes  []Live
	blank   bool // nothing was rendered
	strays  *strays
}

func newComputer(in Input) *computer {
	c := &computer{
		in: in, plan: Plan{Mode: in.Mode, App: in.App, Bundle: in.Bundle},
		names: make(map[object.ID]bool, len(in.Desired)), steps: map[object.ID]Step{}, skipped: map[object.ID]bool{},
		blank: true,
	}
	if len(in.Only) > 0 {
		c.only = make(map[object.ID]bool, len(in.Only))
		for _, id := range in.Only {
			c.only[id] = true
		}
	}
	for i := range in.Desired {
		d := &in.Desired[i]
		c.names[d.ID] = true
		c.blank = c.blank && d.Options.Ensure
		switch {
		case d.Options.Unmanaged:
		case d.Hook != nil:
			c.hooks = append(c.hooks, *d)
		case c.selected(d.ID):
			c.objects = append(c.objects, d)
		}
	}
	slices.SortFunc(c.objects, func(a, b *Desired) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(c.hooks, func(a, b Desired) int { return a.ID.Compare(b.ID) })
	return c
}

func (c *computer) selected(id object.ID) bool { return c.only == nil || c.only[id] }

// owned reports the proof that an object belongs to this App.
func (c *computer) owned(l Live) bool { return l.Owner != nil && *l.Owner == c.in.App }

func (c *computer) sync() {
	c.decideAll()
	c.decidePrunes()
	work := len(c.steps) > 0 || len(c.prunes) > 0
	if !work && !c.in.RunHooks {
		return
	}
	if c.in.Policy.ApplyUnchanged {
		c.applyUnchanged()
	}
	hooks := c.hooksToRun()
	if len(c.steps)+len(c.prunes)+countSteps(hooks) == 0 {
		return
	}
	c.sweepHooks()
	c.ensureNamespaces(hooks)
	c.guardPrunes()
	c.arrange(hooks)
}

// heal undoes drift: what is missing or differs, wave by wave, without waiting for health in between.
func (c *computer) heal() {
	c.decideAll()
	for id, s := range c.steps {
		if s.Why == whyChanged || s.Why == whyUnknown && c.in.Live[id].InSync {
			delete(c.steps, id) // a new state of Git is a sync's business
			c.plan.Unchanged++
		}
	}
	c.ensureNamespaces(nil)
	c.arrangeHeal()
}

const (
	whyNew     = "new"
	whyDeleted = "was deleted"
	whyChanged = "changed in Git"
	whyDrifted = "drifted"
	whyUnknown = "not known to be applied"
	whyAsked   = "unchanged, sent because asked for"
	whyGone    = "no longer in Git"
	whyRemoved = "the App is deleted"
)

// decideAll decides about every ordinary object.
func (c *computer) decideAll() {
	for _, d := range c.objects {
		if d.Options.Ensure {
			c.skipped[d.ID] = true // see ensureNamespaces
			continue
		}
		live, exists := c.in.Live[d.ID]
		if exists && !c.mayTouch(d, live) {
			continue
		}
		if s, ok := c.decide(d, live, exists); ok {
			c.steps[d.ID] = s
		} else {
			c.plan.Unchanged++
		}
	}
}

// mayTouch settles ownership: false when the object is refused, or left to others.
func (c *computer) mayTouch(d *Desired, live Live) bool {
	if c.owned(live) {
		return true
	}
	if d.Options.SkipIfExists || c.in.Policy.SkipIfExists {
		c.skipped[d.ID] = true
		c.plan.Unchanged++
		return false
	}
	if live.Owner == nil {
		if c.in.Policy.AdoptForeign || d.Options.Adopt {
			return true
		}
		c.refuse(d.ID, fault.NotOwned,
			fmt.Sprintf("%s exists already, and no App owns it", d.ID),
			fmt.Sprintf("plumb adopt %s %s, or annotate it in Git with plumb.cd/adopt: enabled", c.in.App.Name, d.ID))
		return false
	}
	if c.handedOver(d, live) {
		return true
	}
	next := fmt.Sprintf("remove it from one of the two, or move it with the annotation plumb.cd/adopt: %s", live.Owner)
	if live.Owner.Installation != c.in.App.Installation {
		next = "let it go there first: two installations must not manage one object"
	}
	c.refuse(d.ID, fault.OwnedByOther, fmt.Sprintf("%s belongs to App %s%s", d.ID, live.Owner, c.elsewhere(*live.Owner)), next)
	return false
}

func (c *computer) elsewhere(o object.Owner) string {
	if o.Installation == c.in.App.Installation {
		return ""
	}
	return " of the installation " + o.Installation
}

// handedOver reports whether the App that owns the object gives it to this one. Another installation never does.
func (c *computer) handedOver(d *Desired, live Live) bool {
	if live.Owner.Installation != c.in.App.Installation {
		return false
	}
	if from, ok := c.in.Moving[d.ID]; ok && from == *live.Owner {
		return true
	}
	return d.Options.AdoptFrom == live.Owner.String()
}

func (c *computer) refuse(id object.ID, reason fault.Reason, message, next string) {
	c.skipped[id] = true
	c.plan.Refused = append(c.plan.Refused, Refusal{ID: id, Reason: reason, Message: message, Next: next})
}

// decide gives the step for an object that may be touched; ok is false when there is nothing to do.
func (c *computer) decide(d *Desired, live Live, exists bool) (s Step, ok bool) {
	action, why := c.write(d), ""
	switch {
	case !exists:
		action, why = Create, whyNew
		if c.in.Mode == Heal {
			why = whyDeleted
		}
	case !c.owned(live) && live.Owner == nil:
		action, why = Adopt, "exists, and no App owns it"
	case !c.owned(live):
		action, why = Apply, "handed over by App "+live.Owner.String()
	case d.Options.SkipIfExists || c.in.Policy.SkipIfExists:
		return s, false
	case live.Deleting:
		why = "is being deleted, and Git has it"
	case live.Applied == "":
		why = whyUnknown
	case live.Applied != d.Digest:
		why = whyChanged
	case !live.InSync:
		why = whyDrifted
	default:
		return s, false
	}
	if c.in.Mode == Heal && exists && c.owned(live) && !live.InSync {
		why = whyDrifted
	}
	return Step{
		Action: action, ID: d.ID, Kind: d.GVK(), Rank: rank(d.ID), UID: live.UID, Why: why,
		ForceAllowed: either(d.Options.Force, c.in.Policy.Force) && !precious(d.ID),
	}, true
}

// write is the way in which an object of ours is sent.
func (c *computer) write(d *Desired) Action {
	if either(d.Options.Replace, c.in.Policy.Replace) {
		return Replace
	}
	return Apply
}

// either resolves an option of an object that may be left to the App.
func either(own Tri, app bool) bool { return own == On || own == Inherit && app }

// applyUnchanged sends what is in sync too.
func (c *computer) applyUnchanged() {
	for _, d := range c.objects {
		if _, has := c.steps[d.ID]; has || c.skipped[d.ID] || d.Options.SkipIfExists || c.in.Policy.SkipIfExists {
			continue
		}
		live := c.in.Live[d.ID]
		c.steps[d.ID] = Step{
			Action: c.write(d), ID: d.ID, Kind: d.GVK(), UID: live.UID, Rank: rank(d.ID), Why: whyAsked,
			ForceAllowed: either(d.Options.Force, c.in.Policy.Force) && !precious(d.ID),
		}
		c.plan.Unchanged--
	}
}

// ensureNamespaces makes the destination namespace when it is absent and something is to be made in it. An object in it
// that exists proves that it does, so that nothing depends on the namespace being looked up.
func (c *computer) ensureNamespaces(hooks map[Phase][]Desired) {
	inside := map[string]bool{}
	for id, s := range c.steps {
		if s.Action == Create {
			inside[id.Namespace] = true
		}
	}
	for _, hs := range hooks {
		for _, h := range hs {
			inside[h.ID.Namespace] = true
		}
	}
	for _, d := range c.objects {
		if _, exists := c.in.Live[d.ID]; d.Options.Ensure && !exists && inside[d.ID.Name] {
			c.steps[d.ID] = Step{Action: Create, ID: d.ID, Kind: d.GVK(), Rank: rank(d.ID), Why: whyNew}
		}
	}
}

// hooksToRun gives the hooks of this plan by phase, those of each phase in canonical order.
func (c *computer) hooksToRun() map[Phase][]Desired {
	out := map[Phase][]Desired{}
	if c.only != nil {
		return out
	}
	for _, h := range c.hooks {
		if c.in.Mode == Rollback && !h.Hook.InRollback {
			continue
		}
		var phases []Phase
		for _, p := range h.Hook.Phases {
			if (p == BeforeDelete || p == AfterDelete) == (c.in.Mode == Delete) && !c.in.HooksDone[HookKey(p, h.ID)] {
				phases = append(phases, p)
			}
		}
		if len(phases) == 0 {
			continue
		}
		if live, exists := c.in.Live[h.ID]; exists && !c.mayTouchHook(h, live) {
			continue
		}
		for _, p := range phases {
			out[p] = append(out[p], h)
		}
	}
	return out
}

// mayTouchHook settles ownership of what stands under a hook's name: a hook is deleted and made again, so it must be
// this App's.
func (c *computer) mayTouchHook(h Desired, live Live) bool {
	switch {
	case c.owned(live):
		return true
	case live.Owner == nil:
		c.refuse(h.ID, fault.NotOwned, fmt.Sprintf("the hook %s exists already, and no App owns it", h.ID), "rename the hook, or delete the object")
	default:
		c.refuse(h.ID, fault.OwnedByOther, fmt.Sprintf("the hook %s belongs to App %s%s", h.ID, live.Owner, c.elsewhere(*live.Owner)), "rename the hook in one of the two")
	}
	return false
}

// countSteps leaves out the hooks that run only when others fail.
func countSteps(hooks map[Phase][]Desired) int {
	n := 0
	for p, h := range hooks {
		if p != OnFailure {
			n += len(h)
		}
	}
	return n
}
