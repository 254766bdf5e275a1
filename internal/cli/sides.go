package cli

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/server"
)

// sideFlags choose what is compared with what.
type sideFlags struct {
	left, right, object string
	quiet               bool
}

func (s *sideFlags) given() bool { return *s != sideFlags{} }

// add gives the diff of an App its sides.
func (s *sideFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.left, "left", "", "compare this side of an App: git, applied, live or deployment:ID")
	f.StringVar(&s.right, "right", "", "with this one")
	f.StringVar(&s.object, "object", "", "only this object of the App")
	f.BoolVar(&s.quiet, "defaults", false, "show objects too in which only defaults and others' fields differ")
}

// diffSides shows two sides of an App, field by field, and where each difference comes from. Exit 1: something differs.
func (e *env) diffSides(cmd *cobra.Command, arg string, s sideFlags) error {
	return e.withApp(cmd, arg, 5*time.Minute, func(ctx context.Context, c *client, a server.AppView) error {
		q := url.Values{}
		for name, value := range map[string]string{"left": s.left, "right": s.right} {
			if value != "" {
				q.Set(name, value)
			}
		}
		if s.object != "" {
			id, ok := parseObject(s.object)
			if !ok {
				return usageError{fmt.Errorf("--object %q: want KIND/[NAMESPACE/]NAME", s.object)}
			}
			q.Set("object", id.String())
		}
		if s.quiet {
			q.Set("quiet", "true")
		}
		all, err := e.allPages(ctx, c, appPath(keyOf(a), "diff?"), q)
		if err != nil {
			return err
		}
		if err := e.print(all, func() error { return e.drawSides(all) }); err != nil || len(all.Objects) == 0 {
			return err
		}
		return exitError{code: exitNo}
	})
}

func (e *env) allPages(ctx context.Context, c *client, path string, q url.Values) (httpapi.Diff, error) {
	var all httpapi.Diff
	for {
		var page httpapi.Diff
		if err := c.do(ctx, http.MethodGet, path+q.Encode(), nil, &page); err != nil {
			return all, err
		}
		if q.Get("cursor") == "" {
			all = page
		} else {
			all.Objects = append(all.Objects, page.Objects...)
		}
		if page.Next == "" {
			all.Next = ""
			return all, nil
		}
		q.Set("cursor", page.Next)
	}
}

func (e *env) drawSides(d httpapi.Diff) error {
	for _, p := range d.Problems {
		if err := e.line(fmt.Sprintf("! %s  %s  %s", p.Reason, p.Where, plain(p.Message))); err != nil {
			return err
		}
	}
	for _, o := range d.Objects {
		title := o.Action + " " + o.Object
		if o.Risk != "" {
			title += "  (risk: " + o.Risk + ")"
		}
		if o.Keeps != "" {
			title += "  it stays: " + o.Keeps
		}
		if err := e.line(title); err != nil {
			return err
		}
		if err := e.drawFields(o); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("%s and %s: %s compared, %s", d.Left, d.Right, counted(d.Compared, "object"), counted(len(d.Objects), "difference"))
	if d.QuietObjects > 0 {
		var parts []string
		for _, class := range slices.Sorted(maps.Keys(d.Quiet)) {
			parts = append(parts, fmt.Sprintf("%d %s", d.Quiet[class], class))
		}
		text += "; in " + counted(d.QuietObjects, "other") + " " + strings.Join(parts, ", ") + " fields"
	}
	return e.line(text)
}

func (e *env) drawFields(o httpapi.ObjectDiff) error {
	if o.Summary != "" {
		return e.line("    " + o.Summary)
	}
	for _, f := range o.Fields {
		text := fmt.Sprintf("    %-9s %s  %s → %s", f.Class, f.Path, sideText(f.Left), sideText(f.Right))
		if f.Owner != "" {
			text += "  by " + plain(f.Owner)
		}
		if f.Rule != "" {
			text += "  rule " + plain(f.Rule)
		}
		if err := e.line(text); err != nil {
			return err
		}
	}
	if o.More > 0 {
		return e.line("    and " + counted(o.More, "more field"))
	}
	return nil
}
