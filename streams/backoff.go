package streams

import (
	"math/rand/v2"
	"time"
)

// growth is by how much each delay is longer than the one before.
const growth = 1.7

// backoff says how long to wait before the next attempt to connect.
type backoff struct {
	first, limit, auth, maxAuth, stable time.Duration

	next      time.Duration
	nextAuth  time.Duration
	impatient bool // a session that breaks may be opened again at once
	random    func() float64
}

func newBackoff(o Options) *backoff {
	return &backoff{
		first: o.FirstDelay, limit: o.MaxDelay, auth: o.AuthDelay, maxAuth: o.MaxAuthDelay, stable: o.StableAfter,
		next: o.FirstDelay, nextAuth: o.AuthDelay, impatient: true, random: rand.Float64,
	}
}

// after gives the delay after a session that ended for a cause, having played
// for a while (0: it never did). The first break of a session that played is
// followed by an attempt at once, since most footage is saved by it; a camera
// that goes on breaking has to play for a stable time to earn that again.
func (b *backoff) after(cause Cause, played time.Duration) time.Duration {
	if played >= b.stable {
		b.next, b.impatient = b.first, true
	}
	if played > 0 {
		b.nextAuth = b.auth
	}
	if played > 0 && b.impatient {
		b.impatient = false
		return 0
	}
	if cause == CauseAuth {
		// An account that is used often without success is locked by many cameras.
		// The delay is a promise to people: it may be longer, never shorter.
		delay := b.nextAuth
		b.nextAuth = min(2*b.nextAuth, b.maxAuth)
		return delay + time.Duration(float64(delay)/4*b.random())
	}
	delay := b.next
	b.next = min(time.Duration(float64(b.next)*growth), b.limit)
	// A quarter more or less, so that cameras behind one switch do not all
	// come back in the same moment.
	return time.Duration(float64(delay) * (0.75 + 0.5*b.random()))
}
