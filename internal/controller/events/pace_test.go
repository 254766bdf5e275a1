package events

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plumb.cd/plumb/internal/history"
)

// outcome is a record of one of many Apps.
func outcome(i int, result string) history.Event {
	ev := record(history.Deployment, result, "")
	ev.App = fmt.Sprintf("apps/shop-%d", i)
	return ev
}

func TestAFirstSyncIsToldSlowlyWhileItRunsAndWhollyAfterIt(t *testing.T) {
	const apps, each = 1000, 40 * time.Millisecond
	play(t, Options{}, func(r *Recorder, _ *says, h *hub) {
		began := time.Now()
		for i := range apps {
			r.Recorded(outcome(i, "Succeeded"))
			<-time.After(each) // the bubble's time
		}
		took := time.Since(began)
		if took != apps*each {
			t.Errorf("who tells waited %s", took-apps*each)
		}
		if n, most := len(h.said()), 50+10+3*int(took.Seconds()); n < 100 || n > most {
			t.Errorf("%d Events while the first sync ran for %s, want 3 a second", n, took)
		}
		<-time.After(30 * time.Second) // the bubble's time
		synctest.Wait()
		if n, dropped := len(h.said()), value(t, r.dropped); n != apps || dropped != 0 {
			t.Errorf("%d Events of %d within 30 seconds, %v dropped", n, apps, dropped)
		}
	})
}

func TestAtOneMomentTheAPIServerGetsAFewOnly(t *testing.T) {
	play(t, Options{PerSecond: 10, AtOnce: 20, Queue: 200}, func(r *Recorder, _ *says, h *hub) {
		for i := range 1000 {
			r.Recorded(outcome(i, "Succeeded"))
		}
		<-time.After(time.Second) // the bubble's time
		synctest.Wait()
		if n := len(h.said()); n < 20 || n > 31 {
			t.Errorf("%d Events in the first second", n)
		}
		<-time.After(time.Minute) // the bubble's time
		synctest.Wait()
		if n, dropped := len(h.said()), value(t, r.dropped); n < 200 || n+int(dropped) != 1000 {
			t.Errorf("%d Events, %v dropped", n, dropped)
		}
		if !slices.Contains(h.said(), "App shop-999 Deployed 1: deployed abababababab") {
			t.Error("the newest is not told")
		}
	})
}

func TestWhatHappensForHoursIsNoBacklog(t *testing.T) {
	play(t, Options{PerSecond: 0.1, Burst: 100}, func(r *Recorder, _ *says, h *hub) {
		for i := range 3600 {
			r.Recorded(outcome(i, "Succeeded"))
			<-time.After(time.Second) // the bubble's time
		}
		if n := len(h.said()); n < 300 || n > 100+360+10 {
			t.Errorf("%d Events in an hour", n)
		}
	})
}

func TestTroublesAreToldFirst(t *testing.T) {
	play(t, Options{AtOnce: 1}, func(r *Recorder, _ *says, h *hub) {
		for i := range 100 {
			r.Recorded(outcome(i, "Succeeded"))
		}
		r.Recorded(outcome(100, "Failed"))
		<-time.After(time.Second) // the bubble's time
		synctest.Wait()
		if got := h.said(); len(got) < 2 || !strings.HasPrefix(got[0]+got[1], "App shop-100 Failed") && !strings.HasPrefix(got[1], "App shop-100 Failed") {
			t.Errorf("%q", got)
		}
	})
}

func TestOfWhatWaitsOnlyTheNewestOfAMatterIsTold(t *testing.T) {
	tests := map[string]struct {
		others int // Apps that deploy meanwhile
		tell   []history.Event
		want   []string
	}{
		"all of it, when little waits": {0,
			[]history.Event{record(history.Deployment, "Failed", "no"), record(history.Deployment, "Succeeded", "")}, []string{"Failed", "Deployed"}},
		"a failure that is overcome": {100,
			[]history.Event{record(history.Deployment, "Failed", "no"), record(history.Deployment, "Succeeded", "")}, []string{"Deployed"}},
		"a success that was followed by a failure": {100,
			[]history.Event{record(history.Deployment, "Succeeded", ""), record(history.Deployment, "Failed", "no")}, []string{"Failed"}},
		"drift that was undone": {100,
			[]history.Event{record(history.Drift, "", "web"), record(history.Healed, "", "web")}, []string{"Healed"}},
		"an App that is ill again": {100,
			[]history.Event{record(history.Health, "Degraded", "web"), record(history.Health, "Healthy", ""), record(history.Health, "Degraded", "web")}, []string{"Degraded"}},
		"two matters": {100,
			[]history.Event{record(history.Deployment, "Succeeded", ""), record(history.Health, "Degraded", "web")}, []string{"Degraded", "Deployed"}},
		"a rollback and what came of it": {100,
			[]history.Event{record(history.Rollback, "", "went back"), record(history.Deployment, "Succeeded", "")}, []string{"Deployed", "RolledBack"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, Options{}, func(r *Recorder, _ *says, h *hub) {
				for i := range tt.others {
					r.Recorded(outcome(i, "Succeeded"))
				}
				synctest.Wait()
				for _, ev := range tt.tell {
					r.Recorded(ev)
				}
				<-time.After(time.Minute) // the bubble's time
				synctest.Wait()
				var got []string
				for _, line := range h.said() {
					if fields := strings.Fields(line); fields[1] == "shop" {
						got = append(got, fields[2])
					}
				}
				slices.Sort(got)
				slices.Sort(tt.want)
				if !slices.Equal(got, tt.want) {
					t.Errorf("%q, want %q", got, tt.want)
				}
				if lost := len(tt.tell) - len(tt.want); int(value(t, r.dropped)) != lost {
					t.Errorf("%v dropped, want %d", value(t, r.dropped), lost)
				}
			})
		})
	}
}
