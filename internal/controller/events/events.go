// Package events tells of Apps and Repositories by Kubernetes Events, for kubectl describe and whatever collects them. It
// writes on transitions only: while nothing happens, nothing is written. Repeats within ten seconds are one Event with a
// count, and who has something to tell never waits. While much happens the API server gets a few a second, troubles first;
// the rest follows when it has calmed down, a thousand within half a minute. Of what then waits only the newest of each matter
// of a resource is told; that, and what is too much, is dropped and counted.
package events

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/history"
)

// Reason of an Event. The list is closed and documented in docs/metrics.md; a reason is never reused.
type Reason string

const (
	Deployed           Reason = "Deployed"           // an attempt succeeded: the App is healthy
	Failed             Reason = "Failed"             // an attempt failed
	RolledBack         Reason = "RolledBack"         // the engine went back, or somebody had it commit a way back
	Drifted            Reason = "Drifted"            // an object was changed behind Git's back
	Healed             Reason = "Healed"             // drift was undone
	Yielded            Reason = "Yielded"            // a field is left to a manager that keeps taking it
	Degraded           Reason = "Degraded"           // an object became unhealthy
	Recovered          Reason = "Recovered"          // the App is healthy again
	WaitingForApproval Reason = "WaitingForApproval" // a plan waits for somebody
	CheckFailed        Reason = "CheckFailed"        // a Repository cannot be read
	CheckSucceeded     Reason = "CheckSucceeded"     // it can be read again
)

// Reasons are all of them.
func Reasons() []Reason {
	return []Reason{
		Deployed, Failed, RolledBack, Drifted, Healed, Yielded, Degraded, Recovered, WaitingForApproval, CheckFailed, CheckSucceeded,
	}
}

// Engine says where things stand.
type Engine interface {
	Snapshot(key engine.Key) (engine.Snapshot, bool)
	RepositorySnapshot(key engine.Key) (engine.RepositorySnapshot, bool)
}

// Options of a Recorder. Zero limits mean the defaults.
type Options struct {
	Hub      client.Reader // knows Apps and Repositories: a cache
	Writer   client.Writer
	Instance string // the daemon's name, required
	Now      func() time.Time
	Log      *slog.Logger

	PerSecond float64       // Events written a second while many come in, and on the average of hours; 3
	AtOnce    int           // before any rate counts; 50
	Peak      float64       // Events written a second while few come in; 50
	Burst     int           // written beyond PerSecond, before the average counts; 10,000
	Fold      time.Duration // repeats within this are one Event; ten seconds
	Queue     int           // Events that wait; 10,000
}

// Recorder writes Events. Its methods other than Run never block.
type Recorder struct {
	o    Options
	wake chan struct{}

	mu      sync.Mutex
	engine  Engine
	pace    *pace
	pending map[subject]*note
	waiting [2]*list.List         // of the subjects of pending, oldest first: troubles, and the others
	quiet   map[subject]time.Time // until when repeats are folded
	changed map[subject]bool      // resources to look at; reason empty

	stood map[subject]string // what was said of them last; Run's alone

	written *prometheus.CounterVec
	dropped prometheus.Counter
}

// subject is what an Event is about. Repeats have the same.
type subject struct {
	kind   string
	key    engine.Key
	reason Reason
}

// note is an Event that waits to be written.
type note struct {
	warning     bool
	message     string
	count       int32
	first, last time.Time
	due         time.Time
	place       *list.Element // in waiting
}

func (n *note) urgency() int {
	if n.warning {
		return 0
	}
	return 1
}

// New makes a Recorder; nothing is written before Run.
func New(o Options) *Recorder {
	if o.PerSecond <= 0 {
		o.PerSecond = 3
	}
	if o.AtOnce <= 0 {
		o.AtOnce = 50
	}
	if o.Peak <= 0 {
		o.Peak = 50
	}
	if o.Burst <= 0 {
		o.Burst = 10000
	}
	if o.Fold <= 0 {
		o.Fold = 10 * time.Second
	}
	if o.Queue <= 0 {
		o.Queue = 10000
	}
	return &Recorder{
		o: o, wake: make(chan struct{}, 1), pace: newPace(o), waiting: [2]*list.List{list.New(), list.New()},
		pending: map[subject]*note{}, quiet: map[subject]time.Time{}, changed: map[subject]bool{}, stood: map[subject]string{},
		written: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumb_kubernetes_events_total", Help: "Kubernetes Events written, by reason.",
		}, []string{"reason"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plumb_kubernetes_events_dropped_total", Help: "Kubernetes Events that a newer one overtook or that were too many, or that the API server did not take.",
		}),
	}
}

