// Package courier carries notifications: it looks at what changed, has package notify decide what is said about it, puts
// that into the outbox, and delivers it. Whoever tells it of a change never waits. Each channel has a lane of its own, so
// that one that hangs holds up no other.
package courier

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/notify"
	"plumb.cd/plumb/internal/notify/deliver"
	"plumb.cd/plumb/internal/notify/outbox"
)

// Sight is what is known of a subject: the facts, and what channels choose by.
type Sight struct {
	notify.Facts
	Labels map[string]string
	Row    *filter.Row // of an App
}

// Source tells where things stand.
type Source interface {
	// See gives what is known of a subject; false: it is gone.
	See(notify.Subject) (Sight, bool)
	// Subjects lists all there are.
	Subjects() []notify.Subject
}

// Channel is a channel as the courier needs it.
type Channel struct {
	Namespace, Name string
	Generation      int64
	Rules           notify.Rules // Since is filled in
	Group           time.Duration
	Covers          func(Sight, time.Time) bool
	Template        *notify.Template
	Suspend         bool
	Way             deliver.Config
	Err             error // it cannot be used: Way means nothing
	Warning         error // it works, not as was asked for
}

func (c Channel) key() string { return c.Namespace + "/" + c.Name }

// Sender delivers one message, once; see deliver.Way, which is one.
type Sender interface {
	Target() string
	Concerns(notify.Facts) bool
	Send(context.Context, notify.Message) error
	Close()
}

// Options are what a Courier works with.
type Options struct {
	Outbox *outbox.Outbox
	Source Source
	// Open makes a Sender.
	Open func(deliver.Config) (Sender, error)
	// Commit adds subject, author and time to a commit; nil: nobody knows them.
	Commit func(context.Context, notify.Commit) notify.Commit
	// NewID names a message. No two are the same.
	NewID func() string
	// Changed is told when Snapshot has something new to say about a channel. It must not block.
	Changed func(namespace, name string)
	// Console gives the address of the console, without a slash at its end; nil or empty: no links.
	Console func() string
	Now     func() time.Time
	Log     *slog.Logger
}

// Courier carries notifications. Make it with New; it works while Run runs.
type Courier struct {
	o       Options
	metrics *metrics

	mu       sync.Mutex
	lanes    map[string]*lane
	changed  map[notify.Subject]bool
	happened []happening
	overflow int64           // happenings that were not taken in
	fresh    map[string]bool // channels that are new, or others than before: all subjects are looked at for them
	listed   bool
	gone     []string // channels to be dropped from the outbox
	start    func(*lane)
	wake     chan struct{}
}

// happening is an event that is no state: it is told when it happens, or never.
type happening struct {
	event   notify.Event
	subject notify.Subject
	reason  string
	message string
}

// maxHappenings bounds what waits to be looked at.
const maxHappenings = 10_000

// New makes a Courier without channels.
func New(o Options) *Courier {
	return &Courier{o: o, metrics: newMetrics(), lanes: map[string]*lane{}, changed: map[notify.Subject]bool{}, fresh: map[string]bool{}, wake: make(chan struct{}, 1)}
}

func (c *Courier) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Changed says that there may be news of a subject. It never blocks; any number of calls before it is looked at are one.
func (c *Courier) Changed(s notify.Subject) {
	c.mu.Lock()
	c.changed[s] = true
	c.mu.Unlock()
	c.poke()
}

// Happened tells of an event that is no state. It never blocks; what is too much is counted, and not told.
func (c *Courier) Happened(e notify.Event, s notify.Subject, reason, message string) {
	c.mu.Lock()
	if len(c.happened) < maxHappenings {
		c.happened = append(c.happened, happening{e, s, reason, message})
	} else {
		c.overflow++
		c.metrics.lost.Inc()
	}
	c.mu.Unlock()
	c.poke()
}

