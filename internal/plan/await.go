package plan

import (
	"cmp"

	"plumb.cd/plumb/internal/object"
)

// Await is the plan of a bundle that is applied already but was never seen healthy (an attempt that a restart cut off):
// it writes nothing and waits for every object, within the deadline of a wave.
func Await(in Input) Plan {
	p := Plan{Mode: in.Mode, App: in.App, Bundle: in.Bundle, Unchanged: len(in.Desired)}
	g := Group{Phase: Main, Deadline: cmp.Or(in.Policy.WaveDeadline, defaultWaveDeadline)}
	for _, d := range in.Desired {
		if d.Hook == nil && !d.Options.Unmanaged && !d.Options.IgnoreHealth {
			g.Await = append(g.Await, d.ID)
			g.Wave = max(g.Wave, d.Wave)
		}
	}
	if len(g.Await) > 0 {
		p.Groups = []Group{g}
	}
	p.Digest = object.DigestOf([]byte("await"), []byte(in.Mode), []byte(in.Bundle))
	return p
}
