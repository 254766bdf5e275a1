package courier

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"plumb.cd/plumb/internal/notify"
	"plumb.cd/plumb/internal/notify/outbox"
)

const (
	// perBatch is how many subjects one transaction takes, so that lanes get their turn.
	perBatch = 200
	// defaultGroup gathers where a channel does not say how long.
	defaultGroup = 30 * time.Second
)

// decider looks at what changed, one batch after the other. It is one goroutine.
type decider struct {
	c    *Courier
	seen map[notify.Subject]uint64 // what was decided upon: an App that tells its progress costs nothing
	met  map[string]time.Time      // channels that the outbox knows, and since when
}

func (d *decider) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.c.wake:
		case <-timer.C:
		}
		next, err := d.round(ctx)
		if err != nil && ctx.Err() == nil {
			d.c.o.Log.Error("notifications are late", "err", broken(err).Message)
			next = d.c.o.Now().Add(outboxWait)
		}
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(max(0, next.Sub(d.c.o.Now())))
		}
	}
}

// task is what one round works on.
type task struct {
	subjects []notify.Subject
	fresh    map[string]bool // channels for which all subjects are looked at
	happened []happening
	lanes    []*lane
	gone     []string
	listed   bool
}

func (d *decider) take() task {
	c := d.c
	c.mu.Lock()
	defer c.mu.Unlock()
	t := task{fresh: c.fresh, happened: c.happened, gone: c.gone, listed: c.listed}
	for s := range c.changed {
		t.subjects = append(t.subjects, s)
	}
	for _, l := range c.lanes {
		t.lanes = append(t.lanes, l)
	}
	slices.SortFunc(t.lanes, func(a, b *lane) int { return strings.Compare(a.key, b.key) })
	clear(c.changed)
	c.happened, c.gone, c.fresh, c.listed = nil, nil, map[string]bool{}, false
	return t
}

// giveBack puts what was not done into the next round.
func (d *decider) giveBack(t task) {
	c := d.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range t.subjects {
		c.changed[s] = true
	}
	c.happened = append(t.happened, c.happened...)
	c.gone = append(t.gone, c.gone...)
	c.listed = c.listed || t.listed
	maps.Copy(c.fresh, t.fresh)
}

// round works on all that came since the last one, and says when standing trouble is to be told again.
func (d *decider) round(ctx context.Context) (time.Time, error) {
	t := d.take()
	if err := d.clean(ctx, &t); err != nil {
		d.giveBack(t)
		return time.Time{}, err
	}
	views, err := d.views(ctx, t.lanes)
	if err != nil {
		d.giveBack(t)
		return time.Time{}, err
	}
	if err := d.lookAt(ctx, views, &t); err != nil {
		d.giveBack(t)
		return time.Time{}, err
	}
	if err := d.tellHappened(ctx, views, t.happened); err != nil {
		d.giveBack(t)
		return time.Time{}, err
	}
	return d.repeat(ctx, views)
}

// lookAt decides about what changed, for all channels, and about everything for those that are fresh.
func (d *decider) lookAt(ctx context.Context, views []view, t *task) error {
	inOrder(t.subjects)
	for len(t.subjects) > 0 && ctx.Err() == nil {
		n := min(perBatch, len(t.subjects))
		if err := d.batch(ctx, views, t.subjects[:n], onlyNews); err != nil {
			return err
		}
		t.subjects = t.subjects[n:]
	}
	fresh := slices.DeleteFunc(slices.Clone(views), func(v view) bool { return !t.fresh[v.lane.key] })
	if len(fresh) > 0 {
		all := d.c.o.Source.Subjects()
		inOrder(all)
		for len(all) > 0 && ctx.Err() == nil {
			n := min(perBatch, len(all))
			if err := d.batch(ctx, fresh, all[:n], everything); err != nil {
				return err
			}
			all = all[n:]
		}
	}
	t.fresh = nil
	return ctx.Err()
}

