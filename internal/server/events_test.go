package server_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// stream opens a stream of events and gives its events as "event data", one by one.
func (d *desk) stream(token, query string) (next func() string, stop func()) {
	d.t.Helper()
	ctx, cancel := context.WithCancel(d.t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.http.URL+"/api/v1/events"+query, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		d.t.Errorf("Content-Type %q", got)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	stop = func() {
		cancel()
		res.Body.Close()
	}
	d.t.Cleanup(stop)
	return func() string {
		event := ""
		for lines.Scan() {
			if v, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				event = v
			}
			if v, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return event + " " + v
			}
		}
		return "end"
	}, stop
}

func TestAStreamBeginsWithWhatIsAndTellsWhatChanges(t *testing.T) {
	d := newDesk(t)
	next, _ := d.stream("ann", "")
	if got := next(); !strings.HasPrefix(got, "app ") || !strings.Contains(got, `"name":"shop"`) {
		t.Fatalf("first: %s", got)
	}
	d.engine.say(shop, "something new")
	d.changes.Changed(shop)
	if got := next(); !strings.Contains(got, "something new") {
		t.Errorf("then: %s", got)
	}
	d.engine.forget(shop)
	d.changes.Changed(shop)
	if got := next(); got != `gone {"namespace":"team-a","name":"shop"}` {
		t.Errorf("at the end: %s", got)
	}
}

func TestAStreamTellsNothingThatOneMayNotSee(t *testing.T) {
	d := newDesk(t)
	next, _ := d.stream("ann", "")
	next()
	d.changes.Changed(bank)
	d.engine.say(shop, "after the bank")
	d.changes.Changed(shop)
	if got := next(); !strings.Contains(got, "after the bank") {
		t.Errorf("Ann hears %s", got)
	}
}

func TestAStreamIsNarrowedToAnApp(t *testing.T) {
	d := newDesk(t)
	next, _ := d.stream("zoe", "?namespace=team-b&name=bank")
	if got := next(); !strings.Contains(got, `"name":"bank"`) {
		t.Errorf("first: %s", got)
	}
	d.changes.Changed(shop)
	d.engine.say(bank, "news of the bank")
	d.changes.Changed(bank)
	if got := next(); !strings.Contains(got, "news of the bank") {
		t.Errorf("then: %s", got)
	}
}

func TestASlowStreamMissesOnlyWhatIsOutOfDate(t *testing.T) {
	d := newDesk(t)
	next, _ := d.stream("ann", "")
	next()
	const changes = 5000
	for i := 1; i <= changes; i++ { // nobody reads meanwhile, and nobody waits for the reader
		d.engine.say(shop, fmt.Sprintf("change %d %s", i, strings.Repeat("x", 500)))
		d.changes.Changed(shop)
	}
	told := 0
	for {
		told++
		if got := next(); strings.Contains(got, fmt.Sprintf("change %d ", changes)) {
			break
		} else if got == "end" {
			t.Fatal("the stream ended before the last change was told")
		}
	}
	t.Logf("%d of %d changes were told", told, changes)
}

func TestAStreamThatNobodyReadsIsForgotten(t *testing.T) {
	d := newDesk(t)
	next, stop := d.stream("ann", "")
	next()
	stop()
	other, _ := d.stream("ann", "")
	other()
	for i := range 100 {
		d.engine.say(shop, fmt.Sprintf("change %d.", i))
		d.changes.Changed(shop)
	}
	for !strings.Contains(other(), "change 99.") {
	}
}
