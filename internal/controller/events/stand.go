package events

import (
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
)

// inspect looks at what changed, and files an Event where that is news.
func (r *Recorder) inspect() {
	r.mu.Lock()
	changed := r.changed
	r.changed = map[subject]bool{}
	r.mu.Unlock()
	for s := range changed {
		switch s.kind {
		case "App":
			r.app(s)
		case "Repository":
			r.repository(s)
		}
	}
}

// app tells of a plan that waits for somebody: once a plan.
func (r *Recorder) app(s subject) {
	snap, ok := r.engine.Snapshot(s.key)
	now := ""
	if ok && awaits(snap) {
		now = string(snap.Plan.Digest)
	}
	if now == "" {
		delete(r.stood, s)
		return
	}
	if r.stood[s] != now {
		r.stood[s] = now
		r.add(subject{s.kind, s.key, WaitingForApproval}, false, snap.Message)
	}
}

// awaits reports whether somebody must approve before the App goes on.
func awaits(s engine.Snapshot) bool {
	return s.State == engine.StateWaiting && s.Plan != nil && (s.Reason == fault.AwaitingApproval || len(s.Plan.Guards) > 0)
}

// repository tells when a Repository can no longer be read, and when it can again.
func (r *Recorder) repository(s subject) {
	snap, ok := r.engine.RepositorySnapshot(s.key)
	if !ok {
		delete(r.stood, s)
		return
	}
	failed := snap.Err != nil
	if failed == (r.stood[s] != "") {
		return
	}
	if failed {
		r.stood[s] = string(CheckFailed)
		r.add(subject{s.kind, s.key, CheckFailed}, true, fault.Of(snap.Err).Error())
		return
	}
	delete(r.stood, s)
	r.add(subject{s.kind, s.key, CheckSucceeded}, false, "the repository can be read again")
}
