package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// measureSteady looks at a daemon that has nothing to do.
func measureSteady(ctx context.Context, s *stage, r *report) error {
	return s.atRest(ctx, r, s.config.steady)
}

// atRest is measureSteady for so long.
func (s *stage) atRest(ctx context.Context, r *report, long time.Duration) error {
	if err := s.quiet(); err != nil {
		return err
	}
	s.still()
	if _, err := s.audit.since(); err != nil {
		return err
	}
	s.cpuProfile(s.measure+".rest", int(long.Seconds()))
	cpu, began := cpuOf(s.daemon.pid()), time.Now()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(long):
	}
	took := time.Since(began)
	cpu = cpuOf(s.daemon.pid()) - cpu
	asked, err := s.audit.since()
	if err != nil {
		return err
	}
	what := fmt.Sprintf("steady state, %d apps, %d objects", len(s.shape.apps), s.shape.objects)
	r.value(fmt.Sprintf("%s: requests in %v", what, long), float64(asked.total()), "", fmt.Sprintf("%s; besides %d of the leader's Lease and %d Events", asked.byVerb(), asked.Leases, asked.Events))
	r.value(what+": CPU", 100*cpu.Seconds()/took.Seconds(), "% of a core", "")
	m := memoryOf(s.daemon.pid())
	r.memory(what+": private memory", m)
	r.value(what+": private memory of the daemon an object", float64(m.Daemon)/float64(s.shape.objects), "bytes", "the program itself shared out among them")
	r.detail(what+": requests", asked)
	return nil
}

// measureRestart ends the daemon and starts it again: with what it kept on disk, then without.
func measureRestart(ctx context.Context, s *stage, r *report) error {
	for _, one := range []struct{ name, forget string }{
		{"restart, state kept", ""}, {"restart, fingerprints lost", "history.db*"}, {"restart, all local files lost", "*"},
	} {
		if err := s.restart(ctx, r, one.name, one.forget); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
	}
	return nil
}

func (s *stage) restart(ctx context.Context, r *report, name, forget string) error {
	s.daemon.stop()
	if err := removeAll(filepath.Join(s.dir, "state"), forget); err != nil {
		return err
	}
	if _, err := s.audit.since(); err != nil {
		return err
	}
	began := time.Now()
	if err := s.startDaemon(ctx); err != nil {
		return err
	}
	if err := s.quiet(); err != nil {
		return err
	}
	rest := time.Since(began) - 3*time.Second
	asked, err := s.audit.since()
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%s, %d apps", name, len(s.shape.apps))
	r.value(what+": until at rest", seconds(rest), "s", "from the start of the process to its last request")
	r.value(what+": CPU", seconds(cpuOf(s.daemon.pid())), "CPU s", "")
	r.requests(what+": requests", asked, len(s.shape.apps))
	return nil
}
