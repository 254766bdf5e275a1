package events

import (
	"time"

	"golang.org/x/time/rate"
)

// rush is when much happens at once: so many Events come in within so long.
const (
	rushEvents = 10
	rushWithin = 3 * time.Second
)

// pace says when the next Event may be written. While much happens (a first sync, a commit to all Apps) the API server has
// better things to do, and gets a few; then the rest follows quickly. In the long run it is a few all the same: what
// happens for hours is no backlog.
type pace struct {
	average *rate.Limiter // always
	peak    *rate.Limiter // while little happens
	slow    *rate.Limiter // while much does

	began         time.Time // of the window in which came counts
	came, earlier int       // Events that came in, in this window and in the one before
}

func newPace(o Options) *pace {
	return &pace{
		average: rate.NewLimiter(rate.Limit(o.PerSecond), o.Burst), peak: rate.NewLimiter(rate.Limit(o.Peak), o.AtOnce),
		slow: rate.NewLimiter(rate.Limit(o.PerSecond), o.AtOnce),
	}
}

// note counts an Event that came in.
func (p *pace) note(now time.Time) {
	p.roll(now)
	p.came++
}

func (p *pace) roll(now time.Time) {
	switch since := now.Sub(p.began); {
	case since >= 2*rushWithin:
		p.began, p.came, p.earlier = now, 0, 0
	case since >= rushWithin:
		p.began, p.came, p.earlier = p.began.Add(rushWithin), 0, p.came
	}
}

// allow takes a turn, or says how long there is none.
func (p *pace) allow(now time.Time) (wait time.Duration) {
	p.roll(now)
	limits := []*rate.Limiter{p.average, p.peak}
	if p.came+p.earlier >= rushEvents {
		limits[1] = p.slow
	}
	var turns []*rate.Reservation
	for _, l := range limits {
		turn := l.ReserveN(now, 1)
		turns = append(turns, turn)
		wait = max(wait, turn.DelayFrom(now))
	}
	if wait > 0 {
		for _, turn := range turns {
			turn.CancelAt(now)
		}
	}
	return wait
}
