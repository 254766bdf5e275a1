package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/server"
)

// why explains an App, or an object: commit, file, render, apply, health, drift.
func (e *env) why() *cobra.Command {
	return e.outputFlag(&cobra.Command{
		Use: "why APP | KIND/[NAMESPACE/]NAME", Short: "Explain why an App or an object is as it is: commit, file, render, apply, health, drift", Args: oneArg("an App or an object"),
		Example: "  plumb why shop\n  plumb why deploy/shop/web\n  plumb why deploy/web -n shop",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withMeant(cmd, args[0], func(ctx context.Context, c *client, key engine.Key, id *object.ID) error {
				path := appPath(key, "why")
				if id != nil {
					path += "?object=" + url.QueryEscape(id.String())
				}
				var w engine.Why
				if err := c.do(ctx, http.MethodGet, path, nil, &w); err != nil {
					return err
				}
				return e.print(w, func() error { return e.drawWhy(w) })
			})
		},
	})
}

// withMeant connects, finds out what the argument means and calls f; id is nil for an App.
func (e *env) withMeant(cmd *cobra.Command, arg string, f func(ctx context.Context, c *client, key engine.Key, id *object.ID) error) error {
	ctx, cancel := e.withTimeout(cmd.Context(), time.Minute)
	defer cancel()
	c, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	key, id, err := e.meant(ctx, c, arg)
	if err != nil {
		return cause(ctx, err)
	}
	return cause(ctx, f(ctx, c, key, id))
}

// meant finds out whether the argument is an object or an App, and which App an object belongs to.
func (e *env) meant(ctx context.Context, c *client, arg string) (engine.Key, *object.ID, error) {
	id, isObject := parseObject(arg)
	if isObject && id.Kind != "app" && id.Kind != "apps" {
		if id.Namespace == "" && e.namespace != "" {
			id.Namespace = e.namespace
		}
		var keys server.List[engine.Key]
		if err := c.do(ctx, http.MethodGet, "/api/v1/find?object="+url.QueryEscape(id.String()), nil, &keys); err != nil {
			return engine.Key{}, nil, err
		}
		if len(keys.Items) > 0 {
			return keys.Items[0], &id, nil
		}
		if strings.ToUpper(id.Kind[:1]) == id.Kind[:1] {
			return engine.Key{}, nil, exitError{
				code: exitNotFound, message: "no App that you may see owns " + id.String(), next: "plumb get apps; an object is named KIND/NAMESPACE/NAME",
			}
		}
	}
	a, err := e.find(ctx, c, arg)
	return keyOf(a), nil, err
}

func (e *env) drawWhy(w engine.Why) error {
	title := fmt.Sprintf("%s  %s  %s", w.App, e.paint(string(w.State), string(w.State)), plain(w.Message))
	if o := w.Object; o != nil {
		title = fmt.Sprintf("%s  %s  %s  (App %s is %s)", o.ID, e.paint(string(o.Health.Level), string(o.Health.Level)), age(e.Now(), o.Since), w.App, w.State)
	}
	var pairs [][2]string
	add := func(k, v string) { pairs = append(pairs, [2]string{k, v}) }
	if c := w.Commit; c != nil {
		add("commit", fmt.Sprintf("%s  %q  %s, %s ago", shortSHA(c.SHA), plain(c.Subject), plain(c.Author), age(e.Now(), c.When)))
		if c.URL != "" {
			add("at", plain(c.URL))
		}
		for _, l := range c.Links {
			add("ticket", plain(l.Text+"  "+l.URL))
		}
	}
	for _, s := range w.Source {
		add("source", strings.TrimSpace(s.URL+"  "+s.Path+"  "+s.Ref))
	}
	if w.Object != nil && w.Object.File != "" {
		add("file", w.Object.File)
	}
	if r := w.Render; r != nil {
		text := fmt.Sprintf("%s, %s, %s", r.Renderer, counted(r.Objects, "object"), r.Took.Round(100*time.Microsecond))
		if r.Error != "" {
			text = "✖ " + plain(r.Error)
		}
		add("render", text)
	}
	add("apply", e.applyLine(w))
	if o := w.Object; o != nil {
		add("health", strings.TrimSpace(fmt.Sprintf("%s %s  %s", e.glyph(string(o.Health.Level)), o.Health.Level, plain(o.Health.Message))))
		for _, line := range e.causes(o.Children, nil) {
			add("", "")
			pairs[len(pairs)-1] = [2]string{"cause", line}
		}
		if !o.InSync && !o.Missing {
			add("live", e.paint("Drifted", "differs from what was applied"))
		}
	}
	for _, ev := range topEvents(w.Events, 3) {
		add("event", ev)
	}
	for _, d := range w.Drift {
		add("drift", d.At.Local().Format("15:04:05")+"  "+clip(plain(d.Message), 160))
	}
	if h := w.Healthy; h != nil && len(h.Revisions) > 0 && (w.Commit == nil || h.Revisions[0].Commit != w.Commit.SHA) {
		add("before", "revision "+shortSHA(h.Revisions[0].Commit)+" was healthy, "+age(e.Now(), h.At)+" ago")
	}
	for _, warning := range w.Warnings {
		add("warning", plain(warning))
	}
	add("next", w.Next)
	return e.pairs(title, pairs)
}

func (e *env) applyLine(w engine.Why) string {
	if a := w.Apply; a != nil {
		line := fmt.Sprintf("%s (%s), %s ago", a.Action, a.Why, age(e.Now(), w.AppliedAt))
		if a.Error != "" {
			line = "✖ " + plain(a.Error)
		}
		return line
	}
	if at := w.Attempt; at != nil {
		if at.Outcome == "" {
			return "attempt " + at.ID + " is running"
		}
		return strings.TrimSpace(fmt.Sprintf("%s, %s ago  %s", at.Outcome, age(e.Now(), at.Ended), clip(plain(at.Message), 160)))
	}
	return ""
}

// causes walks down to the children that are to blame.
func (e *env) causes(children []engine.ChildView, lines []string) []string {
	for _, c := range children {
		if c.Health.Level == "Healthy" || len(lines) >= 4 {
			continue
		}
		if below := e.causes(c.Children, nil); len(below) > 0 {
			lines = append(lines, below...)
			continue
		}
		line := fmt.Sprintf("%s  %s", c.ID, plain(c.Health.Message))
		for _, ev := range topEvents(c.Events, 1) {
			line += "  ← " + ev
		}
		lines = append(lines, clip(line, 200))
	}
	return lines
}

func topEvents(events []cluster.Event, n int) []string {
	var out []string
	for _, ev := range events {
		if ev.Type == "Normal" {
			continue
		}
		if len(out) == n {
			break
		}
		out = append(out, clip(plain(ev.Reason+": "+ev.Message), 160))
	}
	return out
}
