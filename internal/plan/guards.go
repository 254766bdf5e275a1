package plan

import (
	"fmt"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

const (
	defaultPruneLimit = 0.5
	// exemptBelow: of fewer objects than this, any one is a large share.
	exemptBelow = 5
)

// guardPrunes says which deletions of a sync wait for approval of this plan.
func (c *computer) guardPrunes() {
	var objects []Live // hooks' leftovers are nobody's loss
	for _, l := range c.prunes {
		if !l.Hook {
			objects = append(objects, l)
		}
	}
	if len(objects) == 0 {
		return
	}
	if c.blank {
		c.guard(fault.EmptyRender, objects, fmt.Sprintf("nothing was rendered: all of the App would be deleted, %s", count(len(objects), "object")))
	}
	if c.in.Suspicion != "" {
		c.guard(fault.PruneGuard, objects, c.in.Suspicion+": "+count(len(objects), "object")+" would be deleted")
	}
	limit := c.in.Policy.PruneLimit
	if limit == 0 {
		limit = defaultPruneLimit
	}
	owned := 0
	for _, l := range c.in.Live {
		if c.owned(l) && !l.Hook {
			owned++
		}
	}
	if share := float64(len(objects)) / float64(owned); owned >= exemptBelow && limit < 1 && share > limit {
		c.guard(fault.PruneGuard, objects,
			fmt.Sprintf("%d of the App's %d objects would be deleted, more than %.0f %%", len(objects), owned, limit*100))
	}
	c.guardEach(objects, func(o Options) (sure, asks bool) { return o.Prune == On, o.ConfirmPrune })
}

// guardRemoval says which deletions of a whole App wait: that much is deleted is what was asked for, that data or other
// Apps' objects go with it may not be.
func (c *computer) guardRemoval() {
	c.guardEach(c.prunes, func(o Options) (sure, asks bool) { return o.Delete == On, o.ConfirmDelete })
}

// guardEach guards the objects that are precious, unless their annotation is sure, and those whose annotation asks.
func (c *computer) guardEach(objects []Live, wish func(Options) (sure, asks bool)) {
	var valued, asking []Live
	for _, l := range objects {
		sure, asks := wish(l.Options)
		switch {
		case l.Deleting: // too late
		case asks:
			asking = append(asking, l)
		case precious(l.ID) && !sure:
			valued = append(valued, l)
		}
	}
	if len(valued) > 0 {
		c.guard(fault.PruneGuard, valued, "what cannot be brought back from Git would be deleted: "+names(ids(valued)))
	}
	if len(asking) > 0 {
		c.guard(fault.PruneGuard, asking, "annotated to be deleted only with approval: "+names(ids(asking)))
	}
}

func (c *computer) guard(reason fault.Reason, objects []Live, message string) {
	c.plan.Guards = append(c.plan.Guards, Guard{Reason: reason, Message: message, Objects: ids(objects)})
}

// names lists some objects for people.
func names(list []object.ID) string {
	const shown = 5
	var out []string
	for _, id := range list[:min(shown, len(list))] {
		out = append(out, id.String())
	}
	slices.Sort(out)
	if rest := len(list) - len(out); rest > 0 {
		out = append(out, fmt.Sprintf("%d more", rest))
	}
	return strings.Join(out, ", ")
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
