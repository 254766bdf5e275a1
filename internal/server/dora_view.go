package server

import (
	"cmp"
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"plumb.cd/plumb/internal/dora"
	"plumb.cd/plumb/internal/httpapi"
)

// doraView is a report as the API shows it: durations are seconds.
func doraView(r dora.Report) httpapi.DORA {
	out := httpapi.DORA{
		From: r.Period.From, To: r.Period.To, Deployments: r.Deployments, PerDay: r.PerDay, LeadTime: quantilesOf(r.LeadTime),
		FailureRate: r.FailureRate, Failures: r.Failures, Failed: r.Failed, RolledBack: r.RolledBack, Degraded: r.Degraded, Open: r.Open,
		Restore: quantilesOf(r.Restore), Rollbacks: r.Rollbacks, Superseded: r.Superseded, Cancelled: r.Cancelled, Drift: r.Drift,
		Days: []httpapi.DORADay{},
	}
	for _, d := range r.Days {
		out.Days = append(out.Days, httpapi.DORADay{
			Day: d.Day.Format(time.DateOnly), Deployments: d.Deployments, Failures: d.Failures, LeadTime: d.LeadTime.Seconds(), Drift: d.Drift,
		})
	}
	for _, d := range dora.Definitions() {
		out.Definitions = append(out.Definitions, httpapi.Definition{Measure: d.Measure, Text: d.Text})
	}
	return out
}

func quantilesOf(q dora.Quantiles) httpapi.Quantiles {
	return httpapi.Quantiles{N: q.N, P50: q.P50.Seconds(), P90: q.P90.Seconds()}
}

// doraAppsOf are the measures of each App, those with most failures first.
func doraAppsOf(m measured) []httpapi.DORAApp {
	out := []httpapi.DORAApp{}
	for _, a := range dora.ByApp(m.period, m.deployments, m.drift) {
		out = append(out, httpapi.DORAApp{
			App: a.App, Deployments: a.Deployments, PerDay: a.PerDay, LeadTime: quantilesOf(a.LeadTime), FailureRate: a.FailureRate,
			Failures: a.Failures, Open: a.Open, Restore: quantilesOf(a.Restore), Rollbacks: a.Rollbacks, Superseded: a.Superseded,
			Cancelled: a.Cancelled, Drift: a.Drift,
		})
	}
	slices.SortStableFunc(out, func(a, b httpapi.DORAApp) int {
		return cmp.Or(cmp.Compare(b.Failures, a.Failures), cmp.Compare(b.Deployments, a.Deployments), cmp.Compare(a.App, b.App))
	})
	return out[:min(len(out), doraApps)]
}

// deploymentOf is a deployment of the measures, as the API shows deployments.
func deploymentOf(d dora.Deployment) httpapi.Deployment {
	out := httpapi.Deployment{
		ID: d.ID, App: d.App, Started: d.Started, Ended: d.At, Duration: d.At.Sub(d.Started).Seconds(), Outcome: string(d.End), Mode: "Sync",
		Reason: d.Reason, Actor: d.Actor, Trigger: d.Trigger, Bundle: d.Bundle, LeadTime: d.Lead.Seconds(), Rollback: d.Rollback,
		Failure: string(d.Failure), FailedAt: d.FailedAt, Restored: d.Restored, Attempts: d.Attempts,
	}
	if d.Rollback {
		out.Mode = modeRollback
	}
	if d.Commit != "" {
		out.Commit = &httpapi.CommitRef{SHA: d.Commit, When: d.Committed}
	}
	return out
}

// doraCSV writes the measures as a table: a row a day, an App or a deployment. The first line names the columns; durations
// are seconds; what was not measured is empty.
func (c *call) doraCSV(per string, m measured, sample []dora.Deployment) error {
	rows := daysCSV(dora.Measure(m.period, m.deployments, m.drift))
	switch per {
	case "app":
		rows = appsCSV(dora.ByApp(m.period, m.deployments, m.drift))
	case "deployment":
		rows = deploymentsCSV(sample)
	}
	h := c.ResponseWriter.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="dora.csv"`)
	c.WriteHeader(http.StatusOK)
	w := csv.NewWriter(c.ResponseWriter)
	for _, row := range rows {
		for i := range row {
			row[i] = inert(row[i])
		}
		if err := w.Write(row); err != nil {
			return nil // the reader went away
		}
	}
	w.Flush()
	return nil
}

// inert keeps a spreadsheet from taking a text for a formula.
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func daysCSV(r dora.Report) [][]string {
	rows := [][]string{{"day", "deployments", "failures", "lead_time_p50_seconds", "drift"}}
	for _, d := range r.Days {
		rows = append(rows, []string{
			d.Day.Format(time.DateOnly), strconv.Itoa(d.Deployments), strconv.Itoa(d.Failures), seconds(d.LeadTime), strconv.Itoa(d.Drift),
		})
	}
	return rows
}

func appsCSV(apps []dora.AppReport) [][]string {
	rows := [][]string{{
		"app", "deployments", "per_day", "lead_time_p50_seconds", "lead_time_p90_seconds", "failures", "failure_rate", "open",
		"restore_p50_seconds", "restore_p90_seconds", "rollbacks", "superseded", "cancelled", "drift",
	}}
	for _, a := range apps {
		rows = append(rows, []string{
			a.App, strconv.Itoa(a.Deployments), number(a.PerDay), seconds(a.LeadTime.P50), seconds(a.LeadTime.P90), strconv.Itoa(a.Failures),
			number(a.FailureRate), strconv.Itoa(a.Open), seconds(a.Restore.P50), seconds(a.Restore.P90), strconv.Itoa(a.Rollbacks),
			strconv.Itoa(a.Superseded), strconv.Itoa(a.Cancelled), strconv.Itoa(a.Drift),
		})
	}
	return rows
}

func deploymentsCSV(deployments []dora.Deployment) [][]string {
	rows := [][]string{{
		"app", "attempt", "started", "ended", "outcome", "trigger", "commit", "committed", "lead_time_seconds", "rollback", "failure",
		"failed_at", "restored", "attempts", "actor",
	}}
	for _, d := range deployments {
		rows = append(rows, []string{
			d.App, d.ID, moment(d.Started), moment(d.At), string(d.End), d.Trigger, d.Commit, moment(d.Committed), seconds(d.Lead),
			strconv.FormatBool(d.Rollback), string(d.Failure), moment(d.FailedAt), moment(d.Restored), strconv.Itoa(d.Attempts), d.Actor,
		})
	}
	return rows
}

func seconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return number(d.Seconds())
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
