package server

import (
	"strconv"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
)

type pageQuery struct {
	Cursor string `query:"cursor" doc:"Of an earlier answer"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" doc:"How many; default 20"`
}

const deploymentPage = 20

func (d *details) deployments(c *call) error {
	q, err := queryOf[pageQuery](c)
	if err != nil {
		return err
	}
	before := int64(0)
	if q.Cursor != "" {
		if before, err = strconv.ParseInt(q.Cursor, 10, 64); err != nil || before < 1 {
			return badParameter("cursor", "want the cursor of an earlier answer")
		}
	}
	if q.Limit == 0 {
		q.Limit = deploymentPage
	}
	list, next, err := d.o.Engine.Deployments(c.Context(), c.key, before, q.Limit)
	if err != nil {
		return answered(err)
	}
	url := d.repositoryURL(c.key)
	out := httpapi.List[httpapi.Deployment]{Items: make([]httpapi.Deployment, 0, len(list))}
	for _, v := range list {
		out.Items = append(out.Items, d.attemptOf(c.key, v, url))
	}
	if next > 0 {
		out.Next = strconv.FormatInt(next, 10)
	}
	return c.reply(out)
}

func (d *details) deployment(c *call) error {
	v, err := d.o.Engine.DeploymentOf(c.Context(), c.key, c.PathValue("id"))
	if err != nil {
		return answered(err)
	}
	return c.reply(d.attemptOf(c.key, v, d.repositoryURL(c.key)))
}

func (d *details) attemptOf(key engine.Key, v engine.DeploymentView, url string) httpapi.Deployment {
	out := httpapi.Deployment{
		ID: v.ID, App: key.String(), Started: utc(v.Started), Ended: utc(v.Ended), Outcome: v.Outcome, Mode: string(v.Mode), Reason: v.Reason, Message: v.Message,
		Actor: v.Actor, Trigger: string(v.Trigger), Bundle: string(v.Bundle), Commit: commitRef(v.Of, url), Commits: commitRefs(v.Commits, url),
		Images: imageChanges(v.Images), Created: v.Created, Changed: v.Changed, Deleted: v.Deleted, LeadTime: v.LeadTime.Seconds(),
		Rollback: v.Trigger == engine.ByRollback, LiveUntil: utc(v.LiveUntil),
	}
	if out.Commit == nil && v.Commit != "" {
		out.Commit = &httpapi.CommitRef{SHA: v.Commit}
	}
	if !v.Ended.IsZero() && !v.Started.IsZero() {
		out.Duration = v.Ended.Sub(v.Started).Seconds()
	}
	linkedDeployment(d.o.List.Links, &out, url)
	return out
}

func commitRefs(in []engine.CommitView, url string) []httpapi.CommitRef {
	var out []httpapi.CommitRef
	for i := range in {
		if ref := commitRef(&in[i], url); ref != nil {
			out = append(out, *ref)
		}
	}
	return out
}

func imageChanges(in []engine.ImageChange) []httpapi.ImageChange {
	var out []httpapi.ImageChange
	for _, i := range in {
		out = append(out, httpapi.ImageChange{Name: i.Name, Before: i.Before, After: i.After})
	}
	return out
}

type compareQuery struct {
	Left  string `query:"left" doc:"ID of a deployment; required"`
	Right string `query:"right" doc:"ID of a deployment; required"`
}

func (d *details) compareDeployments(c *call) error {
	q, err := queryOf[compareQuery](c)
	if err != nil {
		return err
	}
	if q.Left == "" || q.Right == "" {
		return badParameter("left, right", "want the IDs of two deployments")
	}
	ctx := c.Context()
	left, err := d.o.Engine.DeploymentOf(ctx, c.key, q.Left)
	if err != nil {
		return answered(err)
	}
	right, err := d.o.Engine.DeploymentOf(ctx, c.key, q.Right)
	if err != nil {
		return answered(err)
	}
	commits, images, err := d.o.Engine.DeploymentsBetween(ctx, c.key, left, right)
	if err != nil {
		return answered(err)
	}
	compared, err := d.compareNow(ctx, c.key, engine.CompareRequest{Left: engine.SideOf(q.Left), Right: engine.SideOf(q.Right)})
	if err != nil {
		return answered(err)
	}
	url := d.repositoryURL(c.key)
	refs := commitRefs(commits, url)
	for i := range refs {
		linked(d.o.List.Links, &refs[i], url)
	}
	return c.reply(httpapi.Comparison{
		Left: d.attemptOf(c.key, left, url), Right: d.attemptOf(c.key, right, url),
		Commits: refs, Images: imageChanges(images), Diff: diffView(compared, 0, diffPage),
	})
}
