package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"plumb.cd/plumb/demo/up"
)

// appsIn is the namespace of the sample's Apps.
const appsIn = "shop"

// Deadlines of the demo, generous: a busy machine is no failure.
const (
	firstWithin = time.Minute
	soon        = 30 * time.Second
	healWithin  = 20 * time.Second
)

// demo is the cast.
type demo struct {
	stage   *stage
	plumb   *up.Plumb
	shop    *shop
	witness *witness
	dir     string
}

// play runs the scenes. An error ends the demo; a fact that does not hold is shown and counted.
func (d *demo) play(ctx context.Context, took time.Duration) error {
	d.stage.title("Plumb, from a commit to a healthy cluster")
	d.stage.say("A Kubernetes control plane with three simulated nodes, and Plumb on it, were ready after %.1f s:\n\n"+
		"  Plumb's API     %s\n  kubeconfig      %s", took.Seconds(), d.plumb.API, d.plumb.Kubeconfig)
	var err error
	if d.witness, err = newWitness(d.plumb.Kubeconfig); err != nil {
		return err
	}
	if d.shop, err = newShop(ctx, d.dir); err != nil {
		return err
	}
	if err := d.shop.announce(d.plumb); err != nil {
		return err
	}
	for _, scene := range []func(context.Context) error{d.synced, d.commit, d.edited, d.badCommit} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return nil
}

// show runs plumb and shows the command with its output. It gives the exit code.
func (d *demo) show(ctx context.Context, args ...string) (code int, err error) {
	output, code, err := d.plumb.Run(ctx, args...)
	d.stage.command("plumb "+strings.Join(args, " "), output)
	return code, err
}

func (d *demo) synced(ctx context.Context) error {
	d.stage.title("1. What Git says, runs")
	d.stage.say("The sample repository: web is an application in Kustomize, api a Helm chart, worker plain YAML; each in dev,\n" +
		"staging and prod. The Apps themselves are in Git too, so that one is enough to begin with; it is in bootstrap.yaml,\n" +
		"with the address of the repository.")
	d.stage.text("\n" + layout)
	file, err := d.shop.bootstrap()
	if err != nil {
		return err
	}
	began := time.Now()
	output, code, err := d.plumb.Run(ctx, "--kubeconfig", d.plumb.Kubeconfig, "apply", "-q", file)
	d.stage.command("plumb apply bootstrap.yaml", output)
	if err == nil && code != 0 {
		err = fmt.Errorf("plumb apply ended with code %d", code)
	}
	if err != nil {
		return err // nothing of the rest can be
	}
	var all []app
	err = until(ctx, firstWithin, func(ctx context.Context) (bool, error) {
		if all, err = d.witness.apps(ctx); err != nil {
			return false, err
		}
		return len(all) == sampleApps && notSynced(all) == nil, nil
	})
	took := time.Since(began)
	if _, err := d.show(ctx, "get", "apps"); err != nil {
		return err
	}
	if err != nil {
		err = fmt.Errorf("%d of %d Apps after %s: %w", len(all), sampleApps, firstWithin, join(notSynced(all), err))
	}
	var objects int64
	for _, a := range all {
		objects += a.healthy
	}
	d.stage.fact(fmt.Sprintf("%d Apps are Synced, %d objects healthy, %.1f s after plumb apply", len(all), objects, took.Seconds()), err)
	d.stage.fact("prod runs 3 replicas of shop/web:1.0.0 and of shop/api:2.0.0", join(
		d.witness.runs(ctx, "prod", "web", "shop/web:1.0.0", 3), d.witness.runs(ctx, "prod", "api", "shop/api:2.0.0", 3)))
	return nil
}

// sampleApps is the number of Apps in the sample: three environments of three, infra, and the App of Apps.
const sampleApps = 11

const layout = `shop/
  apps/web  apps/api  apps/worker       what there is
  infra/                                namespaces and quotas
  environments/dev  staging  prod       what runs where: Apps, overlays, values`

