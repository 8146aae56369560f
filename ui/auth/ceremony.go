package auth

import (
	"container/list"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
)

// Bounds of what is begun and not finished. It is only in memory: a restart
// costs a click.
const (
	ceremonyLife  = 5 * time.Minute
	totpEnrolLife = 15 * time.Minute // somebody has to find their telephone
	maxCeremonies = 4096             // then the oldest goes
	maxPerOwner   = 8                // then the owner's oldest goes, so that a flood costs only its source
)

// ceremony is a sign-in or enrolment that waits for its second half.
type ceremony struct {
	id      string
	owner   string // user:ID or source:PREFIX
	session string // public id of the session it belongs to; empty: signed out
	expires time.Time

	add      bool                 // makes a passkey: else proves one
	webauthn webauthn.SessionData // challenge and what it is bound to
	secret   string               // of a TOTP generator to be confirmed
}

// ceremonies keeps them, each to be taken once.
type ceremonies struct {
	mu     sync.Mutex // guards all below
	byID   map[string]*list.Element
	order  *list.List // of *ceremony, the oldest first
	owners map[string]int
}

func newCeremonies() *ceremonies {
	return &ceremonies{byID: make(map[string]*list.Element), order: list.New(), owners: make(map[string]int)}
}

// put keeps a ceremony. One with the same id is replaced.
func (c *ceremonies) put(x ceremony) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(c.byID[x.id])
	if c.owners[x.owner] >= maxPerOwner {
		for e := c.order.Front(); e != nil; e = e.Next() {
			if e.Value.(*ceremony).owner == x.owner {
				c.drop(e)
				break
			}
		}
	}
	if c.order.Len() >= maxCeremonies {
		c.drop(c.order.Front())
	}
	c.byID[x.id] = c.order.PushBack(&x)
	c.owners[x.owner]++
}

// take gives the ceremony and forgets it; false when there is none by the id, or
// when it has expired.
func (c *ceremonies) take(id string, now time.Time) (ceremony, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byID[id]
	if e == nil {
		return ceremony{}, false
	}
	x := *e.Value.(*ceremony)
	c.drop(e)
	return x, now.Before(x.expires)
}

// look is take without forgetting.
func (c *ceremonies) look(id string, now time.Time) (ceremony, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byID[id]
	if e == nil {
		return ceremony{}, false
	}
	x := *e.Value.(*ceremony)
	return x, now.Before(x.expires)
}

func (c *ceremonies) drop(e *list.Element) {
	if e == nil {
		return
	}
	x := c.order.Remove(e).(*ceremony)
	delete(c.byID, x.id)
	if c.owners[x.owner]--; c.owners[x.owner] <= 0 {
		delete(c.owners, x.owner)
	}
}

func ownerUser(id string) string         { return "user:" + id }
func ownerSource(from Source) string     { return "source:" + sourceKey(from) }
func totpCeremony(session string) string { return "totp:" + session }
