package courier

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/notify"
	"plumb.cd/plumb/internal/notify/deliver"
	"plumb.cd/plumb/internal/notify/outbox"
)

const (
	// maxAge and maxTries give a message up.
	maxAge   = 24 * time.Hour
	maxTries = 200
	// maxRefusals gives a commit status up that the forge answers with an error of its own: the next one may fare better.
	maxRefusals = 12
	// The wait after a try that failed doubles from the first to the last, with a fifth of it by chance.
	firstWait = 5 * time.Second
	lastWait  = 10 * time.Minute
	// outboxWait is the wait after an error of the outbox itself.
	outboxWait = 5 * time.Second
	commitsIn  = 5 * time.Second
)

// lane delivers the messages of one channel, one after the other, in their order.
type lane struct {
	c    *Courier
	key  string
	wake chan struct{}
	end  context.CancelFunc // set while it runs

	mu      sync.Mutex
	ch      Channel
	way     Sender
	wayErr  error
	problem error // of the last try; nil: it went well
	hurry   bool  // the channel changed: what was postponed is tried now
}

// set takes a new form of the channel.
func (l *lane) set(ch Channel) {
	if l.end == nil {
		l.end = func() {}
	}
	var way Sender
	err := ch.Err
	if err == nil {
		way, err = l.c.o.Open(ch.Way)
	}
	l.mu.Lock()
	old := l.way
	l.ch, l.way, l.wayErr, l.problem, l.hurry = ch, way, err, nil, true
	l.mu.Unlock()
	if old != nil {
		old.Close()
	}
	l.poke()
}

func (l *lane) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// now gives the channel and its way, or why it has none.
func (l *lane) now() (Channel, Sender, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ch, l.way, l.wayErr
}

func (l *lane) snapshot() Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Snapshot{Namespace: l.ch.Namespace, Name: l.ch.Name, Type: string(l.ch.Way.Type), Err: l.wayErr}
	if l.way != nil {
		s.Target = l.way.Target()
	}
	if s.Err == nil {
		s.Err = l.problem
	}
	if s.Err == nil {
		s.Err = l.ch.Warning
	}
	return s
}

// run works until ctx ends.
func (l *lane) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			l.mu.Lock()
			if l.way != nil {
				l.way.Close()
			}
			l.mu.Unlock()
			return
		case <-l.wake:
		case <-timer.C:
		}
		next, err := l.work(ctx)
		if err != nil && ctx.Err() == nil {
			l.c.o.Log.Error("notifications are late", "channel", l.key, "err", err)
			l.fail(broken(err))
			next = l.c.o.Now().Add(outboxWait)
		}
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(max(0, next.Sub(l.c.o.Now())))
		}
	}
}

