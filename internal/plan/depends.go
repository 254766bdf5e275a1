package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

func sortedKeys(m map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(m)), ", ") }

// raiseWaves lifts every object that depends on others to a wave after theirs. Namespaces and CRDs come before all
// waves, so depending on them raises nothing.
func (p *preparer) raiseWaves() {
	r := raiser{p: p, at: make(map[object.ID]int, len(p.out)), state: make([]int, len(p.out))}
	wished := false
	for i, d := range p.out {
		r.at[d.ID] = i
		wished = wished || len(d.Options.DependsOn) > 0
	}
	if !wished {
		return
	}
	for i := range p.out {
		r.visit(i, nil)
	}
}

type raiser struct {
	p     *preparer
	at    map[object.ID]int
	state []int // 0 new, 1 on the path, 2 done
}

func (r *raiser) visit(i int, path []object.ID) {
	d := &r.p.out[i]
	path = append(path, d.ID)
	switch r.state[i] {
	case 2:
		return
	case 1:
		r.p.faults = append(r.p.faults, &fault.Error{
			Class: fault.Invalid, Reason: fault.ObjectInvalid, Where: bundle.Where(d.Origin),
			Message: "objects depend on each other in a circle: " + circle(path), Next: "remove one of the depends-on annotations",
		})
		return
	}
	r.state[i] = 1
	for _, on := range d.Options.DependsOn {
		j, ok := r.at[on]
		if !ok {
			r.p.warnings = append(r.p.warnings, fmt.Sprintf("%s: %s depends on %s, which this App does not have", bundle.Where(d.Origin), d.ID, on))
			continue
		}
		r.visit(j, path)
		if dep := r.p.out[j]; !foundation(dep.ID) && d.Wave <= dep.Wave {
			d.Wave = dep.Wave + 1
		}
	}
	r.state[i] = 2
}

// circle writes the part of the path that closes on itself.
func circle(path []object.ID) string {
	last := path[len(path)-1]
	var names []string
	for _, id := range path[slices.Index(path, last):] {
		names = append(names, id.String())
	}
	return strings.Join(names, " → ")
}
