package cluster

import "time"

// A request that the API server refuses because it is busy takes its turn again: nobody has seen it, and to whoever sent it
// this is a longer queue. An API server under Priority and Fairness doubles the time that it asks those whom it refuses to
// stay away, up to 32 seconds, while it refuses more than three a second; so few may be refused. A server that refuses
// everybody for refusedFor, or asks to be left alone for longer than longestStay while it serves nobody, gets its way.
const (
	refusedFor  = 30 * time.Second
	longestRest = time.Second
	longestStay = 4 * time.Second
	settling    = 50 * time.Millisecond // in which the rest of a burst is answered
	growRest    = 2 * time.Second       // after a refusal, before one more is tried
	serving     = 2 * time.Second       // after an answer, in which the server is known to answer
	refusals    = 2                     // of requests that were sent alone, in each longestRest
)

// level is a priority level of the API server: those of its requests that share seats.
type level struct {
	seats    float64 // in flight at the most; 0: it has refused nobody, or that is forgotten
	inFlight int
	served   time.Time           // when it last served anybody
	burst    time.Time           // when the last refusals began
	settled  time.Time           // until when refusals belong to them
	hold     time.Time           // until when nothing is sent
	grows    time.Time           // not before
	refused  [refusals]time.Time // the last ones, the oldest first
}

func (v *level) room(now time.Time) bool {
	return v.seats == 0 || v.inFlight < int(v.seats) && !now.Before(v.hold)
}

// refuse notes that one was refused, who is no longer in flight, and that the server asks whoever was to stay away for so
// long; it reports whether to try again. Of those that were in flight together, as many have seats as are not refused. Where
// nobody has one, one request at a time asks whether that is still so.
func (v *level) refuse(stay time.Duration, now time.Time) (again bool) {
	if !now.Before(v.settled) {
		together := float64(v.inFlight + 1)
		if v.seats > 0 {
			together = min(together, v.seats)
		}
		v.seats, v.burst = together, now
	}
	v.seats = max(v.seats-1, 1)
	v.settled, v.hold, v.grows = now.Add(settling), now.Add(settling), now.Add(growRest)
	oldest := v.refused[0]
	copy(v.refused[:], v.refused[1:])
	v.refused[refusals-1] = now
	if v.inFlight > 0 || v.served.After(v.burst) {
		return true // what becomes, or became, of the others says more
	}
	if now.Sub(oldest) < longestRest {
		v.hold = latest(v.hold, v.refused[0].Add(longestRest))
	}
	if now.Sub(v.served) < serving || stay <= longestRest {
		return true
	}
	v.hold = latest(v.hold, now.Add(min(stay, refusedFor)))
	return stay <= longestStay
}

// serve notes that one was served, who is no longer in flight; quick answers to as many as may be in flight let one more
// be tried. What is no less than the bound of all work is no limit any more.
func (v *level) serve(quick bool, bound float64, now time.Time) {
	v.served = now
	if now.After(v.settled) && v.hold.After(now) {
		v.hold = now // it is known to answer
	}
	if v.seats == 0 || !quick || v.inFlight+1 < int(v.seats) || now.Before(v.grows) {
		return
	}
	v.seats += 1 / v.seats
	if v.seats >= bound {
		v.seats = 0
	}
}

// starves reports whether everybody was refused for refusedFor, and no less since then.
func (v *level) starves(since, now time.Time) bool {
	return v.seats > 0 && now.Sub(latest(v.served, since)) >= refusedFor
}
