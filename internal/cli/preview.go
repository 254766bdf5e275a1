package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/server"
)

type objectDigest = object.Digest

func viewOf(s engine.Snapshot) server.AppView { return server.ViewOf(s) }

// plan shows the steps that a sync would take. Exit 1: there are some.
func (e *env) plan() *cobra.Command {
	return e.previewCommand("plan APP | PATH", "Show what a sync would do, step by step, and the digest to approve (exit 1: something)", e.drawPlan)
}

// diff shows the fields that a sync would change. Exit 1: there are some.
func (e *env) diff() *cobra.Command {
	cmd := e.previewCommand("diff APP | PATH", "Show the fields that a sync would change, or how two sides of an App differ (exit 1: some)", e.drawDiff)
	cmd.Example = "  plumb diff shop\n  plumb diff ./shop\n  plumb diff shop --left applied --right live"
	var sides sideFlags
	sides.add(cmd)
	preview := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if sides.given() {
			return e.diffSides(cmd, args[0], sides)
		}
		return preview(cmd, args)
	}
	return cmd
}

func (e *env) previewCommand(use, short string, draw func(engine.Preview) error) *cobra.Command {
	var l localFlags
	cmd := &cobra.Command{
		Use: use, Short: short, Args: oneArg("an App, or a directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := e.withTimeout(cmd.Context(), 5*time.Minute)
			defer cancel()
			p, err := e.preview(ctx, cmd, &l, args[0])
			if err != nil {
				return cause(ctx, err)
			}
			if err := e.print(p, func() error { return draw(p) }); err != nil {
				return err
			}
			if len(p.Plan.Refused) > 0 || len(p.Errors) > 0 {
				return exitError{code: exitRefused}
			}
			if !p.Plan.Empty() {
				return exitError{code: exitNo}
			}
			return nil
		},
	}
	l.add(cmd)
	return e.outputFlag(cmd)
}

func (e *env) preview(ctx context.Context, cmd *cobra.Command, l *localFlags, arg string) (p engine.Preview, err error) {
	if !isLocal(arg) {
		err = e.withApp(cmd, arg, 5*time.Minute, func(ctx context.Context, c *client, a server.AppView) error {
			return c.do(ctx, http.MethodGet, appPath(keyOf(a), "plan"), nil, &p)
		})
		return p, directoryToo(err, arg)
	}
	spec, b, err := e.localRun(ctx, l, arg)
	if err != nil {
		return p, err
	}
	defer b.close()
	spec.Mode = engine.Manual
	b.SetApp(spec)
	if err := b.until(ctx, spec.Key, known); err != nil {
		return p, err
	}
	if p, err = b.Preview(ctx, spec.Key); err != nil {
		return p, err
	}
	return leaveOutUnchanged(p), nil
}

// directoryToo tells who named a directory, where an App was looked for, how directories are written.
func directoryToo(err error, arg string) error {
	var x exitError
	if !asExit(err, &x) || x.code != exitNotFound && x.code != exitUnreachable {
		return err
	}
	if _, missing := os.Stat(arg); missing != nil {
		return err
	}
	x.next = "a directory is written ./" + arg + "; for Apps: " + x.next
	return x
}

// leaveOutUnchanged takes the steps out that change nothing, as the dry-run says: a one-shot run does not remember what
// was applied. The digest stays that of the whole plan, which is what apply computes again.
func leaveOutUnchanged(p engine.Preview) engine.Preview {
	var groups []plan.Group
	for _, g := range p.Plan.Groups {
		var steps []plan.Step
		for _, s := range g.Steps {
			name := s.ID.String()
			changes, compared := p.Changes[name]
			if s.Action == plan.Apply && compared && len(changes) == 0 && p.Errors[name] == "" {
				p.Plan.Unchanged++
				continue
			}
			steps = append(steps, s)
		}
		if len(steps) > 0 {
			g.Steps = steps
			groups = append(groups, g)
		}
	}
	p.Plan.Groups = groups
	return p
}

var signs = map[plan.Action]string{
	plan.Create: "+", plan.Apply: "~", plan.Adopt: "~", plan.Replace: "±", plan.Recreate: "±", plan.Prune: "-", plan.Orphan: "o", plan.Hook: "»",
}

func (e *env) drawPlan(p engine.Preview) error {
	for _, g := range p.Plan.Groups {
		if len(g.Steps) == 0 {
			continue // it only waits for what is there already
		}
		if err := e.line(fmt.Sprintf("%s, wave %d", g.Phase, g.Wave)); err != nil {
			return err
		}
		for _, s := range g.Steps {
			text := fmt.Sprintf("  %s %-11s %s  (%s)", signs[s.Action], s.Action, s.ID, s.Why)
			if changes := p.Changes[s.ID.String()]; len(changes) > 0 {
				text += "  " + summary(changes)
			}
			if msg := p.Errors[s.ID.String()]; msg != "" {
				text += "\n      ✖ " + plain(msg)
			}
			if err := e.line(text); err != nil {
				return err
			}
		}
	}
	for _, r := range p.Plan.Refused {
		if err := e.line(fmt.Sprintf("  ✖ refused     %s  %s\n      next  %s", r.ID, plain(r.Message), r.Next)); err != nil {
			return err
		}
	}
	for _, g := range p.Plan.Guards {
		if err := e.line("  ! needs approval: " + plain(g.Message)); err != nil {
			return err
		}
	}
	for _, w := range p.Plan.Warnings {
		e.say("warning: %s", plain(w))
	}
	if p.Plan.Empty() {
		return e.line(fmt.Sprintf("nothing to do: %d objects are as Git says", p.Plan.Unchanged))
	}
	return e.line(p.Plan.Summary() + "\nplan " + string(p.Plan.Digest))
}

func summary(changes []object.Change) string {
	var parts []string
	for i, c := range changes {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("and %d more", len(changes)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %s → %s", c.Path, value(c.From, 40), value(c.To, 40)))
	}
	return strings.Join(parts, ", ")
}

func value(v any, limit int) string {
	if v == nil {
		return "(absent)"
	}
	if s, ok := v.(string); ok {
		return clip(plain(s), limit)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return clip(plain(string(raw)), limit)
}

func (e *env) drawDiff(p engine.Preview) error {
	for _, g := range p.Plan.Groups {
		for _, s := range g.Steps {
			name := s.ID.String()
			changes := p.Changes[name]
			head := fmt.Sprintf("%s %s", signs[s.Action], name)
			if f := p.Files[name]; f != "" {
				head += "  " + f
			}
			if err := e.line(head); err != nil {
				return err
			}
			for _, c := range changes {
				if err := e.line(fmt.Sprintf("    %s\n      - %s\n      + %s", c.Path, value(c.From, 400), value(c.To, 400))); err != nil {
					return err
				}
			}
			if msg := p.Errors[name]; msg != "" {
				if err := e.line("    ✖ " + plain(msg)); err != nil {
					return err
				}
			}
		}
	}
	for _, r := range p.Plan.Refused {
		if err := e.line(fmt.Sprintf("✖ %s  %s", r.ID, plain(r.Message))); err != nil {
			return err
		}
	}
	if p.Plan.Empty() {
		return e.line("no differences")
	}
	return nil
}
