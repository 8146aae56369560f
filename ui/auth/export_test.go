package auth

import (
	"fmt"
	"time"
)

// MaxCounters is how many names, or sources, failures are counted for at most.
const MaxCounters = maxCounters

// Lockout is the counters alone.
type Lockout struct{ l *lockout }

// NewLockout gives counters that are empty.
func NewLockout() Lockout { return Lockout{newLockout()} }

// Fail fails on a name so many times and reports whether the last was tried at all.
func (l Lockout) Fail(name string, from Source, times int, now time.Time) (tried bool) {
	for range times {
		try, _ := l.l.begin(countedName(name), from, "", now)
		tried = try != nil
	}
	return tried
}

// Wait is how long the next try has to wait.
func (l Lockout) Wait(name string, from Source, now time.Time) time.Duration {
	_, wait := l.l.begin(countedName(name), from, "", now)
	return wait
}

// CheapHashes makes new hashes cost next to nothing: most tests are not about them.
func CheapHashes(a *Accounts) { a.hashes = newHasher(cost{memory: 64, passes: 1, threads: 1}) }

// HoldHashes lets no password of a stranger be tried until release is called.
func HoldHashes(a *Accounts) (release func()) {
	a.hashes.strangers.turn <- struct{}{}
	return func() { <-a.hashes.strangers.turn }
}

// FillUsers makes as many users as there may be.
func FillUsers(a *Accounts) error {
	return a.update(func(t *tx) error {
		for i := t.count(bucketUsers, maxUsers); i < maxUsers; i++ {
			acc := account{User: User{ID: fmt.Sprint("filler", i)}}
			if err := t.putAccount(&acc); err != nil {
				return err
			}
		}
		return nil
	})
}

// StoredHash gives what is kept of a user's password.
func StoredHash(a *Accounts, name string) (stored string) {
	_ = a.view(func(t *tx) error {
		acc, err := t.named(name)
		if err == nil {
			stored = acc.Password
		}
		return err
	})
	return stored
}

// ParseHash reports whether what is stored is believed, and gives it as it is written again.
func ParseHash(stored string) (string, error) {
	h, err := parseHash(stored)
	if err != nil {
		return "", err
	}
	return h.String(), nil
}
