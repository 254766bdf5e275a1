package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/server"
)

func (e *env) history() *cobra.Command {
	var limit int
	var kinds []string
	cmd := &cobra.Command{
		Use: "history APP", Short: "Show an App's deployments, newest first: who and which commits, what changed, how long it took", Args: oneArg("an App"),
		Example: "  plumb history shop\n  plumb diff shop --left live --right deployment:ID\n  plumb history shop --kind all",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(kinds) > 0 {
				return e.records(cmd, args[0], kinds, limit)
			}
			return e.withApp(cmd, args[0], 0, func(ctx context.Context, c *client, a server.AppView) error {
				list, err := pages[httpapi.Deployment](ctx, c, appPath(keyOf(a), "deployments"), url.Values{}, limit)
				if err != nil {
					return err
				}
				return e.print(list, func() error { return e.deploymentRows(list.Items) })
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "how many")
	cmd.Flags().StringSliceVar(&kinds, "kind", nil, "the plain records of these kinds instead, e.g. Deployment, Drift, Request; all: every kind")
	return e.outputFlag(cmd)
}

func (e *env) drift() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "drift APP", Short: "Show who changed what behind Git's back, newest first", Args: oneArg("an App"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withApp(cmd, args[0], 0, func(ctx context.Context, c *client, a server.AppView) error {
				q := url.Values{"app": {a.Namespace + "/" + a.Name}, "kind": {"drift", "healed", "fight"}}
				list, err := pages[httpapi.Change](ctx, c, "/api/v1/changes", q, limit)
				if err != nil {
					return err
				}
				return e.print(list, func() error { return e.driftRows(list.Items) })
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "how many")
	return e.outputFlag(cmd)
}

// pages reads the first so many items of a list of the API.
func pages[T any](ctx context.Context, c *client, path string, q url.Values, limit int) (httpapi.List[T], error) {
	const most = 200 // of a page
	out := httpapi.List[T]{Items: []T{}}
	if limit < 1 {
		return out, usageError{fmt.Errorf("--limit %d: want a number above zero", limit)}
	}
	for {
		q.Set("limit", strconv.Itoa(min(limit-len(out.Items), most)))
		var page httpapi.List[T]
		if err := c.do(ctx, http.MethodGet, path+"?"+q.Encode(), nil, &page); err != nil {
			return out, err
		}
		out.Items, out.Next = append(out.Items, page.Items...), page.Next
		if page.Next == "" || len(out.Items) >= limit {
			return out, nil
		}
		q.Set("cursor", page.Next)
	}
}

func (e *env) deploymentRows(list []httpapi.Deployment) error {
	var rows [][]string
	for _, d := range list {
		sha := "-"
		if d.Commit != nil {
			sha = shortSHA(d.Commit.SHA)
		}
		rows = append(rows, []string{
			stamped(cmp.Or(d.Ended, d.Started)), d.ID, d.Outcome, sha, plain(deployer(d)), span(d.Duration), span(d.LeadTime),
			clip(plain(deployedWhat(d)), 140),
		})
	}
	return e.rows([]string{"AT", "DEPLOYMENT", "OUTCOME", "REVISION", "BY", "TOOK", "LEAD", "WHAT"}, rows)
}

func stamped(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// deployer says who is behind a deployment: who asked for it, or who made the commit.
func deployer(d httpapi.Deployment) string {
	switch {
	case d.Actor != "":
		return d.Actor
	case d.Trigger == "commit" && d.Commit != nil && d.Commit.Author != "":
		return d.Commit.Author
	case d.Trigger == "commit" || d.Trigger == "":
		return "-"
	}
	return "Plumb (" + d.Trigger + ")"
}

// deployedWhat says what a deployment brought: commits, tickets, images, objects; and what went wrong.
func deployedWhat(d httpapi.Deployment) string {
	var parts []string
	if d.Outcome != "Succeeded" && d.Message != "" {
		parts = append(parts, strings.TrimPrefix(d.Reason+": ", ": ")+d.Message)
	}
	if c := d.Commit; c != nil && c.Subject != "" {
		text := strconv.Quote(c.Subject)
		if n := len(d.Commits); n > 1 {
			text += fmt.Sprintf(" and %d more", n-1)
		}
		parts = append(parts, text)
	}
	if d.Rollback {
		parts = append(parts, "rollback")
	}
	var tickets []string
	for _, c := range d.Commits {
		for _, l := range c.Links {
			if !slices.Contains(tickets, l.Text) {
				tickets = append(tickets, l.Text)
			}
		}
	}
	parts = append(parts, tickets...)
	for _, i := range d.Images {
		parts = append(parts, fmt.Sprintf("%s %s → %s", i.Name, cmp.Or(i.Before, "(new)"), cmp.Or(i.After, "(gone)")))
	}
	for _, n := range []struct {
		count int
		what  string
	}{{d.Created, "created"}, {d.Changed, "changed"}, {d.Deleted, "deleted"}} {
		if n.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	return strings.Join(parts, ", ")
}

func (e *env) driftRows(changes []httpapi.Change) error {
	said := map[string]string{"healed": "undone", "drift": "stands", "fight": "fight"}
	var rows [][]string
	for _, c := range changes {
		rows = append(rows, []string{stamped(c.At), cmp.Or(said[c.Kind], c.Kind), plain(who(c)), c.Object, clip(changedWhat(c), 140)})
	}
	return e.rows([]string{"AT", "DRIFT", "WHO", "OBJECT", "WHAT"}, rows)
}

// who did it: a person, by their sign-in, or a tool, which names no person.
func who(c httpapi.Change) string {
	if c.Manager != "" {
		return c.Manager + " (tool)"
	}
	return cmp.Or(c.Actor, "-")
}

// changedWhat says what a change was, and how often.
func changedWhat(c httpapi.Change) string {
	what := cmp.Or(changedFields(c), plain(c.Message), "-")
	if c.Outcome == "Deleted" {
		what = "deleted"
	}
	if c.Repeats > 1 {
		what = fmt.Sprintf("%d times since %s: %s", c.Repeats, c.First.Local().Format("15:04:05"), what)
	}
	return what
}

func (e *env) records(cmd *cobra.Command, app string, kinds []string, limit int) error {
	return e.withApp(cmd, app, 0, func(ctx context.Context, c *client, a server.AppView) error {
		q := url.Values{"limit": {strconv.Itoa(limit)}}
		if !slices.Contains(kinds, "all") {
			q["kind"] = kinds
		}
		var list server.List[history.Event]
		if err := c.do(ctx, http.MethodGet, appPath(keyOf(a), "history?"+q.Encode()), nil, &list); err != nil {
			return err
		}
		return e.print(list, func() error {
			var rows [][]string
			for _, ev := range list.Items {
				rows = append(rows, []string{
					stamped(ev.At), string(ev.Kind), cmp.Or(ev.Outcome, ev.Reason, "-"), shortSHA(cmp.Or(ev.Commit, "-")),
					cmp.Or(ev.Actor, "-"), clip(plain(cmp.Or(ev.Message, took(ev))), 110),
				})
			}
			return e.rows([]string{"AT", "KIND", "OUTCOME", "REVISION", "WHO", "WHAT"}, rows)
		})
	})
}

func took(ev history.Event) string {
	var d engine.DeploymentData
	if json.Unmarshal(ev.Data, &d) != nil || d.Mode == "" {
		return ""
	}
	return fmt.Sprintf("%s, %d steps in %s", d.Mode, len(d.Steps), d.Took.Round(1e6))
}