// work does what is due and says when there is more to do; zero: when something new comes.
func (l *lane) work(ctx context.Context) (time.Time, error) {
	box := l.c.o.Outbox
	l.mu.Lock()
	hurry := l.hurry
	l.hurry = false
	l.mu.Unlock()
	if hurry {
		if err := box.Hurry(ctx, l.key, l.c.o.Now()); err != nil {
			return time.Time{}, err
		}
	}
	for ctx.Err() == nil {
		if err := l.write(ctx); err != nil {
			return time.Time{}, err
		}
		closing, err := box.NextClosing(ctx, l.key)
		if err != nil {
			return time.Time{}, err
		}
		letter, ok, err := box.Next(ctx, l.key)
		if err != nil || !ok {
			return closing, err
		}
		ch, way, wayErr := l.now()
		now := l.c.o.Now()
		switch {
		case now.Sub(letter.Born) > maxAge:
			err = l.bury(ctx, letter, l.why("it could not be delivered for a day"))
		case ch.Suspend || wayErr != nil:
			return earlier(closing, letter.Born.Add(maxAge+time.Second)), nil
		case letter.Due.After(now):
			return earlier(closing, letter.Due), nil
		default:
			err = l.deliver(ctx, way, letter)
		}
		if err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// write makes messages of the groups that are due.
func (l *lane) write(ctx context.Context) error {
	groups, err := l.c.o.Outbox.Ripe(ctx, l.key, l.c.o.Now())
	if err != nil {
		return err
	}
	ch, _, _ := l.now()
	for _, g := range groups {
		l.describe(ctx, &g)
		if err := l.c.o.Outbox.Written(ctx, g, notify.Write(g.Gathered, ch.Template, l.c.surroundings(ch))); err != nil {
			return err
		}
	}
	return l.count(ctx)
}

// describe adds what the mirrors know of the commits. It is an extra: what cannot be had is left out.
func (l *lane) describe(ctx context.Context, g *outbox.Group) {
	if l.c.o.Commit == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, commitsIn)
	defer cancel()
	known := map[string]notify.Commit{}
	for i := range g.Facts {
		commit := g.Facts[i].Commit
		if commit.SHA == "" {
			continue
		}
		key := commit.Repository + " " + commit.SHA
		if _, ok := known[key]; !ok {
			known[key] = l.c.o.Commit(ctx, commit)
		}
		g.Facts[i].Commit = known[key]
	}
}

func (l *lane) deliver(ctx context.Context, way Sender, letter outbox.Letter) error {
	err := way.Send(ctx, letter.Message)
	if ctx.Err() != nil {
		return ctx.Err() // stopped in the middle: it is tried again, with the same ID
	}
	now := l.c.o.Now()
	if err == nil {
		if err := l.c.o.Outbox.Acknowledged(ctx, l.key, letter.Seq, now); err != nil {
			return err
		}
		l.c.metrics.sent.WithLabelValues(l.key).Inc()
		l.fail(nil)
		return l.count(ctx)
	}
	l.c.metrics.failed.WithLabelValues(l.key).Inc()
	f := fault.Of(err)
	if f.Class == fault.Invalid {
		return l.bury(ctx, letter, f.Message)
	}
	l.fail(f)
	if letter.Tries+1 >= maxTries || (letter.Status != nil && f.Reason == fault.DeliveryRefused && letter.Tries+1 >= maxRefusals) {
		return l.bury(ctx, letter, l.why("it could not be delivered"))
	}
	wait := max(backoff(letter.Tries), deliver.After(err))
	return l.c.o.Outbox.Postponed(ctx, letter.Seq, now.Add(wait), f.Message)
}

// backoff is how long to wait after tries that failed before this one.
func backoff(tries int) time.Duration {
	wait := lastWait
	if tries < 10 {
		wait = min(firstWait<<tries, lastWait)
	}
	return wait + time.Duration(rand.Int64N(int64(wait/5)))
}

func (l *lane) why(what string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, err := range []error{l.wayErr, l.problem} {
		if err != nil {
			return what + ": " + fault.Of(err).Message
		}
	}
	return what
}

func (l *lane) bury(ctx context.Context, letter outbox.Letter, reason string) error {
	title := letter.Title
	if s := letter.Status; s != nil {
		title = s.Context + " on " + notify.ShortSHA(s.SHA)
	}
	if err := l.c.o.Outbox.Buried(ctx, l.key, letter.Seq, title, reason, l.c.o.Now()); err != nil {
		return err
	}
	l.c.metrics.dead.WithLabelValues(l.key).Inc()
	l.c.o.Log.Warn("a notification was given up", "channel", l.key, "id", letter.ID, "title", title, "reason", reason)
	l.changed()
	return l.count(ctx)
}

// fail keeps what is wrong for the status; nil: all is well.
func (l *lane) fail(f *fault.Error) {
	l.mu.Lock()
	l.problem = nil
	if f != nil {
		l.problem = f
	}
	l.mu.Unlock()
	l.changed()
}

func (l *lane) changed() {
	if l.c.o.Changed != nil {
		ch, _, _ := l.now()
		l.c.o.Changed(ch.Namespace, ch.Name)
	}
}

// count brings the measure of what waits up to date.
func (l *lane) count(ctx context.Context) error {
	r, err := l.c.o.Outbox.Record(ctx, l.key)
	if err == nil {
		l.c.metrics.waiting.WithLabelValues(l.key).Set(float64(r.Waiting))
	}
	return err
}
