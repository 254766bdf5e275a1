package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/apply"
	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
	"plumb.cd/plumb/internal/tree"
)

// app is one App's working state. mu guards everything that is read outside its steps; the fields below
// stepping belong to whoever holds that.
type app struct {
	key Key
	uid string

	mu        sync.Mutex
	given     App  // the spec as it came
	spec      App  // as a hold makes it
	dirty     bool // something happened since the last step began
	running   bool // a goroutine takes steps
	gone      bool
	timer     *time.Timer
	renders   int // that were begun
	snapshot  Snapshot
	shown     int       // number of the render that the snapshot speaks of
	look      bool      // somebody asked to look at Git, and the repositories are still to be told
	refreshAt time.Time // when somebody asked to look at Git
	rendered  rendered  // the last good render; guarded because repositories invalidate it
	rewritten string    // history was replaced: deletions wait for approval
	touched   int64     // number of the last move of a ref that this App read
	drops     int64     // the first move since the App was clean: what it drops may have gone elsewhere then
	clean     bool      // it was settled, with no deletion held up
	announced bool      // what it wants at this revision is filed with its cluster: others may prune what it does not want

	eyes atomic.Pointer[eyes] // how events are looked at; read by the watches

	// written within a step, under Engine.mu; read within steps, or through Engine.wires.
	links  links
	repos  []sourceRepo
	target *target

	// stepping is held by whoever takes a step, or looks at the fields below from outside.
	stepping    sync.Mutex
	mem         Memory
	memSaved    Memory // as it was made durable last
	memNumbered Memory // as it got its Version
	run         *run
	sendable    *sendable // of this step
	memo        *plan.Memo
	fights      *drift.Fights
	yields      map[object.ID][]string // fields left to others after a fight
	left        map[object.ID][]string // fields left to others by the objects' own annotations
	pruneHeld   bool                   // pruning waits for other Apps of the revision
	kept        []string               // objects that are no longer in Git and stay
	yieldsSeen  int                    // len(yields) that the eyes were made for
	notes       []string               // the newest findings of drift, for people
	retry       backoff
	refreshed   string
	kinds       []schema.GroupVersionKind // of the bundle kindsFor
	kindsFor    object.Digest
	failure     *failure
	blamed      blamed        // where the object that blocked last comes from
	stale       *gate         // of an approval that came too late ...
	staleFor    object.Digest // ... when this was the plan
	plannedFor  int64         // generation of the last plan
	verified    bool          // what is live was held against what was applied, once in this process
	unsettled   bool          // healing or an attempt failed: the next plan looks at everything
}

type sourceRepo struct {
	index int
	repo  *repo
}

// rendered is the outcome of the desired half.
type rendered struct {
	valid    bool // nothing that it was made of has changed
	number   int  // of the render; 0 while the next one is under way
	request  object.Digest
	bundle   object.Digest
	seen     time.Time
	revs     []bundle.Revision
	tried    []bundle.Revision // those of the newest render, which may have failed
	traces   []sourceTrace
	warnings []string
	count    int
	renderer string
	took     time.Duration
	asked    []string // API versions that a chart asked for
	served   []string // those of them that the cluster has
	targeted bool     // a chart was told where it goes
	random   bool     // another render would differ
	err      error
}

type sourceTrace struct {
	repo  *repo
	ref   refKey
	tree  string // root tree that was read
	trace tree.Trace
}

// run is an attempt on its way.
type run struct {
	attempt *Attempt
	plan    plan.Plan
	exec    *apply.Execution
	state   apply.State
	desired map[object.ID]plan.Desired
	request *Request
	until   time.Time
	line    *line // what is noted of it for measures and traces; nil while healing
}

// backoff counts tries after transient failures.
type backoff struct {
	tries int
	at    time.Time
}

// next is when to try again: 1 s, 2 s, 4 s ... at most 5 minutes.
func (b *backoff) next(now time.Time) time.Time {
	const limit = 5 * time.Minute
	wait := limit
	if b.tries < 9 {
		wait = min(time.Second<<b.tries, limit)
	}
	b.tries++
	b.at = now.Add(wait)
	return b.at
}

func (b *backoff) reset() { *b = backoff{} }

func newApp(spec App) *app {
	return &app{
		key: spec.Key, uid: spec.UID, mem: spec.Memory, memSaved: spec.Memory, memNumbered: spec.Memory,
		yields:   map[object.ID][]string{},
		fights:   drift.NewFights(),
		snapshot: Snapshot{Key: spec.Key, Memory: spec.Memory},
	}
}

// accept takes a newer spec. a.mu is held.
func (a *app) accept(given App, now time.Time) {
	spec := given.effective(now)
	if spec.Refresh != a.refreshed {
		a.refreshAt = now
		a.look = a.spec.Key != Key{} // the annotation of an App that is met for the first time is history
		a.refreshed = spec.Refresh
	}
	if a.snapshot.Since.IsZero() {
		a.snapshot.Since = now
	}
	a.given, a.spec = given, spec
}

func (a *app) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = true
	if a.timer != nil {
		a.timer.Stop()
	}
}

// rewrite notes that the history of a source was replaced.
func (a *app) rewrite(why string) {
	if why == "" {
		return
	}
	a.mu.Lock()
	a.rewritten = why
	a.mu.Unlock()
}

// noteRewrite takes such news into what is remembered until the next bundle is in place.
func (a *app) noteRewrite() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rewritten != "" {
		a.mem.Rewritten, a.rewritten = a.rewritten, ""
	}
}

// touch is invalidate for the n-th move of a ref.
func (a *app) touch(n int64) {
	a.invalidate()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.touched = n
	if a.clean {
		a.drops, a.clean = n, false
	}
}

// settledClean notes that nothing of what the App dropped is still there.
func (a *app) settledClean() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clean = !a.pruneHeld
}

// hides reports whether the App cannot be rendered since a move that another, which drops something since the move drops, may
// have handed it over in.
func (a *app) hides(drops int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rendered.err != nil && a.touched >= drops && !a.spec.Suspend && a.spec.Err == nil && !a.spec.Deleting
}

// invalidate makes the next step render again.
func (a *app) invalidate() {
	a.mu.Lock()
	a.rendered.valid, a.announced = false, false
	a.mu.Unlock()
}

// noteRefresh remembers that a request to look at Git was answered: every repository was checked since.
func (a *app) noteRefresh(spec App) {
	if spec.Refresh == "" || spec.Refresh == a.mem.LastRefresh {
		return
	}
	a.mu.Lock()
	asked := a.refreshAt
	a.mu.Unlock()
	for _, sr := range a.repos {
		if !sr.repo.checkedSince(asked, a.key) {
			return
		}
	}
	a.mem.LastRefresh = spec.Refresh
}

// askRepositories has the App's repositories checked, when somebody asked to look at Git.
func (a *app) askRepositories() {
	a.mu.Lock()
	look := a.look
	a.look = false
	a.mu.Unlock()
	if !look {
		return
	}
	for _, sr := range a.repos {
		sr.repo.poke()
	}
}
