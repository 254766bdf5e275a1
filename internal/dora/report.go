package dora

import (
	"cmp"
	"slices"
	"time"
)

// Report are the measures of a set of Apps in a period.
type Report struct {
	Period      Period
	Deployments int
	PerDay      float64
	LeadTime    Quantiles
	Failures    int
	FailureRate float64 // 0 to 1
	Failed      int     // failures, by what they showed first
	RolledBack  int
	Degraded    int
	Restore     Quantiles
	Open        int // failures that are not restored
	Rollbacks   int // shown, not counted as deployments
	Superseded  int
	Cancelled   int
	Drift       int
	Days        []Day
}

// Day is one day of a Report.
type Day struct {
	Day         time.Time
	Deployments int
	Failures    int
	LeadTime    time.Duration // median; zero: none was measured
	Drift       int
}

// Quantiles of N values, by the nearest rank: each is a value that occurred.
type Quantiles struct {
	N        int
	P50, P90 time.Duration
}

// In selects the deployments of a period: those whose first attempt ended in it.
func In(p Period, deployments []Deployment) []Deployment {
	return slices.DeleteFunc(slices.Clone(deployments), func(d Deployment) bool { return !p.has(d.Ended) })
}

// Measure makes the report of all deployments and drift that lie in the period. Those that do not are left out.
func Measure(p Period, deployments []Deployment, drift []Drift) Report {
	r := Report{Period: p}
	var lead, restore []time.Duration
	days := map[time.Time]*dayTally{}
	for _, d := range p.Days() {
		days[d] = &dayTally{}
	}
	for _, d := range In(p, deployments) {
		tally := days[d.Ended.UTC().Truncate(day)]
		r.add(d)
		if !d.Counts() {
			continue
		}
		tally.deployments++
		if d.Failure != NoFailure {
			tally.failures++
		}
		if d.Lead > 0 {
			lead, tally.lead = append(lead, d.Lead), append(tally.lead, d.Lead)
		}
		if d.Failure != NoFailure && !d.Restored.IsZero() {
			restore = append(restore, d.Restored.Sub(d.FailedAt))
		}
	}
	for _, d := range drift {
		if tally := days[d.Day.UTC().Truncate(day)]; tally != nil {
			tally.drift += d.Count
			r.Drift += d.Count
		}
	}
	r.PerDay = float64(r.Deployments) / p.length()
	if r.Deployments > 0 {
		r.FailureRate = float64(r.Failures) / float64(r.Deployments)
	}
	r.LeadTime, r.Restore = quantiles(lead), quantiles(restore)
	for _, d := range p.Days() {
		t := days[d]
		r.Days = append(r.Days, Day{Day: d, Deployments: t.deployments, Failures: t.failures, LeadTime: quantiles(t.lead).P50, Drift: t.drift})
	}
	return r
}

type dayTally struct {
	deployments, failures, drift int
	lead                         []time.Duration
}

// add counts one deployment.
func (r *Report) add(d Deployment) {
	switch {
	case d.Rollback:
		r.Rollbacks++
	case d.End == Superseded:
		r.Superseded++
	case d.End == Cancelled:
		r.Cancelled++
	}
	if !d.Counts() {
		return
	}
	r.Deployments++
	if d.Failure == NoFailure {
		return
	}
	r.Failures++
	switch d.Failure {
	case Failed:
		r.Failed++
	case RolledBack:
		r.RolledBack++
	case Degraded:
		r.Degraded++
	case NoFailure:
	}
	if d.Restored.IsZero() {
		r.Open++
	}
}

func quantiles(values []time.Duration) Quantiles {
	slices.Sort(values)
	return Quantiles{N: len(values), P50: rank(values, 50), P90: rank(values, 90)}
}

// rank is the nearest rank: the smallest value that at least percent of the values do not exceed.
func rank(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}

// AppReport are the measures of one App.
type AppReport struct {
	App string
	Report
}

// ByApp makes a report for each App that has something in the period, by name.
func ByApp(p Period, deployments []Deployment, drift []Drift) []AppReport {
	of := map[string][]Deployment{}
	for _, d := range In(p, deployments) {
		of[d.App] = append(of[d.App], d)
	}
	drifts := map[string][]Drift{}
	for _, d := range drift {
		drifts[d.App] = append(drifts[d.App], d)
		of[d.App] = slices.Clip(of[d.App]) // it may have drift alone
	}
	var out []AppReport
	for app := range of {
		r := Measure(p, of[app], drifts[app])
		if r.Deployments+r.Rollbacks+r.Superseded+r.Cancelled+r.Drift > 0 {
			out = append(out, AppReport{App: app, Report: r})
		}
	}
	slices.SortFunc(out, func(a, b AppReport) int { return cmp.Compare(a.App, b.App) })
	return out
}

// Measures are the numbers that lead to deployments.
var Measures = []string{"deployments", "leadTime", "failures", "restore", "open", "rollbacks", "superseded", "cancelled"}

// Behind reports whether a deployment is one of those that a number is made of.
func (d Deployment) Behind(measure string) bool {
	failure := d.Counts() && d.Failure != NoFailure
	switch measure {
	case "":
		return true
	case "deployments":
		return d.Counts()
	case "leadTime":
		return d.Counts() && d.Lead > 0
	case "failures":
		return failure
	case "restore":
		return failure && !d.Restored.IsZero()
	case "open":
		return failure && d.Restored.IsZero()
	case "rollbacks":
		return d.Rollback
	case "superseded":
		return !d.Rollback && d.End == Superseded
	case "cancelled":
		return !d.Rollback && d.End == Cancelled
	}
	return false
}
