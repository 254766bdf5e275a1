package plan

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"plumb.cd/plumb/internal/object"
)

const (
	defaultWaveDeadline = 10 * time.Minute
	defaultHookDeadline = 15 * time.Minute
)

func (c *computer) waveDeadline() time.Duration {
	return cmp.Or(c.in.Policy.WaveDeadline, defaultWaveDeadline)
}

func (c *computer) hookDeadline() time.Duration {
	return cmp.Or(c.in.Policy.HookDeadline, defaultHookDeadline)
}

// arrange puts the steps of a sync in order: namespaces that early hooks need, hooks before, namespaces and CRDs, the
// waves with their hooks, hooks after, and the deletions. Every wave is waited for, changed or not: what follows may
// need it healthy.
func (c *computer) arrange(hooks map[Phase][]Desired) {
	early := c.earlyNamespaces(hooks[Before])
	if len(early.Steps) > 0 {
		c.plan.Groups = append(c.plan.Groups, sorted(early))
	}
	c.addHooks(Before, hooks[Before])
	base := Group{Phase: Foundation, Deadline: c.waveDeadline()}
	waves := map[int]*Group{}
	for _, d := range c.objects {
		g := &base
		if !foundation(d.ID) {
			g = wave(waves, d.Wave, c.waveDeadline())
		}
		if s, ok := c.steps[d.ID]; ok {
			g.Steps = append(g.Steps, s)
		}
		if c.awaited(d) {
			g.Await = append(g.Await, d.ID)
		}
	}
	for _, h := range hooks[Main] {
		g := wave(waves, h.Wave, c.waveDeadline())
		g.Steps = append(g.Steps, c.hookStep(h))
		g.Await = append(g.Await, h.ID)
		g.Deadline = max(g.Deadline, c.hookDeadline())
	}
	c.add(base)
	for _, w := range sortedWaves(waves) {
		c.add(*waves[w])
	}
	c.addHooks(After, hooks[After])
	prunes, last := c.pruneGroups(whyGone)
	c.plan.Groups = append(append(c.plan.Groups, prunes...), last...)
	c.plan.OnFailure = c.hookGroups(OnFailure, hooks[OnFailure])
}

// arrangeHeal puts the steps of a heal in order. Only new namespaces and CRDs are waited for.
func (c *computer) arrangeHeal() {
	base := Group{Phase: Foundation, Deadline: c.waveDeadline()}
	waves := map[int]*Group{}
	for _, d := range c.objects {
		s, ok := c.steps[d.ID]
		switch {
		case !ok:
		case foundation(d.ID):
			base.Steps = append(base.Steps, s)
			if c.awaited(d) {
				base.Await = append(base.Await, d.ID)
			}
		default:
			g := wave(waves, d.Wave, c.waveDeadline())
			g.Steps = append(g.Steps, s)
		}
	}
	c.add(base)
	for _, w := range sortedWaves(waves) {
		c.add(*waves[w])
	}
}

// awaited reports whether a wave waits for the object.
func (c *computer) awaited(d *Desired) bool { return !d.Options.IgnoreHealth && !c.skipped[d.ID] }

// add appends a group that has something to do or to wait for.
func (c *computer) add(g Group) {
	if len(g.Steps)+len(g.Await) > 0 {
		c.plan.Groups = append(c.plan.Groups, sorted(g))
	}
}

// earlyNamespaces takes the namespaces that hooks before everything else run in, and that do not exist, out of the
// steps.
func (c *computer) earlyNamespaces(hooks []Desired) Group {
	g := Group{Phase: Foundation, Deadline: c.waveDeadline()}
	needed := map[string]bool{}
	for _, h := range hooks {
		needed[h.ID.Namespace] = true
	}
	for _, d := range c.objects {
		s, ok := c.steps[d.ID]
		if ok && s.Action == Create && d.ID.GroupKind() == namespaceKind && needed[d.ID.Name] {
			g.Steps = append(g.Steps, s)
			if c.awaited(d) {
				g.Await = append(g.Await, d.ID)
			}
			delete(c.steps, d.ID)
		}
	}
	return g
}

func (c *computer) addHooks(p Phase, hooks []Desired) {
	c.plan.Groups = append(c.plan.Groups, c.hookGroups(p, hooks)...)
}

// hookGroups gives the hooks of one phase, a group a wave.
func (c *computer) hookGroups(p Phase, hooks []Desired) []Group {
	waves := map[int]*Group{}
	for _, h := range hooks {
		g := wave(waves, h.Wave, c.hookDeadline())
		g.Phase = p
		g.Steps = append(g.Steps, c.hookStep(h))
		g.Await = append(g.Await, h.ID)
	}
	var out []Group
	for _, w := range sortedWaves(waves) {
		out = append(out, sorted(*waves[w]))
	}
	return out
}

func (c *computer) hookStep(h Desired) Step {
	spec := *h.Hook
	if c.in.Mode == Delete {
		spec.DeleteOnSuccess, spec.DeleteOnFailure = true, true // nobody is left who would do it later
	}
	return Step{
		Action: Hook, ID: h.ID, Kind: h.GVK(), UID: c.in.Live[h.ID].UID, Rank: rank(h.ID),
		Why: "hook", Hook: &spec,
	}
}

func wave(waves map[int]*Group, n int, deadline time.Duration) *Group {
	if waves[n] == nil {
		waves[n] = &Group{Phase: Main, Wave: n, Deadline: deadline}
	}
	return waves[n]
}

func sortedWaves(waves map[int]*Group) []int { return slices.Sorted(maps.Keys(waves)) }

// sorted puts a group in its one order: rank, then object.
func sorted(g Group) Group {
	slices.SortFunc(g.Steps, func(a, b Step) int { return cmp.Or(cmp.Compare(a.Rank, b.Rank), a.ID.Compare(b.ID)) })
	slices.SortFunc(g.Await, object.ID.Compare)
	g.Await = slices.Compact(g.Await)
	return g
}