func inOrder(list []notify.Subject) {
	slices.SortFunc(list, func(a, b notify.Subject) int {
		return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
}

// clean drops channels that are gone.
func (d *decider) clean(ctx context.Context, t *task) error {
	box := d.c.o.Outbox
	if t.listed {
		known, err := box.Channels(ctx)
		if err != nil {
			return err
		}
		for _, key := range known {
			if !slices.ContainsFunc(t.lanes, func(l *lane) bool { return l.key == key }) {
				t.gone = append(t.gone, key)
			}
		}
		t.listed = false
	}
	for len(t.gone) > 0 {
		if !slices.ContainsFunc(t.lanes, func(l *lane) bool { return l.key == t.gone[0] }) { // it may be back already
			if err := box.Forget(ctx, t.gone[0]); err != nil {
				return err
			}
			delete(d.met, t.gone[0])
		}
		t.gone = t.gone[1:]
	}
	return nil
}

// view is a channel, as one round sees it.
type view struct {
	lane *lane
	ch   Channel
	way  Sender
}

func (v view) group() time.Duration {
	if v.ch.Group > 0 {
		return v.ch.Group
	}
	return defaultGroup
}

// views gives the channels that can say something. One that cannot be read says nothing: its rules are not known.
func (d *decider) views(ctx context.Context, lanes []*lane) ([]view, error) {
	if d.met == nil {
		d.met = map[string]time.Time{}
	}
	var out []view
	for _, l := range lanes {
		ch, way, _ := l.now()
		if ch.Covers == nil {
			continue
		}
		since, ok := d.met[l.key]
		if !ok {
			r, err := d.c.o.Outbox.Meet(ctx, l.key, d.c.o.Now())
			if err != nil {
				return nil, err
			}
			since = r.Since
			d.met[l.key] = since
			l.poke() // what an earlier run left
		}
		ch.Rules.Since = since
		out = append(out, view{l, ch, way})
	}
	return out, nil
}

// which says what a batch looks at.
type which string

const (
	onlyNews   which = "news"       // subjects of which something changed that may matter
	everything which = "everything" // whatever was decided before
)

// batch decides about some subjects, in one transaction.
func (d *decider) batch(ctx context.Context, views []view, subjects []notify.Subject, w which) error {
	if len(views) == 0 {
		return nil // a channel that comes has all looked at
	}
	var sights []Sight
	marks := map[notify.Subject]uint64{}
	for _, s := range subjects {
		sight, ok := d.c.o.Source.See(s)
		if !ok {
			if err := d.c.o.Outbox.ForgetSubject(ctx, s); err != nil {
				return err
			}
			delete(d.seen, s)
			continue
		}
		mark := markOf(sight)
		if old, ok := d.seen[s]; ok && old == mark && w == onlyNews {
			continue
		}
		sights = append(sights, sight)
		if w == onlyNews {
			marks[s] = mark
		}
	}
	if err := d.decide(ctx, views, sights); err != nil {
		return err
	}
	maps.Copy(d.seen, marks)
	return nil
}

func (d *decider) decide(ctx context.Context, views []view, sights []Sight) error {
	if len(sights) == 0 || len(views) == 0 {
		return nil
	}
	now := d.c.o.Now()
	batch, err := d.c.o.Outbox.Change(ctx, func(b *outbox.Batch) error {
		for _, s := range sights {
			told, err := b.Told(s.Subject)
			if err != nil {
				return err
			}
			for _, v := range views {
				if !v.ch.Covers(s, now) {
					continue
				}
				if err := d.one(b, v, told[v.lane.key], s.Facts, now); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.spread(batch, views)
	return nil
}

// one decides what a channel says about a subject.
func (d *decider) one(b *outbox.Batch, v view, told notify.Told, f notify.Facts, now time.Time) error {
	if v.ch.Rules.Statuses {
		return d.status(b, v, told, f, now)
	}
	next, notices := notify.Decide(v.ch.Rules, told, f, now)
	if next != told {
		if err := b.SetTold(v.lane.key, f.Subject, next); err != nil {
			return err
		}
	}
	if v.ch.Suspend {
		return nil
	}
	for _, n := range notices {
		if err := b.Gather(v.lane.key, n, now, now.Add(v.group()), d.c.o.NewID); err != nil {
			return err
		}
	}
	return nil
}

func (d *decider) status(b *outbox.Batch, v view, told notify.Told, f notify.Facts, now time.Time) error {
	if v.way == nil || v.ch.Suspend || !v.way.Concerns(f) {
		return nil
	}
	next, statuses := notify.DecideStatus(told, f)
	for _, s := range statuses {
		if ok, err := b.SetStatus(v.lane.key, s, now, d.c.o.NewID); err != nil || !ok {
			return err
		}
	}
	if next == told {
		return nil
	}
	return b.SetTold(v.lane.key, f.Subject, next)
}

// spread wakes the lanes that have something to do.
func (d *decider) spread(b *outbox.Batch, views []view) {
	for _, v := range views {
		if n := b.Dropped[v.lane.key]; n > 0 {
			d.c.metrics.dropped.WithLabelValues(v.lane.key).Add(float64(n))
			v.lane.changed()
		}
		if _, ok := b.Touched[v.lane.key]; ok {
			v.lane.poke()
		}
	}
}

// tellHappened gathers events that are no state.
func (d *decider) tellHappened(ctx context.Context, views []view, list []happening) error {
	if len(list) == 0 || len(views) == 0 {
		return nil
	}
	now := d.c.o.Now()
	batch, err := d.c.o.Outbox.Change(ctx, func(b *outbox.Batch) error {
		for _, h := range list {
			s, ok := d.c.o.Source.See(h.subject)
			if !ok {
				continue
			}
			for _, v := range views {
				if v.ch.Suspend || v.ch.Rules.Statuses || !slices.Contains(v.ch.Rules.Events, h.event) || !v.ch.Covers(s, now) {
					continue
				}
				f := s.Facts
				f.Reason, f.Message, f.Next = h.reason, h.message, "plumb drift "+f.Name
				if err := b.Gather(v.lane.key, notify.Notice{Event: h.event, Facts: f}, now, now.Add(v.group()), d.c.o.NewID); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		d.spread(batch, views)
	}
	return err
}

// repeat tells trouble again that lasts, where a channel wants that, and trouble that was kept back, and says when the next
// of it is due.
func (d *decider) repeat(ctx context.Context, views []view) (time.Time, error) {
	var next time.Time
	for _, v := range views {
		if v.ch.Suspend || v.ch.Rules.Statuses {
			continue
		}
		now := d.c.o.Now()
		due, at, err := d.c.o.Outbox.Quiet(ctx, v.lane.key, now)
		if err != nil {
			return time.Time{}, err
		}
		if !at.IsZero() {
			next = earlier(next, at)
		}
		if every := v.ch.Rules.Repeat; every > 0 {
			standing, at, err := d.c.o.Outbox.Standing(ctx, v.lane.key, now.Add(-every))
			if err != nil {
				return time.Time{}, err
			}
			due = append(due, standing...)
			if at.IsZero() && len(standing) > 0 {
				at = now
			}
			if !at.IsZero() {
				next = earlier(next, at.Add(every))
			}
		}
		if err := d.again(ctx, v, due); err != nil {
			return time.Time{}, err
		}
	}
	return next, nil
}

func (d *decider) again(ctx context.Context, v view, due []notify.Subject) error {
	for len(due) > 0 {
		n := min(perBatch, len(due))
		var sights []Sight
		for _, s := range due[:n] {
			if sight, ok := d.c.o.Source.See(s); ok {
				sights = append(sights, sight)
			} else if err := d.c.o.Outbox.ForgetSubject(ctx, s); err != nil {
				return err
			}
		}
		if err := d.decide(ctx, []view{v}, sights); err != nil {
			return err
		}
		due = due[n:]
	}
	return nil
}

// markOf changes when there may be something to say, or when other channels may be concerned.
func markOf(s Sight) uint64 {
	f, h := s.Facts, fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00",
		f.Condition, f.Trouble, f.State, f.Reason, f.Commit.SHA, f.Commit.Repository, f.Plan, f.Deployment, f.RolledBack, f.Cluster+f.Mark)
	for _, k := range slices.Sorted(maps.Keys(s.Labels)) {
		fmt.Fprintf(h, "%s=%s\x00", k, s.Labels[k])
	}
	if s.Row != nil {
		fmt.Fprintf(h, "%s\x00%q", s.Row.Author, s.Row.Images)
	}
	return h.Sum64()
}