// SetChannel tells of a channel that is new or another than before.
func (c *Courier) SetChannel(ch Channel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lanes[ch.key()]
	if l == nil {
		l = &lane{c: c, key: ch.key(), wake: make(chan struct{}, 1)}
		c.lanes[l.key] = l
		if c.start != nil {
			c.start(l)
		}
	}
	l.set(ch)
	c.fresh[ch.key()] = true
	c.poke()
}

// ForgetChannel drops a channel, and what waits for it.
func (c *Courier) ForgetChannel(namespace, name string) {
	key := namespace + "/" + name
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.lanes[key]; l != nil {
		delete(c.lanes, key)
		l.end()
		c.metrics.forget(key)
	}
	c.gone = append(c.gone, key)
	c.poke()
}

// Listed says that every channel there is was told: what the outbox has of others is dropped.
func (c *Courier) Listed() {
	c.mu.Lock()
	c.listed = true
	c.mu.Unlock()
	c.poke()
}

// ErrUnknown says that there is no such channel, or that another replica leads.
var ErrUnknown = errors.New("no such channel here")

func (c *Courier) lane(namespace, name string) *lane {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lanes[namespace+"/"+name]
}

// Test sends a test, now, past the outbox, and answers with what the receiver says.
func (c *Courier) Test(ctx context.Context, namespace, name string) error {
	l := c.lane(namespace, name)
	if l == nil {
		return ErrUnknown
	}
	ch, way, err := l.now()
	if err != nil {
		return err
	}
	if ch.Warning != nil {
		return ch.Warning
	}
	m := notify.Sample(c.o.NewID(), c.o.Now(), ch.Template, c.surroundings(ch))
	return way.Send(ctx, m)
}

func (c *Courier) surroundings(ch Channel) notify.Surroundings {
	s := notify.Surroundings{Channel: ch.key()}
	if c.o.Console != nil {
		s.Console = c.o.Console()
	}
	return s
}

// Snapshot is where a channel stands.
type Snapshot struct {
	Namespace, Name string
	Type            string
	Target          string
	Err             error // what is wrong now
	outbox.Record
}

// Snapshot tells where a channel stands; false: it is not known.
func (c *Courier) Snapshot(ctx context.Context, namespace, name string) (Snapshot, bool, error) {
	l := c.lane(namespace, name)
	if l == nil {
		return Snapshot{}, false, nil
	}
	s := l.snapshot()
	var err error
	s.Record, err = c.o.Outbox.Record(ctx, l.key)
	return s, true, err
}

// Snapshots tells where all channels stand, by namespace and name.
func (c *Courier) Snapshots(ctx context.Context) ([]Snapshot, error) {
	c.mu.Lock()
	lanes := slices.SortedFunc(maps.Values(c.lanes), func(a, b *lane) int { return strings.Compare(a.key, b.key) })
	c.mu.Unlock()
	out := make([]Snapshot, 0, len(lanes))
	for _, l := range lanes {
		s := l.snapshot()
		var err error
		if s.Record, err = c.o.Outbox.Record(ctx, l.key); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// Run looks at what changes and delivers, until ctx ends. Errors of the outbox are logged and tried again: they stop
// nothing else.
func (c *Courier) Run(ctx context.Context) error {
	var lanes sync.WaitGroup
	c.mu.Lock()
	c.start = func(l *lane) {
		own, end := context.WithCancel(ctx)
		l.end = end
		lanes.Go(func() { l.run(own) })
	}
	for _, l := range c.lanes {
		c.start(l)
	}
	c.mu.Unlock()
	d := decider{c: c, seen: map[notify.Subject]uint64{}}
	d.run(ctx)
	c.mu.Lock()
	c.start = nil
	c.mu.Unlock()
	lanes.Wait()
	return nil
}

// broken says that the outbox cannot be used.
func broken(err error) *fault.Error {
	return &fault.Error{Class: fault.Transient, Reason: fault.Internal, Message: "the outbox cannot be used: " + err.Error(), Err: err}
}
