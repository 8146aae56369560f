package ui

import (
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// pace bounds how often each user does what writes to the audit: burst times at
// once, and from then on once every so often. Those on the box, who can fill its
// disk anyway, are not bounded.
type pace struct {
	what  string // in words
	burst int
	every time.Duration

	mu sync.Mutex
	// rested is when a user has all of the burst again; who has it is not kept.
	rested map[string]time.Time // by user id; guarded by mu
}

// take counts one more of a principal's. An error says that it is too many, and
// when to come again; then nothing is counted.
func (c *pace) take(p auth.Principal, now time.Time) error {
	id := p.User.ID
	if id == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for other, at := range c.rested { // as many as there were users of late
		if !at.After(now) {
			delete(c.rested, other)
		}
	}
	owed := max(0, c.rested[id].Sub(now))
	if wait := owed - time.Duration(c.burst-1)*c.every; wait > 0 {
		return &auth.Error{
			Kind: auth.Locked, Message: "too many " + c.what + " in a short time: each is kept in the audit",
			Fix: "wait as long as Retry-After says", RetryAfter: wait,
		}
	}
	if c.rested == nil {
		c.rested = map[string]time.Time{}
	}
	c.rested[id] = now.Add(owed + c.every)
	return nil
}
