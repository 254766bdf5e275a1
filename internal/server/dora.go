package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"plumb.cd/plumb/internal/dora"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/httpapi"
)

// DORAOptions are what the measures need. History nil: nothing is recorded, and the measures are empty.
type DORAOptions struct {
	History history.Measured
	// Matching gives the Apps, by namespace/name, that a filter lets through. Nil: the server's own index of Apps.
	Matching func(f filter.Filter) map[string]bool
}

type doraQuery struct {
	App     string    `query:"app" doc:"One App, as namespace/name; default: all that the filter and the reader's rights leave"`
	Filter  string    `query:"filter" doc:"Which Apps, in the grammar of filters"`
	From    time.Time `query:"from" doc:"Beginning of the period; default: the 30 days up to its end"`
	To      time.Time `query:"to" doc:"End of the period, not in it; default: now"`
	Measure string    `query:"measure" enum:"deployments,leadTime,failures,restore,open,rollbacks,superseded,cancelled" doc:"Which deployments the sample has; default: all"`
	Day     string    `query:"day" doc:"Only deployments of this day, UTC, in the sample, e.g. 2026-11-21"`
	Per     string    `query:"per" enum:"day,app,deployment" doc:"app: the measures of each App too. With format=csv, what a row is; default: day"`
	Format  string    `query:"format" enum:"json,csv" doc:"Default: json"`
}

func (s *Server) doraCalls() []operation {
	return []operation{{
		method: "GET", path: "/api/v1/dora", needs: signedIn, query: doraQuery{}, answer: httpapi.DORA{}, handle: s.dora,
		doc: "Deployment frequency, lead time, change failure rate, time to restore and drift. Of all Apps that the reader may list, or some of them.",
	}}
}

// Modes of a deployment's record, as plan writes them.
const (
	modeHeal     = "Heal"
	modeRollback = "Rollback"
)

const (
	doraDefault = 30 // days, the last one among them
	doraLongest = 400 * 24 * time.Hour
	doraSample  = 200
	doraApps    = 1000
	doraPage    = 2000 // facts read at a time: the history serves others in between
)

// measured are the values that an answer is made of.
type measured struct {
	period      dora.Period
	deployments []dora.Deployment // of the period
	drift       []dora.Drift
}

func (s *Server) dora(c *call) error {
	q, err := queryOf[doraQuery](c)
	if err != nil {
		return err
	}
	period, err := q.period(s.o.Now())
	if err != nil {
		return err
	}
	day, err := q.day()
	if err != nil {
		return err
	}
	in, err := s.chosen(c, q)
	if err != nil {
		return err
	}
	m, err := s.happened(c.Context(), period, doraWindow{app: q.App, from: period.From, to: q.To.UTC()}, in)
	if err != nil {
		return err
	}
	sample := slices.DeleteFunc(slices.Clone(m.deployments), func(d dora.Deployment) bool {
		return !d.Behind(q.Measure) || !day.IsZero() && !d.Ended.UTC().Truncate(24*time.Hour).Equal(day)
	})
	slices.SortStableFunc(sample, func(a, b dora.Deployment) int { return b.Ended.Compare(a.Ended) })
	if q.Format == "csv" {
		return c.doraCSV(q.Per, m, sample)
	}
	out := doraView(dora.Measure(period, m.deployments, m.drift))
	out.Scope, out.Measure = q.scope(), q.Measure
	out.More = max(len(sample)-doraSample, 0)
	ctx, cancel := context.WithTimeout(c.Context(), commitsTold)
	defer cancel()
	for _, d := range sample[:min(len(sample), doraSample)] {
		one := deploymentOf(d)
		if by := s.commitBehind(ctx, d.App, d.Commit); by != nil {
			one.Commit = by
		}
		out.Sample = append(out.Sample, one)
	}
	if q.Per == "app" {
		out.Apps = doraAppsOf(m)
	}
	return c.reply(out)
}

