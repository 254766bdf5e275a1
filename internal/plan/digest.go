package plan

import (
	"slices"

	"plumb.cd/plumb/internal/object"
)

// digest covers what an approval is about: the bundle as it is sent, the state of what the App owns as far as we wrote
// it, and the very objects that are deleted. What controllers write into objects, drift and health do not change it.
// An empty plan, which nobody approves, is told by App, mode and bundle alone.
func (c *computer) digest() object.Digest {
	lines := []string{"app " + c.in.App.Installation + " " + c.in.App.String(), "mode " + string(c.in.Mode), "bundle " + string(c.in.Bundle)}
	if c.in.Orphan {
		lines = append(lines, "orphan")
	}
	var items []string
	if c.plan.Empty() {
		return hashLines(lines)
	}
	for _, d := range c.in.Desired {
		items = append(items, "want "+d.ID.String()+" "+string(d.Digest))
	}
	for id, l := range c.in.Live {
		l.ID = id
		if c.owned(l) && !l.Hook {
			items = append(items, "have "+id.String()+" "+string(l.Applied))
		}
	}
	for id := range c.only {
		items = append(items, "only "+id.String())
	}
	for _, g := range c.plan.Groups {
		for _, s := range g.Steps {
			if s.Action == Prune || s.Action == Orphan || s.Action == Replace {
				items = append(items, string(s.Action)+" "+s.ID.String()+" "+s.UID)
			}
		}
	}
	slices.Sort(items)
	return hashLines(append(lines, items...))
}

func hashLines(lines []string) object.Digest {
	parts := make([][]byte, len(lines))
	for i, l := range lines {
		parts[i] = []byte(l)
	}
	return object.DigestOf(parts...)
}
