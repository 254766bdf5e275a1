package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/object"
)

// blame says where the fields of an object come from.
func (e *env) blame() *cobra.Command {
	return e.outputFlag(&cobra.Command{
		Use: "blame KIND/[NAMESPACE/]NAME [FIELD]", Short: "Say which file, line and commit set the fields of an object", Args: blameArgs,
		Long: "Say which file and line set each field of an object, and which commit changed it last. A place is exact when rendering\n" +
			"with another value there shows it in the field; history is rendered commit by commit, within a budget that is told.",
		Example: "  plumb blame deploy/shop/web\n  plumb blame deploy/shop/web .spec.replicas",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withMeant(cmd, args[0], func(ctx context.Context, c *client, key engine.Key, id *object.ID) error {
				if id == nil {
					return usageError{fmt.Errorf("%q is no object: want KIND/NAMESPACE/NAME", args[0])}
				}
				path := appPath(key, "blame") + "?object=" + url.QueryEscape(id.String())
				if len(args) == 2 {
					path += "&field=" + url.QueryEscape(args[1])
				}
				var b httpapi.Blame
				if err := c.do(ctx, http.MethodGet, path, nil, &b); err != nil {
					return err
				}
				return e.print(b, func() error { return e.drawBlame(b) })
			})
		},
	})
}

func blameArgs(cmd *cobra.Command, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return usageError{fmt.Errorf("%s takes an object, and a field of it at most, got %q", cmd.CommandPath(), args)}
	}
	return nil
}

func (e *env) drawBlame(b httpapi.Blame) error {
	var rows [][]string
	var notes []string
	for _, l := range b.Fields {
		at := l.File
		if !l.Exact {
			at += " (derived)"
		}
		if l.Note != "" {
			notes = append(notes, l.Path+": "+l.Note)
		}
		rows = append(rows, []string{plain(l.Path), shortValue(l.Value), plain(at), l.By, e.commitWords(l.Commit)})
	}
	if err := e.rows([]string{"FIELD", "VALUE", "SET IN", "BY", "COMMIT"}, rows); err != nil {
		return err
	}
	for _, n := range notes {
		fmt.Fprintln(e.Err, plain(n))
	}
	if !b.Complete {
		fmt.Fprintf(e.Err, "not complete: %s; %s looked at, back to %s\n", b.Stopped, counted(b.Searched, "commit"), b.Until.Format(time.DateOnly))
	}
	return nil
}

func (e *env) commitWords(c *httpapi.CommitRef) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%s %s, %s ago, %q", shortSHA(c.SHA), plain(c.Author), age(e.Now(), c.When), plain(c.Subject))
}

// shortValue is a value in a cell of a table.
func shortValue(v any) string {
	const most = 40
	s, ok := v.(string)
	if !ok {
		raw, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		s = string(raw)
	}
	s = strings.Join(strings.Fields(plain(s)), " ")
	if r := []rune(s); len(r) > most {
		s = string(r[:most-1]) + "…"
	}
	return s
}
