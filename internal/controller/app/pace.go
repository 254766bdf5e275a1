package app

import (
	"time"

	"plumb.cd/plumb/internal/engine"
)

const (
	// progressEvery spaces the writes that tell progress, of all Apps together: when thousands deploy at once, the API
	// server's time is for what they deploy.
	progressEvery = 200 * time.Millisecond
	// progressBurst is how many may come at once after a time without.
	progressBurst = 40
	// progressAhead bounds how far ahead turns are given away.
	progressAhead = 10 * time.Second
)

// progressTurn is how long news of the App's progress must wait for their turn; zero: it is now.
func (l *Ledger) progressTurn(key engine.Key, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[key]
	if !e.turn.IsZero() {
		wait := e.turn.Sub(now)
		if wait <= 0 {
			e.turn = time.Time{}
			l.entries[key] = e
		}
		return wait
	}
	if earliest := now.Add(-progressBurst * progressEvery); l.nextTurn.Before(earliest) {
		l.nextTurn = earliest
	}
	wait := max(l.nextTurn.Sub(now), 0)
	if wait > progressAhead {
		return progressAhead
	}
	if wait > 0 {
		e.turn = l.nextTurn
		l.entries[key] = e
	}
	l.nextTurn = l.nextTurn.Add(progressEvery)
	return wait
}
