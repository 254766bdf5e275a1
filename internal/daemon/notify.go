package daemon

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/controller"
	"plumb.cd/plumb/internal/convert"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/notify"
	"plumb.cd/plumb/internal/notify/courier"
	"plumb.cd/plumb/internal/notify/deliver"
	"plumb.cd/plumb/internal/notify/outbox"
	"plumb.cd/plumb/internal/server"
)

// notifier is what tells people: the courier, fed by what the engine says.
type notifier struct {
	*courier.Courier
	box   *outbox.Outbox
	view  *view
	waker *controller.ChannelWaker
}

// openNotifier makes the courier. It sees nothing until see was called, and sends nothing until it runs.
func openNotifier(ctx context.Context, o cli.DaemonOptions, mirrors *git.Store, log *slog.Logger) (*notifier, error) {
	box, err := outbox.Open(ctx, filepath.Join(o.Dir, "outbox.db"), outbox.Options{})
	if err != nil {
		return nil, err
	}
	n := &notifier{box: box, view: &view{}, waker: &controller.ChannelWaker{}}
	options := deliver.Options{Allow: o.NotifyAllow, Name: "plumb/" + o.Version, Now: time.Now}
	n.Courier = courier.New(courier.Options{
		Outbox: box, Source: n.view, Changed: n.waker.Channel, Console: func() string { return n.view.console }, Now: time.Now, Log: log,
		Open:   func(c deliver.Config) (courier.Sender, error) { return sender(deliver.New(c, options)) },
		Commit: func(ctx context.Context, c notify.Commit) notify.Commit { return described(ctx, mirrors, c) },
		NewID:  func() string { return "msg_" + rand.Text() },
	})
	return n, nil
}

// sender keeps a Way that is nil from looking like one that is there.
func sender(w *deliver.Way, err error) (courier.Sender, error) {
	if err != nil {
		return nil, err
	}
	return w, nil
}

// described adds what the mirror knows of a commit.
func described(ctx context.Context, mirrors *git.Store, c notify.Commit) notify.Commit {
	mirror, err := mirrors.Mirror(c.Repository)
	if err != nil {
		return c
	}
	found, err := mirror.Commit(ctx, c.SHA)
	if err != nil {
		return c
	}
	c.Subject, c.Author, c.When = found.Subject, found.Author.Name, found.Author.When
	return c
}

// see gives the notifier its eyes, and the address of the console for links. It is called before anything runs.
func (n *notifier) see(e *engine.Engine, rows *engine.Rows, console *url.URL) {
	n.view.engine, n.view.rows = e, rows
	if console != nil {
		n.view.console = strings.TrimRight(console.String(), "/")
	}
}

func (n *notifier) app(k engine.Key) {
	n.Changed(notify.Subject{Kind: notify.App, Namespace: k.Namespace, Name: k.Name})
}

func (n *notifier) repository(k engine.Key) {
	n.Changed(notify.Subject{Kind: notify.Repository, Namespace: k.Namespace, Name: k.Name})
}

func (n *notifier) cluster(k engine.Key) {
	n.Changed(notify.Subject{Kind: notify.Cluster, Name: k.Name})
}

// recorder is a history that tells the notifier of what is no state of an App: fights, and drift that was undone.
type recorder struct {
	history.Store
	n *notifier
}

// Append writes a record and tells of it.
func (r recorder) Append(ctx context.Context, ev history.Event) (history.Event, error) {
	out, err := r.Store.Append(ctx, ev)
	var e notify.Event
	switch ev.Kind {
	case history.Fight:
		e = notify.Fight
	case history.Healed:
		e = notify.Drifted
	default:
		return out, err
	}
	if namespace, name, ok := strings.Cut(ev.App, "/"); ok {
		reason := ev.Reason
		if reason == "" {
			reason = string(history.Healed)
		}
		r.n.Happened(e, notify.Subject{Kind: notify.App, Namespace: namespace, Name: name}, reason, ev.Message)
	}
	return out, err
}

// view is the engine as the courier sees it.
type view struct {
	engine  *engine.Engine
	rows    *engine.Rows
	console string
}

// See gives what is known of a subject.
func (v *view) See(s notify.Subject) (courier.Sight, bool) {
	key := engine.Key{Namespace: s.Namespace, Name: s.Name}
	switch s.Kind {
	case notify.App:
		snap, ok := v.engine.Snapshot(key)
		if !ok {
			return courier.Sight{}, false
		}
		facts, _ := v.rows.RowFacts(key)
		out := courier.Sight{Facts: convert.AppFacts(snap, v.engine.Tried(key)), Labels: facts.Labels, Row: server.FilterRow(snap, facts)}
		out.Cluster = facts.Cluster
		return out, true
	case notify.Repository:
		snap, ok := v.engine.RepositorySnapshot(key)
		return courier.Sight{Facts: convert.RepositoryFacts(snap)}, ok
	case notify.Cluster:
		snap, ok := v.engine.TargetSnapshot(s.Name)
		return courier.Sight{Facts: convert.ClusterFacts(snap)}, ok
	}
	return courier.Sight{}, false
}

// Subjects lists all there are.
func (v *view) Subjects() []notify.Subject {
	var out []notify.Subject
	for _, s := range v.engine.Snapshots() {
		out = append(out, notify.Subject{Kind: notify.App, Namespace: s.Key.Namespace, Name: s.Key.Name})
	}
	for _, r := range v.engine.Repositories() {
		out = append(out, notify.Subject{Kind: notify.Repository, Namespace: r.Key.Namespace, Name: r.Key.Name})
	}
	for _, t := range v.engine.Targets() {
		out = append(out, notify.Subject{Kind: notify.Cluster, Name: t.Name})
	}
	return out
}

// close closes the outbox.
func (n *notifier) close(log *slog.Logger) {
	if err := n.box.Close(); err != nil {
		log.Warn("the outbox was not closed cleanly", "err", err)
	}
}