func notSynced(all []app) error {
	for _, a := range all {
		if a.state != "Synced" {
			return fmt.Errorf("App %s is %s: %s", a.name, a.state, a.message)
		}
	}
	return nil
}

func (d *demo) commit(ctx context.Context) error {
	d.stage.title("2. A commit arrives")
	d.stage.say("Ada deploys a new web to dev, by a commit. A hook of the repository tells Plumb about the push, as the webhook\n" +
		"of a forge would; without one, Plumb looks once a minute.")
	sha, took, err := d.deploy(ctx, change{
		file: "environments/dev/web/kustomization.yaml", before: "newTag: 1.0.0", after: "newTag: 1.1.0",
		message: "web 1.1.0 to dev", app: "web-dev",
	})
	if err == nil {
		err = d.witness.runs(ctx, "dev", "web", "shop/web:1.1.0", 1)
	}
	d.stage.fact(fmt.Sprintf("dev runs shop/web:1.1.0: Synced %.2f s after the push", took.Seconds()), err)
	d.stage.say("Where does what runs come from?")
	if _, err := d.show(ctx, "why", "deploy/dev/web"); err != nil {
		return err
	}
	var rendered []string
	all, err := d.witness.apps(ctx)
	for _, a := range all {
		if a.applied == sha {
			rendered = append(rendered, a.name)
		}
	}
	if err == nil && (len(rendered) != 1 || rendered[0] != "web-dev") {
		err = fmt.Errorf("rendered for it: %s", strings.Join(rendered, ", "))
	}
	d.stage.fact("No other App had read that file, so none but web-dev was rendered again", err)
	return nil
}

// change is one line in one file, and the App that it concerns.
type change struct{ file, before, after, message, app string }

// push shows a change, commits it and pushes it.
func (d *demo) push(ctx context.Context, c change) (sha string, pushed time.Time, err error) {
	d.stage.diff(c.file, c.before, c.after)
	sha, err = d.shop.change(ctx, c.file, c.before, c.after, c.message)
	if err != nil {
		return "", pushed, err
	}
	d.stage.command(fmt.Sprintf("git commit -am %q && git push", c.message), "")
	pushed = time.Now()
	_, err = d.shop.git(ctx, "push", "--quiet")
	return sha, pushed, err
}

// deploy pushes a change and waits until its App is Synced at the commit.
func (d *demo) deploy(ctx context.Context, c change) (sha string, took time.Duration, err error) {
	sha, pushed, err := d.push(ctx, c)
	if err != nil {
		return sha, 0, err
	}
	_, err = d.witness.untilApp(ctx, soon, c.app, func(a app) bool { return a.state == "Synced" && a.applied == sha })
	return sha, time.Since(pushed), err
}

func (d *demo) edited(ctx context.Context) error {
	d.stage.title("3. Somebody edits by hand")
	d.stage.say("Somebody sets the image of prod/web to shop/web:hotfix, with the field manager that kubectl edit has.")
	const manager = "kubectl-edit"
	took, err := d.witness.edit(ctx, "prod", "web", "shop/web:hotfix", manager)
	d.stage.fact(fmt.Sprintf("The change was undone after %d ms", took.Milliseconds()), err)
	err = until(ctx, soon, func(ctx context.Context) (bool, error) {
		return d.witness.runs(ctx, "prod", "web", "shop/web:1.0.0", 3) == nil, nil
	})
	if err != nil {
		err = d.witness.runs(ctx, "prod", "web", "shop/web:1.0.0", 3)
	}
	d.stage.fact("prod runs 3 replicas of shop/web:1.0.0, as Git says", err)
	d.stage.say("It did not go unnoticed:")
	if _, err := d.show(ctx, "drift", "web-prod"); err != nil {
		return err
	}
	d.stage.fact("The record names the culprit and the object", d.recorded(ctx, "web-prod", manager))
	return nil
}

