package server

import (
	"context"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/object"
)

// PlanBody says which sync a plan is asked for.
type PlanBody struct {
	Only []object.ID `json:"only,omitempty"`
	All  bool        `json:"all,omitempty"`
}

func (d *details) makePlan(c *call) error {
	var body PlanBody
	if err := c.body(&body); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), longReading)
	defer cancel()
	done, err := d.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	view, err := d.o.Engine.PlanNow(ctx, c.key, engine.PlanRequest{Only: body.Only, All: body.All})
	if err != nil {
		return answered(err)
	}
	return c.reply(planView(view))
}

func planView(v engine.PlanView) httpapi.Plan {
	out := httpapi.Plan{
		Digest: string(v.Plan.Digest), At: v.At, Empty: v.Empty, Steps: make([]httpapi.PlanStep, 0, len(v.Steps)), Warnings: v.Warnings,
		Errors: toldAll(v.Errors), Friction: string(v.Friction),
	}
	for _, s := range v.Steps {
		out.Steps = append(out.Steps, httpapi.PlanStep{
			Action: s.Action, Object: s.Object.String(), Phase: s.Phase, Wave: s.Wave, Reason: s.Reason, Risk: string(s.Risk),
		})
		switch s.Action {
		case "create":
			out.Counts.Create++
		case "update", "adopt":
			out.Counts.Update++
		case "delete":
			out.Counts.Delete++
		case "replace":
			out.Counts.Replace++
		case "hook":
			out.Counts.Hooks++
		}
	}
	for _, g := range v.Plan.Guards {
		out.Guards = append(out.Guards, g.Message)
	}
	return out
}

// checkPlan refuses a sync whose plan is no longer the current one before anything is written, and asks for the right to
// approve where the plan waits for approval. The engine proves the digest once more when it applies.
func (s *Server) checkPlan(c *call, body SyncBody) error {
	if body.Plan == "" {
		return nil
	}
	now, err := s.o.Engine.PlanDigest(c.Context(), c.key, engine.PlanRequest{Only: body.Only, All: body.All})
	if err != nil {
		return answered(err)
	}
	if now.NeedsApproval {
		if err := s.allow(c, Right{"approve", AppResource, c.key}); err != nil {
			return err
		}
	}
	if now.Digest != body.Plan {
		return errStale(body.Plan, now.Digest, c.key)
	}
	return nil
}
