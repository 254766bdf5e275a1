package cli

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/httpapi"
)

// changes lists what happened to all Apps that the reader may see, repeats folded.
func (e *env) changes() *cobra.Command {
	var limit int
	var kinds []string
	var filter string
	cmd := &cobra.Command{
		Use: "changes [APP]", Short: "Show what happened to the Apps: deployments, drift, requests, newest first", Args: maxArgs(1, "an App"),
		Example: "  plumb changes\n  plumb changes --kind drift,healed --filter 'cluster:prod-*'\n  plumb changes shop",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := e.withTimeout(cmd.Context(), time.Minute)
			defer cancel()
			c, err := e.connect(ctx)
			if err != nil {
				return err
			}
			defer c.close()
			q := url.Values{"limit": {strconv.Itoa(limit)}, "kind": kinds}
			if filter != "" {
				q.Set("filter", filter)
			}
			if len(args) == 1 {
				a, err := e.find(ctx, c, args[0])
				if err != nil {
					return cause(ctx, err)
				}
				q.Set("app", a.Namespace+"/"+a.Name)
			}
			var list httpapi.List[httpapi.Change]
			if err := c.do(ctx, http.MethodGet, "/api/v1/changes?"+q.Encode(), nil, &list); err != nil {
				return cause(ctx, err)
			}
			return e.print(list, func() error { return e.changeRows(list.Items) })
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "how many, at most 200")
	cmd.Flags().StringSliceVar(&kinds, "kind", nil, "only these: deployment, drift, healed, fight, rollback, request, revision, failure, health")
	cmd.Flags().StringVar(&filter, "filter", "", "only of Apps that this filter matches, as in plumb get")
	return e.outputFlag(cmd)
}

func (e *env) changeRows(changes []httpapi.Change) error {
	var rows [][]string
	for _, c := range changes {
		what, commit := changedWhat(c), c.Commit
		if c.By != nil {
			commit = c.By.SHA
			what = cmp.Or(what, plain(c.By.Subject))
		}
		if c.Object != "" {
			what = c.Object + "  " + what
		}
		rows = append(rows, []string{
			stamped(c.At), c.App, c.Kind, cmp.Or(c.Outcome, "-"), shortSHA(cmp.Or(commit, "-")), plain(who(c)), clip(what, 120),
		})
	}
	return e.rows([]string{"AT", "APP", "KIND", "OUTCOME", "REVISION", "WHO", "WHAT"}, rows)
}

// changedFields are the fields of drift, in a line.
func changedFields(c httpapi.Change) string {
	var parts []string
	for _, f := range c.Fields {
		parts = append(parts, fmt.Sprintf("%s %s → %s", f.Path, sideText(f.Left), sideText(f.Right)))
	}
	return strings.Join(parts, "; ")
}

func sideText(v any) string {
	if v == nil {
		return "(absent)"
	}
	return clip(plain(fmt.Sprint(v)), 40)
}