// recorded looks for a drift by manager, and for its undoing, in what the API says of an App.
func (d *demo) recorded(ctx context.Context, name, manager string) error {
	raw, _, err := d.plumb.Run(ctx, "drift", name, "-o", "json")
	if err != nil {
		return err
	}
	var list struct {
		Items []struct{ Kind, Manager, Object string }
	}
	if err := json.Unmarshal([]byte(raw), &list); err != nil {
		return fmt.Errorf("%w: %s", err, raw)
	}
	for _, i := range list.Items { // what was found and undone is one
		if i.Manager == manager && i.Object == "Deployment.apps/prod/web" && i.Kind == "healed" {
			return nil
		}
	}
	return fmt.Errorf("no record of it in %s", raw)
}

func (d *demo) badCommit(ctx context.Context) error {
	d.stage.title("4. A bad commit")
	d.stage.say("The next api for staging has an image that cannot be pulled. Its App has rollbackOnFailure and gives a wave 15 s.")
	bad := change{
		file: "environments/staging/api/values.yaml", before: "tag: 2.0.0", after: "tag: 2.1.0-fail-pull",
		message: "api 2.1.0 to staging", app: "api-staging",
	}
	if _, _, err := d.push(ctx, bad); err != nil {
		return err
	}
	err := until(ctx, soon, func(ctx context.Context) (bool, error) {
		now, err := d.witness.deployment(ctx, "staging", "api")
		return now.image == "shop/api:2.1.0-fail-pull" && now.updated > 0 && !now.complete, err
	})
	d.stage.fact("staging tries shop/api:2.1.0-fail-pull, and the old Pods keep running", err)
	d.stage.say("Why does it take so long?")
	blamed := d.untilBlamed(ctx)
	if _, err := d.show(ctx, "why", "deploy/staging/api"); err != nil {
		return err
	}
	d.stage.fact("Plumb names the Pod to blame, and what is the matter with it", blamed)
	d.stage.say("The deadline comes:")
	_, err = d.witness.untilApp(ctx, soon, "api-staging", func(a app) bool { return a.state == "Paused" && a.reason == "RolledBack" })
	if err == nil {
		err = until(ctx, soon, func(ctx context.Context) (bool, error) {
			return d.witness.runs(ctx, "staging", "api", "shop/api:2.0.0", 2) == nil, nil
		})
	}
	if _, err := d.show(ctx, "status", "api-staging"); err != nil {
		return err
	}
	d.stage.fact("api-staging is Paused, with the reason RolledBack", err)
	d.stage.fact("staging runs shop/api:2.0.0 again", d.witness.runs(ctx, "staging", "api", "shop/api:2.0.0", 2))
	d.stage.say("The hold ends with the first commit that changes the App, here a fix:")
	_, took, err := d.deploy(ctx, change{file: bad.file, before: bad.after, after: "tag: 2.1.1", message: "api 2.1.1 to staging", app: bad.app})
	if err == nil {
		err = d.witness.runs(ctx, "staging", "api", "shop/api:2.1.1", 2)
	}
	d.stage.fact(fmt.Sprintf("staging runs shop/api:2.1.1: Synced %.2f s after the push", took.Seconds()), err)
	_, err = d.show(ctx, "history", bad.app)
	return err
}

// untilBlamed waits until Plumb can name the Pod that cannot pull its image.
func (d *demo) untilBlamed(ctx context.Context) error {
	return until(ctx, soon, func(ctx context.Context) (bool, error) {
		output, _, err := d.plumb.Run(ctx, "why", "deploy/staging/api")
		return strings.Contains(output, "ErrImagePull") || strings.Contains(output, "ImagePullBackOff"), err
	})
}

// yours hands over to the spectator.
func (d *demo) yours() {
	d.stage.title("It is yours now")
	d.stage.say("Everything stays up until ^C; Plumb's API is at %s. In another terminal:\n\n"+
		"  export PATH=%s:$PATH PLUMB_CONFIG_DIR=%s KUBECONFIG=%s\n  plumb status\n  plumb tree web-prod\n\n"+
		"Commit and push in %s, and watch with plumb wait.",
		d.plumb.API, filepath.Dir(d.plumb.Binary), d.plumb.Config, d.plumb.Kubeconfig, d.shop.clone)
}

func join(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
