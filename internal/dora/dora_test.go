package dora

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// at is a time of the week.
func at(days int, clock string) time.Time {
	t, err := time.Parse("15:04", clock)
	if err != nil {
		panic(err)
	}
	return monday.AddDate(0, 0, days).Add(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute)
}

// ended is an attempt that took a minute.
func ended(when time.Time, bundle, outcome string) Record {
	return Record{Kind: Attempt, App: "apps/shop", At: when, Started: when.Add(-time.Minute), Bundle: bundle, Commit: "commit of " + bundle, Outcome: outcome}
}

func lead(r Record, d time.Duration) Record { r.Lead = d; return r }
func rollback(r Record) Record              { r.Rollback = true; return r }

func sign(k Kind, when time.Time) Record { return Record{Kind: k, App: "apps/shop", At: when} }

var week = Period{From: monday, To: monday.AddDate(0, 0, 7)}

func TestMeasuresSayWhatHappened(t *testing.T) {
	tests := map[string]struct {
		records []Record
		want    Report // Period, PerDay, FailureRate and Days are left out
	}{
		"nothing happened": {nil, Report{}},
		"a commit that became healthy is a deployment with a lead time": {
			[]Record{lead(ended(at(0, "10:00"), "b1", "Succeeded"), 5*time.Minute)},
			Report{Deployments: 1, LeadTime: Quantiles{1, 5 * time.Minute, 5 * time.Minute}},
		},
		"a deployment without a new commit has no lead time": {
			[]Record{ended(at(0, "10:00"), "b1", "Succeeded")},
			Report{Deployments: 1},
		},
		"tries of one bundle are one deployment, that failed and was restored by its last try": {
			[]Record{ended(at(0, "10:00"), "b1", "Failed"), ended(at(0, "10:05"), "b1", "Failed"), ended(at(0, "10:20"), "b1", "Succeeded")},
			Report{Deployments: 1, Failures: 1, Failed: 1, Restore: Quantiles{1, 20 * time.Minute, 20 * time.Minute}},
		},
		"a bundle that failed for good is restored by the next one that succeeds": {
			[]Record{ended(at(0, "10:00"), "b1", "Failed"), ended(at(0, "11:00"), "b2", "Succeeded")},
			Report{Deployments: 2, Failures: 1, Failed: 1, Restore: Quantiles{1, time.Hour, time.Hour}},
		},
		"a failure that nothing mended is open": {
			[]Record{ended(at(0, "10:00"), "b1", "Failed")},
			Report{Deployments: 1, Failures: 1, Failed: 1, Open: 1},
		},
		"an App that became healthy by itself is restored": {
			[]Record{ended(at(0, "10:00"), "b1", "Failed"), sign(Well, at(0, "10:10"))},
			Report{Deployments: 1, Failures: 1, Failed: 1, Restore: Quantiles{1, 10 * time.Minute, 10 * time.Minute}},
		},
		"an automatic rollback restores, and is no deployment": {
			[]Record{
				ended(at(0, "09:00"), "b1", "Succeeded"), ended(at(0, "10:00"), "b2", "Failed"),
				rollback(ended(at(0, "10:02"), "b1", "Succeeded")),
			},
			Report{Deployments: 2, Failures: 1, Failed: 1, Rollbacks: 1, Restore: Quantiles{1, 2 * time.Minute, 2 * time.Minute}},
		},
		"a deployment that the next one takes back has failed, from when that began": {
			[]Record{ended(at(0, "10:00"), "b2", "Succeeded"), rollback(ended(at(1, "10:00"), "b1", "Succeeded"))},
			Report{Deployments: 1, Failures: 1, RolledBack: 1, Rollbacks: 1, Restore: Quantiles{1, time.Minute, time.Minute}},
		},
		"a commit that takes back is a rollback though its deployment does not say so": {
			[]Record{
				ended(at(0, "10:00"), "b2", "Succeeded"), sign(Reverted, at(0, "10:30")), ended(at(0, "10:32"), "b1", "Succeeded"),
				ended(at(0, "12:00"), "b3", "Succeeded"),
			},
			Report{Deployments: 2, Failures: 1, RolledBack: 1, Rollbacks: 1, Restore: Quantiles{1, time.Minute, time.Minute}},
		},
		"one commit that takes back makes one rollback, also when its deployment says so": {
			[]Record{
				ended(at(0, "10:00"), "b2", "Succeeded"), sign(Reverted, at(0, "10:30")), rollback(ended(at(0, "10:32"), "b1", "Succeeded")),
				ended(at(0, "12:00"), "b3", "Succeeded"),
			},
			Report{Deployments: 2, Failures: 1, RolledBack: 1, Rollbacks: 1, Restore: Quantiles{1, time.Minute, time.Minute}},
		},
		"a rollback that fails leaves the failure open, and is none of its own": {
			[]Record{ended(at(0, "10:00"), "b2", "Failed"), rollback(ended(at(0, "10:10"), "b1", "Failed"))},
			Report{Deployments: 1, Failures: 1, Failed: 1, Rollbacks: 1, Open: 1},
		},
		"Degraded 60 minutes after the success counts": {
			[]Record{ended(at(0, "10:00"), "b1", "Succeeded"), sign(Unwell, at(0, "11:00")), sign(Well, at(0, "11:30"))},
			Report{Deployments: 1, Failures: 1, Degraded: 1, Restore: Quantiles{1, 30 * time.Minute, 30 * time.Minute}},
		},
		"Degraded 61 minutes after the success does not": {
			[]Record{ended(at(0, "10:00"), "b1", "Succeeded"), sign(Unwell, at(0, "11:01"))},
			Report{Deployments: 1},
		},
		"Degraded while it was deployed does not count, when it succeeded": {
			[]Record{sign(Unwell, at(0, "09:59")), ended(at(0, "10:00"), "b1", "Succeeded"), sign(Well, at(0, "10:01"))},
			Report{Deployments: 1},
		},
		"Degraded after the next deployment began is that one's": {
			[]Record{
				ended(at(0, "10:00"), "b1", "Succeeded"), ended(at(0, "10:20"), "b2", "Succeeded"), sign(Unwell, at(0, "10:25")), sign(Well, at(0, "10:26")),
			},
			Report{Deployments: 2, Failures: 1, Degraded: 1, Restore: Quantiles{1, time.Minute, time.Minute}},
		},
		"Degraded, then rolled back, is one failure": {
			[]Record{
				ended(at(0, "10:00"), "b2", "Succeeded"), sign(Unwell, at(0, "10:10")), rollback(ended(at(0, "10:20"), "b1", "Succeeded")),
			},
			Report{Deployments: 1, Failures: 1, Degraded: 1, Rollbacks: 1, Restore: Quantiles{1, 10 * time.Minute, 10 * time.Minute}},
		},
		"superseded and cancelled attempts are shown, and are neither deployments nor failures": {
			[]Record{ended(at(0, "10:00"), "b1", "Superseded"), ended(at(0, "10:05"), "b2", "Cancelled"), ended(at(0, "10:10"), "b3", "Succeeded")},
			Report{Deployments: 1, Superseded: 1, Cancelled: 1},
		},
		"a failed deployment that is then superseded has failed": {
			[]Record{ended(at(0, "10:00"), "b1", "Failed"), ended(at(0, "10:05"), "b1", "Superseded"), ended(at(0, "10:10"), "b2", "Succeeded")},
			Report{Deployments: 2, Failures: 1, Failed: 1, Restore: Quantiles{1, 10 * time.Minute, 10 * time.Minute}},
		},
		"a cancelled deployment that is tried again is one that succeeded": {
			[]Record{ended(at(0, "10:00"), "b1", "Cancelled"), ended(at(0, "10:05"), "b1", "Succeeded")},
			Report{Deployments: 1},
		},
		"what runs already is not deployed again": {
			[]Record{ended(at(0, "10:00"), "b1", "Succeeded"), ended(at(0, "12:00"), "b1", "Succeeded"), ended(at(0, "13:00"), "b1", "Failed")},
			Report{Deployments: 1},
		},
		"a commit that ran before and comes back after a hold has no lead time": {
			[]Record{
				ended(at(0, "10:00"), "b1", "Succeeded"), rollback(ended(at(0, "12:00"), "b0", "Succeeded")),
				lead(ended(at(1, "10:00"), "b1", "Succeeded"), 24*time.Hour),
			},
			Report{Deployments: 2, Failures: 1, RolledBack: 1, Rollbacks: 1, Restore: Quantiles{1, time.Minute, time.Minute}},
		},
		"an outcome of another kind is left out": {
			[]Record{ended(at(0, "10:00"), "b1", "Suspended")},
			Report{},
		},
		"a try after the period's end mends what failed in it; one before it took the deployment out of it": {
			[]Record{
				ended(at(-1, "23:50"), "b0", "Failed"), ended(at(0, "00:05"), "b0", "Succeeded"),
				ended(at(6, "23:59"), "b1", "Failed"), ended(at(7, "00:01"), "b1", "Succeeded"),
			},
			Report{Deployments: 1, Failures: 1, Failed: 1, Restore: Quantiles{1, 2 * time.Minute, 2 * time.Minute}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := Measure(week, Fold(tt.records), nil)
			got.Period, got.PerDay, got.FailureRate, got.Days = Period{}, 0, 0, nil
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRatesAndDays(t *testing.T) {
	r := Measure(week, Fold([]Record{
		lead(ended(at(0, "10:00"), "b1", "Succeeded"), time.Minute), lead(ended(at(0, "11:00"), "b2", "Succeeded"), 3*time.Minute),
		lead(ended(at(0, "12:00"), "b3", "Succeeded"), 2*time.Minute), ended(at(2, "23:59"), "b4", "Failed"),
	}), []Drift{{"apps/shop", at(2, "00:00"), 3}, {"apps/shop", at(8, "00:00"), 9}, {"apps/bank", at(2, "00:00"), 1}})
	if r.PerDay != 4.0/7 || r.FailureRate != 0.25 || r.Drift != 4 {
		t.Errorf("per day %v, failure rate %v, drift %d", r.PerDay, r.FailureRate, r.Drift)
	}
	want := []Day{{monday, 3, 0, 2 * time.Minute, 0}, {Day: at(1, "00:00")}, {at(2, "00:00"), 1, 1, 0, 4}}
	if d := cmp.Diff(want, r.Days[:3]); d != "" || len(r.Days) != 7 {
		t.Errorf("%d days; %s", len(r.Days), d)
	}
}

func TestQuantilesAreValuesThatOccurred(t *testing.T) {
	tests := map[string]struct {
		values   []time.Duration
		p50, p90 time.Duration
	}{
		"none":  {nil, 0, 0},
		"one":   {[]time.Duration{7}, 7, 7},
		"two":   {[]time.Duration{9, 1}, 1, 9},
		"ten":   {[]time.Duration{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 5, 9},
		"equal": {[]time.Duration{4, 4, 4}, 4, 4},
	}
	for name, tt := range tests {
		if got := quantiles(tt.values); got.P50 != tt.p50 || got.P90 != tt.p90 || got.N != len(tt.values) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// random draws what happens to some Apps around the week, in any order.
func random(t *rapid.T) ([]Record, []Drift) {
	outcome := rapid.SampledFrom([]string{"Succeeded", "Succeeded", "Failed", "Superseded", "Cancelled", "Suspended", ""})
	kind := rapid.SampledFrom([]Kind{Attempt, Attempt, Attempt, Unwell, Well, Reverted})
	app := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("apps/app-%d", rapid.IntRange(0, 3).Draw(t, "app")) })
	when := rapid.Custom(func(t *rapid.T) time.Time {
		return monday.Add(time.Duration(rapid.IntRange(-30*60, 200*60).Draw(t, "minute")) * time.Minute)
	})
	records := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Record {
		r := Record{Kind: kind.Draw(t, "kind"), App: app.Draw(t, "of"), At: when.Draw(t, "at")}
		if r.Kind == Attempt {
			r.Outcome, r.Bundle = outcome.Draw(t, "outcome"), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "bundle")
			r.Started = r.At.Add(-time.Duration(rapid.IntRange(0, 90).Draw(t, "took")) * time.Minute)
			r.Lead, r.Rollback = time.Duration(rapid.IntRange(0, 100).Draw(t, "lead"))*time.Second, rapid.Bool().Draw(t, "rollback")
		}
		return r
	}), 0, 40).Draw(t, "records")
	drift := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Drift {
		return Drift{app.Draw(t, "of"), when.Draw(t, "day").Truncate(day), rapid.IntRange(1, 5).Draw(t, "count")}
	}), 0, 10).Draw(t, "drift")
	return records, drift
}

