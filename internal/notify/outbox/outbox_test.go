package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/notify"
	"plumb.cd/plumb/internal/notify/outbox"
)

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const chat = "team/chat"

func open(t *testing.T, path string, o outbox.Options) *outbox.Outbox {
	t.Helper()
	box, err := outbox.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	return box
}

// ids names messages msg_1, msg_2 ...
func ids() func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("msg_%d", n) }
}

func notice(e notify.Event, name, message string) notify.Notice {
	return notify.Notice{Event: e, Facts: notify.Facts{
		Subject: notify.Subject{Kind: notify.App, Namespace: "team", Name: name}, Condition: notify.InTrouble, Reason: "Unhealthy", Message: message,
	}}
}

func recovered(name string) notify.Notice {
	n := notice(notify.Recovered, name, "")
	n.Ends = notify.Failed
	return n
}

func gather(t *testing.T, box *outbox.Outbox, newID func() string, at time.Time, notices ...notify.Notice) *outbox.Batch {
	t.Helper()
	b, err := box.Change(t.Context(), func(b *outbox.Batch) error {
		for _, n := range notices {
			if err := b.Gather(chat, n, at, at.Add(30*time.Second), newID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// write makes messages of what is due and gives the texts of all that waits, in order.
func write(t *testing.T, box *outbox.Outbox, at time.Time) []string {
	t.Helper()
	groups, err := box.Ripe(t.Context(), chat, at)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if err := box.Written(t.Context(), g, notify.Write(g.Gathered, nil, notify.Surroundings{Channel: chat})); err != nil {
			t.Fatal(err)
		}
	}
	var out []string
	for {
		l, ok, err := box.Next(t.Context(), chat)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out
		}
		out = append(out, l.ID+" "+l.Title)
		if err := box.Acknowledged(t.Context(), chat, l.Seq, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEventsOfOneCauseBecomeOneMessage(t *testing.T) {
	box := open(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{})
	if _, err := box.Meet(t.Context(), chat, begin); err != nil {
		t.Fatal(err)
	}
	newID := ids()
	for i := range 10_000 {
		if i%1000 == 0 {
			var batch []notify.Notice
			for j := range 1000 {
				name := fmt.Sprintf("web-%d", i+j)
				batch = append(batch, notice(notify.Failed, name, "apps/Deployment/team/"+name+": no such image"))
			}
			gather(t, box, newID, begin.Add(time.Duration(i)*time.Millisecond), batch...)
		}
	}
	gather(t, box, newID, begin, notice(notify.Failed, "other", "out of memory"))
	if got := write(t, box, begin.Add(29*time.Second)); len(got) > 0 {
		t.Errorf("sent before the window ended: %q", got)
	}
	got := write(t, box, begin.Add(31*time.Second))
	if want := "msg_1 10000 Apps failed, msg_2 team/other failed"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %s", got, want)
	}
}

func TestTroubleThatIsOverBeforeItWasToldIsNotTold(t *testing.T) {
	box := open(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{})
	if _, err := box.Meet(t.Context(), chat, begin); err != nil {
		t.Fatal(err)
	}
	newID := ids()
	gather(t, box, newID, begin, notice(notify.Failed, "a", "x"), notice(notify.Failed, "b", "x"), notice(notify.Failed, "c", "y"))
	gather(t, box, newID, begin.Add(time.Second), recovered("b"), recovered("c"))
	if got := strings.Join(write(t, box, begin.Add(time.Hour)), ", "); got != "msg_1 team/a failed" {
		t.Errorf("got %s", got)
	}
	gather(t, box, newID, begin.Add(time.Hour), recovered("a"))
	if got := strings.Join(write(t, box, begin.Add(2*time.Hour)), ", "); got != "msg_3 team/a recovered" {
		t.Errorf("got %s", got)
	}
}

func TestTheOutboxOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	box := open(t, path, outbox.Options{})
	if _, err := box.Meet(t.Context(), chat, begin); err != nil {
		t.Fatal(err)
	}
	newID := ids()
	gather(t, box, newID, begin, notice(notify.Failed, "a", "x"))
	told := notify.Told{Trouble: notify.Failed, Mark: "m", At: begin, Status: notify.Status{SHA: "abc"}}
	subject := notify.Subject{Kind: notify.App, Namespace: "team", Name: "a"}
	if _, err := box.Change(t.Context(), func(b *outbox.Batch) error { return b.SetTold(chat, subject, told) }); err != nil {
		t.Fatal(err)
	}
	// The group is closed, and the process ends before the message is written.
	if groups, err := box.Ripe(t.Context(), chat, begin.Add(time.Minute)); err != nil || len(groups) != 1 {
		t.Fatal(groups, err)
	}
	reopen := func() {
		if err := box.Close(); err != nil {
			t.Fatal(err)
		}
		box = open(t, path, outbox.Options{})
	}
	reopen()
	groups, err := box.Ripe(t.Context(), chat, begin.Add(time.Minute))
	if err != nil || len(groups) != 1 || groups[0].ID != "msg_1" || groups[0].Facts[0].Name != "a" {
		t.Fatalf("%+v, %v", groups, err)
	}
	if err := box.Written(t.Context(), groups[0], notify.Write(groups[0].Gathered, nil, notify.Surroundings{})); err != nil {
		t.Fatal(err)
	}
	reopen()
	l, ok, err := box.Next(t.Context(), chat)
	if err != nil || !ok || l.ID != "msg_1" || l.Title != "team/a failed" {
		t.Fatalf("%+v, %v, %v", l, ok, err)
	}
	r, err := box.Meet(t.Context(), chat, begin.Add(time.Hour))
	if err != nil || !r.Since.Equal(begin) || r.Waiting != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := box.Change(t.Context(), func(b *outbox.Batch) error {
		got, err := b.Told(subject)
		if got[chat] != told {
			t.Errorf("told %+v", got)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatOverflowsIsCountedAndSaid(t *testing.T) {
	box := open(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{MaxMessages: 2})
	if _, err := box.Meet(t.Context(), chat, begin); err != nil {
		t.Fatal(err)
	}
	newID := ids()
	b := gather(t, box, newID, begin, notice(notify.Failed, "a", "x"), notice(notify.Failed, "b", "y"), notice(notify.Failed, "c", "z"), notice(notify.Failed, "d", "z"))
	if b.Dropped[chat] != 2 {
		t.Errorf("dropped %v", b.Dropped)
	}
	gather(t, box, newID, begin, notice(notify.Failed, "e", "x")) // a group that is there takes more
	groups, err := box.Ripe(t.Context(), chat, begin.Add(time.Minute))
	if err != nil || len(groups) != 2 || groups[0].Count != 2 || groups[0].Dropped != 2 || groups[1].Dropped != 0 {
		t.Fatalf("%+v, %v", groups, err)
	}
	m := notify.Write(groups[0].Gathered, nil, notify.Surroundings{})
	if !strings.Contains(m.Text, "2 events before this one were not told") {
		t.Error(m.Text)
	}
	if err := box.Written(t.Context(), groups[0], m); err != nil {
		t.Fatal(err)
	}
	if groups, err = box.Ripe(t.Context(), chat, begin.Add(time.Minute)); err != nil || len(groups) != 1 || groups[0].Dropped != 0 {
		t.Errorf("it is said again: %+v, %v", groups, err)
	}
	if r, err := box.Record(t.Context(), chat); err != nil || r.Dropped != 2 || r.Waiting != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestOnlyTheNewestStatusOfACommitIsSent(t *testing.T) {
	box := open(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{})
	if _, err := box.Meet(t.Context(), chat, begin); err != nil {
		t.Fatal(err)
	}
	newID := ids()
	set := func(sha string, v notify.Verdict) {
		if _, err := box.Change(t.Context(), func(b *outbox.Batch) error {
			ok, err := b.SetStatus(chat, notify.Status{SHA: sha, Context: "plumb/team/a", Verdict: v}, begin, newID)
			if !ok {
				t.Error("not taken in")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	set("1", notify.Pending)
	set("2", notify.Pending)
	set("1", notify.Success)
	var got []string
	for {
		l, ok, err := box.Next(t.Context(), chat)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		got = append(got, l.ID+":"+l.Status.SHA+string(l.Status.Verdict))
		if err := box.Acknowledged(t.Context(), chat, l.Seq, begin); err != nil {
			t.Fatal(err)
		}
	}
	if s := strings.Join(got, " "); s != "msg_2:2Pending msg_3:1Success" {
		t.Error(s)
	}
}

func TestAChannelThatIsForgottenLeavesNothing(t *testing.T) {
	box := open(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{})
	if _, err := box.Meet(t.Context(), chat, begin); err != nil {
		t.Fatal(err)
	}
	gather(t, box, ids(), begin, notice(notify.Failed, "a", "x"))
	if err := box.Forget(t.Context(), chat); err != nil {
		t.Fatal(err)
	}
	known, err := box.Channels(t.Context())
	if err != nil || len(known) != 0 {
		t.Error(known, err)
	}
	if _, err := box.Meet(t.Context(), chat, begin.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := write(t, box, begin.Add(2*time.Hour)); len(got) != 0 {
		t.Errorf("left over: %q", got)
	}
}

func TestADamagedOrTakenFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.db")
	if err := os.WriteFile(bad, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.Open(t.Context(), bad, outbox.Options{}); !errors.Is(err, outbox.ErrCorrupt) {
		t.Errorf("damaged: %v", err)
	}
	path := filepath.Join(dir, "outbox.db")
	open(t, path, outbox.Options{})
	if _, err := outbox.Open(t.Context(), path, outbox.Options{}); !errors.Is(err, outbox.ErrLocked) {
		t.Errorf("taken: %v", err)
	}
}

func TestACancelledChangeChangesNothing(t *testing.T) {
	box := open(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{})
	if _, err := box.Meet(t.Context(), chat, begin); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := box.Change(ctx, func(b *outbox.Batch) error {
		err := b.Gather(chat, notice(notify.Failed, "a", "x"), begin, begin, ids())
		cancel()
		return err
	})
	if err == nil {
		t.Error("no error")
	}
	if r, err := box.Record(t.Context(), chat); err != nil || r.Waiting != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
