package plan

import (
	"bytes"
	"slices"

	"plumb.cd/plumb/internal/object"
)

// digest covers what an approval is about: the bundle as it is sent, the state of what the App owns as far as we wrote
// it, and the very objects that are deleted. What controllers write into objects, drift and health do not change it.
// An empty plan, which nobody approves, is told by App, mode and bundle alone.
func (c *computer) digest() object.Digest {
	lines := [][]byte{
		[]byte("app " + c.in.App.Installation + " " + c.in.App.String()), []byte("mode " + string(c.in.Mode)), []byte("bundle " + string(c.in.Bundle)),
	}
	if c.in.Orphan {
		lines = append(lines, []byte("orphan"))
	}
	if c.plan.Empty() {
		return object.DigestOf(lines...)
	}
	l := ledger{lines: make([][]byte, 0, len(c.in.Desired)+len(c.in.Live)+8), buf: make([]byte, 0, 160*(len(c.in.Desired)+len(c.in.Live)))}
	c.enter(&l)
	slices.SortFunc(l.lines, bytes.Compare)
	return object.DigestOf(append(lines, l.lines...)...)
}

// enter puts down what the digest covers, nearly in order already where there is much of it.
func (c *computer) enter(l *ledger) {
	order := make([]*Desired, len(c.in.Desired))
	for i := range c.in.Desired {
		order[i] = &c.in.Desired[i]
	}
	slices.SortFunc(order, func(a, b *Desired) int { return a.ID.Compare(b.ID) })
	for _, d := range order {
		if live, ok := c.in.Live[d.ID]; ok && c.owned(live) && !live.Hook {
			l.add("have", d.ID, string(live.Applied))
		}
	}
	for id := range c.in.Live {
		if !c.names[id] {
			if live := c.in.Live[id]; c.owned(live) && !live.Hook {
				l.add("have", id, string(live.Applied))
			}
		}
	}
	for id := range c.only {
		l.add("only", id, "")
	}
	for _, d := range order {
		l.add("want", d.ID, string(d.Digest))
	}
	for _, g := range c.plan.Groups {
		for _, s := range g.Steps {
			if s.Action == Prune || s.Action == Orphan || s.Action == Replace {
				l.add(string(s.Action), s.ID, s.UID)
			}
		}
	}
}

// ledger holds the lines of a digest.
type ledger struct {
	lines [][]byte
	buf   []byte
}

// add puts down "what id", and "what id rest" but for selections, which have none.
func (l *ledger) add(what string, id object.ID, rest string) {
	start := len(l.buf)
	l.buf = append(append(l.buf, what...), ' ')
	l.buf = id.Append(l.buf)
	if what != "only" {
		l.buf = append(append(l.buf, ' '), rest...)
	}
	l.lines = append(l.lines, l.buf[start:len(l.buf):len(l.buf)])
}