func TestTheSumsOverAppsAreTheFleets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records, drift := random(t)
		all := Fold(records)
		fleet := Measure(week, all, drift)
		var sum Report
		days := make([]Day, len(fleet.Days))
		for _, a := range ByApp(week, all, drift) {
			sum.Deployments += a.Deployments
			sum.Failures += a.Failures
			sum.Failed += a.Failed
			sum.RolledBack += a.RolledBack
			sum.Degraded += a.Degraded
			sum.Open += a.Open
			sum.Rollbacks += a.Rollbacks
			sum.Superseded += a.Superseded
			sum.Cancelled += a.Cancelled
			sum.Drift += a.Drift
			sum.PerDay += a.PerDay
			sum.LeadTime.N += a.LeadTime.N
			sum.Restore.N += a.Restore.N
			for i, d := range a.Days {
				days[i].Day = d.Day
				days[i].Deployments += d.Deployments
				days[i].Failures += d.Failures
				days[i].Drift += d.Drift
			}
		}
		if math.Abs(sum.PerDay-fleet.PerDay) > 1e-9 {
			t.Errorf("per day %v, of the fleet %v", sum.PerDay, fleet.PerDay)
		}
		for i := range fleet.Days {
			days[i].Day, days[i].LeadTime = fleet.Days[i].Day, fleet.Days[i].LeadTime
		}
		want := fleet
		want.Period, want.PerDay, want.FailureRate, want.Days = Period{}, 0, 0, nil
		want.LeadTime, want.Restore = Quantiles{N: fleet.LeadTime.N}, Quantiles{N: fleet.Restore.N}
		sum.PerDay = 0
		if d := cmp.Diff(want, sum); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(fleet.Days, days); d != "" {
			t.Error(d)
		}
	})
}

