package courier_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/notify"
	"plumb.cd/plumb/internal/notify/courier"
	"plumb.cd/plumb/internal/notify/deliver"
	"plumb.cd/plumb/internal/notify/outbox"
)

// world is what the courier sees.
type world struct {
	mu    sync.Mutex
	facts map[notify.Subject]notify.Facts
}

func (w *world) See(s notify.Subject) (courier.Sight, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.facts[s]
	return courier.Sight{Facts: f}, ok
}

func (w *world) Subjects() []notify.Subject {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.facts))
}

func subject(name string) notify.Subject {
	return notify.Subject{Kind: notify.App, Namespace: "team", Name: name}
}

func calm(name string) notify.Facts {
	return notify.Facts{Subject: subject(name), Condition: notify.Calm, State: "Synced", Reason: "Synced"}
}

func failed(name, message string) notify.Facts {
	return notify.Facts{Subject: subject(name), Condition: notify.InTrouble, Trouble: notify.Failed, State: "Failed", Reason: "RenderFailed", Message: message}
}

// receiver is where a channel delivers to.
type receiver struct {
	mu     sync.Mutex
	got    []string // "id title"
	answer func(ctx context.Context, m notify.Message) error
}

func (r *receiver) Target() string             { return "chat.example.com" }
func (r *receiver) Concerns(notify.Facts) bool { return true }
func (r *receiver) Close()                     {}

func (r *receiver) Send(ctx context.Context, m notify.Message) error {
	var err error
	if r.answer != nil {
		err = r.answer(ctx, m)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	line := m.ID + " " + m.Title
	if m.Status != nil {
		line = m.ID + " " + string(m.Status.Verdict)
	}
	if err != nil {
		line += " ✗"
	}
	r.got = append(r.got, line)
	return err
}

// take gives what was delivered since the last call.
func (r *receiver) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := strings.Join(r.got, ", ")
	r.got = nil
	return out
}

// post is a courier with its outbox, which can be stopped and started again.
type post struct {
	*world
	t         *testing.T
	path      string
	limits    outbox.Options
	receivers map[string]*receiver // by the URL of the channel
	n         int
	box       *outbox.Outbox
	c         *courier.Courier
	stop      func()
}

func newPost(t *testing.T) *post {
	t.Helper()
	p := &post{
		world: &world{facts: map[notify.Subject]notify.Facts{}}, t: t, path: filepath.Join(t.TempDir(), "outbox.db"), receivers: map[string]*receiver{},
	}
	p.start()
	return p
}

func (p *post) start() {
	p.t.Helper()
	box, err := outbox.Open(p.t.Context(), p.path, p.limits)
	if err != nil {
		p.t.Fatal(err)
	}
	p.box = box
	p.c = courier.New(courier.Options{
		Outbox: box, Source: p.world, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Open: func(c deliver.Config) (courier.Sender, error) {
			return p.receivers[fmt.Sprint(c.Forge.URL)], nil
		},
		NewID: func() string { p.n++; return fmt.Sprintf("msg_%d", p.n) },
	})
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan error, 1)
	go func() { done <- p.c.Run(ctx) }()
	p.stop = func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Error(err)
		}
		if err := box.Close(); err != nil {
			p.t.Error(err)
		}
	}
}

// channel is one that tells everything about all Apps.
func (p *post) channel(name string, change ...func(*courier.Channel)) *receiver {
	ch := courier.Channel{
		Namespace: "team", Name: name, Rules: notify.Rules{Events: notify.Events()}, Group: 30 * time.Second,
		Covers: func(courier.Sight, time.Time) bool { return true }, Way: deliver.Config{Forge: deliver.Forge{URL: name}},
	}
	for _, c := range change {
		c(&ch)
	}
	if p.receivers[name] == nil {
		p.receivers[name] = &receiver{}
	}
	p.c.SetChannel(ch)
	return p.receivers[name]
}

// is changes what the courier sees, and tells it so.
func (p *post) is(list ...notify.Facts) {
	p.mu.Lock()
	for _, f := range list {
		p.facts[f.Subject] = f
	}
	p.mu.Unlock()
	for _, f := range list {
		p.c.Changed(f.Subject)
	}
}

// wait lets time pass.
func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func expect(t *testing.T, when, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: told %q, want %q", when, got, want)
	}
}

