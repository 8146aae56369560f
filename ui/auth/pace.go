package auth

import (
	"sync"
	"time"
)

// How often one account is signed in to: each sign-in is in the audit, which is
// kept for good, and ends an older session once there are too many.
const (
	signInBurst = 100
	signInEvery = 10 * time.Second // one more each, from then on
	maxPaced    = 1024             // accounts that are looked through for those that rest
)

// signIns paces the sign-ins of each account. Only who has proved to be its owner
// is told: to all others it says nothing.
type signIns struct {
	mu   sync.Mutex
	full map[string]time.Time // by the account's id: when all of its burst is there again; guarded by mu
}

func newSignIns() *signIns { return &signIns{full: map[string]time.Time{}} }

// take takes one sign-in, or tells how long to wait for it.
func (s *signIns) take(id string, now time.Time) time.Duration {
	const most = signInBurst * signInEvery
	s.mu.Lock()
	defer s.mu.Unlock()
	full := s.full[id]
	if full.Before(now) || full.Sub(now) > most { // of a clock that went back
		full = now
	}
	if wait := full.Add(signInEvery).Sub(now) - most; wait > 0 {
		return wait
	}
	if len(s.full) >= maxPaced {
		for other, at := range s.full {
			if !at.After(now) {
				delete(s.full, other)
			}
		}
	}
	s.full[id] = full.Add(signInEvery)
	return 0
}
