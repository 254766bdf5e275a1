package engine

import (
	"context"

	"plumb.cd/plumb/internal/object"
)

// sentBy are the sides out of which the App's objects were sent last: what was applied as a whole, and what the newest attempt
// has come to, or failed with. What cannot be read any more is left out.
func (c *comparing) sentBy(ctx context.Context, from *sides) ([]*side, error) {
	var out []*side
	take := func(which Side) error {
		sd, err := from.sent(ctx, which)
		if err == nil && sd != nil {
			out = append(out, sd)
		}
		return ctx.Err()
	}
	if c.s.snap.Memory.Applied != nil {
		if err := take(SideApplied); err != nil {
			return nil, err
		}
	}
	if at := c.s.snap.Memory.Attempt; at != nil && at.Bundle != "" {
		if err := take(SideOf(at.ID)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sentOf is an object as we sent it last; nil: that is not known any more. What an attempt sent that did not get to its end
// counts too: the digest tells which it was.
func (c *comparing) sentOf(id object.ID) map[string]any {
	digest := c.records[id].applied
	for _, sd := range c.sent {
		if d, ok := sd.objects[id]; ok && (digest == "" || d.Digest == digest) {
			return d.Object.Object
		}
	}
	return nil
}
