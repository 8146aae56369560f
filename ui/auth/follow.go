package auth

import (
	"context"
	"sync"
	"time"
)

// followEvery is how often a followed principal is read again at least: the site
// file and the clock change without telling.
const followEvery = time.Second

// changes wakes those who wait for a change of accounts.
type changes struct {
	mu   sync.Mutex
	next chan struct{} // closed at the next change; guarded by mu
}

func (c *changes) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next != nil {
		close(c.next)
		c.next = nil
	}
}

func (c *changes) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = make(chan struct{})
	}
	return c.next
}

// Follow watches a principal who has something open. The context ends with the
// cause ErrRevoked, within about a second, when the session or token has ended,
// needs something again, or when allowed, asked with the principal as it is now,
// says no. allowed is asked at once, then at every change of accounts and each
// second, from one goroutine. The cancel function must be called, as ever.
//
// An open stream is no use of its session: it ends with it when nobody does anything.
func (a *Accounts) Follow(ctx context.Context, p Principal, allowed func(Principal) bool) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	go func() {
		every := time.NewTicker(followEvery)
		defer every.Stop()
		for {
			changed := a.changes.wait() // before reading, or a change between is missed
			if !a.still(p, allowed) {
				end(ErrRevoked)
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			case <-every.C:
			}
		}
	}()
	return ctx, func() { end(context.Canceled) }
}

// still reports whether the principal may go on. What cannot be read is allowed
// to nobody.
func (a *Accounts) still(p Principal, allowed func(Principal) bool) bool {
	now, err := a.again(p)
	if err != nil {
		if !isKind(err, SignedOut) {
			a.opt.Log.Error("principal cannot be read again: what it has open is closed", "user", p.User.ID, "error", err)
		}
		return false
	}
	return len(now.Need) == 0 && allowed(now)
}

// again gives the principal as it is now.
func (a *Accounts) again(p Principal) (Principal, error) {
	switch {
	case p.Local:
		return p, nil
	case p.Token != "":
		var l *liveToken
		err := a.view(func(t *tx) (err error) {
			hash := t.bucket(bucketTokensOf).Get(pair(p.User.ID, p.Token))
			if len(hash) != len(hashed{}) {
				return signedOut()
			}
			l, err = t.token(hashed(hash))
			return err
		})
		if err != nil {
			return Principal{}, err
		}
		a.touchToken(l)
		return l.principal(p.from), nil
	default:
		var l *live
		if err := a.view(func(t *tx) (err error) { l, err = t.sessionOf(p); return err }); err != nil {
			return Principal{}, err
		}
		now := l.principal(p.from)
		now.CSRF = p.CSRF
		return now, nil
	}
}

// Watching says that a principal has live pictures open. To those who are there to
// watch, operators and viewers, that is use of their session: nobody touches a wall of
// screens. To those who can read everything it is none.
func (a *Accounts) Watching(p Principal) {
	if !p.User.Role.fixed() {
		a.Use(p)
	}
}

// Use says that a principal does something that Authenticate does not hear of. It is
// use of the session, if there is one; a token has no idleness.
func (a *Accounts) Use(p Principal) {
	if p.Session == "" {
		return
	}
	var l *live
	if a.view(func(t *tx) (err error) { l, err = t.sessionOf(p); return err }) == nil {
		a.touch(l)
	}
}