func TestTroubleIsToldAfterItsWindowAndOnceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		chat := p.channel("chat")
		p.is(calm("web"))
		wait(time.Minute)
		expect(t, "calm", chat.take(), "")
		p.is(failed("web", "x"))
		wait(29 * time.Second)
		expect(t, "inside of the window", chat.take(), "")
		wait(2 * time.Second)
		expect(t, "after the window", chat.take(), "msg_1 team/web failed")
		p.is(failed("web", "x"))
		wait(time.Hour)
		expect(t, "steady", chat.take(), "")
		p.is(calm("web"))
		wait(time.Minute)
		expect(t, "over", chat.take(), "msg_2 team/web recovered")
		p.is(failed("web", "x"))
		wait(time.Second)
		p.is(calm("web"))
		wait(time.Hour)
		expect(t, "a hiccup", chat.take(), "")
	})
}

func TestARestartTellsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		chat := p.channel("chat")
		var list []notify.Facts
		for i := range 500 {
			list = append(list, failed(fmt.Sprintf("web-%d", i), "x"))
		}
		p.is(list...)
		wait(time.Minute)
		expect(t, "before", chat.take(), "msg_1 500 Apps failed")
		p.stop()
		p.start()
		p.channel("chat")
		p.c.Listed()
		p.is(list...)
		wait(time.Hour)
		expect(t, "after", chat.take(), "")
		// What happened while nobody looked is told.
		p.stop()
		p.mu.Lock()
		p.facts[subject("web-0")] = calm("web-0")
		p.mu.Unlock()
		p.start()
		p.channel("chat")
		wait(time.Minute)
		expect(t, "after the second one", chat.take(), "msg_2 team/web-0 recovered")
		p.stop()
	})
}

func TestAKillBetweenDeliveryAndAcknowledgementRepeatsTheSameID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		chat := p.channel("chat")
		delivered := make(chan struct{})
		chat.answer = func(ctx context.Context, _ notify.Message) error {
			close(delivered)
			<-ctx.Done() // the process dies before the receiver's answer is written down
			return nil
		}
		p.is(failed("web", "x"))
		<-delivered
		p.stop()
		expect(t, "before", chat.take(), "msg_1 team/web failed")
		chat.answer = nil
		p.start()
		p.channel("chat")
		wait(time.Minute)
		expect(t, "after", chat.take(), "msg_1 team/web failed")
		p.stop()
	})
}

func TestTenThousandAppsThatFailByOneCauseAreOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		chat := p.channel("chat")
		var list []notify.Facts
		for i := range 10_000 {
			name := fmt.Sprintf("web-%d", i)
			list = append(list, failed(name, "apps/Deployment/team/"+name+": no such image"))
		}
		p.is(list...)
		wait(time.Minute)
		expect(t, "told", chat.take(), "msg_1 10000 Apps failed")
		for i := range list {
			list[i] = calm(list[i].Name)
		}
		p.is(list...)
		wait(time.Minute)
		expect(t, "over", chat.take(), "msg_2 10000 recovered")
	})
}

func TestAChannelThatHangsHoldsUpNoOtherAndNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		stuck, chat := p.channel("stuck"), p.channel("chat")
		stuck.answer = func(ctx context.Context, _ notify.Message) error { <-ctx.Done(); return ctx.Err() }
		for i := range 5 {
			began := time.Now()
			p.is(failed(fmt.Sprintf("web-%d", i), strings.Repeat("x", i+1)))
			if d := time.Since(began); d > 0 {
				t.Errorf("telling of a change waited for %v", d)
			}
			wait(31 * time.Second)
			// Which of the two channels takes the first number is nobody's business.
			if got, want := chat.take(), fmt.Sprintf(" team/web-%d failed", i); !strings.HasSuffix(got, want) || strings.Contains(got, ",") {
				t.Errorf("the other one: told %q, want one message that ends in %q", got, want)
			}
		}
		expect(t, "the one that hangs", stuck.take(), "")
	})
}

func TestOrderIsKeptWhileAChannelIsInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		chat := p.channel("chat")
		var up atomic.Bool
		chat.answer = func(context.Context, notify.Message) error {
			if !up.Load() {
				return &fault.Error{Class: fault.Transient, Reason: fault.Unreachable, Message: "chat.example.com did not answer in time"}
			}
			return nil
		}
		p.is(failed("a", "x"))
		wait(31 * time.Second)
		p.is(failed("b", "y"))
		wait(40 * time.Second)
		s, _, err := p.c.Snapshot(t.Context(), "team", "chat")
		if err != nil || s.Waiting != 2 || fault.Of(s.Err) == nil || s.Target != "chat.example.com" {
			t.Errorf("%+v, %v", s, err)
		}
		if got := chat.take(); !strings.HasPrefix(got, "msg_1 team/a failed ✗") || strings.Contains(got, "msg_2") {
			t.Errorf("tried %q", got)
		}
		up.Store(true)
		wait(20 * time.Minute)
		expect(t, "up again", chat.take(), "msg_1 team/a failed, msg_2 team/b failed")
		if s, _, err := p.c.Snapshot(t.Context(), "team", "chat"); err != nil || s.Waiting != 0 || s.Err != nil || s.Delivered != 2 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

func TestWhatCannotBeDeliveredForADayIsGivenUpAndShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		chat := p.channel("chat")
		tries := 0
		chat.answer = func(context.Context, notify.Message) error {
			tries++
			return &fault.Error{Class: fault.Blocked, Reason: fault.AuthenticationFailed, Message: "chat.example.com answered 401"}
		}
		p.is(failed("a", "x"))
		wait(25 * time.Hour)
		s, _, err := p.c.Snapshot(t.Context(), "team", "chat")
		if err != nil || s.Waiting != 0 || s.Dead != 1 || s.DeadTitle != "team/a failed" || s.DeadReason != "it could not be delivered for a day: chat.example.com answered 401" {
			t.Errorf("%+v, %v", s, err)
		}
		if tries < 100 || tries > 200 {
			t.Errorf("%d tries in a day", tries)
		}
	})
}

func TestAMessageThatIsRefusedHoldsUpNoneBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		chat := p.channel("chat")
		chat.answer = func(_ context.Context, m notify.Message) error {
			if m.ID == "msg_1" {
				return &fault.Error{Class: fault.Invalid, Reason: fault.DeliveryRefused, Message: "400"}
			}
			return nil
		}
		p.is(failed("a", "x"), failed("b", "y"))
		wait(time.Minute)
		expect(t, "both", chat.take(), "msg_1 team/a failed ✗, msg_2 team/b failed")
	})
}

func TestACorrectedChannelIsTriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		chat := p.channel("chat", func(c *courier.Channel) {
			c.Err = &fault.Error{Class: fault.Blocked, Reason: fault.CredentialsMissing, Message: "the Secret does not exist"}
		})
		p.is(failed("a", "x"))
		wait(5 * time.Hour)
		expect(t, "without its Secret", chat.take(), "")
		if err := p.c.Test(t.Context(), "team", "chat"); !fault.Is(err, fault.CredentialsMissing) {
			t.Errorf("test: %v", err)
		}
		p.channel("chat")
		wait(time.Second)
		expect(t, "with it", chat.take(), "msg_1 team/a failed")
	})
}

func TestASuspendedChannelTellsNothingNowAndNothingLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		chat := p.channel("chat", func(c *courier.Channel) { c.Suspend = true })
		p.is(failed("a", "x"))
		wait(time.Hour)
		p.channel("chat")
		wait(time.Hour)
		expect(t, "after", chat.take(), "")
		p.is(calm("a"))
		wait(time.Hour)
		expect(t, "news", chat.take(), "msg_1 team/a recovered")
	})
}

func TestLastingTroubleIsRepeatedInOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		chat := p.channel("chat", func(c *courier.Channel) { c.Rules.Repeat = time.Hour })
		p.is(failed("a", "x"), failed("b", "x"))
		wait(time.Minute)
		expect(t, "first", chat.take(), "msg_1 2 Apps failed")
		wait(time.Hour)
		expect(t, "after an hour", chat.take(), "msg_2 2 Apps failed (still)")
		p.is(calm("a"))
		wait(time.Minute)
		expect(t, "one is well", chat.take(), "msg_3 team/a recovered")
		wait(time.Hour)
		expect(t, "after two hours", chat.take(), "msg_4 team/b failed (still)")
	})
}

