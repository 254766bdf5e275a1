package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
)

// shortRest is how long the large shapes are looked at when they have nothing to do.
const shortRest = 10 * time.Second

// measureWide is the first sync of many objects, what they cost at rest, and drift among them.
func measureWide(ctx context.Context, s *stage, r *report) error {
	if err := measureSync(ctx, s, r); err != nil {
		return err
	}
	if err := s.atRest(ctx, r, shortRest); err != nil {
		return err
	}
	return measureDrift(ctx, s, r)
}

// measureBig is one App of many objects: its first sync, how large it is, and a commit that touches one of its objects.
func measureBig(ctx context.Context, s *stage, r *report) error {
	if err := measureSync(ctx, s, r); err != nil {
		return err
	}
	what := fmt.Sprintf("1 app of %d objects", s.shape.objects)
	app := &v1alpha1.App{}
	if err := s.hub.Get(ctx, client.ObjectKey{Namespace: hubNamespace, Name: s.shape.apps[0].name}, app); err != nil {
		return err
	}
	whole, err := json.Marshal(app)
	if err != nil {
		return err
	}
	status, err := json.Marshal(app.Status)
	if err != nil {
		return err
	}
	r.value(what+": size of its status", float64(len(status)), "bytes", fmt.Sprintf("the whole App %d; etcd's limit is 1.5 MiB", len(whole)))
	if err := s.commitBig(ctx, r, what); err != nil {
		return err
	}
	return s.atRest(ctx, r, shortRest)
}

func (s *stage) commitBig(ctx context.Context, r *report, what string) error {
	clone, err := s.clone(ctx)
	if err != nil {
		return err
	}
	n := s.shape.objects
	trials := min(s.config.trials, 10)
	var applied, said, raw times
	for i := range trials {
		k, rev := (i*7919+1)%n, "big-"+strconv.Itoa(i)
		commit, err := s.push(ctx, map[string]string{bigPath(k): bigDocuments(k, n, rev)})
		if err != nil {
			return err
		}
		is := s.world.expect(configAt(teamOf(plumbMark, 0), appName(k), rev))
		isSynced := s.syncedAt(s.shape.apps, commit)
		began := time.Now()
		if err := s.webhook(ctx); err != nil {
			return err
		}
		if err := collect(ctx, began, []stop{{is, &applied, "the one object is applied"}, {isSynced, &said, "the big App is Synced"}}); err != nil {
			return err
		}
		if err := s.rawObject(ctx, clone, appName(k), teamOf("raw-before", 0), rev, &raw); err != nil {
			return err
		}
	}
	note := fmt.Sprintf("%d commits; raw: git fetch, apply", trials)
	r.times(what+": commit to one object: webhook → applied", applied, raw, note)
	r.times(what+": commit to one object: webhook → App says Synced", said, raw, note)
	return nil
}

// measureMono is a repository of many files: its first sync, and commits that touch one App, a base, and none.
func measureMono(ctx context.Context, s *stage, r *report) error {
	if err := measureSync(ctx, s, r); err != nil {
		return err
	}
	clone, err := s.clone(ctx)
	if err != nil {
		return err
	}
	if err := s.commitMany(ctx, r, clone); err != nil {
		return err
	}
	if err := s.commitBase(ctx, r); err != nil {
		return err
	}
	if err := s.commitNothing(ctx, r); err != nil {
		return err
	}
	return s.atRest(ctx, r, shortRest)
}

// commitBase changes what one in baseEvery Apps uses.
func (s *stage) commitBase(ctx context.Context, r *report) error {
	before, err := s.renders(ctx)
	if err != nil {
		return err
	}
	users := (len(s.shape.apps) + baseEvery - 1) / baseEvery
	if _, err := s.push(ctx, map[string]string{"base/base.yaml": basePatch("1")}); err != nil {
		return err
	}
	all := s.world.expectCount(users, func(t thing) bool { return t.mark == plumbMark && t.data["base"] == "1" })
	began := time.Now()
	if err := s.webhook(ctx); err != nil {
		return err
	}
	last, err := all(ctx, fmt.Sprintf("the %d users of the base have the change", users))
	if err != nil {
		return err
	}
	if err := s.quiet(); err != nil {
		return err
	}
	after, err := s.renders(ctx)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("commit to the base of %d of %d apps", users, len(s.shape.apps))
	r.value(what+": webhook → applied to all", milliseconds(last.at.Sub(began)), "ms", "")
	r.value(what+": renders", float64(after-before), "", fmt.Sprintf("%d is the least", users))
	return nil
}

// commitNothing changes what no App reads.
func (s *stage) commitNothing(ctx context.Context, r *report) error {
	before, err := s.renders(ctx)
	if err != nil {
		return err
	}
	if _, err := s.audit.since(); err != nil {
		return err
	}
	if _, err := s.push(ctx, map[string]string{"README.md": "nothing\n", "apps/" + appName(1) + "/README.md": "nothing new\n"}); err != nil {
		return err
	}
	cpu := s.daemonCPU().total()
	if err := s.webhook(ctx); err != nil {
		return err
	}
	if err := s.quiet(); err != nil {
		return err
	}
	cpu = s.daemonCPU().total() - cpu
	after, err := s.renders(ctx)
	if err != nil {
		return err
	}
	asked, err := s.audit.since()
	if err != nil {
		return err
	}
	what := fmt.Sprintf("commit to none of %d apps", len(s.shape.apps))
	r.value(what+": renders", float64(after-before), "", "")
	r.value(what+": CPU", milliseconds(cpu), "CPU ms", "of daemon, workers and git")
	r.value(what+": requests", float64(asked.total()), "", asked.byVerb())
	return nil
}
