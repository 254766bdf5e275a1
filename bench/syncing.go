package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

const plumbMark = "plumb"

// measureSync is the first sync of all apps of the stage, between two runs of the raw loop, so that a machine whose load
// changes shows it.
func measureSync(ctx context.Context, s *stage, r *report) error {
	if err := s.warm(ctx); err != nil {
		return err
	}
	before, err := s.rawRun(ctx, "raw-before")
	if err != nil {
		return err
	}
	f, err := s.plumbSync(ctx)
	if err != nil {
		return err
	}
	raw, note := before, fmt.Sprintf("raw %.2f before", before.took.Seconds())
	if s.shape.share > 1 {
		note += fmt.Sprintf(", from one object in %d", s.shape.share)
	}
	if !s.shape.once {
		after, err := s.rawRun(ctx, "raw-after")
		if err != nil {
			return err
		}
		note += fmt.Sprintf(", %.2f after", after.took.Seconds())
		raw = meanOf(before, after)
	}
	f.report(r, s.shape, raw, note)
	return nil
}

// warm creates the Repository and runs the raw loop for a tenth of the objects, so that no figure has what comes first.
func (s *stage) warm(ctx context.Context) error {
	all, err := s.shape.raw("raw-warm")
	if err != nil {
		return err
	}
	if _, err := s.rawSync(ctx, "raw-warm", all[:min(len(all), max(len(all)/10, 2))]); err != nil {
		return err
	}
	if err := s.createRepository(ctx); err != nil {
		return err
	}
	return s.quiet()
}

// rawRun is the raw loop for all objects of the shape.
func (s *stage) rawRun(ctx context.Context, mark string) (rawRun, error) {
	all, err := s.shape.raw(mark)
	if err != nil {
		return rawRun{}, err
	}
	if s.shape.share > 1 {
		all = all[:max(len(all)/s.shape.share, 1)]
	}
	run, err := s.rawSync(ctx, mark, all)
	if err != nil {
		return run, fmt.Errorf("the raw loop: %w", err)
	}
	if share := time.Duration(max(s.shape.share, 1)); share > 1 {
		run = rawRun{took: run.took * share, cpu: run.cpu * share, server: run.server * share}
	}
	time.Sleep(time.Second) // the control plane comes to rest
	return run, nil
}

// firstSync is what a first sync took.
type firstSync struct {
	created, healthy, synced, server time.Duration
	half, most                       time.Duration // until half of the objects, and 90 % of them, were healthy
	cpu                              spent
	peak                             memory
	asked                            requests
	bytes                            traffic
}

func (f firstSync) report(r *report, sh shape, raw rawRun, note string) {
	n := len(sh.apps)
	r.ratio(sh.title+": all objects healthy", seconds(f.healthy), seconds(raw.took), "s", note+fmt.Sprintf("; half of them after %.2f, 90 %% after %.2f", f.half.Seconds(), f.most.Seconds()))
	r.ratio(sh.title+": every App says Synced", seconds(f.synced), seconds(raw.took), "s", fmt.Sprintf("creating the Apps took %.2f", f.created.Seconds()))
	r.ratio(sh.title+": CPU of the control plane", seconds(f.server), seconds(raw.server), "CPU s", "the Apps themselves are objects too")
	r.ratio(sh.title+": CPU of control plane and client together", seconds(f.server+f.cpu.total()), seconds(raw.cpu), "CPU s", "")
	r.value(sh.title+": CPU of daemon, workers and git", seconds(f.cpu.total()), "CPU s",
		fmt.Sprintf("daemon %.1f, workers %.1f, others %.1f", seconds(f.cpu.daemon), seconds(f.cpu.workers), seconds(f.cpu.others)))
	r.memory(sh.title+": peak private memory", f.peak)
	r.requests(sh.title+": requests", f.asked, n)
	r.traffic(sh.title+": bytes", f.bytes, "the Apps themselves among them")
}

func (s *stage) plumbSync(ctx context.Context) (firstSync, error) {
	return s.timed(ctx, expected{title: s.shape.title, objects: s.shape.objects, apps: s.shape.apps}, func() error { return s.createApps(ctx, s.shape.apps) })
}

// expected is what a first sync brings.
type expected struct {
	title   string
	objects int    // with the mark of Plumb, and
	prefix  string // this begin of their names; only those that change from now on are counted
	apps    []appShape
	commit  string // that the Apps say they are Synced at; empty: any
}

// timed measures from the begin of do until all objects are healthy and all apps Synced.
func (s *stage) timed(ctx context.Context, e expected, do func() error) (firstSync, error) {
	var f firstSync
	if _, err := s.audit.since(); err != nil {
		return f, err
	}
	var half, most time.Time
	healthy := s.world.expectCountBy(e.objects, func(t thing) bool { return t.mark == plumbMark && t.healthy && strings.HasPrefix(t.name, e.prefix) },
		func(n int, at time.Time) {
			if half.IsZero() && n*2 >= e.objects {
				half = at
			}
			if most.IsZero() && n*10 >= e.objects*9 {
				most = at
			}
		})
	synced := s.syncedAt(e.apps, e.commit)
	bytes, err := s.bytes(ctx)
	if err != nil {
		return f, err
	}
	s.cpuProfile(s.measure, 8+e.objects/400)
	peak, cpu, server := s.sample(), s.daemonCPU(), cpuOf(s.plane.pid())
	began := time.Now()
	if err := do(); err != nil {
		return f, err
	}
	f.created = time.Since(began)
	if peak == nil {
		peak = s.sample() // it was do that started the daemon
	}
	running, stop := s.whileRunning(ctx)
	defer stop()
	last, err := healthy(running, fmt.Sprintf("%s: the %d objects of Plumb are healthy", e.title, e.objects))
	if err != nil {
		return f, err
	}
	f.healthy, f.half, f.most = last.at.Sub(began), half.Sub(began), most.Sub(began)
	if last, err = synced(running, fmt.Sprintf("%s: the %d Apps are Synced", e.title, len(e.apps))); err != nil {
		return f, err
	}
	f.synced, f.server, f.cpu = last.at.Sub(began), cpuOf(s.plane.pid())-server, s.daemonCPU().minus(cpu)
	if err := s.quiet(); err != nil {
		fmt.Fprintln(os.Stderr, "after the first sync:", err)
	}
	f.peak = peak.end()
	if f.asked, err = s.audit.since(); err != nil {
		return f, err
	}
	now, err := s.bytes(ctx)
	f.bytes = now.minus(bytes)
	return f, err
}

// whileRunning ends with ctx, or when the daemon does: nothing that is waited for comes then.
func (s *stage) whileRunning(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancelCause(ctx)
	if s.daemon != nil {
		go func(exited chan struct{}) {
			select {
			case <-exited:
				stop(errors.New("the daemon ended"))
			case <-ctx.Done():
			}
		}(s.daemon.exited)
	}
	return ctx, func() { stop(nil) }
}

// sample begins to look at the daemon's memory; nil when it does not run.
func (s *stage) sample() *sampler {
	if s.daemon == nil {
		return nil
	}
	return sample(s.daemon.pid())
}

func (s *stage) daemonCPU() spent {
	if s.daemon == nil {
		return spent{}
	}
	return spentBy(s.daemon.pid())
}

func (s *stage) daemonTail() string {
	if s.daemon == nil {
		return "it does not run"
	}
	return s.daemon.tail()
}
