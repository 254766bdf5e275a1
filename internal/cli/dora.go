package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/server"
)

// doraFlags are those of plumb dora.
type doraFlags struct {
	filter, from, to, last, per, measure string
	define                               bool
}

func (e *env) dora() *cobra.Command {
	var f doraFlags
	cmd := &cobra.Command{
		Use: "dora [APP]", Short: "Measure delivery: frequency, lead time, failures, restoration, drift", Args: maxArgs(1, "an App"),
		Long: "Measure delivery: deployment frequency, lead time (commit to healthy), change failure rate, time to restore, and drift.\n" +
			"--define says what each of them means here. Days are UTC.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := e.withTimeout(cmd.Context(), 0)
			defer cancel()
			return cause(ctx, e.doraOf(ctx, f, args))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.filter, "filter", "", "only Apps that match, e.g. 'cluster:prod-* env:prod'")
	flags.StringVar(&f.from, "from", "", "first day, e.g. 2026-11-01, or a time")
	flags.StringVar(&f.to, "to", "", "last day, or a time (default: now)")
	flags.StringVar(&f.last, "last", "", "the last days, weeks or hours instead, e.g. 30d, 12w, 24h (default 30d)")
	flags.StringVar(&f.per, "per", "", "a row a day, app or deployment")
	flags.StringVar(&f.measure, "measure", "", "with --per deployment: only those behind this number, e.g. failures, leadTime, restore, open")
	flags.BoolVar(&f.define, "define", false, "say what the measures mean")
	flags.StringVarP(&e.output, "output", "o", "table", "table, json, yaml or csv")
	return cmd
}

func (e *env) doraOf(ctx context.Context, f doraFlags, args []string) error {
	if e.output != "csv" {
		if err := e.knownOutput(); err != nil {
			return usageError{fmt.Errorf("-o %s: want table, json, yaml or csv", e.output)}
		}
	}
	q, err := f.query(e.Now())
	if err != nil {
		return usageError{err}
	}
	c, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	switch {
	case len(args) == 1:
		a, err := e.find(ctx, c, args[0])
		if err != nil {
			return err
		}
		q.Set("app", a.Namespace+"/"+a.Name)
	case e.namespace != "":
		q.Set("filter", strings.TrimSpace("namespace:"+e.namespace+" "+f.filter))
	}
	if e.output == "csv" {
		q.Set("format", "csv")
		return c.copy(ctx, "/api/v1/dora?"+q.Encode(), e.Out)
	}
	var m httpapi.DORA
	if err := c.do(ctx, http.MethodGet, "/api/v1/dora?"+q.Encode(), nil, &m); err != nil {
		return err
	}
	return e.print(m, func() error { return e.doraTable(m, f) })
}

// query is what the flags ask the API for.
func (f doraFlags) query(now time.Time) (url.Values, error) {
	q := url.Values{}
	from, to, err := f.period(now)
	if err != nil {
		return nil, err
	}
	for key, value := range map[string]string{"from": from.Format(time.RFC3339Nano), "filter": f.filter, "per": f.per, "measure": f.measure} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if f.to != "" { // else it is now, by the daemon's clock
		q.Set("to", to.Format(time.RFC3339Nano))
	}
	return q, nil
}

// period reads --from, --to and --last. A day in --to is in the period.
func (f doraFlags) period(now time.Time) (from, to time.Time, err error) {
	to = now.UTC()
	if f.last != "" && f.from != "" {
		return from, to, fmt.Errorf("--last and --from: give one of them")
	}
	if f.to != "" {
		var day bool
		if to, day, err = moment(f.to); err != nil {
			return from, to, fmt.Errorf("--to: %w", err)
		}
		if day {
			to = to.Add(oneDay)
		}
	}
	if f.from != "" {
		if from, _, err = moment(f.from); err != nil {
			return from, to, fmt.Errorf("--from: %w", err)
		}
		return from, to, nil
	}
	from, err = back(to, cmp.Or(f.last, "30d"))
	return from, to, err
}

const oneDay = 24 * time.Hour

// moment reads a day (its beginning, UTC) or a time.
func moment(s string) (t time.Time, day bool, err error) {
	if t, err = time.Parse(time.DateOnly, s); err == nil {
		return t, true, nil
	}
	if t, err = time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), false, nil
	}
	return t, false, fmt.Errorf("%q: want a day like 2026-11-21, or a time like 2026-11-21T18:00:00Z", s)
}

// back is the beginning of the last days (whole ones, UTC, with the one of to), weeks or hours before to.
func back(to time.Time, last string) (time.Time, error) {
	bad := fmt.Errorf("--last %q: want days, weeks or hours, like 30d, 12w or 24h", last)
	if last == "" {
		return to, bad
	}
	n, err := strconv.Atoi(last[:len(last)-1])
	if err != nil || n < 1 || n > 10_000 {
		return to, bad
	}
	switch last[len(last)-1] {
	case 'h':
		return to.Add(-time.Duration(n) * time.Hour), nil
	case 'w':
		n *= 7
	case 'd':
	default:
		return to, bad
	}
	return to.Add(-time.Nanosecond).Truncate(oneDay).AddDate(0, 0, 1-n), nil
}

