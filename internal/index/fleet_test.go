package index_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/index"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fleet makes Apps as an installation has them: 40 teams, 20 clusters, 4 environments, most of them well.
func fleet(n int) *index.Index {
	x := index.New("e")
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		x.Set(one(r, i))
	}
	return x
}

var (
	services = []string{"payments", "orders", "search", "cart", "catalog", "ledger", "mailer", "gateway", "billing", "profile", "auth", "report"}
	parts    = []string{"api", "worker", "web", "cron", "proxy", "db-migrate", "consumer", "admin"}
	envs     = []string{"dev", "staging", "prod-eu", "prod-us"}
	people   = []string{"Ana Ruiz", "Bo Li", "Chidi Okafor", "Dana Weiss", "Emil Sørensen"}
	subjects = []string{"Bump to 2.14.%d", "Raise the memory limit of the worker to %d Mi", "Fix the liveness probe (OPS-%d)", "Merge pull request %d from team/feature"}
)

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func one(r *rand.Rand, i int) index.App {
	team := fmt.Sprintf("team-%02d", i%40)
	component := fmt.Sprintf("%s-%s-%d", pick(r, services), pick(r, parts), i%250)
	env := pick(r, envs)
	images := []string{fmt.Sprintf("%s:2.14.%d", component, r.IntN(40)), "envoy:1.33.2"}
	row := httpapi.AppRow{
		Namespace: team, Name: fmt.Sprintf("%s-%s-%05d", component, env, i), Cluster: fmt.Sprintf("%s-%d", env, i%5), Environment: env, Component: component,
		Labels:  httpapi.Labels{"team": team, "plumb.cd/environment": env, "tier": pick(r, []string{"gold", "silver", "bronze"})},
		State:   "Synced",
		Since:   now.Add(-time.Duration(r.IntN(30*24*3600)) * time.Second),
		Reason:  "Synced",
		Sync:    "Synced",
		Health:  "Healthy",
		Images:  images,
		Objects: 4 + r.IntN(30),
		Commit: &httpapi.CommitRef{
			SHA: fmt.Sprintf("%016x%016x%08x", r.Uint64(), r.Uint64(), r.Uint32()), Subject: fmt.Sprintf(pick(r, subjects), r.IntN(5000)),
			Author: pick(r, people), When: now.Add(-time.Duration(r.IntN(60*24*3600)) * time.Second),
		},
		DeployedAt: now.Add(-time.Duration(r.IntN(30*24*3600)) * time.Second),
		Source:     "git.example.com/" + team + "/deploy apps/" + component + "/overlays/" + env,
	}
	row.Message = fmt.Sprintf("%d objects, all healthy", row.Objects)
	switch k := r.IntN(1000); {
	case k < 12:
		row.State, row.Reason, row.Sync = "Failed", "RenderFailed", "OutOfSync"
		row.Message = fmt.Sprintf("overlays/%s/kustomization.yaml:%d: no such file", env, r.IntN(40))
	case k < 30:
		row.State, row.Reason, row.Health = "Degraded", "Unhealthy", "Degraded"
		row.Message = fmt.Sprintf("Deployment.apps/%s/%s is Degraded: registry.example.com cannot be reached", team, component)
	case k < 38:
		row.State, row.Reason, row.Sync, row.Drifted = "Drifted", "Drifted", "OutOfSync", 1+r.IntN(3)
		row.Message = fmt.Sprintf("%d objects differ from Git and healing is off", row.Drifted)
	case k < 70:
		row.State, row.Reason, row.Sync, row.Health = "Deploying", "Progressing", "OutOfSync", "Progressing"
		row.Message = "Sync, wave 0 (1 of 2): waiting for Deployment.apps/" + team + "/" + component + " to be healthy"
	case k < 80:
		row.State, row.Reason, row.Message = "Waiting", "AwaitingApproval", "the plan waits for approval"
	case k < 84:
		row.State, row.Reason, row.Message = "Paused", "Suspended", "suspended"
	}
	return index.App{Row: row, Message: row.Message, Images: images}
}
