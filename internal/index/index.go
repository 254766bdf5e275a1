package index

import (
	"container/list"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/httpapi"
)

// App is what the index is told about an App.
type App struct {
	Row     httpapi.AppRow
	Message string   // whole; the row's is cut
	Images  []string // all, as name:tag; the row has the first ones
}

// Scope says which namespaces a reader may see.
type Scope struct {
	All        bool
	Namespaces map[string]bool
}

func (s Scope) sees(namespace string) bool { return s.All || s.Namespaces[namespace] }

// entry is an App in the index. It is never changed, only replaced.
type entry struct {
	app    App
	key    string // namespace/name
	fold   filter.Row
	rank   int    // of its state, worst first
	since  int64  // nanoseconds since 1970, lowest: not known
	deploy int64  // the same, of DeployedAt
	sample string // of the message: what Apps with the same cause share; empty: no cause
	seq    uint64
	gone   bool // it was deleted: only its key and seq stay, so that streams can tell
}

// maxGone is how many deleted Apps are remembered, for readers that come back.
const maxGone = 10_000

// Index holds the Apps. All methods may be called at any time from any goroutine.
type Index struct {
	epoch  string
	labels []string // that are facets whenever an App has them, in lower case

	mu      sync.RWMutex
	seq     uint64
	floor   uint64 // changes up to this one can no longer be told one by one
	entries map[string]*list.Element
	changes *list.List // *entry, oldest change first; each App once
	gone    int
	counts  map[string]httpapi.StateCounts // by namespace
	wake    chan struct{}                  // closed at the next change
}

// New makes an empty index. The epoch names this run of it: sequence numbers of another one mean nothing here. labels are
// facets whenever an App has them, in this order, whatever the number of their values.
func New(epoch string, labels ...string) *Index {
	low := make([]string, len(labels))
	for i, l := range labels {
		low[i] = strings.ToLower(l)
	}
	return &Index{
		epoch: epoch, labels: low, entries: map[string]*list.Element{}, changes: list.New(), counts: map[string]httpapi.StateCounts{},
		wake: make(chan struct{}),
	}
}

// Epoch is the name of this run.
func (x *Index) Epoch() string { return x.epoch }

// Set tells about an App. It answers whether something that is shown changed.
func (x *Index) Set(a App) bool {
	e := newEntry(a)
	x.mu.Lock()
	defer x.mu.Unlock()
	if el, ok := x.entries[e.key]; ok {
		old := el.Value.(*entry)
		if !old.gone && reflect.DeepEqual(old.app, a) {
			return false
		}
		x.remove(el)
	}
	x.count(e, 1)
	x.add(e)
	return true
}

// Delete tells that an App is no more.
func (x *Index) Delete(namespace, name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := namespace + "/" + name
	el, ok := x.entries[key]
	if !ok || el.Value.(*entry).gone {
		return
	}
	x.remove(el)
	x.add(&entry{key: key, gone: true, app: App{Row: httpapi.AppRow{Namespace: namespace, Name: name}}})
	x.gone++
	for el := x.changes.Front(); el != nil && x.gone > maxGone; {
		next := el.Next()
		if old := el.Value.(*entry); old.gone {
			x.floor = old.seq
			x.remove(el)
			delete(x.entries, old.key)
		}
		el = next
	}
}

// add files an entry as the newest change. x.mu is held.
func (x *Index) add(e *entry) {
	x.seq++
	e.seq = x.seq
	x.entries[e.key] = x.changes.PushBack(e)
	close(x.wake)
	x.wake = make(chan struct{})
}

// remove takes an entry from the changes. x.mu is held.
func (x *Index) remove(el *list.Element) {
	e := x.changes.Remove(el).(*entry)
	if e.gone {
		x.gone--
		return
	}
	x.count(e, -1)
}

func (x *Index) count(e *entry, by int) {
	ns := e.app.Row.Namespace
	if x.counts[ns] == nil {
		x.counts[ns] = httpapi.StateCounts{}
	}
	if x.counts[ns][e.app.Row.State] += by; x.counts[ns][e.app.Row.State] == 0 {
		delete(x.counts[ns], e.app.Row.State)
	}
	if len(x.counts[ns]) == 0 {
		delete(x.counts, ns)
	}
}

func newEntry(a App) *entry {
	e := &entry{app: a, key: a.Row.Namespace + "/" + a.Row.Name, fold: filter.Fold(&a.Row), rank: rankOf(a.Row.State)}
	e.since, e.deploy = nanoseconds(a.Row.Since), nanoseconds(a.Row.DeployedAt)
	e.fold.Message = strings.ToLower(a.Message)
	if len(a.Images) > 0 {
		e.fold.Images = make([]string, len(a.Images))
		for i, image := range a.Images {
			e.fold.Images[i] = strings.ToLower(image)
		}
	}
	if hasCause(a.Row.State) {
		e.sample = normalize(a.Message, a.Row.Namespace, a.Row.Name)
		e.fold.Cause = causeID(a.Row.State, a.Row.Reason, e.sample)
	}
	return e
}

// view is what a question is answered from: the Apps as they are now, unordered, and the change that they are up to.
func (x *Index) view(s Scope) ([]*entry, uint64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := make([]*entry, 0, len(x.entries))
	for el := x.changes.Front(); el != nil; el = el.Next() {
		if e := el.Value.(*entry); !e.gone && s.sees(e.app.Row.Namespace) {
			out = append(out, e)
		}
	}
	return out, x.seq
}

// Get is the row of one App.
func (x *Index) Get(namespace, name string) (httpapi.AppRow, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	el, ok := x.entries[namespace+"/"+name]
	if !ok || el.Value.(*entry).gone {
		return httpapi.AppRow{}, false
	}
	return el.Value.(*entry).app.Row, true
}

// Namespaces are those that have Apps, sorted.
func (x *Index) Namespaces() []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := make([]string, 0, len(x.counts))
	for ns := range x.counts {
		out = append(out, ns)
	}
	slices.Sort(out)
	return out
}

// Counts says how many Apps a reader may see are in each state.
func (x *Index) Counts(s Scope) httpapi.StateCounts {
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := httpapi.StateCounts{}
	for ns, states := range x.counts {
		if !s.sees(ns) {
			continue
		}
		for state, n := range states {
			out[state] += n
		}
	}
	return out
}

// Seq is the number of the newest change.
func (x *Index) Seq() uint64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.seq
}

// states in the order of a list by state, worst first, each with its letter on the wall.
var states = []struct {
	name   string
	letter byte
}{
	{"Failed", 'F'}, {"Degraded", 'G'}, {"Drifted", 'D'}, {"Deploying", 'P'}, {"Waiting", 'W'}, {"Paused", 'H'}, {"Unknown", 'U'}, {"Synced", 'S'},
}

// rankOf is a state's place in that order. What is none of them is Unknown.
func rankOf(state string) int {
	for i, s := range states {
		if s.name == state {
			return i
		}
	}
	return rankOf("Unknown")
}

// nanoseconds makes times quick to compare.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return math.MinInt64
	}
	return t.UnixNano()
}
