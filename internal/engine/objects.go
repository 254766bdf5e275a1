package engine

import (
	"cmp"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// record is what is remembered of one owned object: a few hundred bytes, never the object.
type record struct {
	kind     schema.GroupVersionKind
	uid      string
	live     drift.Record  // of the newest state seen
	want     drift.Record  // as it was applied; zero: not known (lost with the state store)
	applied  object.Digest // of the Desired that was applied
	health   health.Status
	since    time.Time     // of the health level
	recheck  time.Time     // when time alone may change the verdict; zero: never
	options  *plan.Options // never nil; most objects share one without wishes
	wave     int
	hook     bool
	deleting bool
	missing  bool       // it was deleted, and nobody meant to
	yielded  bool       // a field of it is left to another manager
	told     drift.Hash // the live state that the history knows of
}

// noWishes are the options of an object that says nothing of its own.
var noWishes plan.Options

// known reports whether there is a fingerprint to hold the live state against.
func (r *record) known() bool { return r.applied != "" }

func (r *record) inSync() bool {
	return r.known() && !r.missing && r.live.Hash == r.want.Hash && r.live.Schema == r.want.Schema
}

// observation is one event's news of an object.
type observation struct {
	id       object.ID
	kind     schema.GroupVersionKind
	live     drift.Record
	health   health.Status
	options  *plan.Options
	wave     int
	hook     bool
	deleting bool
	at       time.Time
	saved    *savedRecord
	// base is what a write's answer makes the object's baseline: live without what people's tools put on top.
	base drift.Record
}

// savedRecord is the form in the state store.
type savedRecord struct {
	Want    drift.Record  `json:"want"`
	Applied object.Digest `json:"applied"`
}

func decodeSaved(raw []byte) *savedRecord {
	if len(raw) == 0 {
		return nil
	}
	var s savedRecord
	if json.Unmarshal(raw, &s) != nil {
		return nil // a cache: what cannot be read is rebuilt
	}
	return &s
}

// objectSet is what an App owns on one cluster.
type objectSet struct {
	mu      sync.Mutex
	records map[object.ID]*record
	gone    map[object.ID]bool // deletions observed since the attempt began
	suspect map[object.ID]bool // to be looked at: differs, or went away
}

func newObjectSet() *objectSet {
	return &objectSet{records: map[object.ID]*record{}, gone: map[object.ID]bool{}, suspect: map[object.ID]bool{}}
}

func (s *objectSet) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.records)
}

func (s *objectSet) has(id object.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[id] != nil
}

// observed files an event. It reports whether the owner has anything to do or to say about it.
func (s *objectSet) observed(o observation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[o.id]
	if r == nil || r.uid != o.live.UID {
		fresh := &record{kind: o.kind, uid: o.live.UID, options: &noWishes}
		if r != nil {
			fresh.want, fresh.applied = r.want, r.applied
		}
		if o.saved != nil {
			fresh.want, fresh.applied = o.saved.Want, o.saved.Applied
		}
		s.records[o.id], r = fresh, fresh
	} else if o.live.Version < r.live.Version {
		return false
	}
	delete(s.gone, o.id)
	before := *r
	r.kind, r.live, r.options, r.wave, r.hook, r.deleting, r.missing = o.kind, o.live, cmp.Or(o.options, &noWishes), o.wave, o.hook, o.deleting, false
	s.setHealth(r, o.health, o.at)
	if r.known() && !r.inSync() && !r.hook {
		s.suspect[o.id] = true
		return true
	}
	delete(s.suspect, o.id)
	return before.health.Level != r.health.Level || before.health.Message != r.health.Message ||
		before.missing || before.deleting != r.deleting || before.live.Hash != r.live.Hash
}

// knows reports whether an object was filed in exactly this version, as it was applied and with nothing left to look at: the
// same once more would change nothing.
func (s *objectSet) knows(id object.ID, kind schema.GroupVersionKind, live drift.Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[id]
	return r != nil && r.kind == kind && r.uid == live.UID && r.live.Version == live.Version && r.live.Schema == live.Schema &&
		r.inSync() && r.recheck.IsZero() && !r.hook && !r.deleting && !s.suspect[id] && !s.gone[id]
}

func (s *objectSet) setHealth(r *record, h health.Status, at time.Time) {
	if r.health.Level != h.Level || r.since.IsZero() {
		r.since = at
	}
	r.health, r.recheck = h, time.Time{}
	if h.RecheckAfter > 0 {
		r.recheck = at.Add(h.RecheckAfter)
	}
}

