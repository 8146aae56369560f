package auth

import (
	"sync"
	"time"
)

// How often one account is signed in to: each sign-in is in the audit, which is
// kept for good, and ends an older session once there are too many. Only who has
// proved to be its owner is told: to all others it says nothing.
const (
	signInBurst = 100
	signInEvery = 10 * time.Second // one more each, from then on
)

// Pace bounds how often each of many does something: Burst times at once, and
// from then on once every Every. Its other fields are its own.
type Pace struct {
	Burst int
	Every time.Duration

	mu sync.Mutex
	// full is when all of somebody's burst is there again; of whom it is, nothing is
	// kept.
	full map[string]time.Time // by id; guarded by mu
}

// Take counts one more of somebody's, or tells how long to wait for it.
func (p *Pace) Take(id string, now time.Time) (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for other, at := range p.full { // as many as there were of late
		if !at.After(now) {
			delete(p.full, other)
		}
	}
	most := time.Duration(p.Burst) * p.Every
	owed := max(0, p.full[id].Sub(now))
	if owed > most { // of a clock that went back
		owed = 0
	}
	if wait = owed + p.Every - most; wait > 0 {
		return wait
	}
	if p.full == nil {
		p.full = map[string]time.Time{}
	}
	p.full[id] = now.Add(owed + p.Every)
	return 0
}