// copy writes the body of an answer as it comes.
func (c *client) copy(ctx context.Context, path string, out io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return usageError{fmt.Errorf("the address %q: %w", c.base, err)}
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		p := server.Problem{Message: fmt.Sprintf("%s answered %s", c.base, res.Status)}
		_ = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&p) // what it cannot tell is in the status
		p.Status = res.StatusCode
		return p
	}
	_, err = io.Copy(out, res.Body)
	return err
}

func (e *env) doraTable(m httpapi.DORA, f doraFlags) error {
	switch f.per {
	case "day":
		return e.doraDays(m.Days)
	case "app":
		return e.doraApps(m.Apps)
	case "deployment":
		return e.doraDeployments(m)
	}
	title := fmt.Sprintf("%s, %s to %s (UTC)", m.Scope, m.From.Format("2006-01-02 15:04"), m.To.Format("2006-01-02 15:04"))
	lines := [][2]string{
		{"deployments", fmt.Sprintf("%d, %.1f a day", m.Deployments, m.PerDay)},
		{"lead time", spread(m.LeadTime)},
		{"failures", fmt.Sprintf("%.1f %%: %d of %d (%d failed, %d rolled back, %d Degraded)",
			100*m.FailureRate, m.Failures, m.Deployments, m.Failed, m.RolledBack, m.Degraded)},
		{"restore", fmt.Sprintf("%s; %d open", spread(m.Restore), m.Open)},
		{"beside", fmt.Sprintf("%d rollbacks, %d superseded, %d cancelled", m.Rollbacks, m.Superseded, m.Cancelled)},
		{"drift", counted(m.Drift, "finding")},
	}
	if err := e.line(title); err != nil {
		return err
	}
	for _, l := range lines {
		if err := e.line(fmt.Sprintf("  %-12s %s", l[0], l[1])); err != nil {
			return err
		}
	}
	if !f.define {
		return nil
	}
	for _, d := range m.Definitions {
		if err := e.line(fmt.Sprintf("\n%s\n  %s", d.Measure, d.Text)); err != nil {
			return err
		}
	}
	return nil
}

func (e *env) doraDays(days []httpapi.DORADay) error {
	var rows [][]string
	for _, d := range days {
		rows = append(rows, []string{d.Day, strconv.Itoa(d.Deployments), strconv.Itoa(d.Failures), span(d.LeadTime), strconv.Itoa(d.Drift)})
	}
	return e.rows([]string{"DAY", "DEPLOYMENTS", "FAILURES", "LEAD TIME", "DRIFT"}, rows)
}

func (e *env) doraApps(apps []httpapi.DORAApp) error {
	var rows [][]string
	for _, a := range apps {
		rows = append(rows, []string{
			a.App, strconv.Itoa(a.Deployments), span(a.LeadTime.P50), strconv.Itoa(a.Failures), fmt.Sprintf("%.1f %%", 100*a.FailureRate),
			span(a.Restore.P50), strconv.Itoa(a.Open), strconv.Itoa(a.Drift),
		})
	}
	return e.rows([]string{"APP", "DEPLOYMENTS", "LEAD TIME", "FAILURES", "RATE", "RESTORE", "OPEN", "DRIFT"}, rows)
}

func (e *env) doraDeployments(m httpapi.DORA) error {
	var rows [][]string
	for _, d := range m.Sample {
		commit := "-"
		if d.Commit != nil {
			commit = shortSHA(d.Commit.SHA)
		}
		outcome := d.Outcome
		if d.Rollback {
			outcome += " (rollback)"
		}
		rows = append(rows, []string{
			d.Ended.UTC().Format("2006-01-02 15:04:05"), d.App, outcome, cmp.Or(d.Failure, "-"), commit, span(d.LeadTime), cmp.Or(d.Actor, "-"),
		})
	}
	if err := e.rows([]string{"ENDED (UTC)", "APP", "OUTCOME", "FAILURE", "REVISION", "LEAD TIME", "WHO"}, rows); err != nil || m.More == 0 {
		return err
	}
	return e.line(fmt.Sprintf("and %d more: narrow the period, or -o csv", m.More))
}

// spread is the middle of a measure, in words.
func spread(q httpapi.Quantiles) string {
	if q.N == 0 {
		return "-"
	}
	return fmt.Sprintf("p50 %s, p90 %s (of %d)", span(q.P50), span(q.P90), q.N)
}

// span is a duration as people say it; zero: it was not measured.
func span(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0fm", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1fh", d.Hours())
	}
	return fmt.Sprintf("%.1fd", d.Hours()/24)
}