func TestTroubleThatComesAndGoesAndStaysIsToldInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		chat := p.channel("chat")
		for range 4 {
			p.is(failed("a", "x"))
			wait(time.Minute)
			p.is(calm("a"))
			wait(time.Minute)
		}
		if got := chat.take(); !strings.HasSuffix(got, "team/a recovered, msg_7 team/a failed (comes and goes)") {
			t.Errorf("told %q", got)
		}
		p.is(failed("a", "x"))
		wait(10 * time.Minute)
		expect(t, "kept back", chat.take(), "")
		p.stop()
		p.start()
		p.channel("chat")
		wait(time.Hour)
		expect(t, "it stays", chat.take(), "msg_8 team/a failed (comes and goes)")
		wait(3 * time.Hour)
		expect(t, "it is told", chat.take(), "")
	})
}

func TestAChannelThatIsGoneIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		chat := p.channel("chat")
		old := p.channel("old")
		old.answer = func(context.Context, notify.Message) error { return errors.New("never") }
		p.is(failed("a", "x"))
		wait(time.Minute)
		p.stop()
		p.start()
		p.channel("chat")
		p.c.Listed()
		wait(time.Minute)
		known, err := p.box.Channels(t.Context())
		if err != nil || !slices.Equal(known, []string{"team/chat"}) {
			t.Errorf("%v, %v", known, err)
		}
		p.c.ForgetChannel("team", "chat")
		p.is(failed("b", "y"))
		wait(time.Minute)
		if known, err := p.box.Channels(t.Context()); err != nil || len(known) != 0 {
			t.Errorf("%v, %v", known, err)
		}
		chat.take()
		p.channel("chat") // made again, it begins anew
		wait(time.Minute)
		if got := chat.take(); !strings.Contains(got, "team/a failed") || !strings.Contains(got, "team/b failed") {
			t.Errorf("told %q", got)
		}
		p.stop()
	})
}

func TestWhatIsTooMuchIsCountedAndStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		p.stop()
		p.limits.MaxMessages = 3
		p.start()
		chat := p.channel("chat")
		var list []notify.Facts
		for i := range 10 {
			f := failed(fmt.Sprintf("web-%d", i), "x")
			f.Reason = fmt.Sprintf("Reason%c", 'A'+i)
			list = append(list, f)
		}
		p.is(list...)
		wait(time.Minute)
		if got := chat.take(); strings.Count(got, "failed") != 3 {
			t.Errorf("told %q", got)
		}
		if s, _, err := p.c.Snapshot(t.Context(), "team", "chat"); err != nil || s.Dropped != 7 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

func TestFightsAreToldWhenTheyHappen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		chat := p.channel("chat")
		p.is(calm("web"))
		for range 3 {
			p.c.Happened(notify.Fight, subject("web"), "Fighting", "apps/Deployment/team/web: spec.replicas is left to hpa")
		}
		p.c.Happened(notify.Fight, subject("gone"), "Fighting", "nobody knows it")
		wait(time.Minute)
		expect(t, "fight", chat.take(), "msg_1 team/web yields to another manager")
	})
}

func TestStatusesOfCommitsAreNotGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		forge := p.channel("forge", func(c *courier.Channel) { c.Rules = notify.Rules{Statuses: true} })
		f := calm("web")
		f.Commit = notify.Commit{SHA: strings.Repeat("a", 40), Repository: "https://git.example.com/team/web"}
		f.Condition, f.State = notify.Moving, "Deploying"
		p.is(f)
		wait(time.Second)
		expect(t, "on the way", forge.take(), "msg_1 Pending")
		f.Condition, f.State = notify.Calm, "Synced"
		p.is(f)
		wait(time.Second)
		expect(t, "there", forge.take(), "msg_2 Success")
		p.is(f)
		wait(time.Hour)
		expect(t, "steady", forge.take(), "")
	})
}

func TestATestIsSentNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		defer func() { p.stop() }()
		chat := p.channel("chat")
		if err := p.c.Test(t.Context(), "team", "chat"); err != nil {
			t.Error(err)
		}
		expect(t, "test", chat.take(), "msg_1 A test from Plumb: team/chat")
		chat.answer = func(context.Context, notify.Message) error {
			return &fault.Error{Reason: fault.DeliveryRefused, Message: "chat.example.com answered 404 Not Found: no_service"}
		}
		if err := p.c.Test(t.Context(), "team", "chat"); err == nil || err.Error() != "chat.example.com answered 404 Not Found: no_service" {
			t.Error(err)
		}
		if err := p.c.Test(t.Context(), "team", "nobody"); !errors.Is(err, courier.ErrUnknown) {
			t.Error(err)
		}
	})
}