// Collectors lists the measures for registration.
func (r *Recorder) Collectors() []prometheus.Collector {
	return []prometheus.Collector{r.written, r.dropped}
}

// See gives the Recorder its engine. Call it before Run.
func (r *Recorder) See(e Engine) { r.engine = e }

// AppChanged tells that an App stands elsewhere than before.
func (r *Recorder) AppChanged(k engine.Key) { r.look(subject{kind: "App", key: k}) }

// RepositoryChanged tells that a Repository does.
func (r *Recorder) RepositoryChanged(k engine.Key) { r.look(subject{kind: "Repository", key: k}) }

func (r *Recorder) look(s subject) {
	r.mu.Lock()
	r.changed[s] = true
	r.mu.Unlock()
	r.rouse()
}

func (r *Recorder) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Recorded tells of a record of the history.
func (r *Recorder) Recorded(ev history.Event) {
	namespace, name, ok := strings.Cut(ev.App, "/")
	reason, warning := reasonOf(ev)
	if !ok || reason == "" {
		return
	}
	r.add(subject{"App", engine.Key{Namespace: namespace, Name: name}, reason}, warning, describe(ev))
	r.rouse()
}

// reasonOf is the reason of a record; empty: it is told of by nobody.
func reasonOf(ev history.Event) (reason Reason, warning bool) {
	switch ev.Kind {
	case history.Deployment:
		switch ev.Outcome {
		case "Succeeded":
			return Deployed, false
		case "Failed":
			return Failed, true
		}
	case history.Rollback:
		return RolledBack, true
	case history.Drift:
		return Drifted, true
	case history.Healed:
		return Healed, false
	case history.Fight:
		return Yielded, true
	case history.Health:
		if ev.Outcome == "Degraded" {
			return Degraded, true
		}
		return Recovered, false
	case history.Request, history.Revision, history.Failure:
	}
	return "", false
}

func describe(ev history.Event) string {
	if ev.Kind == history.Deployment && ev.Message == "" {
		return "deployed " + short(ev.Commit)
	}
	if ev.Kind == history.Deployment {
		return short(ev.Commit) + ": " + ev.Message
	}
	return ev.Message
}

func short(commit string) string {
	if len(commit) == 40 {
		return commit[:12]
	}
	return commit
}

// Run writes until ctx ends.
func (r *Recorder) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		r.inspect()
		s, n, wait := r.take()
		if n != nil {
			r.write(ctx, s, *n)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-timer.C:
		}
	}
	return nil
}

// maxMessage is what the API server takes.
const maxMessage = 1024

func (r *Recorder) write(ctx context.Context, s subject, n note) {
	about, err := r.about(ctx, s)
	if err == nil {
		err = r.o.Writer.Create(ctx, r.event(s, n, about))
	}
	switch {
	case err == nil:
		r.written.WithLabelValues(string(s.reason)).Inc()
	case ctx.Err() == nil:
		r.dropped.Inc()
		if !apierrors.IsNotFound(err) && !errors.Is(err, errKind) {
			r.o.Log.Warn("an Event could not be written", "about", s.kind+"/"+s.key.String(), "reason", string(s.reason), "err", err)
		}
	}
}

var errKind = errors.New("no kind that has Events")

// about reads which object the Event is of.
func (r *Recorder) about(ctx context.Context, s subject) (client.Object, error) {
	var o client.Object
	switch s.kind {
	case "App":
		o = &v1alpha1.App{}
	case "Repository":
		o = &v1alpha1.Repository{}
	default:
		return nil, errKind
	}
	return o, r.o.Hub.Get(ctx, client.ObjectKey{Namespace: s.key.Namespace, Name: s.key.Name}, o)
}

func (r *Recorder) event(s subject, n note, about client.Object) *corev1.Event {
	kind := corev1.EventTypeNormal
	if n.warning {
		kind = corev1.EventTypeWarning
	}
	message := n.message
	if n.count > 1 {
		message = fmt.Sprintf("%d times, the last: %s", n.count, message)
	}
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.key.Namespace, GenerateName: s.key.Name + "."},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: s.kind, Namespace: s.key.Namespace, Name: s.key.Name,
			UID: about.GetUID(), ResourceVersion: about.GetResourceVersion(),
		},
		Reason: string(s.reason), Message: cut(message), Type: kind, Count: n.count, Action: string(s.reason),
		FirstTimestamp: metav1.NewTime(n.first), LastTimestamp: metav1.NewTime(n.last), EventTime: metav1.NewMicroTime(n.last),
		Source: corev1.EventSource{Component: "plumb"}, ReportingController: "plumb.cd/plumb", ReportingInstance: r.o.Instance,
	}
}

// cut keeps a message within what the API server takes.
func cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage-len("…")], "") + "…"
}