func (q doraQuery) period(now time.Time) (dora.Period, error) {
	p := dora.Period{From: q.From.UTC(), To: q.To.UTC()}
	if q.To.IsZero() {
		p.To = now.UTC()
	}
	if q.From.IsZero() {
		p.From = p.To.Add(-time.Nanosecond).Truncate(24*time.Hour).AddDate(0, 0, 1-doraDefault)
	}
	switch {
	case !p.From.Before(p.To):
		return p, badParameter("from", "want a time before "+p.To.Format(time.RFC3339))
	case p.To.Sub(p.From) > doraLongest:
		return p, badParameter("from", fmt.Sprintf("want a period of at most %d days", doraLongest/(24*time.Hour)))
	}
	return p, nil
}

func (q doraQuery) day() (time.Time, error) {
	if q.Day == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, q.Day)
	if err != nil {
		return t, badParameter("day", "want a day like 2026-11-21")
	}
	return t, nil
}

// scope says what was measured, in words.
func (q doraQuery) scope() string {
	switch {
	case q.App != "":
		return "app " + q.App
	case q.Filter != "":
		return "apps that match " + q.Filter
	}
	return "all apps"
}

func (s *Server) records(ctx context.Context, span history.Span) ([]dora.Record, error) {
	var out []dora.Record
	for behind := (history.Cursor{}); ; {
		page, err := s.o.DORA.History.Facts(ctx, span, behind, doraPage)
		if err != nil {
			return nil, err
		}
		for _, f := range page {
			if r, known := recordOf(f); known {
				out = append(out, r)
			}
			behind = f.After()
		}
		if len(page) < doraPage {
			return out, nil
		}
	}
}

// recordOf is a fact as measures see it; false: it is none of theirs.
func recordOf(f history.Fact) (dora.Record, bool) {
	r := dora.Record{App: f.App, At: f.At}
	switch {
	case f.Kind == history.Deployment && f.Mode != modeHeal:
		facts := engine.DeploymentFacts{Trigger: engine.Trigger(f.Trigger), Committed: f.Committed, Previous: f.Previous}
		r.Kind, r.ID, r.Bundle, r.Commit, r.Outcome, r.Reason = dora.Attempt, f.Attempt, f.Bundle, f.Commit, f.Outcome, f.Reason
		r.Actor, r.Cluster, r.Trigger, r.Started, r.Committed = f.Actor, f.Cluster, f.Trigger, f.Started, f.Committed
		r.Rollback = f.Mode == modeRollback || facts.Trigger == engine.ByRollback || facts.Trigger == engine.ByHold
		if lead, ok := facts.LeadTime(f.Commit, f.At); ok {
			r.Lead = lead
		}
		if r.Started.IsZero() {
			r.Started = f.At
		}
	case f.Kind == history.Rollback && f.Bundle == "": // a commit was made; with a bundle, the engine went back by itself
		r.Kind = dora.Reverted
	case f.Kind == history.Health && f.Outcome == "Degraded":
		r.Kind = dora.Unwell
	case f.Kind == history.Health:
		r.Kind = dora.Well
	default:
		return r, false
	}
	return r, true
}

// chosen says which Apps are measured: those that the reader may list and the filter lets through. What an App that is
// gone did counts as long as no filter asks what it is.
func (s *Server) chosen(c *call, q doraQuery) (func(app string) (bool, error), error) {
	may := s.mayList(c)
	listed := func(app string) (bool, error) {
		namespace, _, _ := strings.Cut(app, "/")
		return may(namespace)
	}
	if q.App != "" {
		namespace, name, ok := strings.Cut(q.App, "/")
		if !ok || namespace == "" || name == "" {
			return nil, badParameter("app", "want namespace/name")
		}
		key := engine.Key{Namespace: namespace, Name: name}
		ok, err := s.o.Access.Allowed(c.Context(), c.user(), Right{"get", AppResource, key})
		if err != nil {
			return nil, err // nobody could be asked: that says nothing about what there is
		}
		if !ok {
			return nil, errAbsent(AppResource, key)
		}
		listed = func(string) (bool, error) { return true, nil }
	}
	if q.Filter == "" {
		return listed, nil
	}
	f, err := filter.Parse(q.Filter)
	if err != nil {
		return nil, badParameter("filter", err.Error())
	}
	match := s.o.DORA.Matching(f)
	return func(app string) (bool, error) {
		if !match[app] {
			return false, nil
		}
		return listed(app)
	}, nil
}
