package ui

import (
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// pace bounds how often each user does what writes to the audit. Those on the
// box, who can fill its disk anyway, are not bounded.
type pace struct {
	what string // in words
	auth.Pace
}

// take counts one more of a principal's. An error says that it is too many, and
// when to come again; then nothing is counted.
func (c *pace) take(p auth.Principal, now time.Time) error {
	if p.User.ID == "" {
		return nil
	}
	if wait := c.Take(p.User.ID, now); wait > 0 {
		return &auth.Error{
			Kind: auth.Locked, Message: "too many " + c.what + " in a short time: each is kept in the audit",
			Fix: "wait as long as Retry-After says", RetryAfter: wait,
		}
	}
	return nil
}
