package plan

import (
	"fmt"
	"strings"
)

// verbs are the counts of Summary, in this order.
var verbs = []struct {
	actions []Action
	text    string
}{
	{[]Action{Create}, "to create"},
	{[]Action{Apply, Replace, Recreate}, "to change"},
	{[]Action{Adopt}, "to adopt"},
	{[]Action{Prune}, "to delete"},
	{[]Action{Orphan}, "to let go"},
	{[]Action{Hook}, "to run as hooks"},
}

// Count gives the number of steps with one of the actions, failure hooks left out.
func (p Plan) Count(actions ...Action) int {
	n := 0
	for _, g := range p.Groups {
		for _, s := range g.Steps {
			for _, a := range actions {
				if s.Action == a {
					n++
				}
			}
		}
	}
	return n
}

// Summary is the plan in one line: "2 to create, 1 to change, 4 unchanged".
func (p Plan) Summary() string {
	var parts []string
	for _, v := range verbs {
		if n := p.Count(v.actions...); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v.text))
		}
	}
	if len(parts) == 0 && len(p.Refused) == 0 {
		parts = append(parts, "nothing to do")
	}
	if p.Unchanged > 0 {
		parts = append(parts, fmt.Sprintf("%d unchanged", p.Unchanged))
	}
	if n := len(p.Kept); n > 0 {
		parts = append(parts, fmt.Sprintf("%d kept", n))
	}
	if n := len(p.Refused); n > 0 {
		parts = append(parts, fmt.Sprintf("%d refused", n))
	}
	if len(p.Guards) > 0 {
		parts = append(parts, "needs approval")
	}
	return strings.Join(parts, ", ")
}

// marks stand in front of a step in Lines.
var marks = map[Action]string{
	Create: "+", Apply: "~", Adopt: "^", Replace: "=", Recreate: "!", Hook: "*", Prune: "-", Orphan: "o",
}

// Lines is the whole plan for people, one line a step, in the order in which it runs.
func (p Plan) Lines() []string {
	out := []string{p.Summary()}
	for _, g := range p.Groups {
		out = append(out, g.lines()...)
	}
	for _, g := range p.OnFailure {
		out = append(out, g.lines()...)
	}
	for _, k := range p.Kept {
		out = append(out, fmt.Sprintf("kept    %s: %s", k.ID, k.Why))
	}
	for _, r := range p.Refused {
		out = append(out, fmt.Sprintf("refused %s: %s (%s); next: %s", r.ID, r.Message, r.Reason, r.Next))
	}
	for _, g := range p.Guards {
		out = append(out, fmt.Sprintf("approve %s: %s", g.Reason, g.Message))
	}
	for _, w := range p.Warnings {
		out = append(out, "warning "+w)
	}
	return out
}

func (g Group) lines() []string {
	title := string(g.Phase)
	if g.Phase != Foundation {
		title = fmt.Sprintf("%s, wave %d", g.Phase, g.Wave)
	}
	if len(g.Await) > 0 {
		title += fmt.Sprintf(" (then waits for %s, at most %s)", count(len(g.Await), "object"), g.Deadline)
	}
	out := []string{title}
	for _, s := range g.Steps {
		line := fmt.Sprintf("  %s %s: %s", marks[s.Action], s.ID, s.Why)
		if s.ForceAllowed && s.Action != Create {
			line += ", may be recreated"
		}
		if s.Propagation != "" && s.Propagation != "Background" {
			line += ", " + strings.ToLower(s.Propagation)
		}
		out = append(out, line)
	}
	return out
}
