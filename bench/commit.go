package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"
)

const singleReplicas = 2

// measureCommit is from the webhook of a commit to the cluster: one app with Pods until it is healthy, then one of the
// many until it is applied. Beside each, the least that it takes: git fetch, one apply, and the same wait.
func measureCommit(ctx context.Context, s *stage, r *report) error {
	if err := s.createSingle(ctx); err != nil {
		return err
	}
	clone, err := s.clone(ctx)
	if err != nil {
		return err
	}
	var applied, healthy, said, rawApplied, rawHealthy times
	for i := range s.config.trials {
		rev := "one-" + strconv.Itoa(i)
		if err := s.commitSingle(ctx, rev, &applied, &healthy, &said); err != nil {
			return err
		}
		if err := s.rawSingle(ctx, clone, rev, &rawApplied, &rawHealthy); err != nil {
			return err
		}
	}
	trials := fmt.Sprintf("%d commits; raw: git fetch, apply", s.config.trials)
	r.times("commit to one app: webhook → applied", applied, rawApplied, trials)
	r.times("commit to one app: webhook → 2 new Pods available", healthy, rawHealthy, trials)
	r.times("commit to one app: webhook → App says Synced", said, rawHealthy, trials)
	return s.commitMany(ctx, r, clone)
}

// clone is a mirror for the raw loop to fetch into.
func (s *stage) clone(ctx context.Context) (string, error) {
	dir := filepath.Join(s.dir, "clone.git")
	_, err := git(ctx, nil, "clone", "--quiet", "--mirror", s.repo.dir, dir)
	return dir, err
}

func (s *stage) createSingle(ctx context.Context) error {
	up := s.world.expect(func(t thing) bool { return t.kind == "App" && t.name == single && t.state == "Synced" })
	if err := s.createApp(ctx, appShape{name: single, repository: "mono", path: "apps/" + single, namespace: single}); err != nil {
		return err
	}
	if _, err := up(ctx, "the app "+single+" is Synced"); err != nil {
		return err
	}
	return s.applySingle(ctx, "0")
}

// applySingle is the raw twin of the single app.
func (s *stage) applySingle(ctx context.Context, rev string) error {
	objects, err := objectsOf("raw-"+single, single, "raw-"+single, singleReplicas, rev)
	if err != nil {
		return err
	}
	for _, u := range objects {
		if rev != "0" && u.GetKind() != "Deployment" {
			continue
		}
		if err := apply(ctx, s.raw, u); err != nil {
			return err
		}
	}
	return nil
}

func deploymentAt(name, rev string, healthy bool) func(thing) bool {
	return func(t thing) bool {
		return t.kind == "Deployment" && t.name == name && t.rev == rev && (t.healthy || !healthy)
	}
}

func (s *stage) commitSingle(ctx context.Context, rev string, applied, healthy, said *times) error {
	commit, err := s.push(ctx, map[string]string{"apps/" + single + "/deployment.yaml": manifests(single, singleReplicas, rev)["deployment.yaml"]})
	if err != nil {
		return err
	}
	isApplied := s.world.expect(deploymentAt(single, rev, false))
	isHealthy := s.world.expect(deploymentAt(single, rev, true))
	isSynced := s.world.expect(func(t thing) bool {
		return t.kind == "App" && t.name == single && t.state == "Synced" && t.revision == commit
	})
	began := time.Now()
	if err := s.webhook(ctx); err != nil {
		return err
	}
	return collect(ctx, began, []stop{{isApplied, applied, "applied"}, {isHealthy, healthy, "healthy"}, {isSynced, said, "Synced"}})
}

type stop struct {
	wait func(context.Context, string) (thing, error)
	into *times
	what string
}

func collect(ctx context.Context, began time.Time, stops []stop) error {
	for _, one := range stops {
		t, err := one.wait(ctx, one.what)
		if err != nil {
			return err
		}
		one.into.add(t.at.Sub(began))
	}
	return nil
}

func (s *stage) rawSingle(ctx context.Context, clone, rev string, applied, healthy *times) error {
	isApplied := s.world.expect(deploymentAt("raw-"+single, rev, false))
	isHealthy := s.world.expect(deploymentAt("raw-"+single, rev, true))
	began := time.Now()
	if _, err := git(ctx, nil, "--git-dir", clone, "fetch", "--quiet", "origin"); err != nil {
		return err
	}
	if err := s.applySingle(ctx, rev); err != nil {
		return err
	}
	return collect(ctx, began, []stop{{isApplied, applied, "applied"}, {isHealthy, healthy, "healthy"}})
}

// commitMany changes one app of the monorepo after the other, each by a commit of its own.
func (s *stage) commitMany(ctx context.Context, r *report, clone string) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if _, err := s.audit.since(); err != nil {
		return err
	}
	before, err := s.renders(ctx)
	if err != nil {
		return err
	}
	s.cpuProfile(s.measure+".commit", 5)
	cpu := cpuOf(s.daemon.pid())
	var applied, raw times
	for i := range s.config.trials {
		app, rev := (i*7919+1)%len(s.shape.apps), "many-"+strconv.Itoa(i)
		if err := s.commitOne(ctx, app, rev, &applied); err != nil {
			return err
		}
		if err := s.rawOne(ctx, clone, app, rev, &raw); err != nil {
			return err
		}
	}
	if err := s.quiet(); err != nil {
		return err
	}
	cpu = cpuOf(s.daemon.pid()) - cpu
	after, err := s.renders(ctx)
	if err != nil {
		return err
	}
	asked, err := s.audit.since()
	if err != nil {
		return err
	}
	n := s.config.trials
	what := fmt.Sprintf("commit to 1 of %d apps", len(s.shape.apps))
	r.times(what+": webhook → applied", applied, raw, fmt.Sprintf("%d commits; raw: git fetch, apply", n))
	r.value(what+": renders a commit", float64(after-before)/float64(n), "", "1 is the least")
	r.value(what+": CPU a commit", milliseconds(cpu)/float64(n), "CPU ms", "of daemon, workers and git")
	r.requests(what+": requests", asked, n)
	return nil
}

func configAt(namespace, name, rev string) func(thing) bool {
	return func(t thing) bool {
		return t.kind == "ConfigMap" && t.namespace == namespace && t.name == name && t.data["rev"] == rev
	}
}

func (s *stage) commitOne(ctx context.Context, app int, rev string, applied *times) error {
	name := appName(app)
	if _, err := s.push(ctx, map[string]string{"apps/" + name + "/config.yaml": configMap(name, rev)}); err != nil {
		return err
	}
	is := s.world.expect(configAt(teamOf(plumbMark, app), name, rev))
	began := time.Now()
	if err := s.webhook(ctx); err != nil {
		return err
	}
	return collect(ctx, began, []stop{{is, applied, "applied"}})
}

func (s *stage) rawOne(ctx context.Context, clone string, app int, rev string, applied *times) error {
	return s.rawObject(ctx, clone, appName(app), teamOf("raw-before", app), rev, applied)
}

// rawObject is the least that a commit to a ConfigMap takes.
func (s *stage) rawObject(ctx context.Context, clone, name, namespace, rev string, applied *times) error {
	objects, err := parse(configMap(name, rev), namespace, "raw-before")
	if err != nil {
		return err
	}
	is := s.world.expect(configAt(namespace, name, rev))
	began := time.Now()
	if _, err := git(ctx, nil, "--git-dir", clone, "fetch", "--quiet", "origin"); err != nil {
		return err
	}
	if err := apply(ctx, s.raw, objects[0]); err != nil {
		return err
	}
	return collect(ctx, began, []stop{{is, applied, "applied"}})
}
