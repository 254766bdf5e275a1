package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

const plumbMark = "plumb"

// measureSync is the first sync of all apps, between two runs of the raw loop, so that a machine whose load changes
// shows it.
func measureSync(ctx context.Context, s *stage, r *report) error {
	n := s.config.apps
	if _, err := s.rawSync(ctx, "raw-warm", max(n/10, 2)); err != nil {
		return err
	}
	if err := s.createRepository(ctx); err != nil {
		return err
	}
	if err := s.quiet(); err != nil {
		return err
	}
	before, err := s.rawSync(ctx, "raw-before", n)
	if err != nil {
		return fmt.Errorf("the raw loop: %w", err)
	}
	time.Sleep(time.Second) // the control plane comes to rest
	f, err := s.plumbSync(ctx)
	if err != nil {
		return err
	}
	after, err := s.rawSync(ctx, "raw-after", n)
	if err != nil {
		return fmt.Errorf("the raw loop: %w", err)
	}
	raw := (before.took + after.took) / 2
	shape := fmt.Sprintf("first sync, %d apps × 4 objects", n)
	r.ratio(shape+": all objects healthy", seconds(f.healthy), seconds(raw), "s", fmt.Sprintf("raw %.2f before, %.2f after", before.took.Seconds(), after.took.Seconds()))
	r.ratio(shape+": every App says Synced", seconds(f.synced), seconds(raw), "s", fmt.Sprintf("creating the Apps took %.2f", f.created.Seconds()))
	r.ratio(shape+": CPU of the control plane", seconds(f.server), seconds((before.server+after.server)/2), "CPU s", "the Apps themselves are objects too")
	r.ratio(shape+": CPU of control plane and client together", seconds(f.server+f.cpu), seconds((before.cpu+after.cpu)/2), "CPU s", "")
	r.value(shape+": CPU of daemon, workers and git", seconds(f.cpu), "CPU s", "")
	r.memory(shape+": peak private memory", f.peak)
	r.requests(shape+": requests", f.asked, n)
	return nil
}

// firstSync is what a first sync took.
type firstSync struct {
	created, healthy, synced, cpu, server time.Duration
	peak                                  memory
	asked                                 requests
}

func (s *stage) plumbSync(ctx context.Context) (firstSync, error) {
	var f firstSync
	n := s.config.apps
	if _, err := s.audit.since(); err != nil {
		return f, err
	}
	healthy := s.world.expectCount(4*n, func(t thing) bool { return t.mark == plumbMark && t.healthy })
	synced := s.world.expectCount(n, func(t thing) bool { return t.kind == "App" && t.state == "Synced" })
	s.cpuProfile("sync", 8+n/100)
	peak, cpu, server := sample(s.daemon.pid()), cpuOf(s.daemon.pid()), cpuOf(s.plane.pid())
	began := time.Now()
	if err := s.createApps(ctx); err != nil {
		return f, err
	}
	f.created = time.Since(began)
	last, err := healthy(ctx, "the objects of Plumb are healthy")
	if err != nil {
		return f, err
	}
	f.healthy = last.at.Sub(began)
	if last, err = synced(ctx, "the Apps are Synced"); err != nil {
		return f, err
	}
	f.synced, f.server = last.at.Sub(began), cpuOf(s.plane.pid())-server
	if err := s.quiet(); err != nil {
		fmt.Fprintln(os.Stderr, "after the first sync:", err)
	}
	f.cpu, f.peak = cpuOf(s.daemon.pid())-cpu, peak.end()
	f.asked, err = s.audit.since()
	return f, err
}
