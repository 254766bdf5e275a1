package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// clocksShape has the objects of monorepoShape twice: ready, below apps, and below late, where each app has but a marker
// until one commit brings its objects.
func clocksShape(n int) shape {
	s := monorepoShape(n)
	s.title = fmt.Sprintf("first sync, %d apps × 4 objects", n)
	for i := range n {
		s.files["late/"+appName(i)+"/kustomization.yaml"] = strings.Replace(kustomization(teamOf(plumbMark, i), plumbMark), fourFiles, "[marker.yaml]", 1)
		s.files["late/"+appName(i)+"/marker.yaml"] = configMap("marker-"+appName(i), "0")
	}
	return s
}

// measureClocks is the first sync without the creation of the Apps in it: the Apps are there when the daemon starts; then,
// for as many that are Synced with next to nothing, one commit brings the objects of all.
func measureClocks(ctx context.Context, s *stage, r *report) error {
	if err := s.warm(ctx); err != nil {
		return err
	}
	before, err := s.rawRun(ctx, "raw-before")
	if err != nil {
		return err
	}
	title := s.shape.title
	start, err := s.startWithApps(ctx, title+", the daemon starts when all Apps exist", "")
	if err != nil {
		return err
	}
	reach, err := s.oneCommitReachesAll(ctx, title+", one commit brings them to all Apps")
	if err != nil {
		return err
	}
	after, err := s.rawRun(ctx, "raw-after")
	if err != nil {
		return err
	}
	raw := meanOf(before, after)
	note := fmt.Sprintf("raw %.2f before, %.2f after", before.took.Seconds(), after.took.Seconds())
	for _, one := range []struct {
		title string
		f     firstSync
	}{{title + ", the daemon starts when all Apps exist", start}, {title + ", one commit brings them to all Apps", reach}} {
		sh := s.shape
		sh.title = one.title
		one.f.report(r, sh, raw, note)
	}
	return nil
}

// measureStanding is the first sync of an installation, of a hub that was restored, and of a cluster that joins a fleet: the
// Apps stand already, the daemon has no local files, and nobody else asks the API server when it starts. The raw loop does the
// same.
func measureStanding(ctx context.Context, s *stage, r *report) error {
	if err := s.warm(ctx); err != nil {
		return err
	}
	before, err := s.rawRun(ctx, "raw-before")
	if err != nil {
		return err
	}
	sh := s.shape
	sh.title += ", the Apps stand already"
	f, err := s.startWithApps(ctx, sh.title, "*")
	if err != nil {
		return err
	}
	after, err := s.rawRun(ctx, "raw-after")
	if err != nil {
		return err
	}
	f.report(r, sh, meanOf(before, after), fmt.Sprintf("raw %.2f before, %.2f after; from the start of the process", before.took.Seconds(), after.took.Seconds()))
	return nil
}

// startWithApps creates the Apps while no daemon runs, lets the control plane come to rest, and measures from the start of
// the daemon, whose local files that match forget are lost; empty: none.
func (s *stage) startWithApps(ctx context.Context, title, forget string) (firstSync, error) {
	s.daemon.stop()
	s.daemon = nil
	if err := removeAll(filepath.Join(s.dir, "state"), forget); err != nil {
		return firstSync{}, err
	}
	began := time.Now()
	if err := s.createApps(ctx, s.shape.apps); err != nil {
		return firstSync{}, err
	}
	created := time.Since(began)
	if err := s.planeRests(ctx); err != nil {
		return firstSync{}, err
	}
	f, err := s.timed(ctx, expected{title: title, objects: s.shape.objects, apps: s.shape.apps}, func() error { return s.startDaemon(ctx) })
	f.created = created
	return f, err
}

func (s *stage) oneCommitReachesAll(ctx context.Context, title string) (firstSync, error) {
	var late []appShape
	files := map[string]string{}
	for i, a := range s.shape.apps {
		a.name = "late-" + a.name
		a.path = "late/" + appName(i)
		late = append(late, a)
		for file, content := range manifests("late-"+appName(i), 0, "0") {
			files[a.path+"/"+file] = content
		}
		files[a.path+"/kustomization.yaml"] = strings.Replace(kustomization(a.namespace, plumbMark), "[", "[marker.yaml, ", 1)
	}
	began := time.Now()
	synced := s.syncedAt(late, "")
	if err := s.createApps(ctx, late); err != nil {
		return firstSync{}, err
	}
	created := time.Since(began)
	if _, err := synced(ctx, title+": the Apps are Synced with next to nothing"); err != nil {
		return firstSync{}, err
	}
	if err := s.quiet(); err != nil {
		return firstSync{}, err
	}
	commit, err := s.push(ctx, files)
	if err != nil {
		return firstSync{}, err
	}
	f, err := s.timed(ctx, expected{title: title, objects: 4 * len(late), prefix: "late-", apps: late, commit: commit}, func() error { return s.webhook(ctx) })
	f.created = created
	return f, err
}

// syncedAt begins to wait until all the Apps say that they are Synced: at a commit, unless it is empty.
func (s *stage) syncedAt(apps []appShape, commit string) func(context.Context, string) (thing, error) {
	mine := map[string]bool{}
	for _, a := range apps {
		mine[a.name] = true
	}
	return s.world.expectCount(len(apps), func(t thing) bool {
		return t.kind == "App" && mine[t.name] && t.state == "Synced" && (commit == "" || t.revision == commit)
	})
}
