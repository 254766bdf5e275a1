package signin

import (
	"net/netip"
	"sync"
	"time"
)

// limiter lets each key do burst things at once, and one more each time that every has passed.
type limiter struct {
	burst float64
	every time.Duration
	now   func() time.Time

	mu   sync.Mutex
	keys map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

const maxKeys = 50_000

func newLimiter(burst int, every time.Duration, now func() time.Time) *limiter {
	return &limiter{burst: float64(burst), every: every, now: now, keys: map[string]bucket{}}
}

// take uses one up; where none is left it says how long to wait.
func (l *limiter) take(key string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.filled(key)
	if b.left < 1 {
		return time.Duration((1 - b.left) * float64(l.every))
	}
	b.left--
	l.keys[key] = b
	return 0
}

func (l *limiter) giveBack(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.filled(key)
	b.left = min(b.left+1, l.burst)
	l.keys[key] = b
}

func (l *limiter) filled(key string) bucket {
	now := l.now()
	b, ok := l.keys[key]
	if !ok {
		if len(l.keys) >= maxKeys {
			l.prune(now)
		}
		return bucket{left: l.burst, at: now}
	}
	b.left = min(l.burst, b.left+float64(now.Sub(b.at))/float64(l.every))
	b.at = now
	return b
}

// prune forgets those who waited long enough, and everybody when that frees nothing.
func (l *limiter) prune(now time.Time) {
	for k, b := range l.keys {
		if b.left+float64(now.Sub(b.at))/float64(l.every) >= l.burst {
			delete(l.keys, k)
		}
	}
	if len(l.keys) >= maxKeys {
		clear(l.keys)
	}
}

// bucketOf is the key of an address. Of IPv6 a household has a /64.
func bucketOf(a netip.Addr) string {
	if a.Is6() && !a.Is4In6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.Unmap().String()
}