func TestEveryNumberIsThatOfItsDeployments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records, _ := random(t)
		all := Fold(records)
		r := Measure(week, all, nil)
		want := map[string]int{
			"deployments": r.Deployments, "leadTime": r.LeadTime.N, "failures": r.Failures, "restore": r.Restore.N, "open": r.Open,
			"rollbacks": r.Rollbacks, "superseded": r.Superseded, "cancelled": r.Cancelled,
		}
		got := map[string]int{}
		for _, m := range Measures {
			got[m] = len(slices.DeleteFunc(In(week, all), func(d Deployment) bool { return !d.Behind(m) }))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if r.Failures != r.Failed+r.RolledBack+r.Degraded || r.Open+r.Restore.N != r.Failures || r.Failures > r.Deployments {
			t.Errorf("the numbers do not fit each other: %+v", r)
		}
	})
}

func TestTheOrderInWhichRecordsComeIsOfNoMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records, drift := random(t)
		seen := map[string]bool{}
		records = slices.DeleteFunc(records, func(r Record) bool { // of one App, at most one at a time: else their order is a fact
			key := r.App + r.At.String()
			again := seen[key]
			seen[key] = true
			return again
		})
		other := rapid.Permutation(records).Draw(t, "other")
		if d := cmp.Diff(Measure(week, Fold(records), drift), Measure(week, Fold(other), drift)); d != "" {
			t.Error(d)
		}
	})
}

func TestEveryMeasureHasADefinition(t *testing.T) {
	defined := map[string]bool{}
	for _, d := range Definitions() {
		defined[d.Measure] = d.Text != ""
	}
	for _, m := range []string{"deployments", "perDay", "leadTime", "failureRate", "failures", "restore", "drift"} {
		if !defined[m] {
			t.Errorf("%s is not defined", m)
		}
	}
}
