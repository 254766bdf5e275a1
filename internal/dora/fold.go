package dora

import (
	"cmp"
	"slices"
	"time"
)

// Fold makes deployments of the records of any number of Apps, by App and time. Records may come in any order.
func Fold(records []Record) []Deployment {
	sorted := slices.Clone(records)
	slices.SortStableFunc(sorted, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.App, b.App), a.At.Compare(b.At))
	})
	var out []Deployment
	for from := 0; from < len(sorted); {
		to := from
		for to < len(sorted) && sorted[to].App == sorted[from].App {
			to++
		}
		out = append(out, foldApp(sorted[from:to])...)
		from = to
	}
	return out
}

// foldApp makes the deployments of one App, from its records in the order of time.
func foldApp(records []Record) []Deployment {
	all := join(records)
	for i := range all {
		judge(&all[i], next(all, i), records)
	}
	return all
}

// join puts attempts at one bundle together. Between them nothing else may have been attempted.
func join(records []Record) []Deployment {
	var out []Deployment
	reverted, ran := false, map[string]bool{} // commits that ran
	for _, r := range records {
		if r.Kind == Reverted {
			reverted = true
		}
		end, known := outcomes[r.Outcome]
		if r.Kind != Attempt || !known {
			continue
		}
		if n := len(out) - 1; n >= 0 && r.Bundle == out[n].Bundle {
			if out[n].End != Succeeded { // another try; what runs already is not deployed again
				out[n].attempt(r, end)
				ran[r.Commit] = ran[r.Commit] || end == Succeeded
			}
			continue
		}
		if ran[r.Commit] {
			r.Lead = 0
		}
		ran[r.Commit] = ran[r.Commit] || end == Succeeded
		if reverted && len(out) > 0 && r.Commit != out[len(out)-1].Commit {
			r.Rollback = true
		}
		reverted = reverted && !r.Rollback
		d := Deployment{Record: r, Ended: r.At}
		d.attempt(r, end)
		out = append(out, d)
	}
	return out
}

var outcomes = map[string]Outcome{
	string(Succeeded): Succeeded, string(NotYet): NotYet, string(Superseded): Superseded, string(Cancelled): Cancelled,
}

// attempt adds one.
func (d *Deployment) attempt(r Record, end Outcome) {
	started, rollback := d.Started, d.Rollback
	d.Record, d.Started, d.Rollback = r, started, rollback
	d.Attempts++
	if end == NotYet && d.Failure == NoFailure {
		d.Failure, d.FailedAt = Failed, r.At
	}
	if end == Succeeded {
		d.Lead = r.Lead
	}
	// An attempt that was given up takes nothing back: a deployment that failed has failed.
	if d.Attempts == 1 || end == Succeeded || end == NotYet {
		d.End = end
	}
}

func next(all []Deployment, i int) *Deployment {
	if i+1 < len(all) {
		return &all[i+1]
	}
	return nil
}

// judge decides whether a deployment failed, and when it was restored.
func judge(d *Deployment, next *Deployment, records []Record) {
	if d.Rollback || d.End == Superseded || d.End == Cancelled {
		d.Failure, d.FailedAt, d.Lead = NoFailure, time.Time{}, 0
		return
	}
	d.RolledBack = next != nil && next.Rollback
	if d.Failure == NoFailure {
		if at, ok := unwell(d, next, records); ok {
			d.Failure, d.FailedAt = Degraded, at
		} else if d.RolledBack {
			d.Failure, d.FailedAt = RolledBack, next.Started
		}
	}
	if d.Failure != NoFailure {
		d.Restored = healthyAfter(d.FailedAt, records)
	}
}

// unwell finds the first Degraded object in the time in which the deployment is responsible.
func unwell(d *Deployment, next *Deployment, records []Record) (time.Time, bool) {
	until := d.At.Add(DegradedWithin)
	if next != nil && next.Started.Before(until) {
		until = next.Started
	}
	from, _ := slices.BinarySearchFunc(records, d.At, func(r Record, t time.Time) int { return r.At.Compare(t) })
	for _, r := range records[from:] {
		if r.At.After(until) {
			break
		}
		if r.Kind == Unwell {
			return r.At, true
		}
	}
	return time.Time{}, false
}

// healthyAfter finds the first sign of health after t; zero: there is none.
func healthyAfter(t time.Time, records []Record) time.Time {
	from, _ := slices.BinarySearchFunc(records, t, func(r Record, t time.Time) int { return r.At.Compare(t) })
	for _, r := range records[from:] {
		if r.At.After(t) && (r.Kind == Well || r.Kind == Attempt && r.Outcome == string(Succeeded)) {
			return r.At
		}
	}
	return time.Time{}
}
