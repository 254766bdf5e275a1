package events

import (
	"slices"
	"time"
)

// matters are reasons of which, on one resource, the newest says how it stands.
var matters = [][]Reason{{Deployed, Failed}, {Drifted, Healed}, {Degraded, Recovered}, {CheckFailed, CheckSucceeded}}

// add files an Event, or counts it to the one of the same subject that waits.
func (r *Recorder) add(s subject, warning bool, message string) {
	now := r.o.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pace.note(now)
	if len(r.pending) >= r.o.AtOnce {
		r.overtake(s)
	}
	if n := r.pending[s]; n != nil {
		n.count, n.last, n.message = n.count+1, now, message
		return
	}
	if len(r.pending) >= r.o.Queue {
		r.dropOldest()
	}
	n := &note{warning: warning, message: message, count: 1, first: now, last: now, due: now}
	if until := r.quiet[s]; until.After(now) {
		n.due = until
	}
	r.pending[s] = n
	n.place = r.waiting[n.urgency()].PushBack(s)
}

// overtake drops what waits on the same matter as a newer Event: it is news no more.
func (r *Recorder) overtake(newer subject) {
	for _, matter := range matters {
		if !slices.Contains(matter, newer.reason) {
			continue
		}
		for _, reason := range matter {
			older := subject{newer.kind, newer.key, reason}
			if r.pending[older] != nil && reason != newer.reason {
				r.remove(older)
				r.dropped.Inc()
			}
		}
	}
}

// dropOldest makes room: what is no trouble goes first.
func (r *Recorder) dropOldest() {
	for _, urgency := range []int{1, 0} {
		if oldest := r.waiting[urgency].Front(); oldest != nil {
			r.remove(oldest.Value.(subject))
			r.dropped.Inc()
			return
		}
	}
}

func (r *Recorder) remove(s subject) {
	n := r.pending[s]
	r.waiting[n.urgency()].Remove(n.place)
	delete(r.pending, s)
}

// take gives the note whose turn it is, or how long there is none: troubles go first, then the oldest.
func (r *Recorder) take() (subject, *note, time.Duration) {
	now := r.o.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	s, wait := r.next(now)
	n := r.pending[s]
	if n == nil {
		return s, nil, wait
	}
	if wait := r.pace.allow(now); wait > 0 {
		return s, nil, wait
	}
	r.remove(s)
	r.quiet[s] = now.Add(r.o.Fold)
	return s, n, 0
}

// next is the first subject that is due, or how long none is.
func (r *Recorder) next(now time.Time) (subject, time.Duration) {
	wait := r.o.Fold
	for _, waiting := range r.waiting {
		for e := waiting.Front(); e != nil; e = e.Next() {
			s := e.Value.(subject)
			d := r.pending[s].due.Sub(now)
			if d <= 0 {
				return s, 0
			}
			wait = min(wait, d)
		}
	}
	for s, until := range r.quiet {
		if !until.After(now) {
			delete(r.quiet, s)
		}
	}
	return subject{}, wait
}