// applied files the API server's answer to our own write.
func (s *objectSet) applied(id object.ID, o observation, digest object.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[id]
	if r == nil || r.uid != o.live.UID {
		r = &record{kind: o.kind, uid: o.live.UID, options: &noWishes}
		s.records[id] = r
	}
	r.want, r.applied = o.base, digest
	if o.base == (drift.Record{}) {
		r.want = o.live
	}
	r.told = drift.Hash{} // whatever comes after this is news
	delete(s.gone, id)
	delete(s.suspect, id)
	if o.live.Version < r.live.Version {
		if !r.inSync() {
			s.suspect[id] = true
		}
		return
	}
	r.kind, r.live, r.options, r.wave, r.hook, r.deleting, r.missing = o.kind, o.live, cmp.Or(o.options, &noWishes), o.wave, o.hook, false, false
	s.setHealth(r, o.health, o.at)
	if !r.inSync() { // people's tools put something on top
		s.suspect[id] = true
	}
}

// missed files that an object which was applied is not there: it went while nobody watched.
func (s *objectSet) missed(d plan.Desired, kind schema.GroupVersionKind, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records[d.ID] != nil {
		return
	}
	r := &record{kind: kind, applied: d.Digest, wave: d.Wave, missing: true, options: &noWishes}
	s.setHealth(r, health.Status{Level: health.Missing, Message: "deleted"}, at)
	s.records[d.ID], s.suspect[d.ID] = r, true
}

// deleted files that an object went away. An object that was planned to go is forgotten; any other is missed.
func (s *objectSet) deleted(id object.ID, uid string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[id]
	if r == nil || (uid != "" && r.uid != "" && r.uid != uid) {
		return false
	}
	s.gone[id] = true
	if r.hook || !r.known() || r.deleting && r.options.Unmanaged {
		delete(s.records, id)
		delete(s.suspect, id)
		return true
	}
	r.missing = true
	r.health = health.Status{Level: health.Missing, Message: "deleted"}
	s.suspect[id] = true
	return true
}

// pruned forgets an object that we deleted.
func (s *objectSet) pruned(id object.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records, id)
	delete(s.suspect, id)
}

// expectGone says that objects are about to be deleted by us: their going is no drift.
func (s *objectSet) expectGone(ids []object.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if r := s.records[id]; r != nil {
			r.applied = ""
		}
		delete(s.suspect, id)
	}
}

// suspects takes the objects that want a look.
func (s *objectSet) suspects() []object.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]object.ID, 0, len(s.suspect))
	for id := range s.suspect {
		out = append(out, id)
	}
	return out
}

// clear says that an object was looked at, as it was at a version. What came since wants a look of its own.
func (s *objectSet) clear(id object.ID, version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.records[id]; r == nil || r.live.Version <= version {
		delete(s.suspect, id)
	}
}

// accept takes an object as it was seen for what it is to be from now on. What came since is held against that.
func (s *objectSet) accept(id object.ID, seen drift.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[id]
	if r == nil {
		delete(s.suspect, id)
		return
	}
	r.want = seen
	if r.live.Version <= seen.Version {
		r.live = seen
	}
	if r.inSync() {
		delete(s.suspect, id)
	} else {
		s.suspect[id] = true
	}
}

// all gives a copy of the records, for decisions.
func (s *objectSet) all() map[object.ID]record {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[object.ID]record, len(s.records))
	for id, r := range s.records {
		out[id] = *r
	}
	return out
}

func (s *objectSet) get(id object.ID) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[id]
	if r == nil {
		return record{}, false
	}
	return *r, true
}

func (s *objectSet) update(id object.ID, f func(*record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.records[id]; r != nil {
		f(r)
	}
}

// Health and Gone make the set an apply.Observer.
func (s *objectSet) Health(id object.ID) (health.Status, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[id]
	if r == nil {
		return health.Status{Level: health.Missing}, false
	}
	return r.health, true
}

func (s *objectSet) Gone(id object.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone[id] || s.records[id] == nil
}

// forgetGone starts a new account of deletions.
func (s *objectSet) forgetGone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.gone, func(object.ID, bool) bool { return true })
}

// tally counts the objects by health and names the worst.
func (s *objectSet) tally() (Counts, health.Blame, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var c Counts
	var blames []health.Blame
	var recheck time.Time
	for id, r := range s.records {
		if r.hook || r.options.Unmanaged {
			continue
		}
		c.Total++
		switch r.health.Level {
		case health.Healthy, health.Suspended:
			c.Healthy++
		case health.Progressing:
			c.Progressing++
		case health.Missing:
			c.Missing++
		default:
			c.Degraded++
		}
		if r.known() && !r.inSync() && !r.missing {
			c.Drifted++
		}
		if r.health.Level != health.Healthy {
			blames = append(blames, health.Blame{ID: id, Status: r.health})
		}
		if !r.recheck.IsZero() && (recheck.IsZero() || r.recheck.Before(recheck)) {
			recheck = r.recheck
		}
	}
	if len(blames) == 0 {
		return c, health.Blame{Status: health.Status{Level: health.Healthy}}, recheck
	}
	return c, health.Aggregate(blames), recheck
}

// due lists the objects whose health time alone may have changed by now.
func (s *objectSet) due(now time.Time) []object.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []object.ID
	for id, r := range s.records {
		if !r.recheck.IsZero() && !now.Before(r.recheck) {
			out = append(out, id)
		}
	}
	return out
}
