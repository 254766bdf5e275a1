package plan

import (
	"fmt"
	"slices"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// liveInOrder gives the live objects of this App that pick wants, hooks' leftovers apart, in canonical order.
func (c *computer) liveInOrder(pick func(object.ID) bool) (objects, hooks []Live) {
	for id := range c.in.Live {
		if !pick(id) {
			continue
		}
		l := c.in.Live[id]
		if l.ID = id; !c.owned(l) {
			continue
		}
		if l.Hook {
			hooks = append(hooks, l)
		} else {
			objects = append(objects, l)
		}
	}
	order := func(a, b Live) int { return a.ID.Compare(b.ID) }
	slices.SortFunc(objects, order)
	slices.SortFunc(hooks, order)
	return objects, hooks
}

// dropped is what this App owns and no desired object names, hooks' leftovers apart.
func (c *computer) dropped() (objects, hooks []Live) {
	if c.strays == nil {
		objects, hooks := c.liveInOrder(func(id object.ID) bool { return !c.names[id] })
		c.strays = &strays{objects, hooks}
	}
	return c.strays.objects, c.strays.hooks
}

type strays struct{ objects, hooks []Live }

// decidePrunes finds what this App owns, Git does not have, and may be deleted. The rest of it is kept, with the reason.
func (c *computer) decidePrunes() {
	objects, _ := c.dropped()
	if len(objects) == 0 {
		return
	}
	stays := inhabited{map[string]bool{}, map[string]bool{}}
	for id := range c.names {
		stays.add(id)
	}
	for _, l := range foundationLast(objects) {
		if !c.selected(l.ID) || l.Deleting {
			continue
		}
		if why := c.keeps(l, stays); why != "" {
			c.plan.Kept = append(c.plan.Kept, Keep{ID: l.ID, Why: why, Extraneous: l.Options.IgnoreExtraneous})
			stays.add(l.ID)
			continue
		}
		c.prunes = append(c.prunes, l)
	}
	if n := len(c.prunes); n > 0 && c.in.HoldPrune != "" {
		for _, l := range c.prunes {
			c.plan.Kept = append(c.plan.Kept, Keep{ID: l.ID, Why: c.in.HoldPrune})
		}
		c.plan.Warnings = append(c.plan.Warnings, fmt.Sprintf("%s to delete: %s", count(n, "object"), c.in.HoldPrune))
		c.prunes = nil
	}
	if c.blank && len(c.prunes) > 0 && !c.in.Policy.AllowEmpty {
		c.refuseEmpty()
	}
}

// keeps says why an object that Git does not have stays; empty when it goes.
func (c *computer) keeps(l Live, stays inhabited) string {
	switch {
	case l.Options.Unmanaged:
		return "it is annotated as not managed"
	case l.Options.Prune == Off:
		return "it is annotated not to be pruned"
	case !either(l.Options.Prune, c.in.Policy.Prune):
		return "the App does not prune"
	}
	return stays.within(l.ID)
}

// inhabited is where objects are that stay: their namespaces and API groups must stay too, or they would go with them.
type inhabited struct{ namespaces, groups map[string]bool }

func (in inhabited) add(id object.ID) {
	in.namespaces[id.Namespace] = true
	in.groups[id.Group] = true
}

// within says what keeps a namespace or CRD; empty for any other object.
func (in inhabited) within(id object.ID) string {
	switch {
	case id.GroupKind() == namespaceKind && in.namespaces[id.Name]:
		return "objects in this namespace stay"
	case id.GroupKind() == crdKind && in.groups[crdGroup(id.Name)]:
		return "objects of this API group stay"
	}
	return ""
}

// foundationLast moves namespaces and CRDs behind what may live in them.
func foundationLast(list []Live) []Live {
	var inside, around []Live
	for _, l := range list {
		if foundation(l.ID) {
			around = append(around, l)
		} else {
			inside = append(inside, l)
		}
	}
	return append(inside, around...)
}

// refuseEmpty stops an App that rendered nothing from deleting everything: a wrong path looks the same.
func (c *computer) refuseEmpty() {
	for _, l := range c.prunes {
		c.plan.Kept = append(c.plan.Kept, Keep{ID: l.ID, Why: "nothing was rendered"})
	}
	c.plan.Refused = append(c.plan.Refused, Refusal{
		ID: c.prunes[0].ID, Reason: fault.EmptyRender,
		Message: fmt.Sprintf("nothing was rendered, and %s of the App would be deleted, %s first", count(len(c.prunes), "object"), c.prunes[0].ID),
		Next:    "check the path of the source; to delete everything, allow empty renders in the App or delete the App",
	})
	c.prunes = nil
}

// sweepHooks deletes what earlier attempts' hooks left and Git does not have any more.
func (c *computer) sweepHooks() {
	if c.only != nil || !c.in.Policy.Prune || c.in.HoldPrune != "" || c.blank {
		return
	}
	_, hooks := c.dropped()
	for _, l := range hooks {
		if !l.Deleting && l.Options.Prune != Off && !l.Options.Unmanaged {
			c.prunes = append(c.prunes, l)
		}
	}
}

// remove plans the end of the App. What is being deleted already is waited for.
func (c *computer) remove() {
	objects, leftovers := c.liveInOrder(c.selected)
	orphans := Group{Phase: Pruning}
	stays := inhabited{map[string]bool{}, map[string]bool{}}
	hooks, runs := map[Phase][]Desired{}, map[object.ID]bool{}
	if !c.in.Orphan {
		hooks = c.hooksToRun()
	}
	for _, list := range hooks {
		for _, h := range list {
			runs[h.ID] = true // replaces what it left earlier, and cleans up after itself
		}
	}
	for _, l := range foundationLast(append(objects, leftovers...)) {
		if runs[l.ID] {
			continue
		}
		why := c.orphans(l, stays)
		if why == "" {
			c.prunes = append(c.prunes, l)
			continue
		}
		stays.add(l.ID)
		orphans.Steps = append(orphans.Steps, Step{
			Action: Orphan, ID: l.ID, Kind: l.Kind, UID: l.UID, Rank: lastRank - rank(l.ID), Why: whyRemoved + ", " + why,
		})
	}
	c.guardRemoval()
	c.arrangeRemoval(hooks, orphans)
}

// orphans says why an object stays when its App goes; empty when it goes too.
func (c *computer) orphans(l Live, stays inhabited) string {
	switch {
	case c.in.Orphan:
		return "its objects stay"
	case l.Options.Unmanaged:
		return "this is annotated as not managed"
	case l.Options.Delete == Off:
		return "this is annotated to stay"
	}
	return stays.within(l.ID)
}

// arrangeRemoval: hooks, objects in reverse order, hooks, and at last namespaces and CRDs, which the hooks may need.
func (c *computer) arrangeRemoval(hooks map[Phase][]Desired, orphans Group) {
	c.addHooks(BeforeDelete, hooks[BeforeDelete])
	c.add(orphans)
	waves, last := c.pruneGroups(whyRemoved)
	c.plan.Groups = append(c.plan.Groups, waves...)
	c.addHooks(AfterDelete, hooks[AfterDelete])
	c.plan.Groups = append(c.plan.Groups, last...)
}

// pruneGroups gives the deletions by live wave, highest first; namespaces and CRDs come apart, to be deleted last.
func (c *computer) pruneGroups(why string) (waves, last []Group) {
	byWave := map[int]*Group{}
	end := &Group{Phase: Pruning, Deadline: c.waveDeadline()}
	for _, l := range c.prunes {
		g := end
		if !foundation(l.ID) {
			if g = byWave[l.Wave]; g == nil {
				g = &Group{Phase: Pruning, Wave: l.Wave, Deadline: c.waveDeadline()}
				byWave[l.Wave] = g
			}
		}
		s := Step{Action: Prune, ID: l.ID, Kind: l.Kind, UID: l.UID, Rank: lastRank - rank(l.ID), Why: why, Propagation: l.Options.Propagation}
		if s.Propagation == "" {
			s.Propagation = "Background"
		}
		g.Steps = append(g.Steps, s)
		g.Await = append(g.Await, l.ID)
	}
	for _, w := range sortedWaves(byWave) {
		waves = append([]Group{sorted(*byWave[w])}, waves...)
	}
	if len(end.Steps) > 0 {
		last = []Group{sorted(*end)}
	}
	return waves, last
}

func ids(list []Live) []object.ID {
	out := make([]object.ID, len(list))
	for i, l := range list {
		out[i] = l.ID
	}
	return out
}
