package engine

import (
	"context"
	"sync"
	"time"
)

// How long a log that says nothing now holds up the others. Later lines of it may come behind younger ones of others.
const (
	firstPatience  = time.Second            // until it says its first line, when logs are followed
	followPatience = 250 * time.Millisecond // after a line, when logs are followed
	readPatience   = 2 * time.Second        // when they are read to their end: each says how far it is by its next line
)

// mergeBytes is how much of all logs together waits for its turn. A log that has its share is not read on.
const mergeBytes = 1 << 20

// logMerge puts the lines of several logs, each of which is in order, into one order by time. Each log is read by somebody who
// calls put for each line and end at its end; run passes the lines on.
type logMerge struct {
	to    func(LogEntry) error
	share int // bytes of one log that wait
	after time.Duration

	mu      sync.Mutex
	sources []*mergeSource
	over    bool          // nobody takes lines any more
	room    *sync.Cond    // lines were taken, or it is over
	changed chan struct{} // a line came, a log ended or fell silent
}

// mergeSource is one log. It is waited for while it is empty and neither ended nor silent.
type mergeSource struct {
	lines  []LogEntry
	last   time.Time // of the last line that had a time: a log's own order is kept
	bytes  int
	ended  bool
	silent bool
	timer  *time.Timer // makes it silent
}

func newLogMerge(sources int, follow bool, to func(LogEntry) error) *logMerge {
	m := &logMerge{to: to, share: mergeBytes / max(sources, 1), changed: make(chan struct{}, 1)}
	m.room = sync.NewCond(&m.mu)
	first := readPatience
	m.after = readPatience
	if follow {
		first, m.after = firstPatience, followPatience
	}
	for range sources {
		s := &mergeSource{}
		s.timer = time.AfterFunc(first, func() { m.fellSilent(s) })
		m.sources = append(m.sources, s)
	}
	return m
}

func (m *logMerge) fellSilent(s *mergeSource) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.silent = len(s.lines) == 0
	m.tell()
}

func (m *logMerge) tell() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// put files the next line of a log, as soon as there is room for it. false: nobody wants it any more.
func (m *logMerge) put(source int, l LogEntry) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sources[source]
	for s.bytes >= m.share && !m.over {
		m.room.Wait()
	}
	if m.over {
		return false
	}
	s.lines = append(s.lines, l)
	s.bytes += lineBytes(l)
	s.silent = false
	if len(s.lines) == 1 {
		s.timer.Stop()
		m.tell()
	}
	return true
}

// lineBytes is about what a line that waits takes.
func lineBytes(l LogEntry) int { return len(l.Text) + 128 }

// end says that a log says nothing more.
func (m *logMerge) end(source int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sources[source].ended = true
	m.sources[source].timer.Stop()
	m.tell()
}

// run passes lines on until all logs have ended, the reader has had enough (its error), or the context ends. Whoever waits in
// put is let go.
func (m *logMerge) run(ctx context.Context) error {
	defer m.stop()
	for {
		l, state := m.next()
		switch state {
		case mergeEnded:
			return nil
		case mergeLine:
			if err := m.to(l); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		case mergeWaits:
			select {
			case <-m.changed:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

func (m *logMerge) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
	for _, s := range m.sources {
		s.timer.Stop()
	}
	m.room.Broadcast()
}

type mergeState int

const (
	mergeWaits mergeState = iota
	mergeLine
	mergeEnded
)

// next takes the oldest line, unless a log that may have an older one is waited for.
func (m *logMerge) next() (LogEntry, mergeState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var oldest *mergeSource
	state := mergeEnded
	for _, s := range m.sources {
		switch {
		case len(s.lines) > 0:
			if oldest == nil || s.time().Before(oldest.time()) {
				oldest = s
			}
		case !s.ended && !s.silent:
			return LogEntry{}, mergeWaits
		case !s.ended:
			state = mergeWaits
		}
	}
	if oldest == nil {
		return LogEntry{}, state
	}
	return m.take(oldest), mergeLine
}

// time is when the next line was said; one without a time, or with one before the line before it, goes with that one.
func (s *mergeSource) time() time.Time {
	if at := s.lines[0].At; at.After(s.last) {
		return at
	}
	return s.last
}

func (m *logMerge) take(s *mergeSource) LogEntry {
	s.last = s.time()
	l := s.lines[0]
	s.lines[0] = LogEntry{}
	s.lines = s.lines[1:]
	full := s.bytes >= m.share
	s.bytes -= lineBytes(l)
	if full {
		m.room.Broadcast()
	}
	if len(s.lines) == 0 && !s.ended {
		s.lines = nil
		s.timer.Reset(m.after)
	}
	return l
}
