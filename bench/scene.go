package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// scene is a control plane and a daemon of their own, filled with a shape, and what is measured on them in turn. The first
// act always runs: the others stand on its outcome.
type scene struct {
	shape func(config) shape
	acts  []act
}

type act struct {
	name string // for -only
	run  func(context.Context, *stage, *report) error
	with string // asking for this measure asks for the act too
}

var scenes = []scene{
	{func(c config) shape { return monorepoShape(c.apps) }, []act{
		{name: "sync", run: measureSync}, {name: "commit", run: measureCommit}, {name: "drift", run: measureDrift}, {name: "steady", run: measureSteady}, {name: "restart", run: measureRestart}, {name: "writes", run: measureWrites},
	}},
	{func(c config) shape { return clocksShape(c.apps) }, []act{{name: "clocks", run: measureClocks}}},
	{func(c config) shape { return fluxShape(c.size["flux"]) }, []act{{name: "flux", run: measureSync}}},
	{func(c config) shape { return fluxShape(c.size["flux"]) }, []act{{name: "standing", run: measureStanding, with: "flux"}}},
	{func(c config) shape { return manyShape(c.size["many"]) }, []act{{name: "many", run: measureSync}}},
	{func(c config) shape { return wideShape(c.size["wide"]) }, []act{{name: "wide", run: measureWide}}},
	{func(c config) shape { return bigShape(c.size["big"]) }, []act{{name: "big", run: measureBig}}},
	{func(c config) shape { return monoShape(c.size["mono"]) }, []act{{name: "mono", run: measureMono}}},
	{func(c config) shape { return fleetShape(c.size["fleet"]) }, []act{{name: "fleet", run: measureFleet}}},
	{func(c config) shape { return neighboursShape(c.size["neighbours"]) }, []act{{name: "neighbours", run: measureNeighbours}}},
	{func(c config) shape { return stormShape() }, []act{{name: "storm", run: measureStorm}}},
}

// measures are the names for -only, in the order in which they run.
func measures() []string {
	out := []string{"render"}
	for _, sc := range scenes {
		for _, a := range sc.acts {
			out = append(out, a.name)
		}
	}
	return out
}

func (sc scene) play(ctx context.Context, c config, r *report) (err error) {
	dir, err := os.MkdirTemp("", "plumb-bench-")
	if err != nil {
		return err
	}
	defer func() {
		if c.keep {
			fmt.Fprintln(os.Stderr, "kept", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	s, err := setUp(ctx, c, dir, sc.shape(c))
	if err != nil {
		return fmt.Errorf("setting up for %s: %w", sc.acts[0].name, err)
	}
	defer s.close()
	for i, a := range sc.acts {
		if i > 0 && !c.wantsAct(a) {
			continue
		}
		step(a.name)
		s.measure = a.name
		stop := s.profiled(a.name)
		err := a.run(ctx, s, r)
		stop()
		if err != nil {
			return fmt.Errorf("%s: %w\nwhat there is:\n%s\nthe end of the daemon's log:\n%s", a.name, err, s.world.summary(), s.daemonTail())
		}
	}
	return nil
}
